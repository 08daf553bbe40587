export type { ObjectPoolOptions, ObjectPoolStats } from './object-pool-options.js'
import { PrimarenaError } from '../errors.js'
import { listenForCollections, type GcListener } from './gc-notice.js'
import {
  adopt,
  countNodes,
  hasCell,
  nodeOf,
  objectOf,
  ownerOf,
  PoolMark,
  link as sharedLink,
  WatchedMark,
  type Node,
} from './object-marks.js'
import { ObjectLease } from './object-lease.js'
import { PoolSettings, type ObjectPoolOptions, type ObjectPoolStats } from './object-pool-options.js'
import { throwAll } from './throw-all.js'
import type { PoolTracker } from './pool-tracker.js'

/** V8 folds a constant of this module, not one that is imported: 1 ns a pair. */
const link: typeof sharedLink = sharedLink

const UNCHECKED = 0
const CHECKED = 1
const SPECIAL = 2

/** Acquisitions between two looks at the tracker when nothing is watched: a small integer on every platform. */
const LONG_INTERVAL = 1 << 29

/**
 * A pool of JavaScript objects that are expensive to make: parsers, big class instances, buffers with their state.
 *
 * Plain small objects are better left to V8: a literal costs 8 to 20 ns. An object is cleaned by `reset` at its
 * release. Releasing one twice is `ERR_DOUBLE_RELEASE`, releasing one of somewhere else `ERR_FOREIGN_OBJECT`; a
 * second release after the object went to the next user cannot be told from that user's, unless both use
 * `lease()`, whose handles are never used again.
 *
 * Whatever `create`, `reset` or `dispose` throw, the counts stay right and no object is handed out twice.
 */
export class ObjectPool<T extends object> extends PoolSettings<T> implements Disposable {
  readonly name = this.settings.name
  readonly max = this.settings.max
  readonly #create = this.settings.create
  readonly #reset = this.settings.reset
  readonly #dispose = this.settings.dispose
  readonly #onError = this.settings.onError
  readonly #checked = this.settings.detectMisuse
  readonly #mark = new PoolMark(this.settings.name)
  readonly #tracker: PoolTracker | undefined
  /** Released since the last aging, the latest first: the warmest is used first. Empty while `#special`. */
  #head: Node | null = null
  /** Idle for one aging already: used when there is nothing else, let go at the next. */
  #victims: Node | null = null
  #victimCount = 0
  /**
   * Set when the short ways through `acquire` and `release` would be wrong: the pool is disposed, objects have
   * cells, or there are more than `#maxIdle` of them, so that idle ones must be counted. No count is kept
   * otherwise: while all that exist may be idle, nothing depends on it, and two counters cost 0.9 ns a pair.
   */
  #special = false
  /** What the short ways look at: `SPECIAL`, or whether releases are checked. */
  #mode = this.#checked ? CHECKED : UNCHECKED
  /** What `#head` is otherwise, while `#special`. */
  #counted: Node | null = null
  #countedLength = 0
  #maxIdle = this.settings.maxIdle
  #hasCells = false
  /** Open and idle together, and those that are being made. */
  #total = 0
  /** Counts down to the next acquisition that is watched, and so counts acquisitions. */
  #countdown: number
  #interval: number
  /** Acquisitions before the current interval. */
  #acquiredBefore = 0
  #created = 0
  #letGo = 0
  #highWater = 0
  #disposed = false
  #stopListening: (() => void) | undefined

  /** @internal Use `memory.objectPool(options)`. */
  constructor(options: ObjectPoolOptions<T>, tracker?: PoolTracker) {
    super(options)
    // An unchecked release never looks at the mark, so a watched object could not be told from another.
    this.#tracker = this.#checked ? tracker : undefined
    this.#interval = this.#nextInterval()
    this.#countdown = this.#interval
    if (this.settings.aging === 'gc') this.#stopListening = listenForCollections(this.#listener)
  }

  /**
   * An object, clean: an idle one, or a new one. Give it back with `release`.
   *
   * @throws ERR_POOL_EXHAUSTED when `max` objects are out, ERR_STALE_HANDLE once it is disposed, a TypeError when
   * `create` gives no object or a promise, and what `create` throws
   */
  acquire(): T {
    const node = this.#head
    if (node === null) return this.#acquireSlow()
    this.#head = node[link] as Node | null
    if (this.#mode === UNCHECKED) {
      node[link] = null
    } else {
      node[link] = this.#mark
      if (--this.#countdown === 0) this.#watch(node)
    }
    return node as unknown as T
  }

  /**
   * Takes an object back and cleans it. Do not use it afterwards.
   *
   * @throws ERR_DOUBLE_RELEASE, ERR_FOREIGN_OBJECT, a TypeError for an object that was frozen while it was out or a `reset` that gives a promise, and what
   * `reset` or `dispose` throw: the object is gone then
   */
  release(object: T): void {
    const node = object as unknown as Node
    const mode = this.#mode
    if (mode !== UNCHECKED) {
      if (mode === SPECIAL || node?.[link] !== this.#mark) return this.#releaseSlow(object)
      // Not open any more when code of the user runs: a release inside `reset` is a double release.
      node[link] = null
    }
    const reset = this.#reset
    if (reset !== undefined) {
      try {
        const answer: unknown = reset(object)
        if (answer !== undefined) this.#refusePromise('reset', answer)
      } catch (error) {
        this.#endAfter(object, error)
      }
      // `reset` may have disposed the pool or made it special.
      if (this.#mode === SPECIAL) return this.#takeBack(node)
    }
    node[link] = this.#head
    this.#head = node
  }

  /**
   * Lets an open object go instead of taking it back: it is broken, or holds too much. It is not reset.
   *
   * @throws as `release`
   */
  discard(object: T): void {
    this.#close(object)
    this.#end(object)
  }

  /**
   * Calls `fn` with an object and releases it when `fn` has returned, or when its promise has settled. Gives what
   * `fn` gives. If the release fails too, both errors are in an `AggregateError`.
   */
  use<R>(fn: (object: T) => R): R {
    const object = this.acquire()
    let result: R
    try {
      result = fn(object)
    } catch (error) {
      this.#releaseAfter(object, error)
    }
    if (isThenable(result)) {
      return result.then(
        (value: unknown) => {
          this.release(object)
          return value
        },
        (error: unknown) => this.#releaseAfter(object, error),
      ) as R
    }
    this.release(object)
    return result
  }

  /**
   * An object in a handle that is never used again: `using lease = pool.lease()`, then `lease.value`. Its release
   * cannot hit a later user of the object.
   *
   * @throws as `acquire`
   */
  lease(): ObjectLease<T> {
    return new ObjectLease(this, this.acquire())
  }

  /**
   * Ages the idle objects by one generation: those that were idle at the last aging and were not used since are
   * let go, the others follow at the next. Gives the number that went.
   *
   * @throws what `dispose` throws, after all of them were disposed
   */
  trim(): number {
    const gone = this.#victims
    const count = this.#victimCount
    this.#victimCount = this.#idleNow()
    this.#victims = this.#special ? this.#counted : this.#head
    this.#head = this.#counted = null
    this.#countedLength = 0
    throwAll(this.#endAll(gone, count), `${this.name}: dispose failed`)
    return count
  }

  /** The figures of this pool. Counts the idle objects one by one. */
  stats(): ObjectPoolStats {
    const idle = this.#idleNow() + this.#victimCount
    const acquired = this.#checked ? this.#acquiredBefore + this.#interval - this.#countdown : undefined
    return {
      open: this.#total - idle,
      idle,
      highWater: this.#highWater,
      created: this.#created,
      letGo: this.#letGo,
      acquired,
      hitRate: acquired === undefined || acquired === 0 ? undefined : (acquired - this.#created) / acquired,
    }
  }

  /** Objects that are out. */
  get open(): number {
    return this.#total - this.#idleNow() - this.#victimCount
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /**
   * Lets all idle objects go. Those that are out may still be released and are let go then. Gives how many those
   * are; a second call does nothing else.
   *
   * @throws what `dispose` throws, after all of them were disposed
   */
  dispose(): number {
    if (!this.#disposed) {
      this.#disposed = true
      this.#stopListening?.()
      this.#maxIdle = 0
      this.#decideSpecial()
      const [idle, idleCount, victims, victimCount] = [
        this.#counted,
        this.#countedLength,
        this.#victims,
        this.#victimCount,
      ]
      this.#counted = this.#victims = null
      this.#countedLength = this.#victimCount = 0
      const errors = this.#endAll(idle, idleCount).concat(this.#endAll(victims, victimCount))
      throwAll(errors, `${this.name}: dispose failed`)
    }
    return this.open
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Kept on the pool, since it is listened to weakly. */
  readonly #listener: GcListener = {
    afterCollection: () => {
      try {
        this.trim()
      } catch (error) {
        if (this.#onError) this.#onError(error)
        else process.emitWarning(`${this.name}: dispose failed after a garbage collection: ${String(error)}`)
      }
    },
  }

  #acquireSlow(): T {
    if (this.#disposed) throw new PrimarenaError('ERR_STALE_HANDLE', `${this.name}: the pool is disposed`)
    const node = this.#takeIdle() ?? this.#make()
    if (this.#checked) {
      node[link] = this.#mark
      if (--this.#countdown === 0) this.#watch(node)
    } else {
      node[link] = null
    }
    return objectOf(node) as T
  }

  /** The end of an interval: the object just acquired is watched, if any are. */
  #watch(node: Node): void {
    const tracker = this.#tracker
    if (tracker !== undefined && tracker.intervalOpens !== Infinity) {
      node[link] = new WatchedMark(this.#mark, tracker.opened(this.name, ObjectPool.prototype.acquire))
    }
    this.#acquiredBefore += this.#interval
    this.#interval = this.#nextInterval()
    this.#countdown = this.#interval
  }

  #nextInterval(): number {
    return Math.min(Math.max(this.#tracker?.intervalOpens ?? LONG_INTERVAL, 1), LONG_INTERVAL)
  }

  /** While `#special`, or when `#head` is empty. */
  #takeIdle(): Node | undefined {
    const node = this.#counted
    if (node !== null) {
      this.#counted = node[link] as Node | null
      this.#countedLength--
      return node
    }
    const victim = this.#victims
    if (victim === null) return undefined
    this.#victims = victim[link] as Node | null
    this.#victimCount--
    return victim
  }

  #make(): Node {
    if (this.#total >= this.max) {
      throw new PrimarenaError('ERR_POOL_EXHAUSTED', `${this.name}: all ${this.max} objects are out`)
    }
    // Counted first: `create` may acquire from this very pool.
    this.#total++
    let node: Node
    try {
      node = this.#adopt(this.#create())
    } catch (error) {
      this.#total--
      throw error
    }
    this.#created++
    this.#decideSpecial()
    // A new record is only ever set here: while an object is idle, fewer are out than were when it was made.
    this.#highWater = Math.max(this.#highWater, this.open)
    return node
  }

  #adopt(object: T): Node {
    if ((typeof object !== 'object' && typeof object !== 'function') || object === null) {
      throw new TypeError(
        `${this.name}: create must give an object, got ${object === null ? 'null' : typeof object}`,
      )
    }
    this.#refusePromise('create', object)
    const node = adopt(object, this.#mark)
    if (node === undefined) {
      throw new PrimarenaError(
        'ERR_FOREIGN_OBJECT',
        `${this.name}: create gave an object that is in a pool already`,
      )
    }
    if (hasCell(node)) this.#hasCells = true
    return node
  }

  /** Called whenever one of its reasons may have changed. */
  #decideSpecial(): void {
    const special = this.#disposed || this.#hasCells || this.#total > this.#maxIdle
    if (special === this.#special) return
    if (special) {
      this.#countedLength = countNodes(this.#head, this.#total)
      this.#counted = this.#head
      this.#head = null
    } else {
      this.#head = this.#counted
      this.#counted = null
    }
    this.#special = special
    this.#mode = special ? SPECIAL : this.#checked ? CHECKED : UNCHECKED
  }

  #releaseSlow(object: T): void {
    const node = this.#close(object)
    if (this.#reset !== undefined) {
      try {
        this.#refusePromise('reset', this.#reset.call(undefined, object))
      } catch (error) {
        this.#endAfter(object, error)
      }
    }
    this.#takeBack(node)
  }

  /** From open to neither open nor idle. */
  #close(object: T): Node {
    const node = nodeOf(object)
    const mark = node?.[link]
    const watched = mark instanceof WatchedMark
    if (node === undefined || (this.#checked && (watched ? mark.pool : mark) !== this.#mark))
      this.#misused(object)
    node[link] = null
    if (watched) this.#tracker!.closed(mark.ticket)
    return node
  }

  /** Puts a clean object where it belongs: to the idle ones, in place of a victim, which is colder, or nowhere. */
  #takeBack(node: Node): void {
    if (!this.#special) {
      node[link] = this.#head
      this.#head = node
      return
    }
    let cold: Node | null = null
    if (this.#countedLength + this.#victimCount >= this.#maxIdle) {
      cold = this.#victims
      if (cold === null) return this.#end(objectOf(node) as T)
      this.#victims = cold[link] as Node | null
      this.#victimCount--
      cold[link] = null
    }
    node[link] = this.#counted
    this.#counted = node
    this.#countedLength++
    if (cold !== null) this.#end(objectOf(cold) as T)
  }

  #idleNow(): number {
    return this.#special ? this.#countedLength : countNodes(this.#head, this.#total)
  }

  #misused(object: unknown): never {
    if ((typeof object !== 'object' && typeof object !== 'function') || object === null) {
      throw new PrimarenaError(
        'ERR_FOREIGN_OBJECT',
        `${this.name}: expected an object of this pool, got ${object === null ? 'null' : typeof object}`,
      )
    }
    const node = nodeOf(object)
    if (node !== undefined && ownerOf(node) === this.#mark) {
      throw new PrimarenaError('ERR_DOUBLE_RELEASE', `${this.name}: the object was released already`)
    }
    throw new PrimarenaError('ERR_FOREIGN_OBJECT', `${this.name}: the object is not of this pool`)
  }

  #end(object: T): void {
    this.#total--
    this.#letGo++
    this.#decideSpecial()
    this.#disposeOf(object)
  }

  #disposeOf(object: T): void {
    const answer: unknown = this.#dispose?.(object)
    if (answer !== undefined) this.#refusePromise('dispose', answer)
  }

  /** What a pool calls has to be done when it returns: nothing waits for a promise. */
  #refusePromise(of: 'create' | 'reset' | 'dispose', answer: unknown): void {
    if (!isThenable(answer)) return
    // The TypeError tells of the mistake; a rejection on top of it would end the process.
    Promise.resolve(answer).catch(() => {})
    throw new TypeError(`${this.name}: ${of} must not be asynchronous, got a promise`)
  }

  #endAll(head: Node | null, count: number): unknown[] {
    this.#total -= count
    this.#letGo += count
    this.#decideSpecial()
    const errors: unknown[] = []
    let node = head
    while (node !== null) {
      const next: Node | null = node[link] as Node | null
      node[link] = null
      try {
        this.#disposeOf(objectOf(node) as T)
      } catch (error) {
        errors.push(error)
      }
      node = next
    }
    return errors
  }

  #endAfter(object: T, error: unknown): never {
    const errors = [error]
    try {
      this.#end(object)
    } catch (second) {
      errors.push(second)
    }
    throwAll(errors, `${this.name}: reset and dispose failed`)
    throw error
  }

  #releaseAfter(object: T, error: unknown): never {
    const errors = [error]
    try {
      this.release(object)
    } catch (second) {
      errors.push(second)
    }
    throwAll(errors, `${this.name}: the user of an object and its release failed`)
    throw error
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
