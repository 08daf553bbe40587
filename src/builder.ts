import { Buffer } from 'node:buffer'
import { window, type Window, type WindowedAllocator } from './allocator.js'
import { asBytes } from './bytes.js'

/**
 * A writer of bytes that grows inside an allocator.
 *
 * It takes a piece of the allocator and doubles it when full; while its piece is the last thing taken in
 * the chunk it grows in place, so what fits is never copied.
 *
 * Valid until the allocator is reset or disposed; after `finish` it takes nothing more.
 */
export class ByteBuilder {
  readonly #window: Window
  #piece: Buffer
  #length = 0
  #finished = false

  /** @internal Use `allocator.builder()`. */
  constructor(allocator: WindowedAllocator, sizeHintBytes: number) {
    this.#window = allocator[window]
    this.#window.reserve(sizeHintBytes)
    this.#piece = this.#window.commit(sizeHintBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Appends bytes, or text as UTF-8. */
  write(source: string | ArrayBufferView | ArrayBuffer): this {
    if (this.#finished) throw new TypeError('the builder is finished')
    if (typeof source === 'string') {
      const most = source.length <= 4096 ? source.length * 3 : Buffer.byteLength(source)
      this.#ensure(most)
      this.#length += this.#piece.write(source, this.#length, 'utf8')
      return this
    }
    const bytes = asBytes(source)
    this.#ensure(bytes.length)
    this.#piece.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** Appends one byte. */
  writeByte(byte: number): this {
    if (this.#finished) throw new TypeError('the builder is finished')
    this.#ensure(1)
    this.#piece[this.#length++] = byte
    return this
  }

  /** Everything written. Valid until the allocator is reset or disposed. */
  finish(): Buffer {
    this.#finished = true
    if (this.#piece.length > this.#length) this.#window.shrink(this.#piece, this.#length)
    return this.#piece.subarray(0, this.#length)
  }

  #ensure(more: number): void {
    const need = this.#length + more
    if (need <= this.#piece.length) return
    const size = Math.max(need, this.#piece.length * 2)
    const grown = this.#window.extend(this.#piece, size)
    if (grown) {
      this.#piece = grown
      return
    }
    this.#window.reserve(size)
    const moved = this.#window.commit(size)
    moved.set(this.#piece.subarray(0, this.#length))
    this.#piece = moved
  }
}
