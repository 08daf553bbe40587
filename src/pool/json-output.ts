import { Buffer } from 'node:buffer'
import { window, type Window, type WindowedAllocator } from '../allocator.js'

/**
 * Where JSON text is put: straight into the window of an allocator, or, when code of the user may run meanwhile
 * and take memory from that very allocator, into a scratch that is copied at the end.
 *
 * Writers carry `bytes` and the offset in local variables; `grow` moves what was written since `start`, after
 * which `bytes` and `limit` are others.
 */
export class JsonOutput {
  bytes: Uint8Array = NO_BYTES
  start = 0
  limit = 0
  /** No code of the user may run. */
  direct = false
  /** How deep the container is that is being written, and the names and positions that lead to it. */
  depth = 0
  readonly path: (string | number)[] = []
  /** The containers that are begun, outermost first; beyond `depth` it is left over. */
  readonly stack: { busy: boolean }[] = []
  #window: Window | undefined

  /** Writes into `allocator` from now on; gives the first offset. */
  openDirect(allocator: WindowedAllocator, hintBytes: number): number {
    const target = allocator[window]
    target.reserve(hintBytes)
    this.#window = target
    this.direct = true
    this.bytes = target.bytes
    this.start = target.offset
    this.limit = target.limit
    return this.start
  }

  /** Writes into a scratch of its own from now on; gives the first offset. */
  openScratch(): number {
    this.#window = undefined
    this.direct = false
    // Not uninitialised memory: a number that is written backwards must never show what was here before.
    this.bytes = Buffer.alloc(SCRATCH_BYTES)
    this.start = 0
    this.limit = SCRATCH_BYTES
    return 0
  }

  /** Makes room for `bytes` after `at`; gives the offset that corresponds to `at`. */
  grow(at: number, bytes: number): number {
    const { bytes: written, start } = this
    const length = at - start
    // Half as much again: a large answer is moved a few times, not at each member.
    const capacity = length + bytes + ((length + bytes) >> 1)
    const target = this.#window
    if (target === undefined) {
      this.bytes = Buffer.alloc(capacity)
      this.limit = capacity
    } else {
      target.reserve(capacity)
      this.bytes = target.bytes
      this.start = target.offset
      this.limit = target.limit
      if (this.bytes === written && this.start === start) return at
    }
    this.bytes.set(written.subarray(start, at), this.start)
    return this.start + length
  }

  /** What was written up to `at`, in `allocator`. */
  finish(at: number, allocator: WindowedAllocator): Buffer {
    if (this.#window !== undefined) return this.#window.commit(at - this.start)
    return allocator.from(this.bytes.subarray(this.start, at))
  }

  /** What was written up to `at`, as text. */
  text(at: number): string {
    return (this.bytes as Buffer).toString('utf8', this.start, at)
  }

  /** A container is begun. */
  enter(container: { busy: boolean }): void {
    container.busy = true
    this.stack[this.depth++] = container
  }

  /** It is complete. */
  leave(): void {
    this.stack[--this.depth]!.busy = false
  }

  /** Lets go of everything; containers that were not completed are not being written any more. */
  close(): void {
    while (this.depth > 0) this.leave()
    this.bytes = NO_BYTES
    this.#window = undefined
  }
}

const NO_BYTES = new Uint8Array(0)
const SCRATCH_BYTES = 1024
