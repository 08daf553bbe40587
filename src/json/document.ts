/** Documents: JSON that stays bytes and is read where it is. */
import { Buffer } from 'node:buffer'
import type { Allocator } from '../allocator.js'
import { Arena } from '../arena.js'
import { BufferView } from '../buffer-view.js'
import { inputBytes, type BytesInput } from '../bytes.js'
import { PrimarenaError } from '../errors.js'
import { livesIn } from '../results.js'
import type { JsonValue } from '../types.js'
import { ELEMENT_NUMBERS, HEADER_NUMBERS, MEMBER_NUMBERS, MEMBER_VALUE } from './document-index.js'
import { ROOT, Source } from './document-source.js'
import { broken, kindOf, numberOf, parse, plainText, stringOf, type JsonKind } from './document-values.js'
import { limitsOf } from './paths.js'
import { pathText } from './template-parse.js'
import { validate, type LimitOptions } from './validate.js'

export type { JsonKind } from './document-values.js'

/** Options of `json.parse`. */
export interface ParseOptions extends LimitOptions {
  /**
   * The document reads the caller's bytes where they are, instead of a copy of its own: they must not change
   * while it is read. What is read is always checked to lie within them.
   */
  borrow?: boolean
  /**
   * Nothing is validated but what is read: errors come late, or never. Safe for memory on any input, but not
   * for decisions: never route or authorise by what an unchecked document says. `maxDepth` is not checked, and
   * a deep document costs no stack.
   */
  trust?: boolean
}

/** A name of a member, or the index of an element; −1 is the last one. */
export type PathStep = string | number

/** What reading gives: containers as documents, everything else as JavaScript has it. */
export type DocumentValue = JsonDocument | string | number | boolean | null

const MOST_BYTES = 2 ** 31 - 1
const internal: unique symbol = Symbol('primarena.document') as never

/**
 * A JSON document, or an object or array in it, read from its bytes.
 *
 * It is indexed when a container is first entered; what is not looked at is never decoded. Of members of one
 * name the last counts, as with `JSON.parse`; `__proto__` is a name like any other.
 *
 * Valid until its allocator is reset or disposed: from then on all methods throw ERR_STALE_HANDLE or
 * ERR_ARENA_DISPOSED. Without an allocator, and with a `HeapAllocator`, as long as it is held.
 */
export class JsonDocument {
  readonly #source: Source
  /** Where the index has this value. */
  readonly #place: number

  /** @internal Use `json.parse` or `ctx.json.parse`. */
  constructor(key: symbol, source: Source, place: number) {
    if (key !== internal) throw new TypeError('a JsonDocument is made by json.parse')
    this.#source = source
    this.#place = place
  }

  /** The allocator that it lives in. @internal */
  get [livesIn](): unknown {
    return this.#source.allocator
  }

  /**
   * The value at a path of names and indexes: a string, number, boolean or null as such, an object or array
   * as a `JsonDocument`; `undefined` if there is none. Without a path: this document's own value.
   *
   * @throws PrimarenaError ERR_STALE_HANDLE, ERR_ARENA_DISPOSED; ERR_JSON_SYNTAX only if it was trusted.
   */
  get(...path: PathStep[]): DocumentValue | undefined {
    const place = this.#find(path)
    return place === undefined ? undefined : this.#value(place)
  }

  /** Whether there is a value at the path. Errors as for `get`. */
  has(...path: PathStep[]): boolean {
    return this.#find(path) !== undefined
  }

  /** The kind of the value at the path; `undefined` if there is none. Errors as for `get`. */
  kind(...path: PathStep[]): JsonKind | undefined {
    const place = this.#find(path)
    return place === undefined ? undefined : kindOf(this.#source.bytes[this.#source.startOf(place)])
  }

  /**
   * The string at the path.
   *
   * @throws PrimarenaError ERR_JSON_MISSING, ERR_JSON_TYPE with the path; otherwise as `get`.
   */
  string(...path: PathStep[]): string {
    const value = this.get(...path)
    if (typeof value !== 'string') throw this.#wrong('a string', path)
    return value
  }

  /**
   * The number at the path.
   *
   * @throws PrimarenaError ERR_JSON_MISSING, ERR_JSON_TYPE with the path; otherwise as `get`.
   */
  number(...path: PathStep[]): number {
    const value = this.get(...path)
    if (typeof value !== 'number') throw this.#wrong('a number', path)
    return value
  }

  /** How many members (of different names) or elements there are; 0 for anything else. */
  get size(): number {
    const kind = this.kind()
    if (kind !== 'object' && kind !== 'array') return 0
    const source = this.#source
    const row = source.enter(this.#place)
    const count = source.count(row)
    if (kind === 'array') return count
    let size = 0
    for (let index = 0; index < count; index++) {
      if (source.isLast(row, row + HEADER_NUMBERS + index * MEMBER_NUMBERS)) size += 1
    }
    return size
  }

  /**
   * The bytes of the value at the path, not copied; `undefined` if there is none. Valid until the allocator
   * is reset or disposed. Do not write to them. Errors as for `get`.
   */
  raw(...path: PathStep[]): Buffer | undefined {
    const place = this.#find(path)
    if (place === undefined) return undefined
    const source = this.#source
    const { buffer, byteOffset } = source.bytes
    const start = source.startOf(place)
    return new BufferView(buffer as ArrayBuffer, byteOffset + start, source.endOf(place) - start)
  }

  /** A copy of this document's bytes, valid as long as it is held. */
  toBytes(): Buffer {
    return Buffer.from(this.raw()!)
  }

  /** The value at the path as plain JavaScript, as `JSON.parse` makes it. Errors as for `get`. */
  toJS(...path: PathStep[]): JsonValue | undefined {
    const place = this.#find(path)
    if (place === undefined) return undefined
    const source = this.#source
    return parse(source.bytes, source.startOf(place), source.endOf(place)) as JsonValue
  }

  /** For `JSON.stringify`. */
  toJSON(): JsonValue {
    return this.toJS()!
  }

  /**
   * Names and values of the members, in the order of the document; of one name only the last. Nothing for
   * what is no object. Errors as for `get`.
   */
  *entries(): Generator<[name: string, value: DocumentValue], void, undefined> {
    if (this.kind() !== 'object') return
    const source = this.#source
    const row = source.enter(this.#place)
    const count = source.count(row)
    for (let index = 0; index < count; index++) {
      source.check()
      const entry = row + HEADER_NUMBERS + index * MEMBER_NUMBERS
      if (source.isLast(row, entry)) yield [source.nameOf(entry), this.#value(entry + MEMBER_VALUE)]
    }
  }

  /** The elements of an array; nothing for what is none. Errors as for `get`. */
  *elements(): Generator<DocumentValue, void, undefined> {
    if (this.kind() !== 'array') return
    const source = this.#source
    const row = source.enter(this.#place)
    const count = source.count(row)
    for (let index = 0; index < count; index++) {
      source.check()
      yield this.#value(row + HEADER_NUMBERS + index * ELEMENT_NUMBERS)
    }
  }

  /** As `elements` for an array, as `entries` for an object. */
  [Symbol.iterator](): Generator<DocumentValue | [name: string, value: DocumentValue], void, undefined> {
    return this.kind() === 'array' ? this.elements() : this.entries()
  }

  /** True for a document whose bytes were not validated. @internal */
  get trusted(): boolean {
    return this.#source.trusted
  }

  /** The place of the value at the path; nothing if there is none. */
  #find(path: readonly PathStep[]): number | undefined {
    const source = this.#source
    source.check()
    return path.length === 0 ? this.#place : source.find(this.#place, path)
  }

  #value(place: number): DocumentValue {
    const source = this.#source
    const { bytes } = source
    const start = source.startOf(place)
    const first = bytes[start]
    if (first === 0x7b || first === 0x5b) return new JsonDocument(internal, source, place)
    const end = source.endOf(place)
    switch (first) {
      case 0x22:
        if (bytes[end - 1] !== 0x22 || end - start < 2) throw broken(start, 'a string')
        return source.isPlain(place)
          ? plainText(bytes, start + 1, end - 1)
          : stringOf(bytes, start + 1, end - 1)
      case 0x74:
        if (end - start !== 4) throw broken(start, 'true')
        return true
      case 0x66:
        if (end - start !== 5) throw broken(start, 'false')
        return false
      case 0x6e:
        if (end - start !== 4) throw broken(start, 'null')
        return null
      default:
        if (kindOf(first) !== 'number') throw broken(start, 'a JSON value')
        return numberOf(bytes, start, end)
    }
  }

  #wrong(expected: string, path: readonly PathStep[]): PrimarenaError {
    const text = pathOf(path)
    const kind = this.kind(...path)
    return kind === undefined
      ? new PrimarenaError('ERR_JSON_MISSING', `${text}: expected ${expected}, got nothing`, { path: text })
      : new PrimarenaError('ERR_JSON_TYPE', `${text}: expected ${expected}, got ${kind}`, { path: text })
  }
}

function pathOf(path: readonly PathStep[]): string {
  return pathText(
    path.map((step) => (typeof step === 'number' ? '[]' : step)),
    path.filter((step) => typeof step === 'number'),
  )
}

/**
 * Opens a document: its bytes are validated, and copied into `allocator` unless they are there already.
 * Without an allocator they are copied to ordinary memory.
 *
 * The document is valid until the allocator is reset or disposed.
 *
 * @throws PrimarenaError ERR_JSON_SYNTAX with offset, line and column, ERR_JSON_LIMIT for a document that is
 * deeper or longer than allowed or 2 GiB long; what the allocator throws; TypeError for what is no bytes.
 */
export function parseDocument(
  input: BytesInput,
  allocator?: Allocator,
  options?: ParseOptions,
): JsonDocument {
  const given = inputBytes(input)
  const trust = options?.trust === true
  const most = Math.min((trust ? limitsOf(options).maxBytes : undefined) ?? MOST_BYTES, MOST_BYTES)
  if (given.length > most) {
    throw new PrimarenaError(
      'ERR_JSON_LIMIT',
      `expected a document of at most ${most} bytes, got ${given.length}`,
      { offset: most },
    )
  }
  if (!trust) validate(given, options)
  let start = 0
  let end = given.length
  while (isWhite(given[start])) start += 1
  while (end > start && isWhite(given[end - 1])) end -= 1
  if (kindOf(given[start]) === undefined) throw broken(start, 'a JSON value')
  const bytes = options?.borrow === true ? given : keep(given, allocator)
  return new JsonDocument(internal, new Source(bytes, start, end, allocator, trust), ROOT)
}

function keep(bytes: Uint8Array, allocator: Allocator | undefined): Uint8Array {
  if (allocator === undefined) return Buffer.from(bytes)
  if (allocator instanceof Arena && Arena.of(bytes.buffer) === allocator) return bytes
  return allocator.from(bytes)
}

function isWhite(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
