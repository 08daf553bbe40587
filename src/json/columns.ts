import { windowOf, type Allocator } from '../allocator.js'
import { inputBytes, type BytesInput } from '../bytes.js'
import { FLAG_AGAIN, FLAG_TRUST, WIDTH_COLUMN } from '../generated/layout.js'
import { HeapAllocator } from '../heap-allocator.js'
import { callNative, FAILED, NativeProgram, raw, takeLastError } from '../native.js'
import type { JsonValue, Kind, Type } from '../types.js'
import { livesIn } from '../results.js'
import { makeColumn, type BooleanColumn, type Home, type NumberColumn, type TextColumn } from './column.js'
import {
  checkPath,
  entriesOf,
  limitsOf,
  nativeField,
  NEEDS,
  type ProgramOptions,
  type ReadOptions,
} from './paths.js'

/** Names of columns, and what each is; paths are relative to the row (`author.name`, `$.author.name`). */
export type ColumnSpecs = Readonly<Record<string, string | Type>>

/** The array of a column of each kind. */
interface Arrays {
  u8: Uint8Array
  u16: Uint16Array
  u32: Uint32Array
  u64: BigUint64Array
  i8: Int8Array
  i16: Int16Array
  i32: Int32Array
  i64: BigInt64Array
  f32: Float32Array
  f64: Float64Array
  timestamp: Float64Array
}

/** The column that a spec gives. */
export type ColumnOf<Spec> = Spec extends string
  ? TextColumn<JsonValue>
  : Spec extends Type<infer K, infer Value>
    ? K extends keyof Arrays
      ? NumberColumn<Value & (number | bigint), Arrays[K]>
      : K extends 'boolean'
        ? BooleanColumn
        : K extends 'bytes'
          ? TextColumn<Buffer>
          : TextColumn<Value>
    : never

/** The rows of a document. Valid until the allocator that holds them is reset or disposed. */
export class Table<Specs> {
  /** How many rows there are. */
  readonly length: number
  /** The columns by name. */
  readonly columns: { readonly [Name in keyof Specs]: ColumnOf<Specs[Name]> }
  readonly #home: Home

  /** @internal */
  constructor(home: Home, length: number, columns: object) {
    this.#home = home
    this.length = length
    this.columns = columns as Table<Specs>['columns']
  }

  /** @internal */
  get [livesIn](): unknown {
    return this.#home.allocator
  }
}

// Without an allocator, results are ordinary memory, which nobody is charged for.
const heap = new HeapAllocator()

const FIRST_BYTES = 4096

/**
 * A compiled program that reads rows of a document into columns.
 *
 * Made by `json.columns`; frozen for good, so it may be shared by everything on its thread.
 */
export class ColumnsProgram<Specs extends ColumnSpecs> {
  readonly #native: NativeProgram
  readonly #id: number
  readonly #flags: number
  readonly #names: readonly string[]
  readonly #kinds: readonly (Kind | 'any')[]
  readonly #parts: Float64Array
  #hintBytes = FIRST_BYTES

  /** @internal Use `json.columns`. */
  constructor(rows: string, specs: Specs, options: ProgramOptions | undefined) {
    checkPath(rows, 'json.columns')
    const entries = entriesOf(specs, 'json.columns')
    const fields = entries.map(([name, spec]) => {
      if (typeof spec === 'object' && spec !== null && (spec as Type).default !== undefined) {
        throw new TypeError(`json.columns: ${name}: columns have no defaults; a missing value is not valid`)
      }
      return nativeField(spec, name, `json.columns: ${name}`)
    })
    this.#native = callNative(() => NativeProgram.columns(rows, fields, limitsOf(options)))
    this.#id = this.#native.id
    this.#flags = options?.trust === true ? FLAG_TRUST : 0
    this.#names = entries.map(([name]) => name)
    this.#kinds = fields.map((field) => field.kind)
    // Before what describes the columns: the bytes used.
    this.#parts = new Float64Array(1 + entries.length * WIDTH_COLUMN)
  }

  /**
   * The rows of the document `input`, as columns in `allocator`. Values that are missing or `null` are not
   * valid in their column. Valid until `allocator` is reset or disposed; without one it is ordinary memory.
   *
   * @throws PrimarenaError ERR_JSON_SYNTAX (with offset, line, column, expected), ERR_JSON_TYPE and
   * ERR_JSON_MISSING (with the path), ERR_JSON_LIMIT, and what the allocator throws; nothing is taken then.
   */
  read(input: BytesInput, allocator?: Allocator, options?: ReadOptions): Table<Specs> {
    const bytes = inputBytes(input)
    const place = (allocator === undefined ? heap : allocator) as Allocator & { readonly generation?: number }
    const target = windowOf(place, 'read')
    const trust = options?.trust
    let flags = trust === undefined ? this.#flags : trust ? FLAG_TRUST : 0
    const parts = this.#parts
    let needed = this.#hintBytes
    let pad: number
    let rows: number
    for (;;) {
      target.reserve(needed + 8)
      const view = target.bytes
      pad = -(view.byteOffset + target.offset) & 7
      rows = raw.jsonColumns(this.#id, bytes, view, target.offset + pad, target.limit, flags, parts)
      if (rows >= 0) break
      if (rows === FAILED) throw takeLastError()
      needed = NEEDS - rows
      this.#hintBytes = Math.min(Math.max(this.#hintBytes, needed + (needed >> 2)), 1 << 20)
      flags |= FLAG_AGAIN
    }
    // One large table must not make all that follow ask for as much.
    if (parts[0]! * 4 < this.#hintBytes) this.#hintBytes = Math.max(FIRST_BYTES, this.#hintBytes >> 1)
    const block = target.commit(pad + parts[0]!)
    return this.#table(place, rows, block, pad)
  }

  #table(allocator: Home['allocator'], rows: number, block: Buffer, pad: number): Table<Specs> {
    let bytes = (pad === 0 ? block : block.subarray(pad)) as Buffer<ArrayBuffer>
    // An allocator may have moved what was committed to another alignment.
    if ((bytes.byteOffset & 7) !== 0) bytes = new Uint8Array(bytes) as Buffer<ArrayBuffer>
    const home: Home = { allocator, generation: allocator.generation, bytes }
    const columns = Object.create(null) as Record<string, unknown>
    for (let index = 0; index < this.#names.length; index++) {
      const at = 1 + index * WIDTH_COLUMN
      columns[this.#names[index]!] = makeColumn(home, this.#kinds[index]!, rows, this.#parts, at)
    }
    return new Table(home, rows, columns)
  }
}
