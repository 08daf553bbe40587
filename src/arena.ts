import type { Buffer } from 'node:buffer'
import { window, type AlignOptions, type Window } from './allocator.js'
import { BaseAllocator } from './base-allocator.js'
import { BufferView } from './buffer-view.js'
import { alignment, checkBytes, MAX_BYTES } from './checks.js'
import { byteSize, type ByteSize } from './byte-size.js'
import { arenaOf, type Chunk, type ChunkStore } from './chunk-store.js'
import { detach } from './detach.js'
import { PrimarenaError } from './errors.js'
import type { Lessee } from './lessee.js'

/**
 * What a reset does to the bytes:
 * - `'detach'`: every view has length 0 from then on (default);
 * - `'poison'`: filled with 0xA5 first;
 * - `'reuse'`: views stay, for code that proves it keeps none. Disposing detaches all the same.
 */
export type OnReset = 'detach' | 'poison' | 'reuse'

export interface ResetOptions {
  /** Chunks to keep for the next use: all (default), none, or up to so many bytes. */
  retain?: 'all' | 'none' | ByteSize
}

const POISON = 0xa5
const NOTHING: Chunk = new ArrayBuffer(0)
const NO_BYTES = new Uint8Array(NOTHING)
const NO_VIEW = new DataView(NOTHING)
const UNLEASED = -1

/**
 * Bytes that all go at once.
 *
 * An arena bumps an offset inside its current chunk, with no native call; when the chunk is used up the
 * native manager grants the next. Chunks are its own: nobody else's bytes are near. A lease is opened by the
 * first allocation, so an arena that is not used costs nothing.
 *
 * Views are valid until the arena is reset or disposed: then they have length 0, reads give `undefined` and
 * writes are ignored. Whoever hands them to asynchronous native code (a socket, a file, zlib, crypto) holds
 * the arena until that is done: `ctx.hold`, `ctx.send`.
 */
export class Arena extends BaseAllocator implements Disposable {
  readonly #store: ChunkStore
  readonly #lessee: Lessee
  readonly #onReset: OnReset
  #window: ArenaWindow | undefined
  #parent: Arena | undefined
  #scopes: Set<Arena> | undefined
  #handle = UNLEASED
  #disposed = false
  /** Counts resets: what was made before the last one is stale. */
  #generation = 0

  #chunk = -1
  #buffer: Chunk = NOTHING
  #offset = 0
  /** The end of the current chunk; −1 while nothing may be taken. */
  #limit = 0
  /** Below this the current chunk may hold old bytes; above it, zeros. */
  #dirtyBytes = 0
  /** The high-water mark of native writes in the current chunk. */
  #touchedBytes = 0

  /** Full chunks before the current one, and the bytes used in them. */
  #full: { chunk: number; buffer: Chunk; usedBytes: number }[] | undefined
  #fullUsedBytes = 0
  #capacityBytes = 0

  /** @internal Use `memory.arena()`, `ctx.arena` or `arena.scope()`. */
  constructor(store: ChunkStore, lessee: Lessee, onReset: OnReset, parent?: Arena) {
    super()
    if (store === undefined)
      throw new TypeError('an Arena is opened by memory.arena(), agent.arena() or arena.scope()')
    this.#store = store
    this.#lessee = lessee
    this.#onReset = onReset
    this.#parent = parent
  }

  /** Bytes in use: what was taken since the last reset, with padding. */
  get usedBytes(): number {
    return this.#fullUsedBytes + this.#offset
  }

  /** Bytes of the chunks that this arena holds: what its owner is charged. */
  get capacityBytes(): number {
    return this.#capacityBytes
  }

  /** True after `dispose`. */
  get disposed(): boolean {
    return this.#disposed
  }

  /** Counts resets and the disposal; a handle made under another number is stale. @internal */
  get generation(): number {
    return this.#generation
  }

  /** Who this arena works for. @internal */
  get lessee(): Lessee {
    return this.#lessee
  }

  /** The handle of the lease in the native manager, or −1. @internal */
  get leaseHandle(): number {
    return this.#handle
  }

  /** @internal */
  get [window](): Window {
    return (this.#window ??= new ArenaWindow(this))
  }

  /**
   * `bytes` zeroed bytes. Valid until the arena is reset or disposed.
   *
   * @throws RangeError for a size that is not a whole number from 0 to just under 2 GiB; PrimarenaError
   * ERR_ARENA_DISPOSED, ERR_CONTEXT_CLOSED, ERR_ABORTED, ERR_BUDGET_EXCEEDED, ERR_OUT_OF_MEMORY,
   * ERR_CHUNK_DETACHED (somebody transferred the chunk).
   */
  alloc(bytes: number): Buffer {
    const view = this.allocUnsafe(bytes)
    const start = this.#offset - bytes
    if (start < this.#dirtyBytes) view.fill(0)
    return view
  }

  /**
   * `bytes` bytes with whatever the same owner left in them: fill them. Otherwise as `alloc`.
   * Valid until the arena is reset or disposed.
   */
  allocUnsafe(bytes: number): Buffer {
    const start = (this.#offset + 7) & ~7
    const end = start + bytes
    if (end <= this.#limit && (bytes | 0) === bytes && bytes >= 0) {
      try {
        const view = new BufferView(this.#buffer, start, bytes)
        this.#offset = end
        return view
      } catch (error) {
        throw this.#explain(error)
      }
    }
    return this.#allocSlow(bytes)
  }

  /** `length` zeroed elements. Valid until the arena is reset or disposed. Errors as for `alloc`. */
  uint8(length: number, options?: AlignOptions): Uint8Array {
    return this.#view(Uint8Array, length, 1, options)
  }

  /** `length` zeroed elements. Valid until the arena is reset or disposed. Errors as for `alloc`. */
  int32(length: number, options?: AlignOptions): Int32Array {
    return this.#view(Int32Array, length, 4, options)
  }

  /** `length` zeroed elements. Valid until the arena is reset or disposed. Errors as for `alloc`. */
  float32(length: number, options?: AlignOptions): Float32Array {
    return this.#view(Float32Array, length, 4, options)
  }

  /** `length` zeroed elements. Valid until the arena is reset or disposed. Errors as for `alloc`. */
  float64(length: number, options?: AlignOptions): Float64Array {
    return this.#view(Float64Array, length, 8, options)
  }

  /**
   * An arena inside this one, with chunks of its own: what it takes can go before the rest does. Resetting
   * or disposing this arena disposes its scopes.
   */
  scope(): Arena {
    this.#checkUsable()
    const scope = new Arena(this.#store, this.#lessee, this.#onReset, this)
    ;(this.#scopes ??= new Set()).add(scope)
    return scope
  }

  /**
   * Takes everything back at once; all views are dead (see `OnReset`) and scopes are disposed. What is held
   * (`ctx.hold`, `ctx.send`) stays where it is until the holds are over.
   *
   * @throws PrimarenaError ERR_ARENA_DISPOSED.
   */
  reset(options?: ResetOptions): void {
    if (this.#disposed) throw disposedError()
    const retain = options?.retain
    const retainBytes =
      retain === undefined || retain === 'all' ? Infinity : retain === 'none' ? 0 : byteSize(retain, 'retain')
    this.#disposeScopes()
    this.#generation += 1
    if (this.#handle === UNLEASED) return
    const { held, mayAllocate } = this.#lessee
    if (!held && this.#full === undefined && this.#capacityBytes <= retainBytes && this.#recycle()) return
    const bytes = mayAllocate && !held ? Math.min(retainBytes, this.#capacityBytes) : 0
    this.#endLease()
    if (bytes === 0) return
    try {
      // Several chunks become one that holds them all: the arena converges to one chunk of its largest cycle.
      this.#openLease(Math.min(bytes, MAX_BYTES), false)
    } catch {
      // There is no memory for it now. The next allocation asks for what it needs, and says so.
    }
  }

  /** Gives all chunks back. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#generation += 1
    this.#limit = -1
    this.#disposeScopes()
    if (this.#handle !== UNLEASED) this.#endLease()
    if (this.#parent !== undefined) this.#parent.#scopes?.delete(this)
    this.#parent = undefined
    this.#lessee.arenaDisposed(this)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** From now on allocating asks the lessee first, which throws. @internal */
  block(): void {
    this.#limit = -1
    if (this.#scopes) for (const scope of this.#scopes) scope.block()
  }

  /** Chunk capacity of this arena and its scopes. @internal */
  get heldBytes(): number {
    let bytes = this.#capacityBytes
    if (this.#scopes) for (const scope of this.#scopes) bytes += scope.heldBytes
    return bytes
  }

  /** The leases of this arena and its scopes. @internal */
  *leases(): Generator<number> {
    if (this.#handle !== UNLEASED) yield this.#handle
    if (this.#scopes) for (const scope of this.#scopes) yield* scope.leases()
  }

  /** The arena whose chunk `buffer` is. @internal */
  static of(buffer: ArrayBufferLike): Arena | undefined {
    return (buffer as Chunk)[arenaOf]
  }

  /**
   * Hands a whole chunk over to whoever called `ctx.take`: it leaves the arena and the ledger. Other views
   * of that chunk die. Gives the moved buffer. @internal
   */
  takeChunk(buffer: ArrayBufferLike): ArrayBuffer {
    const moved = detach(buffer as Chunk)
    if (buffer === this.#buffer) {
      this.#store.forget(this.#handle, this.#chunk)
      this.#capacityBytes -= moved.byteLength
      this.#lessee.uncount(moved.byteLength)
      this.#clearCurrent()
    } else {
      const index = this.#full?.findIndex((chunk) => chunk.buffer === buffer) ?? -1
      const [taken] = this.#full!.splice(index, 1)
      this.#fullUsedBytes -= taken!.usedBytes
      this.#store.forget(this.#handle, taken!.chunk)
      this.#capacityBytes -= moved.byteLength
      this.#lessee.uncount(moved.byteLength)
    }
    return moved
  }

  /**
   * Lets go of the chunks without touching them: somebody may still use their bytes, so they are left to
   * V8 and only the ledger is put right. @internal
   */
  abandon(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#generation += 1
    if (this.#scopes) for (const scope of this.#scopes) scope.abandon()
    if (this.#handle !== UNLEASED) {
      this.#store.lost(this.#handle)
      this.#lessee.leaseClosed(this.#handle, this.#capacityBytes)
      this.#handle = UNLEASED
      this.#full = undefined
      this.#clearCurrent()
      this.#limit = -1
    }
    this.#lessee.arenaDisposed(this)
  }

  #view<T>(
    type: new (buffer: ArrayBuffer, offset: number, length: number) => T,
    length: number,
    elementBytes: number,
    options: AlignOptions | undefined,
  ): T {
    checkBytes(length, 'length')
    const bytes = length * elementBytes
    checkBytes(bytes, 'length')
    const start = this.#take(bytes, options === undefined ? elementBytes : alignment(options, elementBytes))
    try {
      if (start < this.#dirtyBytes) new Uint8Array(this.#buffer, start, bytes).fill(0)
      return new type(this.#buffer, start, length)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #allocSlow(bytes: number): Buffer {
    checkBytes(bytes)
    const start = this.#take(bytes, 8)
    return new BufferView(this.#buffer, start, bytes)
  }

  /** Bumps past `bytes` aligned bytes and gives where they start in the current chunk. */
  #take(bytes: number, align: number): number {
    let start = (this.#offset + align - 1) & -align
    if (start + bytes > this.#limit) {
      this.#grow(bytes)
      start = 0
    }
    this.#offset = start + bytes
    return start
  }

  /** Gets a chunk with room for `bytes` at its start. */
  #grow(bytes: number): void {
    this.#checkUsable()
    const needed = Math.max(bytes, 1)
    if (this.#handle === UNLEASED) this.#openLease(needed, true)
    else this.#nextChunk(needed)
  }

  #openLease(bytes: number, hinted: boolean): void {
    const store = this.#store
    const lessee = this.#lessee
    const mostBytes = lessee.headroom(bytes)
    const handle = store.open(lessee.ownerNumber, bytes, hinted ? lessee.hintBytes : bytes, mostBytes)
    this.#handle = handle
    this.#adopt()
    lessee.leaseOpened(handle, this.#capacityBytes)
  }

  #nextChunk(bytes: number): void {
    const store = this.#store
    const usedBytes = this.#highWater()
    store.grant(this.#handle, bytes, usedBytes, this.#lessee.headroom(bytes))
    const before = this.#capacityBytes
    ;(this.#full ??= []).push({ chunk: this.#chunk, buffer: this.#buffer, usedBytes })
    this.#fullUsedBytes += this.#offset
    this.#adopt()
    this.#lessee.count(this.#capacityBytes - before)
  }

  /** Makes the granted chunk the current one. */
  #adopt(): void {
    const { granted } = this.#store
    const { buffer } = granted
    // The store must not keep it: the chunk points at this arena, which could then never be collected.
    granted.buffer = NOTHING
    buffer[arenaOf] = this
    this.#chunk = granted.chunk
    this.#buffer = buffer
    this.#offset = 0
    this.#limit = buffer.byteLength
    this.#dirtyBytes = granted.dirtyBytes
    this.#touchedBytes = 0
    this.#capacityBytes += buffer.byteLength
    this.#window?.moved()
  }

  /** Detaches the one chunk and goes on with it. False when somebody transferred it. */
  #recycle(): boolean {
    const highWater = this.#highWater()
    if (this.#onReset !== 'reuse') {
      if (this.#onReset === 'poison') this.#poison(this.#buffer, highWater)
      let buffer: Chunk
      try {
        buffer = detach(this.#buffer)
      } catch {
        return false
      }
      buffer[arenaOf] = this
      this.#buffer = buffer
      this.#window?.moved()
    }
    if (highWater > this.#dirtyBytes) this.#dirtyBytes = highWater
    this.#touchedBytes = 0
    this.#offset = 0
    this.#fullUsedBytes = 0
    this.#limit = this.#lessee.mayAllocate ? this.#buffer.byteLength : -1
    return true
  }

  #endLease(): void {
    const handle = this.#handle
    const usedBytes = this.#highWater()
    const capacityBytes = this.#capacityBytes
    this.#lessee.used(this.#fullUsedBytes + this.#offset)
    if (this.#lessee.held) {
      this.#park(handle, usedBytes, capacityBytes)
      return
    }
    this.#endChunks()
    this.#handle = UNLEASED
    this.#store.close(handle, usedBytes)
    this.#lessee.leaseClosed(handle, capacityBytes)
  }

  /** Somebody holds the bytes: they stay where they are, and views of them alive, until nobody does. */
  #park(handle: number, usedBytes: number, capacityBytes: number): void {
    const chunks = this.#full ?? []
    if (this.#chunk >= 0) chunks.push({ chunk: this.#chunk, buffer: this.#buffer, usedBytes })
    this.#full = undefined
    this.#handle = UNLEASED
    this.#fullUsedBytes = 0
    this.#capacityBytes = 0
    this.#clearCurrent()
    this.#lessee.park((abandon) => {
      if (abandon) {
        this.#store.lost(handle)
      } else {
        for (const { chunk, buffer, usedBytes: touchedBytes } of chunks) {
          if (this.#onReset === 'poison') this.#poison(buffer, touchedBytes)
          this.#store.putBack(chunk, buffer, touchedBytes)
        }
        this.#store.close(handle, usedBytes)
      }
      this.#lessee.leaseClosed(handle, capacityBytes)
    })
  }

  #endChunks(): void {
    const store = this.#store
    const poison = this.#onReset === 'poison'
    if (this.#full) {
      for (const { chunk, buffer, usedBytes } of this.#full) {
        if (poison) this.#poison(buffer, usedBytes)
        store.putBack(chunk, buffer, usedBytes)
      }
      this.#full = undefined
    }
    if (this.#chunk >= 0) {
      const highWater = this.#highWater()
      if (poison) this.#poison(this.#buffer, highWater)
      store.putBack(this.#chunk, this.#buffer, highWater)
    }
    this.#clearCurrent()
    this.#fullUsedBytes = 0
    this.#capacityBytes = 0
  }

  #clearCurrent(): void {
    this.#chunk = -1
    this.#buffer = NOTHING
    this.#offset = 0
    this.#limit = this.#disposed ? -1 : 0
    this.#dirtyBytes = 0
    this.#touchedBytes = 0
    this.#window?.moved()
  }

  #highWater(): number {
    return this.#offset > this.#touchedBytes ? this.#offset : this.#touchedBytes
  }

  #poison(buffer: Chunk, bytes: number): void {
    if (buffer.byteLength > 0) new Uint8Array(buffer, 0, bytes).fill(POISON)
  }

  #disposeScopes(): void {
    if (this.#scopes === undefined) return
    for (const scope of this.#scopes) scope.dispose()
    this.#scopes = undefined
  }

  #checkUsable(): void {
    if (this.#disposed) throw disposedError()
    this.#lessee.checkMayAllocate()
  }

  #explain(error: unknown): unknown {
    if (this.#capacityBytes > 0 && this.#buffer.byteLength === 0) {
      return new PrimarenaError(
        'ERR_CHUNK_DETACHED',
        'the chunk of this arena was transferred by somebody else; reset the arena to go on',
        { cause: error },
      )
    }
    return error
  }

  /** The window's side of the bump state. @internal */
  static readonly bump = {
    buffer: (arena: Arena): ArrayBuffer => arena.#buffer,
    offset: (arena: Arena): number => arena.#offset,
    limit: (arena: Arena): number => arena.#limit,
    reserve(arena: Arena, bytes: number): void {
      checkBytes(bytes)
      if (arena.#offset + bytes > arena.#limit || arena.#limit <= 0) arena.#grow(bytes)
      if (arena.#buffer.byteLength === 0) throw arena.#explain(new TypeError('the chunk is detached'))
      // Native code may write anywhere up to the limit, committed or not: all of it counts as touched.
      arena.#touchedBytes = arena.#limit
      arena.#dirtyBytes = arena.#limit
    },
    commit(arena: Arena, bytes: number): Buffer {
      const start = arena.#offset
      if (!(bytes >= 0 && start + bytes <= arena.#limit)) {
        throw new RangeError(`commit: expected at most ${arena.#limit - start} bytes, got ${bytes}`)
      }
      const view = new BufferView(arena.#buffer, start, bytes)
      arena.#offset = start + bytes
      return view
    },
    extend(arena: Arena, piece: Buffer, bytes: number): Buffer | undefined {
      const start = piece.byteOffset
      if (piece.buffer !== arena.#buffer || start + piece.length !== arena.#offset) return undefined
      if (start + bytes > arena.#limit) return undefined
      arena.#offset = start + bytes
      return new BufferView(arena.#buffer, start, bytes)
    },
    shrink(arena: Arena, piece: Buffer, bytes: number): void {
      const start = piece.byteOffset
      if (piece.buffer !== arena.#buffer || start + piece.length !== arena.#offset) return
      arena.#touchedBytes = Math.max(arena.#touchedBytes, arena.#offset)
      arena.#dirtyBytes = Math.max(arena.#dirtyBytes, arena.#offset)
      arena.#offset = start + bytes
    },
  }
}

/** The window over an arena's current chunk. */
class ArenaWindow implements Window {
  readonly #arena: Arena
  // Made when first asked for: whoever only allocates needs neither.
  #bytes: Uint8Array | undefined
  #view: DataView | undefined

  constructor(arena: Arena) {
    this.#arena = arena
  }

  // Small enough for V8 to inline whatever else is inlined.
  get bytes(): Uint8Array {
    return this.#bytes ?? this.#makeBytes()
  }

  get view(): DataView {
    return this.#view ?? this.#makeView()
  }

  get offset(): number {
    return Arena.bump.offset(this.#arena)
  }

  get limit(): number {
    return Arena.bump.limit(this.#arena)
  }

  reserve(bytes: number): void {
    Arena.bump.reserve(this.#arena, bytes)
  }

  commit(bytes: number): Buffer {
    return Arena.bump.commit(this.#arena, bytes)
  }

  extend(piece: Buffer, bytes: number): Buffer | undefined {
    return Arena.bump.extend(this.#arena, piece, bytes)
  }

  shrink(piece: Buffer, bytes: number): void {
    Arena.bump.shrink(this.#arena, piece, bytes)
  }

  #makeBytes(): Uint8Array {
    const none = this.#arena.capacityBytes === 0
    return (this.#bytes = none ? NO_BYTES : new Uint8Array(Arena.bump.buffer(this.#arena)))
  }

  #makeView(): DataView {
    const none = this.#arena.capacityBytes === 0
    return (this.#view = none ? NO_VIEW : new DataView(Arena.bump.buffer(this.#arena)))
  }

  /** The current chunk is another one. */
  moved(): void {
    this.#bytes = undefined
    this.#view = undefined
  }
}

function disposedError(): PrimarenaError {
  return new PrimarenaError('ERR_ARENA_DISPOSED', 'the arena is disposed; open another one')
}
