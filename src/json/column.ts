/** Columns of rows, in the layout of Apache Arrow. */
import { Buffer } from 'node:buffer'
import type { Allocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { ARRAYS } from '../number-arrays.js'
import { livesIn } from '../results.js'
import type { Kind, NumberArray } from '../types.js'

/** The kinds of arrays that columns of numbers have. */
export type ColumnArray = NumberArray

/** The allocator that rows were written into, and its generation then. @internal */
export interface Home {
  readonly allocator: Allocator & { readonly generation?: number }
  readonly generation: number | undefined
}

/** What both kinds of columns have. Valid until the allocator that holds it is reset or disposed. */
abstract class BaseColumn<Value> {
  /** How many rows there are. */
  readonly length: number
  /** How many of them have no value: it is missing or `null`. */
  readonly nullCount: number
  /** A bit for each row, least significant first; set for a row that has a value. */
  readonly validity: Uint8Array

  readonly #home: Home

  /** @internal */
  constructor(home: Home, length: number, nullCount: number, validity: Uint8Array) {
    this.#home = home
    this.length = length
    this.nullCount = nullCount
    this.validity = validity
  }

  /** @internal */
  get [livesIn](): unknown {
    return this.#home.allocator
  }

  /** Throws when the bytes are no longer the column's: also where a reset detaches nothing. */
  #check(): void {
    const { allocator, generation } = this.#home
    if (allocator.generation !== generation || (this.validity.length === 0 && this.length > 0)) {
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
    return row >= 0 && row < this.length && ((this.validity[row >> 3]! >> (row & 7)) & 1) === 1
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
  constructor(home: Home, length: number, nullCount: number, validity: Uint8Array, values: Values) {
    super(home, length, nullCount, validity)
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
    validity: Uint8Array,
    offsets: Int32Array,
    bytes: Buffer,
    kind: 'string' | 'json' | 'bytes',
  ) {
    super(home, length, nullCount, validity)
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

/** Where the parts of a column are, in bytes from the first one; see `crates/core/src/json/columns.rs`. */
export interface ColumnParts {
  validity: number
  values: number
  text: number
  textBytes: number
  nullCount: number
}

/** Any column, as it is made of its parts; `start` is a multiple of 8. */
export function makeColumn(
  home: Home,
  kind: Kind | 'any',
  rows: number,
  buffer: ArrayBuffer,
  start: number,
  parts: ColumnParts,
): BaseColumn<unknown> {
  const validity = new Uint8Array(buffer, start + parts.validity, Math.ceil(rows / 8))
  const values = start + parts.values
  if (kind === 'boolean') {
    return new BooleanColumn(home, rows, parts.nullCount, validity, new Uint8Array(buffer, values, rows))
  }
  if (kind === 'string' || kind === 'json' || kind === 'bytes' || kind === 'any' || kind === 'each') {
    const offsets = new Int32Array(buffer, values, rows + 1)
    const bytes = Buffer.from(buffer, start + parts.text, parts.textBytes)
    const reading = kind === 'string' || kind === 'bytes' ? kind : 'json'
    return new TextColumn(home, rows, parts.nullCount, validity, offsets, bytes, reading)
  }
  const Numbers = kind === 'timestamp' ? Float64Array : ARRAYS[kind]
  return new NumberColumn(home, rows, parts.nullCount, validity, new Numbers(buffer, values, rows))
}
