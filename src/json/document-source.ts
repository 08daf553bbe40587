/** What a document and all that is read from it share: the bytes, their lifetime, and the index. */
import type { Allocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { FAILED, raw, takeLastError } from '../native.js'
import { stringOf } from './document-values.js'
import { NEEDS } from './paths.js'
import { HEADER_NUMBERS, MEMBER_NUMBERS, WideNames, type Names } from './wide-names.js'

/** Numbers of an entry of an array; `crates/core/src/json/document.rs` writes them. */
export const ELEMENT_NUMBERS = 3

/** Objects with more members are looked up by hash, once that pays. */
const NARROW = 24

/** A hash takes about as long to build as this many look-ups without one. */
const LOOK_UPS = 32

/** Numbers that the first index has room for: so many, or one for so many bytes of the document. */
const FIRST_NUMBERS = 128
const FIRST_NUMBERS_MOST = 1 << 16
const BYTES_A_NUMBER = 16

/** Called through a constant: see `write-string.ts`. */
const charCodeAt = String.prototype.charCodeAt

/** An allocator that counts its resets has a generation. */
type Home = Allocator & { readonly generation?: number; readonly disposed?: boolean }

/**
 * A container is indexed when it is first entered: a row of numbers (see `document.rs`), at a position in
 * `numbers` that is noted in the entry of its parent. Position 0 means: not indexed yet.
 */
export class Source implements Names {
  readonly bytes: Uint8Array
  readonly trusted: boolean
  readonly allocator: Home | undefined
  readonly #generation: number | undefined
  readonly #length: number
  /** The index, as what JavaScript reads: the end of an odd name is negative. */
  numbers = new Int32Array(0)
  #room = new Uint32Array(0)
  #used = 1
  #wide: Map<number, WideNames> | undefined
  /** Position of the index of the root. */
  root = 0

  constructor(bytes: Uint8Array, allocator: Home | undefined, trusted: boolean) {
    this.bytes = bytes
    this.allocator = allocator
    this.trusted = trusted
    this.#generation = allocator?.generation
    this.#length = bytes.length
  }

  /** Throws unless the bytes are still the document's: also where a reset detaches nothing. */
  check(): void {
    const { allocator } = this
    if (
      (allocator === undefined || allocator.generation === this.#generation) &&
      this.bytes.length === this.#length
    )
      return
    if (allocator?.disposed === true) {
      throw new PrimarenaError('ERR_ARENA_DISPOSED', 'the arena of this document is disposed')
    }
    throw new PrimarenaError(
      'ERR_STALE_HANDLE',
      'the arena of this document was reset, or its bytes were transferred',
    )
  }

  /** The position of the index of the container at `start`, which is made if need be. */
  enter(start: number, slot: number): number {
    const known = slot < 0 ? this.root : this.numbers[slot]!
    return known === 0 ? this.#index(start, slot) : known
  }

  #index(start: number, slot: number): number {
    const at = this.#used
    if (this.#room.length === 0) {
      this.#grow(FIRST_NUMBERS + Math.min(this.#length / BYTES_A_NUMBER, FIRST_NUMBERS_MOST))
    }
    let end = raw.documentIndex(this.bytes, start, this.#room, at)
    if (end <= NEEDS) {
      this.#grow(at + (NEEDS - end))
      end = raw.documentIndex(this.bytes, start, this.#room, at)
    }
    if (end === FAILED) throw takeLastError()
    this.#used = end
    if (slot < 0) this.root = at
    else this.numbers[slot] = at
    return at
  }

  #grow(needed: number): void {
    const length = Math.ceil(Math.max(needed, this.#room.length * 2))
    const { allocator } = this
    let room: Uint32Array<ArrayBuffer>
    if (allocator === undefined) {
      room = new Uint32Array(length)
    } else {
      // What native code has not written is never read, so it need not be zero.
      const place = allocator.allocUnsafe(length * 4)
      room = new Uint32Array(place.buffer as ArrayBuffer, place.byteOffset, length)
    }
    if (this.#used > 1) room.set(this.#room.subarray(0, this.#used))
    this.#room = room
    this.numbers = new Int32Array(room.buffer, room.byteOffset, length)
  }

  /** The entry of the member `name` of the object indexed at `at`; −1 if there is none. The last one counts. */
  member(at: number, name: string): number {
    const { numbers, bytes } = this
    const count = numbers[at]!
    if (count > NARROW) {
      const lookUps = numbers[at + 1]!
      if (lookUps >= LOOK_UPS) return this.#wideNames(at).find(name)
      numbers[at + 1] = lookUps + 1
    }
    const { length } = name
    const first = length === 0 ? 0x22 : charCodeAt.call(name, 0)
    const from = at + HEADER_NUMBERS
    for (let entry = from + (count - 1) * MEMBER_NUMBERS; entry >= from; entry -= MEMBER_NUMBERS) {
      const start = numbers[entry]!
      const end = numbers[entry + 1]!
      // Most names differ in length or in their first letter; odd ones have a negative end.
      if ((end - start === length && bytes[start] === first) || end < 0) {
        if (this.isNamed(entry, name)) return entry
      }
    }
    return -1
  }

  /** Whether the member of `entry` has this name. */
  isNamed(entry: number, name: string): boolean {
    const start = this.numbers[entry]!
    const end = this.numbers[entry + 1]!
    const { length } = name
    if (end < 0) return stringOf(this.bytes, start, end & 0x7fffffff) === name
    if (end - start !== length) return false
    const { bytes } = this
    for (let index = 0; index < length; index++) {
      if (bytes[start + index] !== charCodeAt.call(name, index)) return false
    }
    return true
  }

  /** The name of the member of `entry`. */
  nameOf(entry: number): string {
    return stringOf(this.bytes, this.numbers[entry]!, this.numbers[entry + 1]! & 0x7fffffff)
  }

  #wideNames(at: number): WideNames {
    let names = this.#wide?.get(at)
    if (names === undefined) {
      names = new WideNames(this, at)
      ;(this.#wide ??= new Map()).set(at, names)
    }
    return names
  }
}
