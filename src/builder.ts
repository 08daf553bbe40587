import { Buffer } from 'node:buffer'
import { window, type Window, type WindowedAllocator } from './allocator.js'

/**
 * A writer of bytes that grows inside an allocator.
 *
 * It writes straight into the allocator's current chunk and moves only when the chunk is full, so nothing
 * is copied while it fits. Other allocations may happen in between: the builder then moves its bytes once.
 * Valid until the allocator is reset or disposed.
 */
export class ByteBuilder {
  readonly #window: Window
  #bytes: Uint8Array
  #start: number
  #length = 0
  #capacity: number

  /** @internal Use `allocator.builder()`. */
  constructor(allocator: WindowedAllocator, sizeHintBytes = 256) {
    this.#window = allocator[window]
    this.#window.reserve(Math.max(sizeHintBytes, 16))
    this.#bytes = this.#window.bytes
    this.#start = this.#window.offset
    this.#capacity = this.#window.limit - this.#window.offset
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }
}
