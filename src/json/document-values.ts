/** Values of a document as JavaScript has them, decoded from its bytes. */
import { Buffer } from 'node:buffer'
import { PrimarenaError } from '../errors.js'

const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as Record<
  'latin1Slice' | 'utf8Slice',
  (this: Uint8Array, start: number, end: number) => string
>

/** What a value is. */
export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

const { fromCharCode } = String

/** The kind of the value that starts with `byte`; nothing if none does. */
export function kindOf(byte: number | undefined): JsonKind | undefined {
  switch (byte) {
    case 0x7b:
      return 'object'
    case 0x5b:
      return 'array'
    case 0x22:
      return 'string'
    case 0x74:
    case 0x66:
      return 'boolean'
    case 0x6e:
      return 'null'
    default:
      return byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39) ? 'number' : undefined
  }
}

/** The text between two bytes, which is UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8Slice.call(bytes, start, end)
}

/** A document that was trusted and is not JSON. */
export function broken(offset: number, what: string, cause?: unknown): PrimarenaError {
  return new PrimarenaError('ERR_JSON_SYNTAX', `expected ${what} at offset ${offset}`, { offset, cause })
}

/** What JSON.parse makes of the text between two bytes. */
export function parse(bytes: Uint8Array, start: number, end: number): unknown {
  try {
    return JSON.parse(utf8Slice.call(bytes, start, end))
  } catch (error) {
    throw broken(start, 'a JSON value', error)
  }
}

/** The string with these insides (between its quotes), of ASCII without escapes. */
export function plainText(bytes: Uint8Array, start: number, end: number): string {
  switch (end - start) {
    case 0:
      return ''
    // From five letters on a native call is no slower.
    case 1:
      return fromCharCode(bytes[start]!)
    case 2:
      return fromCharCode(bytes[start]!, bytes[start + 1]!)
    case 3:
      return fromCharCode(bytes[start]!, bytes[start + 1]!, bytes[start + 2]!)
    case 4:
      return fromCharCode(bytes[start]!, bytes[start + 1]!, bytes[start + 2]!, bytes[start + 3]!)
    default:
      return latin1Slice.call(bytes, start, end)
  }
}

/** The string with these insides (between its quotes). */
export function stringOf(bytes: Uint8Array, start: number, end: number): string {
  const text = utf8Slice.call(bytes, start, end)
  return text.includes('\\') ? unescape(bytes, start, end) : text
}

function unescape(bytes: Uint8Array, start: number, end: number): string {
  return parse(bytes, start - 1, end + 1) as string
}

/** The number with this text. */
export function numberOf(bytes: Uint8Array, start: number, end: number): number {
  // Whole numbers of up to nine digits are most of all numbers.
  if (end - start <= 9) {
    let value = 0
    for (let at = start; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (!(digit >= 0 && digit <= 9)) return otherNumber(bytes, start, end)
      value = value * 10 + digit
    }
    return value
  }
  return otherNumber(bytes, start, end)
}

function otherNumber(bytes: Uint8Array, start: number, end: number): number {
  const value = Number(latin1Slice.call(bytes, start, end))
  if (Number.isNaN(value)) throw broken(start, 'a number')
  return value
}
