import { Buffer } from 'node:buffer'
import { PrimarenaError } from '../errors.js'
import { ARRAYS, BOUNDS, type Field, type NumberArray } from './record-schema.js'

/** The furthest that a `Date` goes from 1970, in milliseconds. */
const MAX_MILLISECONDS = 8.64e15

/** Up to this length a loop over the characters beats a call of `Buffer.write`. */
const SHORT_TEXT = 32

interface RawBuffer extends Buffer {
  utf8Slice?(start: number, end: number): string
}

/**
 * The values of a record for `JSON.stringify`, as `pool.toJSON` writes them, but for 64-bit integers: those are
 * decimal strings, since a number would lose digits and a BigInt throws.
 */
export function jsonValues(values: object, fields: readonly Field[]): object {
  const known = values as { [name: string]: unknown }
  // Not by assignment: a field may be called `__proto__`.
  return Object.fromEntries(fields.map((field) => [field.name, jsonValue(known[field.name], field)]))
}

function jsonValue(value: unknown, { shape }: Field): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (shape === 'bytes') return Buffer.from(value as Uint8Array).toString('base64')
  if (shape !== 'vector') return value
  return Array.from(value as ArrayLike<unknown>, (element) =>
    typeof element === 'bigint' ? element.toString() : element,
  )
}

/** Text of a slab. `utf8Slice` is what `toString` calls, less 30 ns of options. */
export function readText(text: Buffer, start: number, length: number): string {
  if (length === 0) return ''
  const { utf8Slice } = text as RawBuffer
  return utf8Slice === undefined
    ? text.toString('utf8', start, start + length)
    : utf8Slice.call(text, start, start + length)
}

/** Writes text and gives its length in bytes; lone surrogates become U+FFFD. Nothing is written when it is too long. */
export function writeText(
  text: Buffer,
  start: number,
  oldLength: number,
  value: string,
  field: Field,
): number {
  const units = value.length
  let length = 0
  if (units <= SHORT_TEXT && units <= field.length) {
    while (length < units && value.charCodeAt(length) < 0x80) length += 1
    if (length === units) {
      for (let index = 0; index < units; index++) text[start + index] = value.charCodeAt(index)
      if (oldLength > length) text.fill(0, start + length, start + oldLength)
      return length
    }
  }
  // A UTF-16 unit takes one to three bytes.
  if (units * 3 > field.length) {
    const needed = Buffer.byteLength(value)
    if (needed > field.length) throw tooLong(field, needed)
  }
  length = text.write(value, start, field.length, 'utf8')
  if (oldLength > length) text.fill(0, start + length, start + oldLength)
  return length
}

/** Milliseconds of a number or `Date`. */
export function timeOf(value: unknown, field: Field): number {
  const milliseconds = value instanceof Date ? value.getTime() : value
  if (typeof milliseconds !== 'number') throw wrongType(field, 'milliseconds or a Date', value)
  if (!Number.isInteger(milliseconds) || Math.abs(milliseconds) > MAX_MILLISECONDS) {
    throw misfit(field, 'a whole number of milliseconds within 8.64e15 of 1970', milliseconds)
  }
  return milliseconds
}

/** The error for a value that a number field cannot hold. */
export function badNumber(value: unknown, field: Field): Error {
  const big = field.number === 'u64' || field.number === 'i64'
  const type = big ? 'bigint' : 'number'
  if (typeof value !== type) return wrongType(field, big ? 'a BigInt' : 'a number', value)
  const bounds = BOUNDS[field.number]
  if (bounds) return misfit(field, `a whole number, ${bounds[0]} to ${bounds[1]}`, value)
  const range = field.number === 'u64' ? '0 to 2^64 - 1' : '-2^63 to 2^63 - 1'
  return misfit(field, `a BigInt, ${range}`, value)
}

/** Whether a value fits the field's element type as it is (floats are rounded). */
export function fits(value: unknown, field: Field): boolean {
  if (field.number === 'u64') return typeof value === 'bigint' && BigInt.asUintN(64, value) === value
  if (field.number === 'i64') return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
  if (typeof value !== 'number') return false
  const bounds = BOUNDS[field.number]
  return bounds === undefined || (Number.isInteger(value) && value >= bounds[0] && value <= bounds[1])
}

/**
 * The elements for a vector, all of them checked: a typed array of its own kind as it is, anything else copied, so
 * that getters have run before the slab is touched.
 */
export function elementsOf(value: unknown, field: Field): NumberArray {
  const Constructor = ARRAYS[field.number]
  if (typeof value !== 'object' || value === null) throw wrongType(field, `${field.length} numbers`, value)
  const length: unknown = (value as ArrayLike<unknown>).length
  if (length !== field.length) throw misfit(field, `${field.length} elements`, length)
  if (value instanceof Constructor) return value
  const copy = new Constructor(field.length)
  for (let index = 0; index < field.length; index++) {
    const element = (value as ArrayLike<unknown>)[index]
    if (!fits(element, field)) throw badNumber(element, field)
    copy[index] = element as never
  }
  return copy
}

/** The bytes for a bytes field. */
export function bytesOf(value: unknown, field: Field): Uint8Array {
  if (!(value instanceof Uint8Array)) throw wrongType(field, 'a Uint8Array', value)
  if (value.length > field.length) throw tooLong(field, value.length)
  return value
}

export function wrongType(field: Field, expected: string, value: unknown): TypeError {
  const got = value === null ? 'null' : typeof value
  return new TypeError(`${field.name}: expected ${expected}, got ${got}`)
}

function misfit(field: Field, expected: string, value: unknown): PrimarenaError {
  return new PrimarenaError('ERR_RECORD_VALUE', `${field.name}: expected ${expected}, got ${String(value)}`, {
    path: field.name,
  })
}

function tooLong(field: Field, bytes: number): PrimarenaError {
  return new PrimarenaError(
    'ERR_RECORD_VALUE',
    `${field.name}: expected at most ${field.length} bytes, got ${bytes}`,
    { path: field.name },
  )
}
