import { detach, release, releasesAtOnce, canDetach } from './detach.js'
import { outOfMemory } from './errors.js'
import type { Arena } from './arena.js'
import { FAILED, type NativeManager, raw, takeLastError } from './native.js'

/** What keeps an arena alive as long as one of its views lives: each leased chunk points at it (D7). */
export const arenaOf: unique symbol = Symbol('primarena.arena') as never

/** A chunk's `ArrayBuffer` while it is leased. */
export interface Chunk extends ArrayBuffer {
  [arenaOf]?: Arena
}

/** A leased chunk: its number in the store, its bytes, and from where on they are known to be zero. */
export interface Granted {
  chunk: number
  buffer: Chunk
  dirtyBytes: number
}

const CHUNK_NUMBERS = 2 ** 20

/**
 * The chunks of one `Memory` in one thread.
 *
 * The native manager decides which chunk goes where; this side holds the `ArrayBuffer`s of idle ones by
 * number. A leased chunk is held by its arena alone, so that an arena that nobody holds can be collected
 * with its bytes.
 */
export class ChunkStore {
  readonly native: NativeManager
  readonly id: number
  /** Bytes charged besides chunks: slabs, documents, templates, ordinary memory. */
  chargedBytes = 0
  /** Told of what the native side noted since: soft limits crossed. */
  onEvents: ((events: readonly NativeEvent[]) => void) | undefined
  /** Asked when a budget refused; true means that it is worth another try. */
  onRefused: ((error: Error) => boolean) | undefined
  readonly #idle: (ArrayBuffer | undefined)[] = []
  /** For each chunk, the bytes from its start that may not be zero. */
  readonly #dirtyBytes: number[] = []
  #ended = false
  #pendingFree: FinalizationRegistry<number> | undefined

  constructor(native: NativeManager) {
    this.native = native
    this.id = native.id
  }

  /** Opens a lease with a first chunk of at least `bytes`. Gives its handle; the chunk is in `granted`. */
  open(owner: number, bytes: number, hintBytes: number, mostBytes: number): number {
    let answer = this.#callOpen(owner, bytes, hintBytes, mostBytes)
    if (answer === FAILED) answer = this.#openAgain(owner, bytes, hintBytes, mostBytes)
    if (answer >= 0) {
      const chunk = answer % CHUNK_NUMBERS
      const handle = (answer - chunk) / CHUNK_NUMBERS
      this.#give(chunk, handle, true)
      return handle
    }
    return this.#prepare(true)
  }

  /** The next chunk of a lease, at least `bytes` long; `usedBytes` is the high-water of the one before. */
  grant(handle: number, bytes: number, usedBytes: number, mostBytes: number): void {
    let chunk = raw.leaseGrant(this.id, handle, bytes, usedBytes, mostBytes)
    if (chunk === FAILED) {
      this.#refused()
      chunk = raw.leaseGrant(this.id, handle, bytes, usedBytes, mostBytes)
      if (chunk === FAILED) throw takeLastError()
    }
    if (chunk >= 0) this.#give(chunk, handle, false)
    else this.#prepare(false)
  }

  /** The chunk of the last `open` or `grant`: read at once. */
  readonly granted: Granted = { chunk: -1, buffer: new ArrayBuffer(0), dirtyBytes: 0 }

  /** Takes one chunk of a lease out of the ledger: its bytes belong to somebody else now. */
  forget(handle: number, chunk: number): void {
    if (raw.leaseTake(this.id, handle, chunk) === FAILED) throw takeLastError()
  }

  /** Takes a lease and its chunks out of the ledger: the bytes are left to V8. Gives their capacity. */
  lost(handle: number): number {
    return this.#ended ? 0 : Math.max(0, raw.leaseLost(this.id, handle))
  }

  /** Ends a lease; its chunks must have been put back. */
  close(handle: number, usedBytes: number): void {
    if (this.#ended) return
    const pending = raw.leaseClose(this.id, handle, usedBytes)
    if (pending !== 0) this.#settle(pending)
  }

  /** Takes a chunk back: detached, so that every view of it is dead. */
  putBack(chunk: number, buffer: Chunk, touchedBytes: number): void {
    let moved: ArrayBuffer | undefined
    if (canDetach) {
      try {
        moved = detach(buffer)
      } catch {
        // Somebody transferred it: the bytes are theirs, a fresh buffer takes its place at the next use.
      }
    }
    if (this.#ended) return
    this.#idle[chunk] = moved
    if (touchedBytes > this.#dirtyBytes[chunk]!) this.#dirtyBytes[chunk] = touchedBytes
  }

  /** Gives everything back. What still comes afterwards (a collection, the end of a hold) changes nothing. */
  end(): void {
    this.native.trim()
    this.drain()
    this.#ended = true
    this.native.dispose()
    this.#idle.length = 0
  }

  /** Does what the native side decided meanwhile: lets go of chunks, passes events on. */
  drain(): void {
    if (this.#ended) return
    const { freed, events } = this.native.drain()
    for (const chunk of freed) {
      const buffer = this.#idle[chunk]
      this.#idle[chunk] = undefined
      if (buffer) this.free(buffer)
    }
    if (events.length > 0) this.onEvents?.(events)
  }

  /** Frees the bytes of a buffer: at once where the runtime can, else with the next garbage collection. */
  free(buffer: ArrayBuffer): void {
    if (releasesAtOnce) {
      release(buffer)
      return
    }
    const bytes = buffer.byteLength
    this.native.addPendingFree(bytes)
    this.#pendingFree ??= new FinalizationRegistry((freedBytes) => {
      if (!this.#ended) this.native.pendingFreed(freedBytes)
    })
    this.#pendingFree.register(buffer, bytes)
  }

  /** Every argument that is read costs about 10 ns, and a limit on this side is rare. */
  #callOpen(owner: number, bytes: number, hintBytes: number, mostBytes: number): number {
    return mostBytes === Infinity
      ? raw.leaseOpen(this.id, owner, bytes, hintBytes)
      : raw.leaseOpen(this.id, owner, bytes, hintBytes, mostBytes)
  }

  #openAgain(owner: number, bytes: number, hintBytes: number, mostBytes: number): number {
    this.#refused()
    const answer = this.#callOpen(owner, bytes, hintBytes, mostBytes)
    if (answer === FAILED) throw takeLastError()
    return answer
  }

  /** One refusal may be answered by whoever listens (free something, raise a limit); else it is thrown. */
  #refused(): void {
    const error = takeLastError()
    this.drain()
    if (this.onRefused?.(error) !== true) throw error
  }

  #settle(pending: number): void {
    if (pending < 0) throw takeLastError()
    this.drain()
  }

  #give(chunk: number, handle: number, opening: boolean): void {
    const { granted } = this
    let buffer = this.#idle[chunk]
    if (buffer === undefined) {
      // Its bytes were transferred away, or this runtime cannot detach: a fresh buffer stands in.
      buffer = this.#make(this.native.chunkCapacity(chunk), handle, chunk, opening)
      this.#dirtyBytes[chunk] = 0
    } else {
      this.#idle[chunk] = undefined
    }
    granted.chunk = chunk
    granted.buffer = buffer
    granted.dirtyBytes = this.#dirtyBytes[chunk]!
  }

  /** The rarer grants: a chunk to make, or one to wipe first. */
  #prepare(opening: boolean): number {
    const { handle, chunk, capacityBytes, fresh, wipeBytes, pending } = raw.leaseDetails(this.id)
    if (pending > 0) this.drain()
    const { granted } = this
    granted.chunk = chunk
    if (fresh) {
      granted.buffer = this.#make(capacityBytes, handle, chunk, opening)
      granted.dirtyBytes = this.#dirtyBytes[chunk] = 0
    } else {
      this.#give(chunk, handle, opening)
      if (wipeBytes > 0) {
        new Uint8Array(granted.buffer, 0, Math.min(wipeBytes, granted.buffer.byteLength)).fill(0)
        granted.dirtyBytes = this.#dirtyBytes[chunk] = 0
      }
    }
    return handle
  }

  /** The bytes of a granted chunk; when the system has none, the grant is undone. */
  #make(capacityBytes: number, handle: number, chunk: number, opening: boolean): ArrayBuffer {
    try {
      return new ArrayBuffer(capacityBytes)
    } catch (cause) {
      raw.leaseFailed(this.id, handle, chunk)
      if (opening) this.close(handle, 0)
      this.drain()
      throw outOfMemory('a chunk', capacityBytes, cause)
    }
  }
}

/** What the native manager notes for the JavaScript side. */
export interface NativeEvent {
  node: string
  heldBytes: number
  limitBytes: number
}
