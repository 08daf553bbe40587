import { PrimarenaError } from '../errors.js'
import type { ObjectPool } from './object-pool.js'

/**
 * One object of a pool, for one user: `using lease = pool.lease()`. The handle is never used again, so a late
 * release or use is always noticed. Valid until it is released.
 */
export class ObjectLease<T extends object> implements Disposable {
  readonly #pool: ObjectPool<T>
  #object: T | undefined

  /** @internal Use `pool.lease()`. */
  constructor(pool: ObjectPool<T>, object: T) {
    this.#pool = pool
    this.#object = object
  }

  /**
   * The object. Valid until the lease is released.
   *
   * @throws ERR_STALE_HANDLE after that
   */
  get value(): T {
    if (this.#object === undefined) {
      throw new PrimarenaError('ERR_STALE_HANDLE', `${this.#pool.name}: the lease was released`)
    }
    return this.#object
  }

  /** Gives the object back. @throws ERR_DOUBLE_RELEASE the second time, and as `ObjectPool.release` */
  release(): void {
    this.#pool.release(this.#take())
  }

  /** Lets the object go instead of giving it back. @throws as `release` */
  discard(): void {
    this.#pool.discard(this.#take())
  }

  /** Releases, unless that was done. */
  [Symbol.dispose](): void {
    if (this.#object !== undefined) this.release()
  }

  #take(): T {
    const object = this.#object
    if (object === undefined) {
      throw new PrimarenaError('ERR_DOUBLE_RELEASE', `${this.#pool.name}: the lease was released already`)
    }
    this.#object = undefined
    return object
  }
}
