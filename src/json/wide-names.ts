import { randomBytes } from 'node:crypto'

/** Numbers before the entries of an index; `crates/core/src/json/document.rs` writes them. */
export const HEADER_NUMBERS = 2
/** Numbers of an entry of an object. */
export const MEMBER_NUMBERS = 5

/** What is needed of a document: its bytes and index. */
export interface Names {
  readonly bytes: Uint8Array
  readonly numbers: Int32Array
  isNamed(entry: number, name: string): boolean
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

  constructor(source: Names, at: number) {
    const { numbers, bytes } = source
    const count = numbers[at]!
    const size = 2 ** Math.ceil(Math.log2(count * 2))
    this.#source = source
    this.#mask = size - 1
    const table = (this.#table = new Int32Array(size))
    for (let index = 0; index < count; index++) {
      const entry = at + HEADER_NUMBERS + index * MEMBER_NUMBERS
      const start = numbers[entry]!
      const end = numbers[entry + 1]!
      if (end < 0) {
        ;(this.#odd ??= new Map()).set(source.nameOf(entry), entry)
        continue
      }
      let hash = SEED
      for (let place = start; place < end; place++) hash = Math.imul(hash ^ bytes[place]!, 0x01000193)
      let slot = spread(hash) & this.#mask
      // The last member of a name takes the place of those before.
      while (table[slot] !== 0 && !this.#same(table[slot]!, start, end)) slot = (slot + 1) & this.#mask
      table[slot] = entry
    }
  }

  /** The entry of the last member with this name; −1 if there is none. */
  find(name: string): number {
    const { length } = name
    let hash = SEED
    for (let index = 0; index < length; index++)
      hash = Math.imul(hash ^ charCodeAt.call(name, index), 0x01000193)
    let slot = spread(hash) & this.#mask
    let found = -1
    for (let entry = this.#table[slot]!; entry !== 0; entry = this.#table[slot]!) {
      if (this.#source.isNamed(entry, name)) {
        found = entry
        break
      }
      slot = (slot + 1) & this.#mask
    }
    // `{"a":1,"\u0061":2}`: entries are in the order of the document.
    const odd = this.#odd?.get(name)
    return odd !== undefined && odd > found ? odd : found
  }

  #same(entry: number, start: number, end: number): boolean {
    const { bytes, numbers } = this.#source
    const other = numbers[entry]!
    if (numbers[entry + 1]! - other !== end - start) return false
    for (let offset = 0; offset < end - start; offset++) {
      if (bytes[other + offset] !== bytes[start + offset]) return false
    }
    return true
  }
}

/** Lets every bit of a hash bear on the low ones (the finaliser of MurmurHash3). */
function spread(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
