/** The record class of a layout without generated code, for processes that must not turn text into code. */
import {
  foreign,
  returned,
  stale,
  unreleasable,
  type AnyRecord,
  type Engine,
  type PoolState,
} from './record-engine.js'
import { ARRAYS, type NumberArray } from './record-schema.js'
import { FREE, NO_SLAB, type Column, type Slab, type SlabLayout } from './record-slab.js'
import {
  badNumber,
  bytesOf,
  elementsOf,
  fits,
  jsonValues,
  readText,
  timeOf,
  writeText,
  wrongType,
} from './record-values.js'

/** One field, by slab and index. */
interface Access {
  get(slab: Slab, index: number): unknown
  /** Checks and converts; may run code of the caller. */
  convert(value: unknown): unknown
  set(slab: Slab, index: number, value: unknown): void
  erase(slab: Slab, index: number): void
}

/** The engine of a layout, from closures. */
export function closureEngine(layout: SlabLayout): Engine {
  const { generations, freeStack, columns } = layout
  const accesses = columns.map(accessOf)
  const fields = columns.map((column) => column.field)

  class Record {
    #slab: Slab = NO_SLAB
    #index = 0
    #generation = 0

    static {
      columns.forEach((column, position) => {
        const access = accesses[position]!
        Object.defineProperty(Record.prototype, column.field.name, {
          configurable: true,
          get(this: Record) {
            this.#check()
            return access.get(this.#slab, this.#index)
          },
          set(this: Record, value: unknown) {
            const converted = access.convert(value)
            this.#check()
            access.set(this.#slab, this.#index, converted)
          },
        })
      })
    }

    #check(): void {
      if (this.#slab.u32[this.#index + generations] !== this.#generation) {
        stale(this.#slab, this.#index, this.#generation)
      }
    }

    [Symbol.dispose](): void {
      if (this.#generation !== 0) Record.release(this.#slab.pool as PoolState, this)
    }

    [Symbol.for('nodejs.util.inspect.custom')](): object {
      return Record.values(this)
    }

    toJSON(): object {
      return jsonValues(Record.values(this), fields)
    }

    static values(record: Record): object {
      // Not by assignment: a field may be called `__proto__`.
      return Object.fromEntries(
        columns.map(({ field }) => [
          field.name,
          (record as unknown as { [name: string]: unknown })[field.name],
        ]),
      )
    }

    static acquire(pool: PoolState): Record {
      const record = new Record()
      Record.acquireInto(pool, record)
      return record
    }

    static acquireInto(pool: PoolState, record: Record): number {
      if (!(pool.current.u32[FREE]! > 0)) pool.advance()
      const slab = pool.current
      const { u32 } = slab
      const free = u32[FREE]! - 1
      u32[FREE] = free
      const index = u32[freeStack + free]!
      const generation = u32[index + generations]! + 1
      u32[index + generations] = generation
      Record.aim(record, slab, index, generation)
      return slab.first + index
    }

    static release(pool: PoolState, record: Record): void {
      if (typeof record !== 'object' || record === null || !(#slab in record)) foreign(pool, record)
      const slab = record.#slab
      const index = record.#index
      const generation = record.#generation
      const { u32 } = slab
      const now = u32[index + generations]
      if (now !== generation || slab.pool !== pool) unreleasable(pool, slab, index, generation, now, record)
      u32[index + generations] = generation + 1
      record.#generation = 0
      for (const access of accesses) access.erase(slab, index)
      returned(pool, slab, index, generation, freeStack)
    }

    static releaseAimed(pool: PoolState, record: Record): void {
      Record.release(pool, record)
    }

    static aim(record: Record, slab: Slab, index: number, generation: number): void {
      record.#slab = slab
      record.#index = index
      record.#generation = generation
    }

    static unaim(record: Record): void {
      Record.aim(record, NO_SLAB, 0, 0)
    }

    static aimed(): Record {
      return new Record()
    }

    static owns(value: object): boolean {
      return #slab in value
    }

    static slabOf(record: Record): Slab {
      return record.#slab
    }

    static indexOf(record: Record): number {
      return record.#index
    }

    static generationOf(record: Record): number {
      return record.#generation
    }
  }

  return Object.assign(Record, { layout }) as unknown as Engine & (new () => AnyRecord)
}

function accessOf(column: Column): Access {
  const { field, offset, stride, lengths, lengthBytes } = column
  const { number, length } = field
  const elementBytes = ARRAYS[number].BYTES_PER_ELEMENT
  const base = offset / elementBytes
  const zero = number === 'u64' || number === 'i64' ? 0n : 0
  const plain = {
    get: (slab: Slab, index: number): unknown => slab[number][base + index],
    set: (slab: Slab, index: number, value: unknown) => void (slab[number][base + index] = value as never),
    erase: (slab: Slab, index: number) => void (slab[number][base + index] = zero as never),
  }
  const words = `u${8 * (lengthBytes || 1)}` as 'u8' | 'u16' | 'u32'
  const word = lengths / (lengthBytes || 1)
  const eraseInline = (slab: Slab, index: number): void => {
    const start = offset + index * stride
    slab.u8.fill(0, start, start + slab[words][word + index]!)
    slab[words][word + index] = 0
  }
  switch (field.shape) {
    case 'number':
      return {
        ...plain,
        convert(value) {
          if (!fits(value, field)) throw badNumber(value, field)
          return value
        },
      }
    case 'boolean':
      return {
        ...plain,
        get: (slab, index) => slab.u8[base + index] === 1,
        convert(value) {
          if (typeof value !== 'boolean') throw wrongType(field, 'a boolean', value)
          return value ? 1 : 0
        },
      }
    case 'timestamp':
      return { ...plain, convert: (value) => timeOf(value, field) }
    case 'string':
      return {
        get: (slab, index) => readText(slab.text, offset + index * stride, slab[words][word + index]!),
        convert(value) {
          if (typeof value !== 'string') throw wrongType(field, 'a string', value)
          return value
        },
        set(slab, index, value) {
          const old = slab[words][word + index]!
          slab[words][word + index] = writeText(
            slab.text,
            offset + index * stride,
            old,
            value as string,
            field,
          )
        },
        erase: eraseInline,
      }
    case 'bytes':
      return {
        get(slab, index) {
          const start = offset + index * stride
          return slab.u8.slice(start, start + slab[words][word + index]!)
        },
        convert: (value) => bytesOf(value, field),
        set(slab, index, value) {
          const bytes = value as Uint8Array
          const start = offset + index * stride
          const old = slab[words][word + index]!
          slab.u8.set(bytes, start)
          if (old > bytes.length) slab.u8.fill(0, start + bytes.length, start + old)
          slab[words][word + index] = bytes.length
        },
        erase: eraseInline,
      }
    case 'vector': {
      const step = stride / elementBytes
      return {
        get: (slab, index) => slab[number].slice(base + index * step, base + index * step + length),
        convert: (value) => elementsOf(value, field),
        set: (slab, index, value) =>
          (slab[number] as { set(from: NumberArray, at: number): void }).set(
            value as NumberArray,
            base + index * step,
          ),
        erase(slab, index) {
          const start = base + index * step
          ;(slab[number] as { fill(value: unknown, from: number, to: number): void }).fill(
            zero,
            start,
            start + length,
          )
        },
      }
    }
  }
}
