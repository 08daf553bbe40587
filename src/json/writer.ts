/**
 * JSON text of single values, written as bytes: the one place in TypeScript that knows the escapes and the
 * digits. The output is that of `JSON.stringify`, byte for byte.
 *
 * Every `write…(bytes, at, limit, value)` writes from `at` on, never past `limit`, and answers the offset after
 * the last byte, or `NO_ROOM`; what lies between `at` and `limit` is then undefined. `…Room` tells how many
 * bytes are surely enough.
 */
import { Buffer } from 'node:buffer'

/** The answer of a writer that met `limit`. */
export const NO_ROOM = -1

/** Enough for every number: `-1.2345678901234567e-308` has 24 characters. */
export const NUMBER_ROOM = 25

/**
 * From here on a string is copied by one native call (45 / 25 ns on Node 20 / 26) and its bytes are searched for
 * what needs an escape (1 ns each); below, a loop over its characters (2 to 3 ns each) is faster.
 */
const COPIED_STRING = 32

/** From here on `JSON.stringify` finds the escapes faster: 130 ns whatever the length on Node 26, as fast on Node 20. */
const LONG_STRING = 160

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** For each ASCII character: 0 when it stands for itself, `u` for `\u00..`, else the letter of its short escape. */
const ESCAPES = new Uint8Array(128).fill(0x75, 0, 0x20)
for (const [character, letter] of ['\bb', '\ff', '\nn', '\rr', '\tt', '""', '\\\\'] as Iterable<string>) {
  ESCAPES[character!.charCodeAt(0)] = letter!.charCodeAt(0)
}

const HEX = new Uint8Array(Buffer.from('0123456789abcdef'))

/** `utf8Write` works on every Uint8Array, not on Buffers alone, and saves the subarray that `encodeInto` needs. */
const utf8Write = (
  Buffer.prototype as Buffer & {
    utf8Write(this: Uint8Array, text: string, offset: number, length: number): number
  }
).utf8Write

/**
 * Called through this constant, never as `text.charCodeAt(index)`: once a function has seen five of V8's kinds of
 * strings (sequential, internalised, concatenated, sliced, two-byte, …), that property load is megamorphic and
 * each character costs 8 ns instead of 2 (Node 20 and 26).
 */
const charCodeAt = String.prototype.charCodeAt

/** Bytes that are surely enough for `text` as a JSON string, quotes included. */
export function stringRoom(text: string): number {
  return text.length < LONG_STRING ? text.length * 6 + 2 : Buffer.byteLength(JSON.stringify(text))
}

/** Writes `text` as a JSON string, quotes included; lone surrogates become escapes. */
export function writeString(bytes: Uint8Array, at: number, limit: number, text: string): number {
  const length = text.length
  if (length >= LONG_STRING) return writeText(bytes, at, limit, JSON.stringify(text))
  if (at + length + 2 > limit) return NO_ROOM
  if (length >= COPIED_STRING) return writeCopied(bytes, at, limit, text)
  const start = at
  bytes[at++] = QUOTE
  for (let index = 0; index < length; index++) {
    const code = charCodeAt.call(text, index)
    if (code < 0x20 || code >= 0x80 || code === QUOTE || code === BACKSLASH) {
      return writeEscaped(bytes, start, limit, text, index)
    }
    bytes[at++] = code
  }
  bytes[at++] = QUOTE
  return at
}

/** A string of some length, of which there is room for the ASCII. */
function writeCopied(bytes: Uint8Array, start: number, limit: number, text: string): number {
  const first = start + 1
  const end = first + text.length
  // As many bytes as characters: all of them are ASCII. Otherwise more were needed, and as many were written as fit.
  if (utf8Write.call(bytes, text, first, limit - first) !== text.length)
    return writeEscaped(bytes, start, limit, text, 0)
  for (let at = first; at < end; at++) {
    const code = bytes[at]!
    if (code < 0x20 || code >= 0x80 || code === QUOTE || code === BACKSLASH) {
      return writeEscaped(bytes, start, limit, text, at - first)
    }
  }
  bytes[start] = QUOTE
  bytes[end] = QUOTE
  return end + 1
}

/** `writeString` from its first character that does not stand for itself on. */
function writeEscaped(bytes: Uint8Array, start: number, limit: number, text: string, index: number): number {
  bytes[start] = QUOTE
  let at = start + 1 + index
  for (; index < text.length; index++) {
    // The longest character has 6 bytes, and the closing quote must fit too. Nearer to the limit: measure exactly.
    if (at + 7 > limit) return writeText(bytes, start, limit, JSON.stringify(text))
    const code = charCodeAt.call(text, index)
    if (code < 0x80) {
      const letter = ESCAPES[code]!
      if (letter === 0) {
        bytes[at++] = code
      } else if (letter === 0x75) {
        at = writeUnicodeEscape(bytes, at, code)
      } else {
        bytes[at++] = BACKSLASH
        bytes[at++] = letter
      }
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else if (code < 0xd800 || code > 0xdfff) {
      bytes[at++] = 0xe0 | (code >> 12)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else {
      const next = index + 1 < text.length ? charCodeAt.call(text, index + 1) : 0
      if (code > 0xdbff || next < 0xdc00 || next > 0xdfff) {
        at = writeUnicodeEscape(bytes, at, code)
      } else {
        const point = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00)
        bytes[at++] = 0xf0 | (point >> 18)
        bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
        bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
        bytes[at++] = 0x80 | (point & 0x3f)
        index++
      }
    }
  }
  bytes[at++] = QUOTE
  return at
}

function writeUnicodeEscape(bytes: Uint8Array, at: number, code: number): number {
  bytes[at] = BACKSLASH
  bytes[at + 1] = 0x75
  bytes[at + 2] = HEX[code >> 12]!
  bytes[at + 3] = HEX[(code >> 8) & 15]!
  bytes[at + 4] = HEX[(code >> 4) & 15]!
  bytes[at + 5] = HEX[code & 15]!
  return at + 6
}

/** Writes `text`, which is JSON already, as UTF-8. */
export function writeText(bytes: Uint8Array, at: number, limit: number, text: string): number {
  const length = text.length
  if (length * 3 > limit - at && Buffer.byteLength(text) > limit - at) return NO_ROOM
  return at + utf8Write.call(bytes, text, at, limit - at)
}

/** Writes `text`, which is ASCII and short. */
export function writeAscii(bytes: Uint8Array, at: number, limit: number, text: string): number {
  const length = text.length
  if (at + length > limit) return NO_ROOM
  for (let index = 0; index < length; index++) bytes[at++] = charCodeAt.call(text, index)
  return at
}

/** Writes a number with the digits of `JSON.stringify`; `NaN` and the infinities become `null`. */
export function writeNumber(bytes: Uint8Array, at: number, limit: number, value: number): number {
  if (at + NUMBER_ROOM > limit) {
    return writeAscii(bytes, at, limit, Number.isFinite(value) ? String(value) : 'null')
  }
  if ((value | 0) === value) return writeInt32(bytes, at, value)
  // Beyond int32 an integer (a time in ms, an id) is written as two numbers below it, so that no text is made.
  if (Number.isSafeInteger(value)) {
    if (value < 0) {
      bytes[at++] = 0x2d
      value = -value
    }
    const high = Math.floor(value / 1e8)
    return writeEightDigits(bytes, writePositive(bytes, at, high), value - high * 1e8)
  }
  return writeAscii(bytes, at, limit, Number.isFinite(value) ? String(value) : 'null')
}

function writeInt32(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writePositive(bytes, at, value)
  bytes[at++] = 0x2d
  // -2147483648 has no positive twin in int32; as a double it has.
  return value === -2147483648
    ? writeEightDigits(bytes, writePositive(bytes, at, 21), 47483648)
    : writePositive(bytes, at, -value)
}

/** Digits of a whole number below 2^31. */
function writePositive(bytes: Uint8Array, at: number, value: number): number {
  const end = at + digitCount(value)
  let position = end
  do {
    const rest = (value / 10) | 0
    bytes[--position] = 0x30 + value - rest * 10
    value = rest
  } while (value !== 0)
  return end
}

function digitCount(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2
    return value < 1_000 ? 3 : value < 10_000 ? 4 : 5
  }
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7
  return value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10
}

function writeEightDigits(bytes: Uint8Array, at: number, value: number): number {
  for (let position = at + 7; position >= at; position--) {
    const rest = (value / 10) | 0
    bytes[position] = 0x30 + value - rest * 10
    value = rest
  }
  return at + 8
}

/** Writes `true`, `false` or `null`. */
export function writeLiteral(bytes: Uint8Array, at: number, limit: number, value: boolean | null): number {
  if (value === false) {
    if (at + 5 > limit) return NO_ROOM
    bytes[at] = 0x66
    bytes[at + 1] = 0x61
    bytes[at + 2] = 0x6c
    bytes[at + 3] = 0x73
    bytes[at + 4] = 0x65
    return at + 5
  }
  if (at + 4 > limit) return NO_ROOM
  if (value === null) {
    bytes[at] = 0x6e
    bytes[at + 1] = 0x75
    bytes[at + 2] = 0x6c
    bytes[at + 3] = 0x6c
  } else {
    bytes[at] = 0x74
    bytes[at + 1] = 0x72
    bytes[at + 2] = 0x75
    bytes[at + 3] = 0x65
  }
  return at + 4
}
