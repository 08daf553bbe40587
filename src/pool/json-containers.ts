import { windowOf, type Allocator, type WindowedAllocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { HeapAllocator } from '../heap-allocator.js'
import { livesIn } from '../results.js'
import type { JsonNames } from './json-names.js'
import type { JsonScope } from './json-pool.js'
import { RawJson, StorageHandle } from './json-handle.js'
import type { ElementStorage, MemberStorage } from './json-storage.js'
import { toBytes, toPlain, toText } from './json-write.js'

// Without an allocator, results are ordinary Buffers, which nobody is charged for.
const heap = new HeapAllocator()

/** A pooled object or array: who holds it, and how it ends. */
export abstract class JsonContainer<S extends MemberStorage | ElementStorage>
  extends StorageHandle<S>
  implements Disposable
{
  readonly #scope: JsonScope
  /** What `object(…)` and `array(…)` made: returned with this one. */
  #children: (JsonObject | JsonArray)[] | undefined = undefined

  /** @internal Use `getObject()` and `getArray()`. */
  constructor(scope: JsonScope, storage: S, position: number) {
    super(storage, position)
    this.#scope = scope
  }

  /** @internal */
  get [livesIn](): unknown {
    return this.#scope.place
  }

  /** The scope that it was taken from. @internal */
  get home(): JsonScope {
    return this.#scope
  }

  /** Members or elements. */
  get size(): number {
    return this.live().size
  }

  /**
   * The JSON text as bytes, exactly as `JSON.stringify` would write it: members that are undefined or functions
   * are left out (elements become null), `toJSON` is called, `NaN` becomes null. Members come in the order in
   * which they were set, also those with names like `1`, which a plain object would move to the front.
   *
   * Valid until the allocator is reset or disposed; without one it is an ordinary Buffer.
   *
   * @throws PrimarenaError ERR_STALE_HANDLE when it or something in it was returned, ERR_JSON_TYPE for a cycle,
   * ERR_JSON_LIMIT beyond 1,000 levels; a TypeError for a bigint; what `toJSON` and the allocator throw
   */
  toBytes(allocator?: Allocator): Buffer {
    this.live()
    const target = allocator === undefined ? heap : allocator
    windowOf(target, 'toBytes')
    return toBytes(this, target as WindowedAllocator)
  }

  /** The JSON text. @throws as `toBytes` */
  override toString(): string {
    this.live()
    return toText(this)
  }

  /** For `JSON.stringify`: the same as `toJS()`. */
  toJSON(): unknown {
    return this.toJS()
  }

  /** A plain copy; values that are no pooled containers are in it as they are. @throws as `toBytes` */
  toJS(): unknown {
    this.live()
    return toPlain(this)
  }

  /** Returns it, unless that was done. */
  [Symbol.dispose](): void {
    if (this.peek !== undefined) this.#scope.giveBack(this as unknown as JsonObject | JsonArray)
  }

  /** What ends with this one. @internal */
  takeChildren(): (JsonObject | JsonArray)[] | undefined {
    const children = this.#children
    this.#children = undefined
    return children
  }

  protected adopt<C extends JsonObject | JsonArray>(child: C): C {
    ;(this.#children ??= []).push(child)
    return child
  }

  protected live(): S {
    const storage = this.peek
    if (storage === undefined) throw stale(this)
    return storage
  }
}

function stale(container: object): PrimarenaError {
  const what = container instanceof JsonObject ? 'object' : 'array'
  return new PrimarenaError('ERR_STALE_HANDLE', `this JSON ${what} was returned to its pool`)
}

/**
 * A pooled JSON object, like a Map from names to JSON values. It exists to build an answer and write it as bytes.
 *
 * Values are what `JSON.stringify` takes, other pooled containers, and `setRaw`'s bytes. Valid until it is
 * returned, at the latest until its context settles; then every use is `ERR_STALE_HANDLE`.
 */
export class JsonObject extends JsonContainer<MemberStorage> implements Iterable<[string, unknown]> {
  /** Sets a member; one that is there keeps its place. */
  set(key: string, value: unknown): this {
    const storage = this.live()
    const position = storage.size
    const { names } = storage
    // The member that was here last time: it is in nobody's way, and its bytes are ready.
    if (position < names.length && names[position]!.key === key) {
      storage.values[position] = value
      storage.size = position + 1
    } else {
      setSlow(this.home.names, storage, key, value)
    }
    return this
  }

  /** Sets a member to ready JSON: its bytes are written as they are and not checked. They must stay valid until then. */
  setRaw(key: string, json: Uint8Array): this {
    return this.set(key, new RawJson(json))
  }

  /** Sets a member to a new pooled object, which is returned with this one. */
  object(key: string): JsonObject {
    this.live()
    const child = this.adopt(this.home.getObject())
    this.set(key, child)
    return child
  }

  /** Sets a member to a new pooled array, which is returned with this one. */
  array(key: string): JsonArray {
    this.live()
    const child = this.adopt(this.home.getArray())
    this.set(key, child)
    return child
  }

  /** The value of a member, undefined when there is none. */
  get(key: string): unknown {
    const storage = this.live()
    const position = storage.find(key)
    return position < 0 ? undefined : storage.values[position]
  }

  has(key: string): boolean {
    return this.live().find(key) >= 0
  }

  /** Takes a member out; true when it was there. */
  delete(key: string): boolean {
    const storage = this.live()
    const position = storage.find(key)
    if (position < 0) return false
    storage.remove(position)
    return true
  }

  /** Takes all members out. */
  clear(): void {
    this.live().clean()
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this) yield key
  }

  *values(): IterableIterator<unknown> {
    for (const [, value] of this) yield value
  }

  *entries(): IterableIterator<[string, unknown]> {
    for (let position = 0; position < this.live().size; position++) {
      const { names, values } = this.live()
      yield [names[position]!.key, values[position]]
    }
  }

  [Symbol.iterator](): IterableIterator<[string, unknown]> {
    return this.entries()
  }

  override toJS(): Record<string, unknown> {
    return super.toJS() as Record<string, unknown>
  }
}

/** A member that was not foreseen. A function, since a private method would have to be installed in every handle. */
function setSlow(names: JsonNames, storage: MemberStorage, key: string, value: unknown): void {
  if (typeof key !== 'string') throw new TypeError(`set: expected a string as name, got ${typeof key}`)
  const found = storage.find(key)
  if (found >= 0) storage.values[found] = value
  else storage.append(names.of(key), value)
}

/**
 * A pooled JSON array. Values are what `JSON.stringify` takes, other pooled containers, and `pushRaw`'s bytes.
 *
 * Valid until it is returned, at the latest until its context settles; then every use is `ERR_STALE_HANDLE`.
 */
export class JsonArray extends JsonContainer<ElementStorage> implements Iterable<unknown> {
  /** Elements, the same as `size`. */
  get length(): number {
    return this.live().size
  }

  /** Adds elements at the end; gives the new length. */
  push(value: unknown, ...more: unknown[]): number {
    const storage = this.live()
    storage.values[storage.size++] = value
    for (const next of more) storage.values[storage.size++] = next
    return storage.size
  }

  /** Adds ready JSON: its bytes are written as they are and not checked. They must stay valid until then. */
  pushRaw(json: Uint8Array): number {
    return this.push(new RawJson(json))
  }

  /** Adds a new pooled object, which is returned with this array. */
  object(): JsonObject {
    this.live()
    const child = this.adopt(this.home.getObject())
    this.push(child)
    return child
  }

  /** Adds a new pooled array, which is returned with this one. */
  array(): JsonArray {
    this.live()
    const child = this.adopt(this.home.getArray())
    this.push(child)
    return child
  }

  /** The element at `index`; a negative one counts from the end. Undefined when there is none. */
  at(index: number): unknown {
    const { values, size } = this.live()
    const position = index < 0 ? size + index : index
    return position < size ? values[position] : undefined
  }

  /** Replaces the element at `index`, or adds one when `index` is the length. */
  set(index: number, value: unknown): this {
    const storage = this.live()
    if (!Number.isInteger(index) || index < 0 || index > storage.size) {
      throw new RangeError(`set: expected an index from 0 to ${storage.size}, got ${String(index)}`)
    }
    storage.values[index] = value
    if (index === storage.size) storage.size++
    return this
  }

  /** Takes the last element out and gives it. */
  pop(): unknown {
    const storage = this.live()
    if (storage.size === 0) return undefined
    const value = storage.values[--storage.size]
    storage.values[storage.size] = undefined
    return value
  }

  /** Takes all elements out. */
  clear(): void {
    this.live().clean()
  }

  *values(): IterableIterator<unknown> {
    for (let position = 0; position < this.live().size; position++) yield this.live().values[position]
  }

  [Symbol.iterator](): IterableIterator<unknown> {
    return this.values()
  }

  override toJS(): unknown[] {
    return super.toJS() as unknown[]
  }
}
