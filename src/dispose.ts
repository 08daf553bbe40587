import { PrimitiveContext } from './context.js'
import type { Place } from './place.js'
import type { Memory } from './memory.js'
import type { Tracked } from './nursery.js'
import { PrimarenaError } from './errors.js'
import { Standalone } from './standalone.js'

/** What disposing does with runs that are still open. */
export interface DisposeOptions {
  /**
   * - `'wait'` (default): they go on to their end;
   * - `'abort'`: their callers are rejected now, the bodies are waited for;
   * - `'force'`: aborted, and their arenas go at once; bytes that somebody holds are left to V8.
   */
  runs?: 'wait' | 'abort' | 'force'
}

/** What `options` ask for. @throws TypeError @internal */
export function runsOption(options: DisposeOptions | undefined): 'wait' | 'abort' | 'force' {
  const runs = options?.runs ?? 'wait'
  if (runs !== 'wait' && runs !== 'abort' && runs !== 'force') {
    throw new TypeError(`runs: expected 'wait', 'abort' or 'force', got ${String(runs)}`)
  }
  return runs
}

/** Ends what is open at the places that `matches`; resolves when it is. @internal */
export async function endRuns(
  memory: Memory,
  matches: (place: Place) => boolean,
  idle: () => Promise<void>,
  runs: 'wait' | 'abort' | 'force',
  label: string,
): Promise<void> {
  if (runs !== 'wait') {
    const reason = new PrimarenaError('ERR_CONTEXT_CLOSED', `${label} is disposed`)
    for (const tracked of memory.nursery.open()) endOne(tracked, matches, runs === 'force', reason)
  }
  await idle()
}

/** Ends one open thing if its place `matches`. @internal */
export function endOne(
  tracked: Tracked,
  matches: (place: Place) => boolean,
  force: boolean,
  reason: Error,
): void {
  if (tracked instanceof PrimitiveContext) {
    if (!matches(tracked.place)) return
    if (force) tracked.force(reason)
    else tracked.abort(reason)
  } else if (force && tracked instanceof Standalone && matches(tracked.place)) {
    tracked.arena.dispose()
  }
}
