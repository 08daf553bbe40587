/** Records of four fields (u32, f64, f64, u32), as columns, as literals and in a pool. */
import { t } from 'primarena'
import { RecordPool } from '../../dist/pool/record-pool.js'

/** The values, by column: a random double, an amount with cents, two whole numbers. */
export interface RecordColumns {
  readonly length: number
  readonly id: Uint32Array
  readonly score: Float64Array
  readonly price: Float64Array
  readonly count: Uint32Array
}

export interface Literal {
  id: number
  score: number
  price: number
  count: number
}

export function columnsOf(length: number): RecordColumns {
  const columns = {
    length,
    id: new Uint32Array(length),
    score: new Float64Array(length),
    price: new Float64Array(length),
    count: new Uint32Array(length),
  }
  let seed = 1
  const next = (): number => {
    // mulberry32
    seed = (seed + 0x6d2b79f5) | 0
    let word = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return (word ^ (word >>> 14)) >>> 0
  }
  for (let row = 0; row < length; row++) {
    columns.id[row] = row
    columns.score[row] = (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53
    columns.price[row] = (next() % 1_000_000) / 100
    columns.count[row] = next() % 10_000
  }
  return columns
}

export function literalsOf({ length, id, score, price, count }: RecordColumns): Literal[] {
  const rows: Literal[] = []
  for (let row = 0; row < length; row++) {
    rows.push({ id: id[row]!, score: score[row]!, price: price[row]!, count: count[row]! })
  }
  return rows
}

export const recordSchema = { id: t.u32(), score: t.f64(), price: t.f64(), count: t.u32() }

/** An owner without a budget. */
const owner = { label: 'benchmark', charge() {}, uncharge() {} }

export function poolOf(columns?: RecordColumns): RecordPool<typeof recordSchema> {
  const pool = new RecordPool(owner, recordSchema)
  if (columns) fill(pool, columns)
  return pool
}

export function fill(pool: RecordPool<typeof recordSchema>, columns: RecordColumns): void {
  const { length, id, score, price, count } = columns
  const cursor = pool.cursor()
  const { record } = cursor
  for (let row = 0; row < length; row++) {
    cursor.acquire()
    record.id = id[row]!
    record.score = score[row]!
    record.price = price[row]!
    record.count = count[row]!
  }
}
