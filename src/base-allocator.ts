import { Buffer } from 'node:buffer'
import {
  window,
  type AlignOptions,
  type ByteStream,
  type BytesLike,
  type Window,
  type WindowedAllocator,
} from './allocator.js'
import { ByteBuilder } from './builder.js'
import { PrimarenaError } from './errors.js'

/** The largest allocation: a chunk is below 2 GiB, so that offsets are positive 32-bit integers. */
export const MAX_BYTES = 2 ** 31 - 4096

/** The largest alignment. */
export const MAX_ALIGN = 4096

/** Throws unless `bytes` is a whole number of bytes that fits a chunk. */
export function checkBytes(bytes: unknown, what = 'size'): asserts bytes is number {
  if (typeof bytes !== 'number')
    throw new TypeError(`${what}: expected a number of bytes, got ${typeof bytes}`)
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > MAX_BYTES) {
    throw new RangeError(`${what}: expected a whole number from 0 to ${MAX_BYTES}, got ${bytes}`)
  }
}

/** The alignment that `options` ask for, or `natural`. */
export function alignment(options: AlignOptions | undefined, natural: number): number {
  const align = options?.align
  if (align === undefined) return natural
  if (!Number.isInteger(align) || align < 1 || align > MAX_ALIGN || (align & (align - 1)) !== 0) {
    throw new RangeError(`align: expected a power of two from 1 to ${MAX_ALIGN}, got ${align}`)
  }
  return Math.max(align, natural)
}

const encoder = new TextEncoder()

/** What `Arena` and `HeapAllocator` have in common: everything that is made of `allocUnsafe` and the window. */
export abstract class BaseAllocator implements WindowedAllocator {
  /** @internal */
  abstract readonly [window]: Window

  abstract alloc(bytes: number): Buffer
  abstract allocUnsafe(bytes: number): Buffer
  abstract uint8(length: number, options?: AlignOptions): Uint8Array
  abstract int32(length: number, options?: AlignOptions): Int32Array
  abstract float32(length: number, options?: AlignOptions): Float32Array
  abstract float64(length: number, options?: AlignOptions): Float64Array

  /**
   * A copy of `source`; text becomes UTF-8. Valid until the allocator is reset or disposed.
   *
   * @throws TypeError for anything but text, a view or an ArrayBuffer.
   */
  from(source: BytesLike): Buffer {
    if (typeof source === 'string') {
      // A UTF-16 unit becomes at most three bytes of UTF-8; long text is measured instead.
      const most = source.length <= 4096 ? source.length * 3 : Buffer.byteLength(source)
      const target = this[window]
      target.reserve(most)
      const { bytes, offset } = target
      const { written } = encoder.encodeInto(source, bytes.subarray(offset, offset + most))
      return target.commit(written)
    }
    const bytes = asBytes(source)
    const copy = this.allocUnsafe(bytes.length)
    copy.set(bytes)
    return copy
  }

  /** The chunks, one after the other. Valid until the allocator is reset or disposed. */
  concat(chunks: readonly Uint8Array[]): Buffer {
    // Lengths are read once: a chunk that changes meanwhile must not write past what was taken.
    let total = 0
    const lengths = chunks.map((chunk) => {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('concat: expected Uint8Arrays')
      total += chunk.length
      return chunk.length
    })
    const target = this.allocUnsafe(total)
    let offset = 0
    chunks.forEach((chunk, index) => {
      target.set(chunk.length === lengths[index] ? chunk : chunk.subarray(0, lengths[index]), offset)
      offset += lengths[index]!
    })
    return target
  }

  /**
   * Reads `stream` to its end, straight into the allocator. Valid until the allocator is reset or disposed.
   *
   * @throws PrimarenaError ERR_BUDGET_EXCEEDED when more than `maxBytes` come; what the stream throws.
   */
  async collect(stream: ByteStream, options?: { maxBytes?: number }): Promise<Buffer> {
    const maxBytes = options?.maxBytes ?? MAX_BYTES
    checkBytes(maxBytes, 'maxBytes')
    const builder = this.builder({ sizeHintBytes: 4096 })
    for await (const piece of iterate(stream)) {
      const bytes = typeof piece === 'string' ? encoder.encode(piece) : asBytes(piece)
      if (builder.length + bytes.length > maxBytes) {
        throw new PrimarenaError(
          'ERR_BUDGET_EXCEEDED',
          `collect: expected at most ${maxBytes} bytes, got ${builder.length + bytes.length} or more`,
        )
      }
      builder.write(bytes)
    }
    return builder.finish()
  }

  /** A writer of bytes that grows. Valid until the allocator is reset or disposed. */
  builder(options?: { sizeHintBytes?: number }): ByteBuilder {
    const hint = options?.sizeHintBytes ?? 256
    checkBytes(hint, 'sizeHintBytes')
    return new ByteBuilder(this, hint)
  }
}

/** The bytes of a view or an ArrayBuffer, not copied. */
export function asBytes(source: unknown): Uint8Array {
  if (source instanceof Uint8Array) return source
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  if (source instanceof ArrayBuffer) return new Uint8Array(source)
  throw new TypeError(
    `expected bytes (a Buffer, typed array, DataView or ArrayBuffer), got ${nameOf(source)}`,
  )
}

/** What `value` is, for messages. */
export function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  return Object.getPrototypeOf(value)?.constructor?.name ?? 'an object'
}

function iterate(stream: ByteStream): AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> {
  if (stream === null || typeof stream !== 'object') {
    throw new TypeError(`collect: expected a stream or an iterable of bytes, got ${nameOf(stream)}`)
  }
  if (Symbol.asyncIterator in stream || Symbol.iterator in stream) {
    return stream as AsyncIterable<Uint8Array>
  }
  if (typeof (stream as ReadableStream<Uint8Array>).getReader === 'function') {
    return readWeb(stream as ReadableStream<Uint8Array>)
  }
  throw new TypeError(`collect: expected a stream or an iterable of bytes, got ${nameOf(stream)}`)
}

/** For web streams of runtimes that do not iterate them. */
async function* readWeb(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = stream.getReader()
  let finished = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) {
        finished = true
        return
      }
      yield value
    }
  } finally {
    if (!finished) await reader.cancel().catch(() => undefined)
    reader.releaseLock()
  }
}
