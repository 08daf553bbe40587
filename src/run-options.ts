import { checkObject, nameOf } from './checks.js'

/** How a run may be ended from outside. */
export interface RunOptions {
  /** Aborts the run: the caller is rejected at once with ERR_ABORTED. */
  signal?: AbortSignal
  /** Aborts the run after so many milliseconds. */
  timeoutMs?: number
}

/** What `run` takes besides the primitive: its input, which may be left out where `undefined` is one. */
export type RunArguments<Input> =
  [input: Input, options?: RunOptions | undefined] | (undefined extends Input ? [] : never)

/** Throws unless `options` are those of a run. @internal */
export function checkRunOptions(options: unknown): void {
  checkObject(options, 'run: options')
  const { signal, timeoutMs } = options as { signal?: unknown; timeoutMs?: unknown }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal: expected an AbortSignal, got ${nameOf(signal)}`)
  }
  if (timeoutMs === undefined) return
  if (typeof timeoutMs !== 'number') {
    throw new TypeError(`timeoutMs: expected a number of milliseconds, got ${nameOf(timeoutMs)}`)
  }
  if (!(timeoutMs >= 0) || timeoutMs > 2 ** 31 - 1) {
    throw new RangeError(`timeoutMs: expected milliseconds from 0 to ${2 ** 31 - 1}, got ${timeoutMs}`)
  }
}
