import { Buffer } from 'node:buffer'
import { window, type Window, type WindowedAllocator } from '../allocator.js'
import { finish, longStrings, neededBytes } from '../json/long-strings.js'

/**
 * Where JSON text is put: straight into the window of an allocator, or, when code of the user may run meanwhile
 * and take memory from that very allocator, into a scratch that is copied at the end.
 *
 * Writers carry `bytes`, `view` and the offset in local variables; `grow` moves what was written since `start`,
 * after which they and `limit` are others.
 */
export class JsonOutput {
  bytes: Uint8Array = NO_BYTES
  view: DataView = NO_VIEW
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
    longStrings.begin()
    this.direct = true
    this.#window = target
    this.#aim(target, hintBytes)
    return this.start
  }

  /** Writes into a scratch of its own from now on; gives the first offset. */
  openScratch(): number {
    this.#window = undefined
    this.direct = false
    this.start = 0
    this.#scratch(SCRATCH_BYTES)
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
      this.#scratch(capacity)
    } else {
      this.#aim(target, capacity)
      if (this.bytes === written && this.start === start) return at
      longStrings.move(this.start - start)
    }
    this.bytes.set(written.subarray(start, at), this.start)
    return this.start + length
  }

  #aim(target: Window, bytes: number): void {
    target.reserve(bytes)
    this.bytes = target.bytes
    this.view = target.view
    this.start = target.offset
    this.limit = target.limit
  }

  #scratch(bytes: number): void {
    // Not uninitialised memory: a number that is written backwards must never show what was here before.
    const buffer = new ArrayBuffer(bytes)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.limit = bytes
  }

  /** What was written up to `at`, in `allocator`. */
  finish(at: number, allocator: WindowedAllocator): Buffer {
    const target = this.#window
    if (target !== undefined) {
      let end = finish(this.bytes, at)
      if (end < 0) {
        at = this.grow(at, neededBytes(end) - at)
        end = finish(this.bytes, at)
      }
      return target.commit(end - this.start)
    }
    return allocator.from(this.bytes.subarray(this.start, at))
  }

  /** What was written up to `at`, as text. */
  text(at: number): string {
    return Buffer.from(this.bytes.buffer, this.start, at - this.start).toString()
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
    this.view = NO_VIEW
    this.#window = undefined
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)
const SCRATCH_BYTES = 1024
