import type { LimitOptions, ManagerOptions } from '../index.js'
import { finite } from './agent.js'
import type { OnReset } from './arena.js'
import { byteSize, type ByteSize } from './byte-size.js'
import { checkObject, nameOf } from './checks.js'
import type { PrimarenaError } from './errors.js'
import { LEAK_LEVELS, type LeakDetection } from './leaks.js'
import type { TemplateCacheOptions } from './template-cache.js'

/** What a `Memory` is made with. */
export interface MemoryOptions {
  /** For reports. */
  name?: string
  /** The most bytes that everything of this `Memory` may hold. No limit when left out. */
  budget?: ByteSize
  /** Above this the event `budget:soft` is sent. */
  softBudget?: ByteSize
  /** `'sampled'` when left out; the environment's PRIMARENA_LEAK_DETECTION stands in for that. */
  leakDetection?: LeakDetection
  /** What the end of an operation does to its bytes; see `OnReset`. */
  onReset?: OnReset
  /** `currentContext()` finds the context of the running operation. Costs about 550 ns a run. */
  ambient?: boolean
  /** Idle chunks to keep for later, in bytes. */
  idleLimit?: ByteSize
  /** How long a chunk rests before another agent may get it, in milliseconds. */
  quarantineMs?: number
  /** Bytes that may rest; above it fresh memory is taken, never early reuse. */
  quarantineLimit?: ByteSize
  /** A hold, or a body after its abort, that is older is reported. Milliseconds. */
  holdTimeoutMs?: number
  /** The bounds of `templates`. */
  templates?: TemplateCacheOptions
  /**
   * Asked once when a budget refuses: free something or raise a limit and answer true to have it tried again.
   */
  onBudgetExceeded?: (error: PrimarenaError) => boolean | void
}

/** The options of a `Memory`, checked and with what stands for those that were left out. @internal */
export interface MemorySettings {
  limitBytes: number
  softBytes: number
  level: LeakDetection
  onReset: OnReset
  ambient: boolean
  holdTimeoutMs: number
  /** What the native manager is made with, besides its name. */
  native: Omit<ManagerOptions, 'name'>
}

/** @throws TypeError and RangeError for an option that is wrong. @internal */
export function settingsOf(options: MemoryOptions): MemorySettings {
  checkObject(options, 'Memory: options')
  const level = leakLevel(options.leakDetection)
  const paranoid = level === 'paranoid'
  const limitBytes = options.budget === undefined ? Infinity : byteSize(options.budget, 'budget')
  const softBytes = options.softBudget === undefined ? Infinity : byteSize(options.softBudget, 'softBudget')
  const onReset = options.onReset ?? (paranoid ? 'poison' : 'detach')
  if (!['detach', 'poison', 'reuse'].includes(onReset)) {
    throw new TypeError(`onReset: expected 'detach', 'poison' or 'reuse', got ${String(onReset)}`)
  }
  return {
    limitBytes,
    softBytes,
    level,
    onReset,
    ambient: options.ambient === true,
    holdTimeoutMs: milliseconds(options.holdTimeoutMs, 'holdTimeoutMs') ?? 30_000,
    native: {
      paranoid,
      ...nativeLimits(softBytes, limitBytes),
      ...given('idleLimitBytes', size(options.idleLimit, 'idleLimit')),
      ...given('quarantineLimitBytes', size(options.quarantineLimit, 'quarantineLimit')),
      ...given('quarantineMs', milliseconds(options.quarantineMs, 'quarantineMs')),
    },
  }
}

/** Limits as the native side takes them: absent rather than infinite. @internal */
export function nativeLimits(softBytes: number, limitBytes: number): LimitOptions {
  return {
    ...given('softLimitBytes', finite(softBytes)),
    ...given('hardLimitBytes', finite(limitBytes)),
  }
}

function leakLevel(asked: LeakDetection | undefined): LeakDetection {
  const level = asked ?? (process.env['PRIMARENA_LEAK_DETECTION'] || 'sampled')
  if (!(LEAK_LEVELS as readonly string[]).includes(level)) {
    throw new TypeError(`leakDetection: expected one of ${LEAK_LEVELS.join(', ')}, got ${level}`)
  }
  return level as LeakDetection
}

function size(value: ByteSize | undefined, what: string): number | undefined {
  return value === undefined ? undefined : finite(byteSize(value, what))
}

function milliseconds(value: number | undefined, what: string): number | undefined {
  if (value !== undefined && typeof value !== 'number') {
    throw new TypeError(`${what}: expected a number of milliseconds, got ${nameOf(value)}`)
  }
  if (value !== undefined && !(value >= 0))
    throw new RangeError(`${what}: expected milliseconds, got ${value}`)
  return value
}

/** `{ key: value }`, or nothing when there is no value: options are absent rather than undefined. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}
