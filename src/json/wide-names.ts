import { randomBytes } from 'node:crypto'
import { HEADER_NUMBERS, MEMBER_NUMBERS } from './document-index.js'
import { keyOf } from './document-names.js'

/** What is needed of a document: its bytes and index. */
export interface Names {
  readonly bytes: Uint8Array
  readonly numbers: Int32Array
  count(row: number): number
  isNamed(entry: number, name: string, key: number): boolean
  nameOf(entry: number): string
}

/** Unknown to whoever writes documents, so that names cannot be chosen to collide. */
const SEED = randomBytes(4).readInt32LE()

/** Called through a constant: see `write-string.ts`. */
const charCodeAt = String.prototype.charCodeAt

/**
 * The names of a wide object by hash: 10 to 15 ns a name to build, with no strings made, and one or two
 * comparisons a look-up. Names with escapes or other than ASCII, which are few, are strings in a map.
 */
export class WideNames {
  readonly #source: Names
  /** Entries by hash, 0 for none; open addressing with linear probing. */
  readonly #table: Int32Array
  readonly #mask: number
  readonly #odd: Map<string, number> | undefined

  constructor(source: Names, row: number) {
    const { numbers, bytes } = source
    const count = source.count(row)
    const size = 2 ** Math.ceil(Math.log2(count * 2))
    this.#source = source
    this.#mask = size - 1
    const table = (this.#table = new Int32Array(size))
    for (let index = 0; index < count; index++) {
      const entry = row + HEADER_NUMBERS + index * MEMBER_NUMBERS
      if (numbers[entry]! < 0) {
        ;(this.#odd ??= new Map()).set(source.nameOf(entry), entry)
        continue
      }
      let hash = SEED
      let at = numbers[entry + 1]!
      for (let byte = bytes[at]; byte !== 0x22 && byte !== undefined; byte = bytes[++at]) {
        hash = Math.imul(hash ^ byte, 0x01000193)
      }
      let slot = spread(hash) & this.#mask
      // The last member of a name takes the place of those before.
      while (table[slot] !== 0 && !this.#same(table[slot]!, entry)) slot = (slot + 1) & this.#mask
      table[slot] = entry
    }
  }

  /** The entry of the last member with this name; −1 if there is none. */
  find(name: string): number {
    const { length } = name
    let hash = SEED
    for (let index = 0; index < length; index++) {
      hash = Math.imul(hash ^ charCodeAt.call(name, index), 0x01000193)
    }
    let slot = spread(hash) & this.#mask
    const key = keyOf(name)
    let found = -1
    for (let entry = this.#table[slot]!; entry !== 0; entry = this.#table[slot]!) {
      if (this.#source.isNamed(entry, name, key)) {
        found = entry
        break
      }
      slot = (slot + 1) & this.#mask
    }
    // `{"a":1,"\u0061":2}`: entries are in the order of the document.
    const odd = this.#odd?.get(name)
    return odd !== undefined && odd > found ? odd : found
  }

  #same(one: number, other: number): boolean {
    const { bytes, numbers } = this.#source
    if (numbers[one] !== numbers[other]) return false
    let at = numbers[one + 1]!
    let there = numbers[other + 1]!
    for (let byte = bytes[at]; byte !== 0x22 && byte !== undefined; byte = bytes[++at]) {
      if (byte !== bytes[there++]) return false
    }
    return bytes[there] === 0x22
  }
}

/** Lets every bit of a hash bear on the low ones (the finaliser of MurmurHash3). */
function spread(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
