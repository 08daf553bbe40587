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
import { asBytes } from './bytes.js'
import { checkBytes, MAX_BYTES, nameOf } from './checks.js'
import { PrimarenaError } from './errors.js'

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
    if (!Array.isArray(chunks))
      throw new TypeError(`concat: expected an array of Uint8Arrays, got ${nameOf(chunks)}`)
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
   * @throws PrimarenaError ERR_BUDGET_EXCEEDED when more than `maxBytes` come (its chain is the one level
   * `collect`); what the stream throws.
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
          { chain: [{ name: 'collect', heldBytes: builder.length, limitBytes: maxBytes, refused: true }] },
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
