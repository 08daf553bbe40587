/** Columns of rows, in the layout of Apache Arrow. */
import { Buffer } from 'node:buffer'
import type { Allocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { ARRAYS } from '../number-arrays.js'
import { livesIn } from '../results.js'
import type { Kind, NumberArray } from '../types.js'

/** The kinds of arrays that columns of numbers have. */
export type ColumnArray = NumberArray

/** The allocator that rows were written into, its generation then, and the bytes of all columns. @internal */
export interface Home {
  readonly allocator: Allocator & { readonly generation?: number }
  readonly generation: number | undefined
  /** Starts at a multiple of 8. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** What both kinds of columns have. Valid until the allocator that holds it is reset or disposed. */
abstract class BaseColumn<Value> {
  /** How many rows there are. */
  readonly length: number
  /** How many of them have no value: it is missing or `null`. */
  readonly nullCount: number

  readonly #home: Home
  /** Where the validity begins among the bytes. */
  readonly #validityAt: number
  /** Made when it is asked for: most readers want values only. */
  #validity: Uint8Array | undefined

  /** @internal */
  constructor(home: Home, length: number, nullCount: number, validityAt: number) {
    this.#home = home
    this.length = length
    this.nullCount = nullCount
    this.#validityAt = validityAt
  }

  /**
   * A bit for each row, least significant first; set for a row that has a value.
   *
   * @throws PrimarenaError ERR_STALE_HANDLE after the arena's reset.
   */
  get validity(): Uint8Array {
    this.#check()
    return (this.#validity ??= viewOf(this.#home, Uint8Array, this.#validityAt, Math.ceil(this.length / 8)))
  }

  /** @internal */
  get [livesIn](): unknown {
    return this.#home.allocator
  }

  /** Throws when the bytes are no longer the column's: also where a reset detaches nothing. */
  #check(): void {
    const { allocator, generation, bytes } = this.#home
    if (allocator.generation !== generation || (bytes.length === 0 && this.length > 0)) {
      throw new PrimarenaError('ERR_STALE_HANDLE', 'the arena of this column was reset or disposed')
    }
  }

  /** The value of a row that has one. @internal */
  protected abstract valueAt(row: number): Value

  /**
   * Whether the row has a value.
   *
   * @throws PrimarenaError ERR_STALE_HANDLE after the arena's reset; so do all readers of values.
   */
  isValid(row: number): boolean {
    this.#check()
    if (!(row >= 0 && row < this.length)) return false
    return ((this.#home.bytes[this.#validityAt + (row >> 3)]! >> (row & 7)) & 1) === 1
  }

  /** The value of the row, `null` if it has none, `undefined` beyond the rows; negative: from the end. */
  at(row: number): Value | null | undefined {
    const index = row < 0 ? this.length + row : row
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined
    return this.isValid(index) ? this.valueAt(index) : null
  }

  /** All values, `null` where there is none. They stay when the bytes go. */
  toArray(): (Value | null)[] {
    const values: (Value | null)[] = []
    for (let row = 0; row < this.length; row++) values.push(this.isValid(row) ? this.valueAt(row) : null)
    return values
  }

  *[Symbol.iterator](): Generator<Value | null, void> {
    for (let row = 0; row < this.length; row++) yield this.isValid(row) ? this.valueAt(row) : null
  }
}

/**
 * A column of numbers, BigInts, or booleans (1 and 0).
 *
 * Rows without a value have `NaN` in columns of floating point and timestamps, else 0. Valid until the
 * allocator that holds it is reset or disposed.
 */
export class NumberColumn<
  Value extends number | bigint | boolean,
  Values extends ColumnArray,
> extends BaseColumn<Value> {
  readonly values: Values

  /** @internal */
  constructor(home: Home, length: number, nullCount: number, validityAt: number, values: Values) {
    super(home, length, nullCount, validityAt)
    this.values = values
  }

  protected override valueAt(row: number): Value {
    return this.values[row] as Value
  }
}

/** A column of `true` and `false`, kept as 1 and 0. Valid until its allocator is reset or disposed. */
export class BooleanColumn extends NumberColumn<boolean, Uint8Array> {
  protected override valueAt(row: number): boolean {
    return this.values[row] === 1
  }
}

/**
 * A column of texts (UTF-8), of JSON values (their text), or of the bytes of values.
 *
 * The text of a row is `bytes` from `offsets[row]` to `offsets[row + 1]`. Valid until the allocator that
 * holds it is reset or disposed.
 */
export class TextColumn<Value> extends BaseColumn<Value> {
  readonly offsets: Int32Array
  readonly bytes: Buffer
  readonly #kind: 'string' | 'json' | 'bytes'

  /** @internal */
  constructor(
    home: Home,
    length: number,
    nullCount: number,
    validityAt: number,
    offsets: Int32Array,
    bytes: Buffer,
    kind: 'string' | 'json' | 'bytes',
  ) {
    super(home, length, nullCount, validityAt)
    this.offsets = offsets
    this.bytes = bytes
    this.#kind = kind
  }

  protected override valueAt(row: number): Value {
    const start = this.offsets[row]!
    const end = this.offsets[row + 1]!
    if (this.#kind === 'bytes') return Buffer.from(this.bytes.subarray(start, end)) as Value
    const text = this.bytes.toString('utf8', start, end)
    if (this.#kind === 'string') return text as Value
    try {
      return JSON.parse(text) as Value
    } catch (cause) {
      throw new PrimarenaError('ERR_JSON_SYNTAX', `row ${row}: expected a JSON value`, { cause })
    }
  }

  override toArray(): (Value | null)[] {
    if (this.#kind !== 'string' || this.length === 0) return super.toArray()
    // One string for all, cut where the offsets are: right as long as every character is one byte.
    const all = this.bytes.toString('utf8')
    if (all.length !== this.bytes.length) return super.toArray()
    const values: (Value | null)[] = []
    for (let row = 0; row < this.length; row++) {
      const text = all.substring(this.offsets[row]!, this.offsets[row + 1]!)
      values.push(this.isValid(row) ? (text as Value) : null)
    }
    return values
  }
}

type NumbersType = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ColumnArray

/** A view of some of the bytes of the columns; `at` is a multiple of what the elements need. */
function viewOf<T>(
  { bytes }: Home,
  type: new (buffer: ArrayBuffer, byteOffset: number, length: number) => T,
  at: number,
  length: number,
): T {
  return new type(bytes.buffer, bytes.byteOffset + at, length)
}

/** A column; its parts are described from `at` on in `parts`, see `crates/core/src/json/columns.rs`. @internal */
export function makeColumn(
  home: Home,
  kind: Kind | 'any',
  rows: number,
  parts: Float64Array,
  at: number,
): BaseColumn<unknown> {
  const validityAt = parts[at]!
  const valuesAt = parts[at + 1]!
  const nullCount = parts[at + 4]!
  if (kind === 'boolean') {
    return new BooleanColumn(home, rows, nullCount, validityAt, viewOf(home, Uint8Array, valuesAt, rows))
  }
  if (kind === 'string' || kind === 'json' || kind === 'bytes' || kind === 'any' || kind === 'each') {
    const { bytes } = home
    const offsets = viewOf(home, Int32Array, valuesAt, rows + 1)
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + parts[at + 2]!, parts[at + 3]!)
    const reading = kind === 'string' || kind === 'bytes' ? kind : 'json'
    return new TextColumn(home, rows, nullCount, validityAt, offsets, text, reading)
  }
  const Numbers: NumbersType = kind === 'timestamp' ? Float64Array : ARRAYS[kind]
  return new NumberColumn(home, rows, nullCount, validityAt, viewOf(home, Numbers, valuesAt, rows))
}
