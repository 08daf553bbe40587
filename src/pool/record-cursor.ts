import { PrimarenaError } from '../errors.js'
import { stale, type AnyRecord, type Engine, type PoolState } from './record-engine.js'
import { FRESH, NO_SLAB } from './record-slab.js'
import type { PoolRecord, RecordSchema } from './record-schema.js'

/**
 * One record object that moves over the slots of a pool, so that nothing is allocated:
 *
 * ```ts
 * const cursor = pool.cursor()
 * for (cursor.reset(); cursor.next(); ) sum += cursor.record.score
 * ```
 *
 * `record` always stands for the slot that the cursor moved to last; it is checked like every handle. Records that are
 * released while the cursor moves are skipped, ones that are acquired are met if they lie ahead. Valid until the pool is
 * disposed.
 */
export class RecordCursor<S extends RecordSchema> {
  /** The record at the cursor. Accesses throw `ERR_STALE_HANDLE` before the first move and after its release. */
  declare readonly record: PoolRecord<S>
  /** @internal */
  declare readonly store: PoolState
  /** @internal */
  declare readonly engine: Engine

  /** @internal Use `pool.cursor()`. */
  constructor(store: PoolState, engine: Engine) {
    this.store = store
    this.engine = engine
    this.record = engine.aimed() as PoolRecord<S>
  }

  /**
   * The slot that the cursor is at.
   *
   * @throws ERR_STALE_HANDLE when it is at none, or its record was released
   */
  get slot(): number {
    const { engine, record } = this
    const slab = engine.slabOf(record)
    const index = engine.indexOf(record)
    const generation = engine.generationOf(record)
    if (slab.u32[engine.layout.generations + index] !== generation) stale(slab, index, generation)
    return slab.first + index
  }

  /**
   * Acquires a record and moves to it. Gives its slot.
   *
   * @throws ERR_POOL_EXHAUSTED, ERR_BUDGET_EXCEEDED, ERR_STALE_HANDLE
   */
  acquire(): number {
    return this.engine.acquireInto(this.store, this.record)
  }

  /** Releases the record at the cursor. @throws as `pool.release` */
  release(): void {
    this.engine.release(this.store, this.record)
  }

  /** Moves to the record in `slot`. @throws ERR_STALE_HANDLE when there is none */
  moveTo(slot: number): this {
    const { capacity, shift, generations } = this.engine.layout
    const slab = this.store.slabs[slot >>> shift]
    const index = slot & (capacity - 1)
    const generation = slab?.u32[generations + index] ?? 0
    if (slab === undefined || (generation & 1) === 0 || slot >>> 0 !== slot) {
      throw new PrimarenaError('ERR_STALE_HANDLE', `${this.store.name}: slot ${slot} holds no record`)
    }
    this.engine.aim(this.record, slab, index, generation)
    return this
  }

  /** Moves to the next record in order of slots; false behind the last one. */
  next(): boolean {
    const { engine, record } = this
    const { slabs } = this.store
    const from = engine.slabOf(record)
    const { generations } = engine.layout
    let index = from === NO_SLAB ? 0 : engine.indexOf(record) + 1
    for (let number = Math.max(from.number, 0); number < slabs.length; number++, index = 0) {
      const slab = slabs[number]
      if (slab === undefined) continue
      const { u32 } = slab
      for (const fresh = u32[FRESH]!; index < fresh; index++) {
        const generation = u32[generations + index]!
        if ((generation & 1) === 1) {
          engine.aim(record, slab, index, generation)
          return true
        }
      }
    }
    return false
  }

  /** Moves in front of the first record. */
  reset(): this {
    this.engine.unaim(this.record as AnyRecord)
    return this
  }
}
