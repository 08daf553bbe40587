/**
 * JSON strings as bytes, exactly as `JSON.stringify` writes them: the one place in TypeScript that knows the
 * escapes.
 *
 * Writers take a chunk as `bytes` and as a `view` of the same bytes, write from `at` on and give the offset after
 * the last byte. They check no limit: the caller has made sure that there is room.
 */
import { Buffer } from 'node:buffer'
import { longStrings } from './long-strings.js'

/**
 * From here on a string is copied by one engine call and its bytes are searched for what needs an escape, four at
 * a time; below, a loop over its characters is faster: 1.4 ns each, of which all but 0.3 is `charCodeAt`. The
 * call costs 45 ns on Node 20 and 15 to 25 later, where V8 calls it without leaving optimised code.
 */
export const COPIED_STRING = Number.parseInt(process.versions.v8 ?? '0') >= 12 ? 24 : 36

/** From here on the native side finds the escapes faster, and on Node 26 `JSON.stringify` does. */
export const LONG_STRING = 400

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** For each ASCII character: 0 when it stands for itself, `u` for `\u00..`, else the letter of its short escape. */
const ESCAPES = new Uint8Array(128).fill(0x75, 0, 0x20)
for (const [character, letter] of ['\bb', '\ff', '\nn', '\rr', '\tt', '""', '\\\\'] as Iterable<string>) {
  ESCAPES[character!.charCodeAt(0)] = letter!.charCodeAt(0)
}

const HEX = new Uint8Array(Buffer.from('0123456789abcdef'))

/** `utf8Write` works on every Uint8Array, not on Buffers alone, and saves the subarray that `encodeInto` needs. */
const { utf8Write } = Buffer.prototype as unknown as {
  utf8Write(this: Uint8Array, text: string, offset: number, length: number): number
}

/**
 * Called through this constant, never as `text.charCodeAt(index)`: once a function has seen five of V8's kinds of
 * strings (sequential, internalised, concatenated, sliced, two-byte, …), that property load is megamorphic and
 * each character costs 8 ns instead of 1.4.
 */
const charCodeAt = String.prototype.charCodeAt

/** Writes `text`, shorter than `LONG_STRING`, as a JSON string. Needs six bytes for each UTF-16 unit, and two. */
export function writeString(bytes: Uint8Array, view: DataView, at: number, text: string): number {
  bytes[at] = QUOTE
  const end = writeInside(bytes, view, at + 1, text)
  bytes[end] = QUOTE
  return end + 1
}

/**
 * Writes the inside of a JSON string. Needs six bytes for each UTF-16 unit, or three for each of a string of
 * `LONG_STRING` or more: those get their escapes by `finish`, which has to be called at the end.
 */
export function writeInside(bytes: Uint8Array, view: DataView, at: number, text: string): number {
  const length = text.length
  if (length >= COPIED_STRING) return writeCopied(bytes, view, at, text)
  const start = at
  let index = 0
  let high = 0
  let flaws = 0
  // Four characters become one store and one check: a string of 13 costs 24 ns instead of 37.
  for (; index + 4 <= length; index += 4) {
    const a = charCodeAt.call(text, index)
    const b = charCodeAt.call(text, index + 1)
    const c = charCodeAt.call(text, index + 2)
    const d = charCodeAt.call(text, index + 3)
    const word = a | (b << 8) | (c << 16) | (d << 24)
    high |= a | b | c | d
    flaws |= flawsOf(word)
    view.setInt32(at, word, true)
    at += 4
  }
  for (; index < length; index++) {
    const code = charCodeAt.call(text, index)
    high |= code
    flaws |= flawsOf(code | 0x20202000)
    bytes[at++] = code
  }
  return high < 0x80 && (flaws & 0x80808080) === 0 ? at : writeEscaped(bytes, start, text, 0)
}

/** By one engine call. What it cannot do, escapes and lone surrogates, is done character by character. */
function writeCopied(bytes: Uint8Array, view: DataView, at: number, text: string): number {
  if (text.length >= LONG_STRING) return writeLong(bytes, at, text)
  const end = writeText(bytes, at, text)
  // As many bytes as units: all of them are ASCII.
  if (end - at !== text.length && !isWellFormed(text)) return writeEscaped(bytes, at, text, 0)
  const last = end - 4
  let flaws = flawsOf(view.getInt32(last, true))
  for (let position = at; position < last; position += 4) flaws |= flawsOf(view.getInt32(position, true))
  return (flaws & 0x80808080) === 0 ? end : writeEscaped(bytes, at, text, 0)
}

/** Without its escapes. */
function writeLong(bytes: Uint8Array, at: number, text: string): number {
  const end = writeText(bytes, at, text)
  if (end - at === text.length || isWellFormed(text)) {
    longStrings.add(at, end)
    return end
  }
  // A lone surrogate: as UTF-8 it is a U+FFFD, as JSON an escape, which may need more than there is.
  const escaped = JSON.stringify(text).slice(1, -1)
  const needed = Buffer.byteLength(escaped)
  if (needed <= bytes.length - at) return writeText(bytes, at, escaped)
  longStrings.missingBytes += needed
  return at
}

/**
 * Has a highest bit of a byte set if, and only if, one of the four bytes is a quote, a backslash or below 0x20
 * (https://graphics.stanford.edu/~seander/bithacks.html, haszero and hasless); which one is not to be relied on.
 */
function flawsOf(word: number): number {
  // A quote differs from a space by bit 1, and no control character becomes one by it.
  const low = word ^ 0x02020202
  const backslashes = word ^ 0x5c5c5c5c
  return ((low - 0x21212121) & ~low) | ((backslashes - 0x01010101) & ~backslashes)
}

/** From the unit at `index` on, which is to be written at `at`. */
function writeEscaped(bytes: Uint8Array, at: number, text: string, index: number): number {
  for (; index < text.length; index++) {
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

/** Writes `text`, which needs no escapes, as UTF-8. Needs as many bytes as that has, or three for each unit. */
export function writeText(bytes: Uint8Array, at: number, text: string): number {
  return at + utf8Write.call(bytes, text, at, bytes.length - at)
}

/** Writes `text`, which is ASCII and short. */
export function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  const length = text.length
  for (let index = 0; index < length; index++) bytes[at++] = charCodeAt.call(text, index)
  return at
}

/** False when there is a lone surrogate, which has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}
