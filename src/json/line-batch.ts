import { Buffer } from 'node:buffer'
import { window, type Window } from '../allocator.js'
import { BaseAllocator } from '../base-allocator.js'
import { checkBytes } from '../checks.js'

const DEFAULT_BATCH_BYTES = 64 * 1024

/**
 * Lines that go out together: an allocator that puts one thing after the other, so that programs write straight
 * into what is sent. A batch that is handed out is never written to again.
 *
 * @internal
 */
export class LineBatch extends BaseAllocator {
  readonly [window]: BatchWindow

  constructor(batchBytes = DEFAULT_BATCH_BYTES) {
    super()
    checkBytes(batchBytes, 'batchBytes')
    this[window] = new BatchWindow(Math.max(batchBytes, 64))
  }

  /** Hands out everything that is written. */
  takeAll(target: Buffer[]): void {
    this.takeFull(target)
    const rest = this[window].take()
    if (rest !== undefined) target.push(rest)
  }

  /** Hands out the batches that are full. */
  takeFull(target: Buffer[]): void {
    const { full } = this[window]
    if (full.length > 0) target.push(...full.splice(0))
  }

  /** What is written and not handed out, full batches not counted. */
  get pendingBytes(): number {
    return this[window].pendingBytes
  }

  /** Adds one line: JSON bytes, whose line feeds become spaces (valid JSON has them between tokens only). */
  line(bytes: Uint8Array): void {
    const copy = this.allocUnsafe(bytes.length + 1)
    copy.set(bytes)
    for (let at = copy.indexOf(0x0a); at >= 0 && at < bytes.length; at = copy.indexOf(0x0a, at + 1))
      copy[at] = 0x20
    copy[bytes.length] = 0x0a
  }

  /** Adds a line feed. */
  endLine(): void {
    this.allocUnsafe(1)[0] = 0x0a
  }

  alloc(bytes: number): Buffer {
    return this.allocUnsafe(bytes).fill(0)
  }

  allocUnsafe(bytes: number): Buffer {
    const target = this[window]
    target.reserve(bytes)
    return target.commit(bytes)
  }

  // A batch is bytes in a row and nothing else; numbers live in memory of their own.
  uint8(length: number): Uint8Array {
    return new Uint8Array(length)
  }

  int32(length: number): Int32Array {
    return new Int32Array(length)
  }

  float32(length: number): Float32Array {
    return new Float32Array(length)
  }

  float64(length: number): Float64Array {
    return new Float64Array(length)
  }
}

class BatchWindow implements Window {
  readonly full: Buffer[] = []
  readonly #batchBytes: number
  #batch: Buffer = EMPTY
  #start = 0
  offset = 0

  constructor(batchBytes: number) {
    this.#batchBytes = batchBytes
  }

  get bytes(): Uint8Array {
    return this.#batch
  }

  get view(): DataView {
    const { buffer, byteOffset, length } = this.#batch
    return new DataView(buffer, byteOffset, length)
  }

  get limit(): number {
    return this.#batch.length
  }

  get pendingBytes(): number {
    return this.offset - this.#start
  }

  reserve(bytes: number): void {
    checkBytes(bytes)
    if (this.offset + bytes <= this.#batch.length) return
    const done = this.take()
    if (done !== undefined) this.full.push(done)
    this.#batch = Buffer.allocUnsafeSlow(Math.max(bytes, this.#batchBytes))
    this.#start = this.offset = 0
  }

  commit(bytes: number): Buffer {
    const start = this.offset
    this.offset = start + bytes
    return this.#batch.subarray(start, this.offset)
  }

  take(): Buffer | undefined {
    if (this.offset === this.#start) return undefined
    const batch = this.#batch.subarray(this.#start, this.offset)
    this.#start = this.offset
    return batch
  }

  extend(): undefined {
    return undefined
  }

  shrink(): void {}
}

const EMPTY = Buffer.alloc(0)
