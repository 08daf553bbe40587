import { PrimarenaError } from '../errors.js'
import type { Slab, SlabLayout } from './record-slab.js'

/** What an engine needs to know of a pool. */
export interface PoolState {
  readonly name: string
  /** The slab that acquire takes slots from. */
  current: Slab
  readonly slabs: readonly (Slab | undefined)[]
  /** Makes a slab with room the current one; throws when there is none to be had. */
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
  /** A handle for a slot, with the generation that the slot has now. */
  aimed(slab: Slab, index: number): AnyRecord
  acquire(pool: PoolState): AnyRecord
  /** Acquires a slot, lets an existing record object stand for it, and gives its number. */
  acquireInto(pool: PoolState, record: AnyRecord): number
  release(pool: PoolState, record: AnyRecord): void
  /** Lets a record object stand for another slot. */
  aim(record: AnyRecord, slab: Slab, index: number): void
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

/** Throws for a release that is not the first. */
export function releasedAgain(slab: Slab, index: number, generation: number, now: number | undefined): never {
  if (slab.number >= 0 && (generation === 0 || now === generation + 1)) {
    throw new PrimarenaError('ERR_DOUBLE_RELEASE', `${poolName(slab)}: the record was released already`)
  }
  stale(slab, index, generation)
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
