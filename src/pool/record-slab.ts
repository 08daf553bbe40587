import { Buffer } from 'node:buffer'
import { release } from '../detach.js'
import { raw } from '../native.js'
import { ARRAYS, NUMBERS, type Field, type NumberKind } from './record-schema.js'

/** Header words of a slab (`crates/core/src/pool/slab.rs` has their rules). */
export const FREE = 0
export const FRESH = 1
export const LIMIT = 2
export const RETIRED = 3
/** Bytes of the header; the generations follow. */
const HEADER_BYTES = 64
/** The generation at which a slot is retired instead of being free again. */
export const LAST_GENERATION = 0x7fff_fffe

/** Where the column of a field lies. */
export interface Column {
  readonly field: Field
  readonly offset: number
  readonly stride: number
  readonly lengths: number
  readonly lengthBytes: number
}

/** The layout of the slabs of a pool, as the native side calculated it. */
export interface SlabLayout {
  readonly capacity: number
  readonly shift: number
  readonly slabBytes: number
  readonly align: number
  /** Index of the first generation in the slab's 32-bit words. */
  readonly generations: number
  /** Index of the free stack in the slab's 32-bit words. */
  readonly freeStack: number
  readonly columns: readonly Column[]
}

/** Reads what `NativeRecordPool.layout()` gives. */
export function layoutOf(words: readonly number[], fields: readonly Field[]): SlabLayout {
  const [capacity, slabBytes, align, generations, freeStack] = words as [
    number,
    number,
    number,
    number,
    number,
  ]
  const columns = fields.map((field, index) => {
    const [offset, stride, lengths, lengthBytes] = words.slice(5 + 4 * index) as [
      number,
      number,
      number,
      number,
    ]
    return { field, offset, stride, lengths, lengthBytes }
  })
  return {
    capacity,
    shift: 31 - Math.clz32(capacity),
    slabBytes,
    align,
    generations: generations / 4,
    freeStack: freeStack / 4,
    columns,
  }
}

const NOTHING = new ArrayBuffer(0)

/** Stand for the views that a pool does not need: one for all slabs, so that a collection has less to look at. */
const EMPTY = Object.fromEntries(
  NUMBERS.map((number) => [number, new ARRAYS[number](NOTHING)]),
) as unknown as { readonly [N in NumberKind]: InstanceType<(typeof ARRAYS)[N]> }
const EMPTY_TEXT = Buffer.from(NOTHING)

/** Slots that go to the free stack at once when it is empty: enough to make a refill cheap, and few enough to stay in cache. */
const REFILL = 64

/**
 * One slab: a view for each element type that its pool needs, over the same bytes. All slabs share one hidden
 * class. After `free` all views have length 0, so every generation that is read is `undefined`: no handle matches.
 *
 * The fields are only declared, so that V8 never sees them undefined: it knows then what they hold, and compiled code need
 * not check it at each access (a cycle of a cursor: 23 → 19 ns).
 */
export class Slab {
  declare readonly pool: object
  declare readonly number: number
  /** The pool-wide number of its first slot. */
  declare readonly first: number
  declare readonly buffer: ArrayBuffer
  /** Whether acquire can find it: it is the current slab, or waits in the list of slabs with room. */
  listed = true
  /** Changes with every release of one of its slots: while it is the same, so are the generations of open records. */
  epoch = 0
  declare readonly u8: Uint8Array
  declare readonly u16: Uint16Array
  declare readonly u32: Uint32Array
  declare readonly u64: BigUint64Array
  declare readonly i8: Int8Array
  declare readonly i16: Int16Array
  declare readonly i32: Int32Array
  declare readonly i64: BigInt64Array
  declare readonly f32: Float32Array
  declare readonly f64: Float64Array
  declare readonly text: Buffer

  constructor(pool: object, number: number, buffer: ArrayBuffer, layout: SlabLayout | undefined) {
    this.pool = pool
    this.number = number
    this.first = layout === undefined ? 0 : number * layout.capacity
    this.buffer = buffer
    const bytes = layout?.slabBytes ?? 0
    const start = layout && layout.align > 8 ? aligned(buffer, layout.align) : 0
    const needed = (number: NumberKind): boolean => {
      if (layout === undefined) return false
      return layout.columns.some(
        (column) => column.field.number === number || column.lengthBytes === ARRAYS[number].BYTES_PER_ELEMENT,
      )
    }
    const view = <N extends NumberKind>(number: N, always = false): InstanceType<(typeof ARRAYS)[N]> => {
      const Constructor = ARRAYS[number]
      const used = layout !== undefined && (always || needed(number))
      const made = used
        ? new Constructor(buffer, start, bytes / Constructor.BYTES_PER_ELEMENT)
        : EMPTY[number]
      return made as InstanceType<(typeof ARRAYS)[N]>
    }
    this.u8 = view('u8', true)
    this.u16 = view('u16')
    this.u32 = layout === undefined ? new Uint32Array(buffer) : view('u32', true)
    this.u64 = view('u64')
    this.i8 = view('i8')
    this.i16 = view('i16')
    this.i32 = view('i32')
    this.i64 = view('i64')
    this.f32 = view('f32')
    this.f64 = view('f64')
    const hasText = layout?.columns.some((column) => column.field.shape === 'string') === true
    this.text = hasText ? Buffer.from(buffer, this.u8.byteOffset, this.u8.length) : EMPTY_TEXT
  }

  /** Records that it holds. */
  get live(): number {
    const { u32 } = this
    return u32.length === 0 ? 0 : u32[FRESH]! - u32[FREE]! - u32[RETIRED]!
  }

  /** Whether acquire would find a slot. */
  get hasRoom(): boolean {
    const { u32 } = this
    return u32.length > 0 && (u32[FREE]! > 0 || u32[FRESH]! < u32[LIMIT]!)
  }

  /** Slots that held a record at least once. */
  get usedSlots(): number {
    const { u32 } = this
    // Never used ones are taken in ascending order.
    let used = u32[FRESH] ?? 0
    while (used > 0 && u32[HEADER_BYTES / 4 + used - 1] === 0) used -= 1
    return used
  }

  /** Puts slots that were never used on the empty free stack, the lowest on top. False when there are none. */
  refill(freeStack: number): boolean {
    const { u32 } = this
    const fresh = u32[FRESH]!
    const count = Math.min(u32[LIMIT]! - fresh, REFILL)
    // Neither when it is detached: NaN.
    if (!(count > 0)) return false
    for (let entry = 0; entry < count; entry++) u32[freeStack + entry] = fresh + count - 1 - entry
    u32[FRESH] = fresh + count
    u32[FREE] = count
    return true
  }

  /** Whether somebody transferred the buffer away. */
  get isDetached(): boolean {
    return this.u32.length === 0
  }

  /** Detaches it: its records are stale from now on. */
  free(): void {
    this.epoch += 1
    if (this.buffer.byteLength > 0) release(this.buffer)
  }
}

/**
 * Stands where no slab is. It has slot words that say so, as an access beyond the end of a typed array makes V8 compile
 * the same access more slowly for all slabs: no room, and a first slot whose generation is no handle's.
 */
export const NO_SLAB = new Slab({}, -1, new ArrayBuffer(HEADER_BYTES + 4), undefined)
NO_SLAB.u32[HEADER_BYTES / 4] = 0xffff_ffff

/** The first byte of `buffer` that lies on a multiple of `align`. */
function aligned(buffer: ArrayBuffer, align: number): number {
  const behind = raw.recordMisalignment(new Uint8Array(buffer), align)
  return (align - behind) % align
}
