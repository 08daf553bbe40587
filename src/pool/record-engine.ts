import { PrimarenaError } from '../errors.js'
import { FREE, LAST_GENERATION, RETIRED, type Slab, type SlabLayout } from './record-slab.js'

/** What an engine needs to know of a pool. */
export interface PoolState {
  readonly name: string
  /** The slab that acquire takes slots from. */
  current: Slab
  readonly slabs: readonly (Slab | undefined)[]
  /** Record objects that stand for no record yet, and how many of them are left. */
  spares: (AnyRecord | undefined)[]
  spareRecords: number
  /** Leaves free slots on the stack of the current slab, which may be another one; throws when there are none to be had. */
  advance(): void
  /** Makes a slab that has room again known to acquire. */
  relist(slab: Slab): void
}

/** A record object, seen from inside: three private fields and an accessor for each field of the schema. */
export type AnyRecord = object

/**
 * The record class of a layout and what has to look into it. All pools of the same schema share one engine, so
 * that code that works with several of them stays monomorphic.
 */
export interface Engine {
  readonly layout: SlabLayout
  /** A record object that can be aimed at slots, at none to begin with. */
  aimed(): AnyRecord
  acquire(pool: PoolState): AnyRecord
  /** Acquires a slot, lets an aimed record object stand for it, and gives its number. */
  acquireInto(pool: PoolState, record: AnyRecord): number
  release(pool: PoolState, record: AnyRecord): void
  /** As `release`, for what is known to be an aimed record object of this pool. */
  releaseAimed(pool: PoolState, record: AnyRecord): void
  /** Lets an aimed record object stand for another slot. */
  aim(record: AnyRecord, slab: Slab, index: number, generation: number): void
  /** Lets it stand for none. */
  unaim(record: AnyRecord): void
  /** Whether it is a record object of this engine. */
  owns(value: object): boolean
  /** A copy as a plain object. */
  values(record: AnyRecord): object
  slabOf(record: AnyRecord): Slab
  indexOf(record: AnyRecord): number
  generationOf(record: AnyRecord): number
}

/** Throws for a handle whose record is gone. */
export function stale(slab: Slab, index: number, generation: number): never {
  throw new PrimarenaError('ERR_STALE_HANDLE', `${poolName(slab)}: ${why(slab, index, generation)}`)
}

/** Throws for a release of what is not open, or not of this pool. `now` is the generation of the slot. */
export function unreleasable(
  pool: PoolState,
  slab: Slab,
  index: number,
  generation: number,
  now: number | undefined,
  record: AnyRecord,
): never {
  if (now === generation) foreign(pool, record)
  if (slab.number >= 0 && (generation === 0 || now === generation + 1)) {
    throw new PrimarenaError('ERR_DOUBLE_RELEASE', `${poolName(slab)}: the record was released already`)
  }
  stale(slab, index, generation)
}

/**
 * Does with the slot of a released record what release leaves to others: the last generation retires it, and a slab that
 * was full is made known to acquire again.
 */
export function returned(
  pool: PoolState,
  slab: Slab,
  index: number,
  generation: number,
  freeStack: number,
): void {
  const { u32 } = slab
  if (generation >= LAST_GENERATION - 1) {
    u32[RETIRED]! += 1
    return
  }
  const free = u32[FREE]!
  u32[freeStack + free] = index
  u32[FREE] = free + 1
  if (!slab.listed) pool.relist(slab)
}

/** Throws for a record of another pool, or for something that is no record. */
export function foreign(pool: PoolState, value: unknown): never {
  throw new PrimarenaError(
    'ERR_FOREIGN_OBJECT',
    `${pool.name}: expected a record of this pool, got ${describeForeign(value)}`,
  )
}

function describeForeign(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return 'an object that it did not make'
}

function poolName(slab: Slab): string {
  return (slab.pool as Partial<PoolState>).name ?? 'record pool'
}

function why(slab: Slab, index: number, generation: number): string {
  if (slab.number < 0) return 'the cursor is at no record'
  if (slab.isDetached) return 'the memory of the record was given back'
  if (generation === 0) return 'the record was released'
  const slot = `slot ${slab.number}:${index}`
  return `the record in ${slot} was released; the slot may hold another one by now`
}
