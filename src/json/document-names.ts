/** Names of members as they stand in a document: found without a string, and made once for many documents. */
import { Buffer } from 'node:buffer'

const { latin1Slice } = Buffer.prototype as unknown as Record<
  'latin1Slice',
  (this: Uint8Array, start: number, end: number) => string
>

/** Called through a constant: see `write-string.ts`. */
const charCodeAt = String.prototype.charCodeAt

/** Bits for each letter of a key, above them those for the length: see `name_key` in `document.rs`. */
const LETTER_BITS = 7
const LENGTHS = 1024

/** Names are remembered by a hash of their key; none that is longer than this. */
const PLACE_BITS = 9
export const PLACES = 1 << PLACE_BITS
const LONGEST = 32
const QUOTE = 0x22

/**
 * What is compared before a name itself: its length, and its first, middle and last letter. Of a name with
 * other than ASCII it is some number, which is no harm.
 */
export function keyOf(name: string): number {
  const { length } = name
  if (length === 0) return 0
  return (
    charCodeAt.call(name, 0) |
    (charCodeAt.call(name, length >> 1) << LETTER_BITS) |
    (charCodeAt.call(name, length - 1) << (2 * LETTER_BITS)) |
    ((length & (LENGTHS - 1)) << (3 * LETTER_BITS))
  )
}

/** Where things are remembered about names with this key: from 0 to below `PLACES`. */
export function placeOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> (32 - PLACE_BITS)
}

/** Names that were asked for, and the bytes of each, in words from the lowest byte up: four compare as fast as one letter of a string. */
const asked: string[] = Array.from({ length: PLACES }, () => '')
const askedWords = new Int32Array((PLACES * LONGEST) / 4)
/** Only every eighth new name is remembered: names that come once would cost more than they bring. */
const REMEMBERED = 8
let unknown = 0

/**
 * Where in `askedWords` the bytes of `name` are, which has this key; −1 if they are not known.
 *
 * Names with other than ASCII are never there, nor do plain names of documents equal them.
 */
export function knownName(name: string, key: number): number {
  const place = placeOf(key)
  if (asked[place] === name) return (place * LONGEST) / 4
  unknown += 1
  if (unknown % REMEMBERED === 0) remember(place, name)
  return -1
}

function remember(place: number, name: string): void {
  const { length } = name
  if (length > LONGEST || length === 0) return
  const known = (place * LONGEST) / 4
  asked[place] = ''
  askedWords.fill(0, known, known + LONGEST / 4)
  for (let index = 0; index < length; index++) {
    const code = charCodeAt.call(name, index)
    if (code >= 0x80) return
    askedWords[known + (index >> 2)]! |= code << (8 * (index & 3))
  }
  // Not the string itself, which may be a slice that holds a long one; and what is the name of a property is
  // there only once, so comparing it is comparing pointers.
  asked[place] = Object.keys({ [name]: 0 })[0]!
}

/**
 * Whether `name` is what stands at `start`, up to the closing quote; `known` is what `knownName` gave. Both
 * have the same key, so the name in the document has no quote before its end.
 */
export function isAt(bytes: Uint8Array, start: number, name: string, known: number): boolean {
  const { length } = name
  if (bytes[start + length] !== QUOTE) return false
  if (known < 0) {
    for (let index = 0; index < length; index++) {
      if (bytes[start + index] !== charCodeAt.call(name, index)) return false
    }
    return true
  }
  let at = start
  const end = start + length
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    if (word !== askedWords[known++]) return false
  }
  for (let rest = askedWords[known]!; at < end; at++, rest >>= 8) {
    if (bytes[at] !== (rest & 0xff)) return false
  }
  return true
}

/** How long the plain name at `start` is, which has this key. */
export function plainLength(bytes: Uint8Array, start: number, key: number): number {
  let length = key >>> (3 * LETTER_BITS)
  // The first quote ends it.
  while (bytes[start + length] !== QUOTE && start + length < bytes.length) length += LENGTHS
  return Math.min(length, bytes.length - start)
}

/** Names that were made last. */
const made: string[] = Array.from({ length: PLACES }, () => '')

/** The plain name at `start`, which has this key. Names come again and again, also in other documents. */
export function nameAt(bytes: Uint8Array, start: number, key: number): string {
  const length = plainLength(bytes, start, key)
  if (length > LONGEST) return latin1Slice.call(bytes, start, start + length)
  const place = placeOf(key)
  const name = made[place]!
  if (name.length === length && isAt(bytes, start, name, -1)) return name
  return (made[place] = length === 0 ? '' : latin1Slice.call(bytes, start, start + length))
}
