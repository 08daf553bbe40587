import { FAILED, raw, takeLastError, wasInjected } from './native.js'
import type { ChunkStore } from './chunk-store.js'
import type { Owner } from './owner.js'

/** Small charges are taken from the native node in quanta of this size. */
const QUANTUM_BYTES = 64 * 1024

/** The number of the owner `none`: work without an agent. */
export const NONE = 0

/**
 * A node of the native budget tree: a `Memory` (owner `none`) or one agent of it.
 *
 * The native side opens it when it is first needed and it leaves the tree when idle, so an idle agent costs
 * no native memory. Charges below a quantum are served from what was leased before.
 *
 * @internal
 */
export class OwnerNode implements Owner {
  readonly label: string
  readonly #store: ChunkStore
  readonly #open: (() => number) | undefined
  #number: number
  #chargedBytes = 0
  #spareBytes = 0

  /** `open` makes the native node; without it this is the owner `none`. */
  constructor(store: ChunkStore, label: string, open?: () => number) {
    this.#store = store
    this.label = label
    this.#open = open
    this.#number = open ? -1 : NONE
  }

  /** The native number; opens the node when there is none. */
  get number(): number {
    if (this.#number < 0) this.#number = this.#open!()
    return this.#number
  }

  get isOpen(): boolean {
    return this.#number >= 0
  }

  /** Bytes charged and not given back, besides chunks. */
  get chargedBytes(): number {
    return this.#chargedBytes
  }

  /** Charged natively and not in use. */
  get spareBytes(): number {
    return this.#spareBytes
  }

  charge(bytes: number): void {
    if (bytes > this.#spareBytes) this.#lease(bytes - this.#spareBytes)
    this.#spareBytes -= bytes
    this.#chargedBytes += bytes
    this.#store.chargedBytes += bytes
  }

  uncharge(bytes: number): void {
    const given = Math.min(bytes, this.#chargedBytes)
    this.#chargedBytes -= given
    this.#store.chargedBytes -= given
    this.#spareBytes += given
    if (this.#chargedBytes === 0) this.#giveBack(this.#spareBytes)
    else if (this.#spareBytes >= 2 * QUANTUM_BYTES) this.#giveBack(this.#spareBytes - QUANTUM_BYTES)
  }

  /** Leaves the native tree. What is still leased is forced back. */
  close(force: boolean): void {
    if (this.#number <= NONE) return
    this.#giveBack(this.#spareBytes)
    if (force) {
      this.#store.chargedBytes -= this.#chargedBytes
      this.#giveBack(this.#chargedBytes)
      this.#chargedBytes = 0
    }
    const number = this.#number
    this.#number = -1
    this.#store.native.closeOwner(number, force)
    this.#store.drain()
  }

  #lease(bytes: number): void {
    const quantum = Math.max(QUANTUM_BYTES, bytes)
    const answer = raw.ownerCharge(this.#store.id, this.number, quantum)
    if (answer !== FAILED) {
      this.#spareBytes += quantum
      if (answer > 0) this.#store.drain()
      return
    }
    let error = takeLastError()
    // Close to the limit a whole quantum may not fit where the bytes themselves do. Not after a failure on
    // purpose, which is to be seen.
    if (wasInjected(error) || raw.ownerCharge(this.#store.id, this.number, bytes) === FAILED) {
      if (!wasInjected(error)) error = takeLastError()
      this.#store.drain()
      if (this.#store.onRefused?.(error) !== true) throw error
      if (raw.ownerCharge(this.#store.id, this.number, bytes) === FAILED) throw takeLastError()
    }
    this.#spareBytes += bytes
  }

  #giveBack(bytes: number): void {
    if (bytes <= 0) return
    raw.ownerUncharge(this.#store.id, this.#number, bytes)
    this.#spareBytes -= Math.min(bytes, this.#spareBytes)
  }
}
