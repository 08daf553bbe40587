import type { Arena } from './arena.js'

/**
 * Who an arena works for: a run, a context, or nobody but the code that opened it. It says who is charged
 * and whether anything may be taken, and it is told what happens.
 *
 * @internal
 */
export interface Lessee {
  /** The owner's number in the native manager. */
  readonly ownerNumber: number
  /** How large a first chunk is expected to do. */
  readonly hintBytes: number
  /** False once the operation was aborted or has ended. */
  readonly mayAllocate: boolean
  /** Throws why nothing may be taken. */
  checkMayAllocate(): void
  /** The largest chunk that the budgets on this side allow; throws when `bytes` are too many for one. */
  headroom(bytes: number): number
  /** True while somebody holds the operation's bytes: what is given back then is parked. */
  readonly held: boolean
  /** Calls `end` when nobody holds any more, with true when the bytes are to be left to V8. */
  park(end: (abandon: boolean) => void): void
  leaseOpened(handle: number, capacityBytes: number): void
  leaseClosed(handle: number, capacityBytes: number): void
  /** Chunk capacity that came to an open lease. */
  count(capacityBytes: number): void
  /** Chunk capacity that left an open lease. */
  uncount(capacityBytes: number): void
  /** What a cycle needed, for the next hint. */
  used(bytes: number): void
  arenaDisposed(arena: Arena): void
}
