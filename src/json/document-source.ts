/** What a document and all that is read from it share: the bytes, their lifetime, and the index. */
import { Buffer } from 'node:buffer'
import { window, type Allocator, type WindowedAllocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { FAILED, raw, takeLastError } from '../native.js'
import {
  COUNT,
  DISTINCT,
  ELEMENT_NUMBERS,
  HEADER_NUMBERS,
  MEMBER_NUMBERS,
  MEMBER_VALUE,
  ROW_END,
  UNSIGNED,
} from './document-index.js'
import { isAt, keyOf, knownName, nameAt, placeOf, PLACES } from './document-names.js'
import { stringOf } from './document-values.js'
import { NEEDS } from './paths.js'
import { WideNames } from './wide-names.js'

/** In place of the position of a value: the root, which has no entry. */
export const ROOT = -1

/** A larger container is never indexed with all that is in it, so that a little of a huge document costs little. */
const LARGE_BYTES = 1 << 22
/** A smaller one always is. */
const SMALL_BYTES = 1 << 11

/**
 * What lies between is indexed with all that is in it once so many containers of the document were indexed
 * alone. Every sixteenth document is a probe: when more of it is read than that, the next ones are indexed as
 * a whole at once.
 */
const FEW_CONTAINERS = 2
const PROBE_EVERY = 16
let documents = 0
let probedContainers = 0
let deepPays = false

/** Where in its object each name stood last, by the hash of its key. */
const hints = new Uint8Array(PLACES)

/** Objects with more members are looked up by hash, once that pays. */
const NARROW = 24
/** A hash takes about as long to build as this many look-ups without one. */
const LOOK_UPS = 32

/** Numbers of index for a byte of document: what the last documents had, and a little more. */
let density = 1 / 6
const MOST_DENSITY = 1 / 2
/** Of a container that is indexed alone. */
const LEAST_DENSITY = 1 / 64
const FEW_NUMBERS = 32

/** An allocator that counts its resets has a generation. */
type Home = Allocator &
  Partial<WindowedAllocator> & { readonly generation?: number; readonly disposed?: boolean }

const NO_NUMBERS = new Int32Array(0)

/** The bytes of a document with its index, which is made when a container is first entered. */
export class Source {
  readonly bytes: Uint8Array
  readonly trusted: boolean
  readonly allocator: Home | undefined
  /** The bytes of the root value. */
  readonly start: number
  readonly end: number
  readonly #generation: number | undefined
  readonly #length: number
  numbers: Int32Array = NO_NUMBERS
  /** The bytes of `numbers`. */
  #place: Buffer | undefined
  /** Numbers that may be written, and those that are. */
  #room = 0
  #used = 0
  /** How many containers were indexed. */
  #indexed = 0
  #isProbe = false
  /** The row of the root; 0 as long as there is none. */
  #root = 0
  #wide: Map<number, WideNames> | undefined
  /** The path that was followed last: where from, its steps, and the values that they led to. */
  #from = 0
  #followed = 0
  #steps: (string | number)[] = []
  #places: number[] = []

  constructor(bytes: Uint8Array, start: number, end: number, allocator: Home | undefined, trusted: boolean) {
    this.bytes = bytes
    this.start = start
    this.end = end
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

  /** Where the value at `place` starts. */
  startOf(place: number): number {
    return place === ROOT ? this.start : this.numbers[place]! & UNSIGNED
  }

  /** Where the value at `place` ends. */
  endOf(place: number): number {
    if (place === ROOT) return this.end
    const end = this.numbers[place + 1]!
    return end < 0 ? this.numbers[~end + ROW_END]! : end
  }

  /** Whether the string at `place` is known to be ASCII without escapes. */
  isPlain(place: number): boolean {
    return place !== ROOT && this.numbers[place]! >= 0
  }

  /** The row of the container at `place`, which is made if need be. */
  enter(place: number): number {
    if (place === ROOT) return this.#root === 0 ? this.#index(place, this.start, this.end) : this.#root
    const { numbers } = this
    const end = numbers[place + 1]!
    return end < 0 ? ~end : this.#index(place, numbers[place]!, end)
  }

  /** How many entries the row has. */
  count(row: number): number {
    return this.numbers[row]! & COUNT
  }

  /** The place of the value at the end of `path`, from the value at `place` on; nothing if there is none. */
  find(place: number, path: readonly (string | number)[]): number | undefined {
    const last = path.length - 1
    if (last === 0) return this.#step(place, path[0]!)
    const steps = this.#steps
    const places = this.#places
    let depth = 0
    // Paths that are read one after the other often lead to the same container.
    if (place === this.#from) {
      const most = Math.min(last, this.#followed)
      while (depth < most && path[depth] === steps[depth]) depth += 1
      if (depth > 0) place = places[depth - 1]!
    } else {
      this.#from = place
      this.#followed = 0
    }
    for (; depth < last; depth++) {
      const step = path[depth]!
      const found = this.#step(place, step)
      if (found === undefined) return undefined
      place = found
      steps[depth] = step
      places[depth] = place
      this.#followed = depth + 1
    }
    return this.#step(place, path[last]!)
  }

  #step(place: number, step: string | number): number | undefined {
    const first = this.bytes[this.startOf(place)]
    if (typeof step === 'string') {
      if (first !== 0x7b) return undefined
      const entry = this.member(this.enter(place), step)
      return entry < 0 ? undefined : entry + MEMBER_VALUE
    }
    if (typeof step !== 'number') {
      throw new TypeError(`expected a path of names and indexes, got ${step === null ? 'null' : typeof step}`)
    }
    if (first !== 0x5b) return undefined
    const row = this.enter(place)
    const count = this.count(row)
    const index = step < 0 ? count + step : step
    if (!(index >= 0 && index < count) || !Number.isInteger(index)) return undefined
    return row + HEADER_NUMBERS + index * ELEMENT_NUMBERS
  }

  /** The entry of the member `name` of the object that has `row`; −1 if there is none. The last one counts. */
  member(row: number, name: string): number {
    const { numbers, bytes } = this
    const header = numbers[row]!
    if (header < 0) return this.#memberElse(row, name)
    const count = header & COUNT
    const key = keyOf(name)
    const known = knownName(name, key)
    const from = row + HEADER_NUMBERS
    if ((header & DISTINCT) !== 0) {
      // Any match is the one, and it is likely to stand where this name stood last.
      const place = placeOf(key)
      const hint = hints[place]!
      if (hint < count) {
        const entry = from + hint * MEMBER_NUMBERS
        if (numbers[entry] === key && isAt(bytes, numbers[entry + 1]!, name, known)) return entry
      }
      for (let index = 0, entry = from; index < count; index++, entry += MEMBER_NUMBERS) {
        if (numbers[entry] === key && isAt(bytes, numbers[entry + 1]!, name, known)) {
          hints[place] = index
          return entry
        }
      }
      return -1
    }
    if (count > NARROW) return this.#memberElse(row, name)
    for (let entry = from + (count - 1) * MEMBER_NUMBERS; entry >= from; entry -= MEMBER_NUMBERS) {
      if (numbers[entry] === key && isAt(bytes, numbers[entry + 1]!, name, known)) return entry
    }
    return -1
  }

  /** The same for objects that are wide or have names with escapes or other than ASCII. */
  #memberElse(row: number, name: string): number {
    const { numbers } = this
    const count = this.count(row)
    if (count > NARROW) {
      const lookUps = numbers[row + 1]!
      if (lookUps >= LOOK_UPS) return this.#wideNames(row).find(name)
      numbers[row + 1] = lookUps + 1
    }
    const key = keyOf(name)
    const from = row + HEADER_NUMBERS
    for (let entry = from + (count - 1) * MEMBER_NUMBERS; entry >= from; entry -= MEMBER_NUMBERS) {
      if (numbers[entry]! < 0 ? this.nameOf(entry) === name : this.isNamed(entry, name, key)) return entry
    }
    return -1
  }

  /** Whether the name of the member of `entry` is plain and this one, which has that key. */
  isNamed(entry: number, name: string, key: number): boolean {
    return this.numbers[entry] === key && isAt(this.bytes, this.numbers[entry + 1]!, name, -1)
  }

  /** The name of the member of `entry`. */
  nameOf(entry: number): string {
    const { numbers, bytes } = this
    const key = numbers[entry]!
    const start = numbers[entry + 1]!
    if (key >= 0) return nameAt(bytes, start, key)
    // It ends before the colon that is before the value.
    let end = numbers[entry + MEMBER_VALUE]! & UNSIGNED
    while (end > start && bytes[--end] !== 0x3a);
    while (end > start && bytes[--end] !== 0x22);
    return stringOf(bytes, start, end)
  }

  /** Whether no later member of the same object has the name of this one. */
  isLast(row: number, entry: number): boolean {
    const { numbers } = this
    const header = numbers[row]!
    if ((header & DISTINCT) !== 0) return true
    const count = header & COUNT
    if (header < 0 || count > NARROW) return this.#memberElse(row, this.nameOf(entry)) === entry
    const key = numbers[entry]!
    const end = row + HEADER_NUMBERS + count * MEMBER_NUMBERS
    for (let later = entry + MEMBER_NUMBERS; later < end; later += MEMBER_NUMBERS) {
      if (numbers[later] === key && this.nameOf(later) === this.nameOf(entry)) return false
    }
    return true
  }

  #wideNames(row: number): WideNames {
    let names = this.#wide?.get(row)
    if (names === undefined) {
      names = new WideNames(this, row)
      ;(this.#wide ??= new Map()).set(row, names)
    }
    return names
  }

  /** Indexes the container at `place`: all of it, or alone when it is large. Gives its row. */
  #index(place: number, start: number, end: number): number {
    const bytes = end - start
    const alone = bytes > SMALL_BYTES && (bytes > LARGE_BYTES || !this.#isReadDeep())
    const at = this.#used
    const expected = at + FEW_NUMBERS + Math.ceil(bytes * (alone ? LEAST_DENSITY : density))
    if (expected > this.#room) this.#grow(expected)
    let used = raw.documentIndex(this.bytes, start, this.numbers, at, alone ? 1 : 0)
    if (used <= NEEDS) {
      this.#grow(NEEDS - used)
      used = raw.documentIndex(this.bytes, start, this.numbers, at, alone ? 1 : 0)
    }
    if (used === FAILED) throw takeLastError()
    this.#used = used
    const row = this.numbers[at]!
    if (place !== ROOT) this.numbers[place + 1] = ~row
    else {
      this.#root = row
      if (!alone) this.#keepUsed(bytes)
    }
    return row
  }

  /** Whether it is worth while to index a container with all that is in it. */
  #isReadDeep(): boolean {
    const indexed = this.#indexed
    this.#indexed += 1
    if (indexed === 0) {
      documents += 1
      this.#isProbe = documents % PROBE_EVERY === 1
      if (!this.#isProbe) return deepPays
      if (probedContainers <= FEW_CONTAINERS) deepPays = false
      probedContainers = 0
    }
    if (this.#isProbe) probedContainers = this.#indexed
    if (indexed < FEW_CONTAINERS) return false
    if (this.#isProbe) deepPays = true
    return true
  }

  /** All that there is has been indexed. */
  #keepUsed(bytes: number): void {
    const least = (this.#used / bytes) * 1.125
    density = Math.min(Math.max(least, density + (least - density) / 8), MOST_DENSITY)
    this.allocator?.[window]?.shrink(this.#place!, this.#used * 4)
  }

  #grow(needed: number): void {
    if (needed > UNSIGNED) {
      throw new PrimarenaError(
        'ERR_JSON_LIMIT',
        `an index has at most ${UNSIGNED} numbers, this takes ${needed}`,
      )
    }
    const length = this.#used === 0 ? needed : Math.min(Math.max(needed, this.#room * 2), UNSIGNED)
    const { allocator } = this
    // What native code has not written is never read, so it need not be zero.
    const place =
      allocator === undefined ? Buffer.allocUnsafeSlow(length * 4) : allocator.allocUnsafe(length * 4)
    const room = new Int32Array(place.buffer as ArrayBuffer, place.byteOffset, length)
    if (this.#used > 0) room.set(this.numbers.subarray(0, this.#used))
    this.#place = place
    this.#room = length
    this.numbers = room
  }
}
