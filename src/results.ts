import { withArticle } from './checks.js'
import { Buffer } from 'node:buffer'
import type { Allocator } from './allocator.js'
import { Arena } from './arena.js'
import { PrimarenaError } from './errors.js'
import { HeapAllocator } from './heap-allocator.js'
import type { Lessee } from './lessee.js'

/** Library handles answer with the arena that they live in, or nothing when they live on the heap. @internal */
export const livesIn: unique symbol = Symbol('primarena.livesIn') as never

type TypedArrayConstructor = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => ArrayBufferView

/**
 * The result of an operation, free of the operation's arena: a view is copied, and so are views among the
 * own data properties of a plain object or an array (getters are not called). Everything else passes as it
 * is: streams, iterators, class instances and functions are not looked into.
 *
 * Copies go to `target`, or to ordinary memory without one.
 *
 * @throws PrimarenaError ERR_ESCAPED_HANDLE for an arena, a document, a pooled container or a chunk of it.
 * @internal
 */
export function copyOut(value: unknown, lessee: Lessee, target: Allocator | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isOwnView(value, lessee)) return copyView(value, target)
  const prototype = Object.getPrototypeOf(value) as unknown
  if (prototype === Object.prototype || prototype === null || prototype === Array.prototype) {
    return copyMembers(value, lessee, target)
  }
  refuseHandles(value, lessee, 'the result')
  return value
}

// Ordinary memory, which nobody is charged for; when there is none it says so with a code.
const heap = new HeapAllocator()

/** A copy of `view` as the same kind of view. */
export function copyView<T extends ArrayBufferView>(view: T, target: Allocator = heap): T {
  const { byteLength } = view
  if (Buffer.isBuffer(view)) return target.from(view) as unknown as T
  const elementBytes = 'BYTES_PER_ELEMENT' in view ? (view.BYTES_PER_ELEMENT as number) : 1
  const bytes = target.uint8(byteLength, { align: elementBytes })
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, byteLength))
  const type = view.constructor as TypedArrayConstructor
  return new type(bytes.buffer, bytes.byteOffset, byteLength / elementBytes) as T
}

/**
 * The whole chunk of `view`, which belongs to `lessee`, instead of a copy: `view` again, over bytes that are in no arena
 * any more.
 *
 * @throws PrimarenaError ERR_FOREIGN_OBJECT.
 */
export function takeView<T extends ArrayBufferView>(view: T, lessee: Lessee): T {
  if (!ArrayBuffer.isView(view)) throw new TypeError('take: expected a view')
  const { buffer, byteOffset, byteLength } = view
  const arena = Arena.of(buffer)
  if (arena === undefined || arena.lessee !== lessee) {
    throw new PrimarenaError('ERR_FOREIGN_OBJECT', 'take: the view is not in the arena of this context')
  }
  const taken = arena.takeChunk(buffer)
  if (Buffer.isBuffer(view)) return Buffer.from(taken, byteOffset, byteLength) as unknown as T
  const elementBytes = 'BYTES_PER_ELEMENT' in view ? (view.BYTES_PER_ELEMENT as number) : 1
  return new (view.constructor as TypedArrayConstructor)(taken, byteOffset, byteLength / elementBytes) as T
}

function isOwnView(value: object, lessee: Lessee): value is ArrayBufferView {
  return ArrayBuffer.isView(value) && Arena.of(value.buffer)?.lessee === lessee
}

function copyMembers(value: object, lessee: Lessee, target: Allocator | undefined): object {
  let copy: Record<PropertyKey, PropertyDescriptor> | undefined
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    const member: unknown = property?.value
    if (typeof member !== 'object' || member === null) continue
    if (isOwnView(member, lessee)) {
      copy ??= Object.getOwnPropertyDescriptors(value) as Record<PropertyKey, PropertyDescriptor>
      copy[key as string]!.value = copyView(member, target)
    } else {
      refuseHandles(member, lessee, `the result's member ${String(key)}`)
    }
  }
  if (copy === undefined) return value
  if (Array.isArray(value)) return Object.defineProperties([], copy)
  return Object.create(Object.getPrototypeOf(value) as object | null, copy) as object
}

function refuseHandles(value: object, lessee: Lessee, what: string): void {
  let arena: unknown
  if (value instanceof Arena) arena = value
  else if (value instanceof ArrayBuffer) arena = Arena.of(value)
  else if (livesIn in value) arena = (value as { [livesIn]: unknown })[livesIn]
  else if ((value as object) === lessee) arena = lessee
  if (arena === lessee || (arena instanceof Arena && arena.lessee === lessee)) {
    throw new PrimarenaError(
      'ERR_ESCAPED_HANDLE',
      `${what} is ${withArticle(value.constructor?.name ?? 'handle')} that ends with its operation; return bytes or plain values`,
    )
  }
}
