import { Buffer } from 'node:buffer'
import { window, type AlignOptions, type Window } from './allocator.js'
import { BaseAllocator } from './base-allocator.js'
import { BufferView } from './buffer-view.js'
import { alignment, checkBytes } from './checks.js'
import { outOfMemory, PrimarenaError } from './errors.js'
import type { Owner } from './owner.js'

const EMPTY = new Uint8Array(new ArrayBuffer(0))

/** A scratch below this stays for the next reservation; a larger one goes with its commit. */
const KEPT_SCRATCH_BYTES = 64 * 1024

/**
 * The same `Allocator` with ordinary Buffers: what a context without an arena uses, the baseline of every
 * benchmark, and a double for tests.
 *
 * Its bytes are the garbage collector's, so views stay valid as long as somebody holds them; what it took
 * counts against its owner's budget until it is reset or disposed.
 */
export class HeapAllocator extends BaseAllocator implements Disposable {
  readonly #owner: Owner | undefined
  readonly #guard: (() => void) | undefined
  readonly #window: HeapWindow
  #usedBytes = 0
  #disposed = false

  /** `owner` and `guard` are internal: who is charged, and what has to hold before anything is taken. */
  constructor(owner?: Owner, guard?: () => void) {
    super()
    this.#owner = owner
    this.#guard = guard
    this.#window = new HeapWindow(
      (bytes) => this.#take(bytes),
      (bytes) => this.allocUnsafe(bytes),
    )
  }

  /** @internal */
  get [window](): Window {
    return this.#window
  }

  /** Bytes taken since the last reset. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** The same as `usedBytes`: nothing is taken ahead. */
  get capacityBytes(): number {
    return this.#usedBytes
  }

  alloc(bytes: number): Buffer {
    checkBytes(bytes)
    this.#take(bytes)
    try {
      return Buffer.alloc(bytes)
    } catch (cause) {
      throw this.#failed(bytes, cause)
    }
  }

  allocUnsafe(bytes: number): Buffer {
    checkBytes(bytes)
    this.#take(bytes)
    try {
      return Buffer.allocUnsafe(bytes)
    } catch (cause) {
      throw this.#failed(bytes, cause)
    }
  }

  uint8(length: number, options?: AlignOptions): Uint8Array {
    return new Uint8Array(this.#zeroed(length, 1, options), 0, length)
  }

  int32(length: number, options?: AlignOptions): Int32Array {
    return new Int32Array(this.#zeroed(length, 4, options), 0, length)
  }

  float32(length: number, options?: AlignOptions): Float32Array {
    return new Float32Array(this.#zeroed(length, 4, options), 0, length)
  }

  float64(length: number, options?: AlignOptions): Float64Array {
    return new Float64Array(this.#zeroed(length, 8, options), 0, length)
  }

  /** Gives what was taken back to the budget; the Buffers stay readable. */
  reset(): void {
    if (this.#disposed) throw new PrimarenaError('ERR_ARENA_DISPOSED', 'the allocator is disposed')
    this.#giveBack()
  }

  /** Ends the allocator. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#giveBack()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #zeroed(length: number, elementBytes: number, options: AlignOptions | undefined): ArrayBuffer {
    alignment(options, elementBytes) // Each gets an ArrayBuffer of its own, so offset 0 fits every alignment.
    checkBytes(length, 'length')
    const bytes = length * elementBytes
    checkBytes(bytes, 'length')
    this.#take(bytes)
    try {
      return new ArrayBuffer(bytes)
    } catch (cause) {
      throw this.#failed(bytes, cause)
    }
  }

  #take(bytes: number): void {
    if (this.#disposed) throw new PrimarenaError('ERR_ARENA_DISPOSED', 'the allocator is disposed')
    this.#guard?.()
    this.#owner?.charge(bytes)
    this.#usedBytes += bytes
  }

  /** What was taken is given back: the system has no memory for it. */
  #failed(bytes: number, cause: unknown): PrimarenaError {
    this.#usedBytes -= bytes
    this.#owner?.uncharge(bytes)
    return outOfMemory('a buffer', bytes, cause)
  }

  #giveBack(): void {
    if (this.#usedBytes > 0) this.#owner?.uncharge(this.#usedBytes)
    this.#usedBytes = 0
    this.#window.forget()
  }
}

/** Writers write into a scratch; a commit hands out what was written. */
class HeapWindow implements Window {
  readonly #take: (bytes: number) => void
  readonly #allocUnsafe: (bytes: number) => Buffer
  #scratch: Uint8Array<ArrayBuffer> = EMPTY
  #view: DataView | undefined
  offset = 0

  constructor(take: (bytes: number) => void, allocUnsafe: (bytes: number) => Buffer) {
    this.#take = take
    this.#allocUnsafe = allocUnsafe
  }

  get bytes(): Uint8Array {
    return this.#scratch
  }

  get view(): DataView {
    return (this.#view ??= new DataView(this.#scratch.buffer))
  }

  get limit(): number {
    return this.#scratch.length
  }

  reserve(bytes: number): void {
    checkBytes(bytes)
    this.#take(0)
    // Made zeroed: nothing of the heap shows through what native code leaves unwritten.
    if (this.#scratch.length < bytes) this.#aim(scratchOf(Math.max(bytes, 4096)))
  }

  commit(bytes: number): Buffer {
    const { buffer, length } = this.#scratch
    if (bytes * 2 >= length && bytes >= 4096) {
      this.#take(bytes)
      this.#aim(EMPTY)
      return new BufferView(buffer, 0, bytes)
    }
    const copy = this.#allocUnsafe(bytes)
    copy.set(new Uint8Array(buffer, 0, bytes))
    if (length > KEPT_SCRATCH_BYTES) this.#aim(EMPTY)
    return copy
  }

  extend(): undefined {
    return undefined
  }

  shrink(): void {}

  forget(): void {
    this.#aim(EMPTY)
  }

  #aim(scratch: Uint8Array<ArrayBuffer>): void {
    this.#scratch = scratch
    this.#view = undefined
  }
}

function scratchOf(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(bytes))
  } catch (cause) {
    throw outOfMemory('a buffer', bytes, cause)
  }
}
