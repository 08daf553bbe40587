import type { Buffer } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { window, type Allocator, type WindowedAllocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { FAILED, raw, takeLastError } from '../native.js'
import type { SlabStore } from './record-store.js'

/** How long bulk work may take the thread at a time: with either option it is done in slices. */
export type SliceOptions =
  | {
      /** Milliseconds of work between two turns of the event loop. 8 when only a signal is given. */
      sliceMs: number
      /** Ends the work between two slices with `ERR_ABORTED`. */
      signal?: AbortSignal
    }
  | { sliceMs?: number; signal: AbortSignal }

/** Answers of `recordStep`. */
const DONE = 0
const FULL = 2
const NARROW = 3

const DEFAULT_SLICE_MS = 8
const EMPTY = new Uint8Array(0)

/** Whether the options ask for work in slices. */
export function isSliced(options: Partial<SliceOptions> | undefined): options is SliceOptions {
  return options?.sliceMs !== undefined || options?.signal !== undefined
}

/** The number of a job, or the error why there is none. */
export function started(job: number): number {
  if (job === FAILED) throw takeLastError()
  return job
}

/** One piece of bulk work, stepped to its end at once or in slices. */
export class BulkJob {
  readonly #store: SlabStore
  readonly #job: number
  /** The length of the result once done, and the room that a write needs. */
  readonly words = new Uint32Array(2)
  #document: Uint8Array = EMPTY
  #output: Output | undefined

  constructor(store: SlabStore, job: number) {
    this.#store = store
    this.#job = started(job)
  }

  /** Rows come from `document`. */
  reading(document: Uint8Array): this {
    this.#document = document
    return this
  }

  /** Bytes go to `allocator`. */
  writing(allocator: Allocator): this {
    const estimate = started(raw.recordEstimate(this.#job, this.#store.views()))
    this.#output = new Output(allocator, estimate)
    return this
  }

  /** Runs to the end, at once; `result` reads what came of it. */
  run<T>(result: (job: number, job2: this) => T): T {
    let done = false
    try {
      while (this.#step(0) !== DONE);
      const value = result(this.#job, this)
      done = true
      return value
    } finally {
      this.#end(!done)
    }
  }

  /** Runs in slices. */
  async runSliced<T>(options: SliceOptions, result: (job: number, job2: this) => T): Promise<T> {
    const { signal, sliceMs = DEFAULT_SLICE_MS } = options
    let done = false
    try {
      if (typeof sliceMs !== 'number' || !(sliceMs > 0)) {
        throw new RangeError(`sliceMs: expected a number of milliseconds above 0, got ${String(sliceMs)}`)
      }
      for (;;) {
        if (signal?.aborted) {
          const details = { cause: signal.reason as unknown }
          throw new PrimarenaError('ERR_ABORTED', `${this.#store.name}: the work was aborted`, details)
        }
        this.#store.open()
        if (this.#step(sliceMs) === DONE) break
        await nextTurn()
      }
      const value = result(this.#job, this)
      done = true
      return value
    } finally {
      this.#end(!done)
    }
  }

  /** The slots of the result. */
  slots(): Uint32Array {
    const slots = new Uint32Array(this.words[0]!)
    started(raw.recordSlots(this.#job, slots))
    return slots
  }

  /** What was written. */
  written(): Buffer {
    return this.#output!.finish()
  }

  #step(sliceMs: number): number {
    const { words } = this
    const views = this.#store.views()
    const output = this.#output
    output?.check()
    const bytes = output?.piece ?? this.#document
    const from = output?.length ?? 0
    const answer = started(raw.recordStep(this.#job, views, sliceMs, words, bytes, from, bytes.length))
    if (output) {
      output.length += words[0]!
      if (answer === NARROW) output.ensure(words[1]!)
    } else if (answer === FULL) {
      this.#store.changed()
      if (!this.#store.current.hasRoom) this.#store.advance()
    }
    return answer
  }

  #end(giveUp: boolean): void {
    raw.recordEnd(this.#job, this.#store.views(), giveUp ? 1 : 0)
    this.#store.changed()
  }
}

/** Bytes that grow inside an allocator, filled by native code. */
class Output {
  readonly #allocator: WindowedAllocator
  piece: Buffer
  length = 0

  constructor(allocator: Allocator, estimate: number) {
    this.#allocator = allocator as WindowedAllocator
    if (typeof allocator !== 'object' || allocator === null || typeof allocator.allocUnsafe !== 'function') {
      throw new TypeError('allocator: expected an Arena or a HeapAllocator')
    }
    this.piece = allocator.allocUnsafe(estimate)
  }

  /** Throws when what was written is gone. */
  check(): void {
    if (this.piece.length < this.length) {
      throw new PrimarenaError('ERR_CHUNK_DETACHED', 'the allocator was reset while it was written to')
    }
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    const size = Math.max(this.length + bytes, Math.ceil(this.piece.length * 1.5))
    const extended = this.#allocator[window]?.extend(this.piece, size)
    if (extended) {
      this.piece = extended
      return
    }
    const moved = this.#allocator.allocUnsafe(size)
    moved.set(this.piece.subarray(0, this.length))
    this.piece = moved
  }

  finish(): Buffer {
    this.check()
    this.#allocator[window]?.shrink(this.piece, this.length)
    return this.piece.subarray(0, this.length)
  }
}
