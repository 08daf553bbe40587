import type { JsonName } from './json-names.js'
import { link } from './object-marks.js'

/**
 * What is pooled of a JSON object: its arrays. The handle that a user holds is a small object of its own and never
 * used again, so a stale one is always noticed.
 *
 * `names` may be longer than `size`: the tail is what the last object had there. All of `names` are different, so
 * a member whose key is the one foreseen is appended without looking for an earlier one: the order of members of
 * the objects of one place in a program hardly ever changes.
 */
export class MemberStorage {
  names: JsonName[] = []
  values: unknown[] = []
  size = 0
  /** Positions by key, made when an object is wide and something is looked up. */
  index: Map<string, number> | undefined = undefined
  /** Being written: meeting it again is a cycle. */
  busy = false
  /** A name that is not cached was used: it may be data, and is not kept. */
  forgetNames = false;
  /** The pool's, which is faster when it is declared. */
  [link]: unknown = null

  /** Where `key` is, or −1. */
  find(key: string): number {
    const { names, size } = this
    if (size > LINEAR_MEMBERS) return this.#findIndexed(key)
    for (let position = 0; position < size; position++) if (names[position]!.key === key) return position
    return -1
  }

  #findIndexed(key: string): number {
    const index = (this.index ??= new Map())
    for (let position = index.size; position < this.size; position++)
      index.set(this.names[position]!.key, position)
    return index.get(key) ?? -1
  }

  append(name: JsonName, value: unknown): void {
    const position = this.size
    if (this.names.length > position) this.names.length = position
    this.names.push(name)
    this.values[position] = value
    this.size = position + 1
    if (!name.cached) this.forgetNames = true
  }

  remove(position: number): void {
    // Nothing is foreseen any more: the names move.
    this.names.length = this.size
    this.names.splice(position, 1)
    this.values.splice(position, 1)
    this.size--
    this.index = undefined
  }

  clean(): void {
    const { values, size } = this
    if (size > KEPT_MEMBERS || this.forgetNames) {
      this.names = []
      this.values = []
      this.forgetNames = false
    } else {
      for (let position = 0; position < size; position++) values[position] = undefined
    }
    this.size = 0
    if (this.index !== undefined) this.index = undefined
  }
}

/** What is pooled of a JSON array. `values` may be longer than `size`; beyond it everything is undefined. */
export class ElementStorage {
  values: unknown[] = []
  size = 0
  /** Being written: meeting it again is a cycle. */
  busy = false;
  /** The pool's. */
  [link]: unknown = null

  clean(): void {
    const { values, size } = this
    if (size > KEPT_ELEMENTS) this.values = []
    else for (let position = 0; position < size; position++) values[position] = undefined
    this.size = 0
  }
}

/** Up to here comparing keys one by one is faster than a Map. */
const LINEAR_MEMBERS = 16

/** Larger ones do not keep their arrays. */
const KEPT_MEMBERS = 256
const KEPT_ELEMENTS = 4096
