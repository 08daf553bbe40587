import { PrimarenaError } from '../errors.js'
import { JsonArray, JsonObject } from './json-containers.js'
import { JsonNames } from './json-names.js'
import { ElementStorage, MemberStorage } from './json-storage.js'
import { ObjectPool } from './object-pool.js'
import type { PoolTracker } from './pool-tracker.js'

/** The figures of a JSON pool. */
export interface JsonPoolStats {
  /** Objects that are out. */
  openObjects: number
  /** Arrays that are out. */
  openArrays: number
  /** Storages of objects that wait. */
  idleObjects: number
  /** Storages of arrays that wait. */
  idleArrays: number
  /** Calls of `getObject` and `getArray`. */
  acquired: number
  /** The part of them that needed no new storage, 0 to 1; undefined before the first. */
  hitRate: number | undefined
  /** Containers that their context gave back, since nobody else had. */
  returnedAtEnd: number
  /** Names of members whose bytes are ready. */
  names: number
}

const LONG_INTERVAL = 1 << 29

/**
 * Pooled JSON objects and arrays: what `ctx.json.getObject()` and `getArray()` hand out. One pool serves a
 * `Memory`; each context takes from it through a `JsonScope` of its own, which gives back what is left.
 *
 * What is pooled are the arrays inside, cleaned at the return; handles are made anew, so that every use after the
 * return is noticed. Idle storages age out in two generations, as in an `ObjectPool`.
 *
 * @internal Use `ctx.json`.
 */
export class JsonPool implements Disposable {
  readonly names = new JsonNames()
  readonly #objects: ObjectPool<MemberStorage>
  readonly #arrays: ObjectPool<ElementStorage>
  readonly #tracker: PoolTracker | undefined
  #interval: number
  #countdown: number
  #acquiredBefore = 0
  #openObjects = 0
  #openArrays = 0
  /** @internal */
  returnedAtEnd = 0

  constructor(options: { maxIdle?: number; tracker?: PoolTracker } = {}) {
    const common = {
      ...(options.maxIdle === undefined ? {} : { maxIdle: options.maxIdle }),
      detectMisuse: false,
    }
    this.#objects = new ObjectPool({
      create: () => new MemberStorage(),
      reset: (storage) => storage.clean(),
      name: 'JSON objects',
      ...common,
    })
    this.#arrays = new ObjectPool({
      create: () => new ElementStorage(),
      reset: (storage) => storage.clean(),
      name: 'JSON arrays',
      ...common,
    })
    this.#tracker = options.tracker
    this.#interval = this.#nextInterval()
    this.#countdown = this.#interval
  }

  /**
   * What one context takes from the pool. `place` is what its handles live in: returning one of them from there is
   * `ERR_ESCAPED_HANDLE`.
   */
  scope(place?: unknown): JsonScope {
    return new JsonScope(this, place)
  }

  stats(): JsonPoolStats {
    const objects = this.#objects.stats()
    const arrays = this.#arrays.stats()
    const acquired = this.#acquiredBefore + this.#interval - this.#countdown
    return {
      openObjects: this.#openObjects,
      openArrays: this.#openArrays,
      idleObjects: objects.idle,
      idleArrays: arrays.idle,
      acquired,
      hitRate: acquired === 0 ? undefined : (acquired - objects.created - arrays.created) / acquired,
      returnedAtEnd: this.returnedAtEnd,
      names: this.names.size,
    }
  }

  /** Ages the idle storages by one generation; gives the number that went. */
  trim(): number {
    return this.#objects.trim() + this.#arrays.trim()
  }

  /** Lets idle storages and names go. What is out stays usable and is let go at its return. Gives its number. */
  dispose(): number {
    this.#objects.dispose()
    this.#arrays.dispose()
    this.names.clear()
    return this.#openObjects + this.#openArrays
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** @internal */
  takeMembers(): MemberStorage {
    const storage = this.#objects.acquire()
    this.#openObjects++
    return storage
  }

  /** @internal */
  takeElements(): ElementStorage {
    const storage = this.#arrays.acquire()
    this.#openArrays++
    return storage
  }

  /** Counts an acquisition; the ticket of one that is watched. @internal */
  opened(what: string): object | undefined {
    if (--this.#countdown > 0) return undefined
    this.#acquiredBefore += this.#interval
    const tracker = this.#tracker
    const ticket = tracker && tracker.intervalOpens !== Infinity ? tracker.opened(what) : undefined
    this.#interval = this.#nextInterval()
    this.#countdown = this.#interval
    return ticket
  }

  /** Takes the storage of a handle back. @internal */
  take(container: JsonObject | JsonArray): void {
    const { ticket } = container
    if (ticket !== undefined) this.#tracker!.closed(ticket)
    const storage = container.end()
    if (storage instanceof MemberStorage) {
      this.#openObjects--
      // Returned by code that runs while it is written: the writer still looks at it, so nobody else may.
      if (storage.busy) this.#objects.discard(storage)
      else this.#objects.release(storage)
    } else {
      this.#openArrays--
      if (storage.busy) this.#arrays.discard(storage)
      else this.#arrays.release(storage)
    }
  }

  #nextInterval(): number {
    return Math.min(Math.max(this.#tracker?.intervalOpens ?? LONG_INTERVAL, 1), LONG_INTERVAL)
  }
}

/**
 * What one context has taken from a JSON pool and not given back.
 *
 * @internal Use `ctx.json`.
 */
export class JsonScope {
  /** @internal */
  readonly names: JsonNames
  /** @internal */
  readonly place: unknown
  readonly #pool: JsonPool
  /** All open containers, in no order; each knows its position. */
  readonly #open: (JsonObject | JsonArray)[] = []

  constructor(pool: JsonPool, place: unknown) {
    this.#pool = pool
    this.names = pool.names
    this.place = place
  }

  /** Containers that are out. */
  get openCount(): number {
    return this.#open.length
  }

  /** An empty JSON object. Valid until it is returned, at the latest until `returnAll()`. */
  getObject(): JsonObject {
    const open = this.#open
    const object = new JsonObject(this, this.#pool.takeMembers(), open.length)
    open.push(object)
    object.ticket = this.#pool.opened('JSON object')
    return object
  }

  /** An empty JSON array. Valid until it is returned, at the latest until `returnAll()`. */
  getArray(): JsonArray {
    const open = this.#open
    const array = new JsonArray(this, this.#pool.takeElements(), open.length)
    open.push(array)
    array.ticket = this.#pool.opened('JSON array')
    return array
  }

  /**
   * Takes an object back, with what its `object()` and `array()` made.
   *
   * @throws PrimarenaError ERR_DOUBLE_RELEASE, ERR_FOREIGN_OBJECT; a TypeError for anything else
   */
  returnObject(object: JsonObject): void {
    if (!(object instanceof JsonObject))
      throw new TypeError(`returnObject: expected a JSON object, got ${kindOf(object)}`)
    this.giveBack(object)
  }

  /**
   * Takes an array back, with what its `object()` and `array()` made.
   *
   * @throws PrimarenaError ERR_DOUBLE_RELEASE, ERR_FOREIGN_OBJECT; a TypeError for anything else
   */
  returnArray(array: JsonArray): void {
    if (!(array instanceof JsonArray))
      throw new TypeError(`returnArray: expected a JSON array, got ${kindOf(array)}`)
    this.giveBack(array)
  }

  /** Takes everything back that is still out; gives how many. */
  returnAll(): number {
    const open = this.#open
    const count = open.length
    for (let index = 0; index < count; index++) this.#pool.take(open[index]!)
    open.length = 0
    this.#pool.returnedAtEnd += count
    return count
  }

  /** @internal */
  giveBack(container: JsonObject | JsonArray): void {
    if (container.home !== this) {
      throw new PrimarenaError(
        'ERR_FOREIGN_OBJECT',
        `this JSON ${whatIs(container)} was taken from another context`,
      )
    }
    if (container.peek === undefined) {
      throw new PrimarenaError('ERR_DOUBLE_RELEASE', `this JSON ${whatIs(container)} was returned already`)
    }
    const children = this.#remove(container)
    if (children === undefined) return
    // A loop and no recursion: containers may be nested as deep as there is memory.
    for (let child = children.pop(); child !== undefined; child = children.pop()) {
      if (child.peek === undefined) continue
      const grandchildren = this.#remove(child)
      if (grandchildren !== undefined) for (const each of grandchildren) children.push(each)
    }
  }

  /** Takes one that is open back; gives what it made and nobody has looked at yet. */
  #remove(container: JsonObject | JsonArray): (JsonObject | JsonArray)[] | undefined {
    const open = this.#open
    const last = open.pop()!
    if (last !== container) {
      open[container.position] = last
      last.position = container.position
    }
    const children = container.takeChildren()
    this.#pool.take(container)
    return children
  }
}

function whatIs(container: JsonObject | JsonArray): string {
  return container instanceof JsonObject ? 'object' : 'array'
}

function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : typeof value === 'object'
      ? (value.constructor?.name ?? 'object')
      : typeof value
}
