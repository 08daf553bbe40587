import { PrimarenaError } from '../errors.js'
import type { Owner } from '../owner.js'
import type { AnyRecord, Engine, PoolState } from './record-engine.js'
import { FREE, LIMIT, NO_SLAB, RETIRED, Slab, type SlabLayout } from './record-slab.js'

/**
 * The slabs of one pool: which there are, which of them have room, and what they cost the owner.
 *
 * The limit word of each slab says how many of its slots may be used, so that a bounded pool needs no count of
 * its records: the limits of all slabs add up to `maxRecords` at most.
 */
export class SlabStore implements PoolState {
  readonly name: string
  readonly engine: Engine
  readonly slabs: (Slab | undefined)[] = []
  current: Slab = NO_SLAB
  spares: (AnyRecord | undefined)[] = []
  spareRecords = 0
  readonly #owner: Owner
  readonly #layout: SlabLayout
  readonly #maxRecords: number
  /** Slabs with room, besides the current one. */
  #partial: Slab[] = []
  #disposed = false

  constructor(name: string, owner: Owner, engine: Engine, maxRecords: number) {
    this.name = name
    this.engine = engine
    this.#owner = owner
    this.#layout = engine.layout
    this.#maxRecords = maxRecords
  }

  /** Throws when the pool is disposed. */
  open(): void {
    if (this.#disposed) throw new PrimarenaError('ERR_STALE_HANDLE', `${this.name}: the pool is disposed`)
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Bytes that a slab costs. */
  get slabBytes(): number {
    const { align, slabBytes } = this.#layout
    // Vectors want an alignment that V8 does not promise: room to move the first byte.
    return slabBytes + (align > 8 ? align : 0)
  }

  /** The slabs that are there. */
  present(): Slab[] {
    return this.slabs.filter((slab) => slab !== undefined)
  }

  /** Views of all slabs for native code, which may release any record; an empty one where there is none. */
  views(): Uint8Array[] {
    return this.slabs.map((slab) => {
      if (slab === undefined) return NO_SLAB.u8
      slab.epoch += 1
      return slab.u8
    })
  }

  advance(): void {
    this.open()
    const { freeStack } = this.#layout
    if (this.current.refill(freeStack)) return
    this.current.listed = false
    for (let slab = this.#partial.pop(); slab !== undefined; slab = this.#partial.pop()) {
      if (slab.hasRoom) {
        this.current = slab
        if (slab.u32[FREE] === 0) slab.refill(freeStack)
        return
      }
      slab.listed = false
    }
    this.#dropLost()
    this.current = this.#add()
    this.current.refill(freeStack)
  }

  relist(slab: Slab): void {
    slab.listed = true
    this.#partial.push(slab)
  }

  /** Native code has edited the slot words: slabs that have room again become known. */
  changed(): void {
    for (const slab of this.slabs) if (slab !== undefined && !slab.listed && slab.hasRoom) this.relist(slab)
  }

  /** Gives slabs without records back; gives their bytes. */
  trim(): number {
    let bytes = 0
    for (const slab of this.slabs) if (slab !== undefined && slab.live === 0) bytes += this.#drop(slab)
    this.#partial = this.#partial.filter((slab) => this.slabs[slab.number] === slab)
    while (this.slabs.length > 0 && this.slabs.at(-1) === undefined) this.slabs.pop()
    return bytes
  }

  /** Gives all slabs back: every handle is stale. */
  dispose(): void {
    this.#disposed = true
    for (const slab of this.slabs) if (slab !== undefined) this.#drop(slab)
    this.slabs.length = 0
    this.#partial = []
  }

  #add(): Slab {
    const { capacity, shift } = this.#layout
    let slots = 0
    for (const slab of this.slabs) if (slab !== undefined) slots += slab.u32[LIMIT]! - slab.u32[RETIRED]!
    const limit = Math.min(capacity, this.#maxRecords - slots)
    const hole = this.slabs.indexOf(undefined)
    const number = hole < 0 ? this.slabs.length : hole
    if (limit <= 0 || number >= 2 ** (32 - shift)) {
      throw new PrimarenaError('ERR_POOL_EXHAUSTED', `${this.name}: all of its ${slots} records are open`)
    }
    const bytes = this.slabBytes
    this.#owner.charge(bytes)
    let slab: Slab
    try {
      slab = new Slab(this, number, new ArrayBuffer(bytes), this.#layout)
    } catch (cause) {
      this.#owner.uncharge(bytes)
      throw new PrimarenaError('ERR_OUT_OF_MEMORY', `${this.name}: no memory for a slab of ${bytes} bytes`, {
        cause,
      })
    }
    slab.u32[LIMIT] = limit
    this.slabs[number] = slab
    return slab
  }

  /** Lets go of a slab, its memory and its charge. */
  #drop(slab: Slab): number {
    slab.free()
    this.slabs[slab.number] = undefined
    if (this.current === slab) this.current = NO_SLAB
    this.#owner.uncharge(this.slabBytes)
    return this.slabBytes
  }

  /** Slabs of which every slot is retired, or whose buffer somebody transferred away, make room for others. */
  #dropLost(): void {
    for (const slab of this.slabs) {
      if (slab === undefined) continue
      const { u32 } = slab
      if (slab.isDetached || (u32[RETIRED]! > 0 && u32[RETIRED] === u32[LIMIT])) this.#drop(slab)
    }
  }

  /** Sums over the slabs that are there. */
  figures(): { openRecords: number; capacityRecords: number; usedSlots: number; slabs: number } {
    const sums = { openRecords: 0, capacityRecords: 0, usedSlots: 0, slabs: 0 }
    for (const slab of this.present()) {
      sums.slabs += 1
      sums.openRecords += slab.live
      sums.usedSlots += slab.usedSlots
      sums.capacityRecords += (slab.u32[LIMIT] ?? 0) - (slab.u32[RETIRED] ?? 0)
    }
    return sums
  }
}
