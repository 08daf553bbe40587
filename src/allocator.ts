import type { ByteBuilder } from './builder.js'
import { nameOf } from './checks.js'

/** What may be copied in: text (as UTF-8) or bytes. */
export type BytesLike = string | ArrayBufferView | ArrayBuffer

/** Anything that gives byte chunks: a Node stream, a web `ReadableStream`, an (async) iterable. */
export type ByteStream =
  AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> | ReadableStream<Uint8Array>

/** Options of typed allocations. */
export interface AlignOptions {
  /** Alignment of the first byte: a power of two up to 4096. The element size when left out. */
  align?: number
}

/**
 * Where bytes come from: an `Arena` (off the heap, gone at reset) or a `HeapAllocator` (ordinary Buffers).
 * Both pass the same tests; a primitive works with either.
 */
export interface Allocator {
  /** `bytes` zeroed bytes. Valid until the allocator is reset or disposed. */
  alloc(bytes: number): Buffer
  /** `bytes` bytes with whatever the same owner left in them. Valid until the allocator is reset or disposed. */
  allocUnsafe(bytes: number): Buffer
  /** `length` zeroed elements. Valid until the allocator is reset or disposed. */
  uint8(length: number, options?: AlignOptions): Uint8Array
  /** `length` zeroed elements. Valid until the allocator is reset or disposed. */
  int32(length: number, options?: AlignOptions): Int32Array
  /** `length` zeroed elements. Valid until the allocator is reset or disposed. */
  float32(length: number, options?: AlignOptions): Float32Array
  /** `length` zeroed elements. Valid until the allocator is reset or disposed. */
  float64(length: number, options?: AlignOptions): Float64Array
  /** A copy of `source`. Valid until the allocator is reset or disposed. */
  from(source: BytesLike): Buffer
  /** The chunks, one after the other. Valid until the allocator is reset or disposed. */
  concat(chunks: readonly Uint8Array[]): Buffer
  /** Everything that `stream` gives, up to `maxBytes`. Valid until the allocator is reset or disposed. */
  collect(stream: ByteStream, options?: { maxBytes?: number }): Promise<Buffer>
  /** A writer of bytes that grows. Valid until the allocator is reset or disposed. */
  builder(options?: { sizeHintBytes?: number }): ByteBuilder
}

/**
 * The side of an allocator that native code writes through.
 *
 * `reserve(n)` makes `limit - offset >= n`; a native call then writes into `bytes` from `offset` on, never
 * past `limit`; `commit(n)` keeps the first `n` of them and gives their view. Without a commit nothing was
 * taken. All four are read again after each `reserve` or `commit`.
 *
 * @internal
 */
export interface Window {
  /** The current chunk, whole. */
  readonly bytes: Uint8Array
  /** The same bytes, for stores of several at once. */
  readonly view: DataView
  /** Where the next byte goes. */
  readonly offset: number
  /** The end of what may be written. */
  readonly limit: number
  reserve(bytes: number): void
  commit(bytes: number): Buffer
  /** `piece` made longer in place, when it is the last thing taken and the chunk has room. */
  extend(piece: Buffer, bytes: number): Buffer | undefined
  /** Gives back what lies behind the first `bytes` of `piece`, when it is the last thing taken. */
  shrink(piece: Buffer, bytes: number): void
}

/** The window of an allocator. @internal */
export const window: unique symbol = Symbol('primarena.window') as never

/** The window of what was given as an allocator to `method`; a TypeError when it is none. @internal */
export function windowOf(allocator: unknown, method: string): Window {
  const found = (allocator as Partial<WindowedAllocator> | null | undefined)?.[window]
  if (found !== undefined) return found
  throw new TypeError(
    `${method}: expected an allocator (an Arena or a HeapAllocator), got ${nameOf(allocator)}`,
  )
}

/** An allocator as the rest of the library sees it. @internal */
export interface WindowedAllocator extends Allocator {
  readonly [window]: Window
}
