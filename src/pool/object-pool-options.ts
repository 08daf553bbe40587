/** What an object pool makes and how it treats it. */
export interface ObjectPoolOptions<T extends object> {
  /** Makes an object when none is idle, not a promise of one. What it throws reaches the caller of `acquire`. */
  create: () => T
  /**
   * Cleans an object at its release, so that an idle object holds nothing of its last user. If it throws, the
   * object is let go and the error reaches the caller of `release`. It must not be asynchronous.
   */
  reset?: (object: T) => void
  /** Ends an object that the pool lets go. It must not be asynchronous. */
  dispose?: (object: T) => void
  /** Most objects at once, open and idle together; beyond it `acquire` throws `ERR_POOL_EXHAUSTED`. No bound when left out. */
  max?: number
  /** Most idle objects; one released beyond them is let go. 1,024 when left out. */
  maxIdle?: number
  /** The name in errors and reports. */
  name?: string
  /**
   * Whether double and foreign releases are detected (by default they are; it costs about 0.8 ns a pair). Without
   * it a second release breaks the list of idle objects, nothing is watched for leaks, and only the gain is yours.
   */
  detectMisuse?: boolean
  /**
   * When idle objects age: after each full garbage collection and at `trim()` (`'gc'`, the default), or at
   * `trim()` only (`'manual'`).
   */
  aging?: 'gc' | 'manual'
  /** Told what `dispose` threw while idle objects were let go after a garbage collection. A process warning when left out. */
  onError?: (error: unknown) => void
}

/** The figures of an object pool. */
export interface ObjectPoolStats {
  /** Objects that are out. */
  open: number
  /** Objects that wait, both generations. */
  idle: number
  /** Most objects that were out at once. */
  highWater: number
  /** Objects that `create` made. */
  created: number
  /** Objects that the pool let go. */
  letGo: number
  /** Successful calls of `acquire`; undefined with `detectMisuse: false`, since counting costs as much as detecting. */
  acquired: number | undefined
  /** The part of all acquisitions that an idle object served, 0 to 1; undefined where `acquired` is, and before the first. */
  hitRate: number | undefined
}

const DEFAULT_MAX_IDLE = 1024

/** The options as they are meant, defaults filled in; a wrong one is a `TypeError` or a `RangeError`. @internal */
export function readOptions<T extends object>(options: ObjectPoolOptions<T>) {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`object pool: expected options, got ${String(options)}`)
  }
  const create = functionOption(options, 'create')
  if (create === undefined) throw new TypeError('create: expected a function, got undefined')
  const aging = options.aging ?? 'gc'
  if (aging !== 'gc' && aging !== 'manual') {
    throw new TypeError(`aging: expected 'gc' or 'manual', got ${String(aging)}`)
  }
  return {
    create,
    reset: functionOption(options, 'reset'),
    dispose: functionOption(options, 'dispose'),
    onError: functionOption(options, 'onError'),
    name: options.name ?? 'object pool',
    max: countOption(options.max, 'max', Infinity, 1),
    maxIdle: countOption(options.maxIdle, 'maxIdle', DEFAULT_MAX_IDLE, 0),
    detectMisuse: options.detectMisuse !== false,
    aging,
  }
}

/**
 * What a pool is told, read before its fields are made: so each of those is stored only once, and V8 takes such a
 * field of a pool that it knows for a constant. That is 1.3 ns of 5 a pair on Node 26.
 */
export abstract class PoolSettings<T extends object> {
  protected readonly settings: ReturnType<typeof readOptions<T>>

  constructor(options: ObjectPoolOptions<T>) {
    this.settings = readOptions(options)
  }
}

function functionOption<O extends object, K extends keyof O & string>(options: O, key: K): O[K] {
  const value = options[key]
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${key}: expected a function, got ${typeof value}`)
  }
  return value
}

function countOption(value: number | undefined, key: string, fallback: number, least: number): number {
  if (value === undefined) return fallback
  if (value !== Infinity && (!Number.isInteger(value) || value < least)) {
    throw new RangeError(`${key}: expected a whole number from ${least} on, got ${String(value)}`)
  }
  return value
}
