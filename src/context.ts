import type { Writable } from 'node:stream'
import type { Allocator } from './allocator.js'
import { runAmbient } from './ambient.js'
import { Arena, type OnReset } from './arena.js'
import { PrimarenaError } from './errors.js'
import { HeapAllocator } from './heap-allocator.js'
import { checkPromise, closedError, HoldGroup } from './holds.js'
import { JsonOptimizer } from './json-optimizer.js'
import { formatSite, type Site } from './leaks.js'
import type { LifetimeRecord } from './nursery.js'
import { ownerAt, type Place } from './place.js'
import { Tenant } from './tenant.js'
import type { Primitive } from './primitive.js'
import { copyOut, copyView, takeView } from './results.js'
import { checkRunOptions, type RunArguments, type RunOptions } from './run-options.js'
import { send } from './send.js'

const RUNNING = 0
/** The body has settled; children are awaited and `defer`s run. */
const SETTLING = 1
/** The caller has its answer; holds drain. */
const CLOSED = 2
/** The arena is gone. */
const ENDED = 3

/**
 * What a primitive gets: who it works for, memory for its temporaries, and ways to tie things to its end.
 *
 * Every run has a context and an arena of its own. The order at the end: the body settles; children of
 * `run` are awaited; `defer`s run, last first; the result is copied out; the caller resolves; holds drain;
 * the arena is reset.
 *
 * `A` says whether it has an arena: `Arena`, `undefined` with `{ arena: false }`, or either.
 */
export class PrimitiveContext<A extends Arena | undefined = Arena> extends Tenant {
  /** When the operation began, in milliseconds since the epoch. */
  readonly startedAt: number = Date.now()

  readonly #program: Primitive<never, unknown> | undefined
  readonly #parent: AnyContext | undefined
  #state = RUNNING
  #arena: Arena | undefined = undefined
  /** What most operations never have. */
  #rare: Rare = NOTHING_RARE
  #resolve: ((value: unknown) => void) | undefined = undefined
  #reject: ((error: unknown) => void) | undefined = undefined

  /** @internal Use `session.run`, `ctx.run` or `memory.context`. */
  constructor(place: Place, program: Primitive<never, unknown> | undefined, parent?: AnyContext) {
    super(place)
    this.#program = program
    this.#parent = parent
    const { memory } = place
    const site = memory.sampleSite(PrimitiveContext)
    if (site !== undefined) this.#more().site = site
    memory.nursery.add(this)
    if (program !== undefined) place.contextOpened()
  }

  /** The name of the primitive; `context` for one made by `memory.context()`. */
  get primitive(): string {
    return this.#program === undefined ? 'context' : this.#program.name
  }

  /** The agent that the operation belongs to. */
  get agentId(): string | undefined {
    return this.place.agentId
  }

  /** The session that the operation belongs to. */
  get sessionId(): string | undefined {
    return this.place.sessionId
  }

  /** Aborts with the operation. Made when it is first asked for. */
  get signal(): AbortSignal {
    let { controller } = this.#rare
    if (controller === undefined) {
      controller = this.#more().controller = new AbortController()
      const { aborted } = this.#rare
      if (aborted) controller.abort(aborted.cause ?? aborted)
    }
    return controller.signal
  }

  /** The operation's arena; undefined with `{ arena: false }`. It takes its first chunk when first used. */
  get arena(): A {
    if (this.#arena === undefined && this.usesArena) {
      this.#arena = new Arena(this.place.memory.store, this, this.onReset)
      if (this.#state >= CLOSED || this.#rare.aborted) this.#arena.block()
    }
    return this.#arena as A
  }

  /** The arena, or ordinary memory charged to the same budget where there is none: it always works. */
  get allocator(): Allocator {
    if (this.usesArena) return this.arena!
    return (this.#more().heap ??= new HeapAllocator(ownerAt(this.place), () => this.checkMayAllocate()))
  }

  /** JSON in this operation: documents in its arena, pooled containers, the template cache. */
  get json(): JsonOptimizer {
    if (this.#state >= CLOSED) throw closedError('json')
    return (this.#more().json ??= new JsonOptimizer(this.place.memory, this))
  }

  /** True once the operation was aborted. */
  get aborted(): boolean {
    return this.#rare.aborted !== undefined
  }

  /**
   * Runs another primitive inside this operation: same agent, session, signal and budget, an arena of its
   * own. Its result is copied into this context's arena; this operation waits for it at its end.
   *
   * @throws (rejects with) PrimarenaError ERR_ABORTED, ERR_CONTEXT_CLOSED, and whatever the primitive throws.
   */
  run<Input, Output>(
    primitive: Primitive<Input, Output>,
    ...rest: RunArguments<Input>
  ): Promise<Awaited<Output>>
  run<Input, Output>(
    primitive: Primitive<Input, Output>,
    input?: Input,
    options?: RunOptions,
  ): Promise<Awaited<Output>> {
    if (this.#rare.aborted) return Promise.reject(this.#abortError('run'))
    if (this.#state >= CLOSED) return Promise.reject(closedError('run'))
    return PrimitiveContext.start(this.place, primitive, input as Input, options, this)
  }

  /**
   * Keeps the operation's bytes in place until `promise` settles: for files, zlib, crypto, whatever reads
   * or writes them asynchronously. Gives the same promise. A rejection is the event `hold:rejected`.
   */
  hold<T>(promise: Promise<T>): Promise<T> {
    checkPromise(promise)
    this.#holdFor(promise, 'hold')
    return promise
  }

  /**
   * Writes `bytes` to a stream and holds the arena until they were flushed or the stream is closed.
   * Resolves then; rejects with the stream's error.
   */
  send(target: Writable | WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
    if (this.#state >= CLOSED) return Promise.reject(closedError('send'))
    const sent = send(target, bytes)
    this.#holdFor(sent, 'send')
    return sent
  }

  /** A copy of `view` in ordinary memory: valid as long as somebody holds it. */
  keep<T extends ArrayBufferView>(view: T): T {
    if (!ArrayBuffer.isView(view)) throw new TypeError('keep: expected a view')
    return copyView(view)
  }

  /**
   * Hands the whole chunk of `view` to the caller instead of copying, and gives `view` again over it: valid
   * as long as somebody holds it. Other views of that chunk die, so take what is large and alone in it.
   *
   * @throws PrimarenaError ERR_FOREIGN_OBJECT when the bytes are not of this operation (or were taken).
   */
  take<T extends ArrayBufferView>(view: T): T {
    return takeView(view, this)
  }

  /** Calls `callback` when the body has settled, last one first; it is awaited. */
  defer(callback: () => unknown): void {
    if (typeof callback !== 'function') throw new TypeError('defer: expected a function')
    if (this.#state >= CLOSED) throw closedError('defer')
    ;(this.#more().defers ??= []).push(callback)
  }

  /** Runs a primitive in a new context. @internal */
  static start<Input, Output>(
    place: Place,
    primitive: Primitive<Input, Output>,
    input: Input,
    options: RunOptions | undefined,
    parent: AnyContext | undefined,
  ): Promise<Awaited<Output>> {
    const { memory } = place
    if (primitive.validate !== undefined) {
      try {
        const valid: unknown = primitive.validate(input)
        if (valid instanceof Promise) {
          valid.catch(() => {})
          throw new TypeError(
            `primitive ${primitive.name}: expected validate to answer at once, not a promise`,
          )
        }
        if (valid === false) {
          throw new TypeError(`primitive ${primitive.name}: the input was refused by its validation`)
        }
      } catch (error) {
        return Promise.reject(error)
      }
    }
    if (options !== undefined) {
      // Before anything is opened, and as a rejection like every other failure of a run.
      try {
        checkRunOptions(options)
      } catch (error) {
        return Promise.reject(error)
      }
      if (options.signal?.aborted) return Promise.reject(abortedError(primitive.name, options.signal.reason))
    }
    const context = new PrimitiveContext(place, primitive as Primitive<never, unknown>, parent)
    const answer = new Promise<Awaited<Output>>((resolve, reject) => {
      context.#resolve = resolve as (value: unknown) => void
      context.#reject = reject
    })
    if (parent) (parent.#more().children ??= new Set()).add(context)
    if (options !== undefined) context.#obey(options)
    try {
      const body: unknown = memory.ambient
        ? runAmbient(context, () => primitive.execute(context, input))
        : primitive.execute(context, input)
      const promise = body instanceof Promise ? body : Promise.resolve(body)
      promise.then(
        (value) => context.#settled(true, value),
        (error: unknown) => context.#settled(false, error),
      )
    } catch (error) {
      context.#settled(false, error)
    }
    return answer
  }

  /** Ends the operation from outside: the caller is rejected now, the arena goes when the body settles. @internal */
  abort(reason: unknown): void {
    if (this.#state >= CLOSED || this.#rare.aborted) return
    const error = abortedError(this.primitive, reason)
    this.#more().aborted = error
    this.#arena?.block()
    this.#reject?.(error)
    this.place.memory.holdWatch.bodyAborted(this, this.#rare.site)
    this.#rare.controller?.abort(reason)
    if (this.#rare.children) for (const child of this.#rare.children) child.abort(reason)
  }

  /** Drops everything at once, whatever still runs: the bytes in use are left to V8. @internal */
  force(reason: unknown): void {
    if (this.#state === ENDED) return
    this.abort(reason)
    if (this.#rare.children) for (const child of this.#rare.children) child.force(reason)
    const { holds, draining } = this.#rare
    this.#close()
    if (holds !== undefined && holds.count > 0) {
      holds.forget()
      this.#arena?.abandon()
    }
    if (draining !== undefined) {
      for (const [arena, group] of draining) {
        group.forget()
        arena.abandon()
      }
      draining.clear()
    }
    this.#end()
  }

  /** Called when the operation is over for its caller. @internal */
  onClosed(callback: () => void): void {
    ;(this.#more().closers ??= []).push(callback)
  }

  protected get usesArena(): boolean {
    return this.#program === undefined || this.#program.usesArena
  }

  protected get onReset(): OnReset {
    return this.place.memory.onReset
  }

  #more(): Rare {
    if (this.#rare === NOTHING_RARE) this.#rare = new Rare()
    return this.#rare
  }

  /** Resets for the next operation: for contexts made by `memory.context()`. @internal */
  protected startOver(): void {
    if (this.#state !== RUNNING) throw closedError('resetForNextOperation')
    this.#runDefersNow()
    this.#closeJson()
    this.#rare.heap?.reset()
    const holds = this.#rare.holds
    if (holds !== undefined && holds.count > 0) {
      // Somebody still uses the bytes: that arena waits for them, the next operation gets another.
      const arena = this.#arena
      this.#arena = undefined
      this.#more().holds = undefined
      if (arena !== undefined) {
        arena.block()
        const draining = (this.#more().draining ??= new Map())
        draining.set(arena, holds)
        holds.close(() => {
          draining.delete(arena)
          arena.dispose()
        })
      }
    } else {
      this.#arena?.reset()
    }
  }

  /** Ends a context made by `memory.context()`. @internal */
  protected finish(): void {
    if (this.#state >= CLOSED) return
    this.#runDefersNow()
    if (this.#rare.children) for (const child of this.#rare.children) child.abort(closedError('dispose'))
    this.#conclude()
  }

  // What the arena asks (Lessee).

  /** @internal */
  get hintBytes(): number {
    return this.#program === undefined ? 0 : this.#program.hintBytes
  }

  /** @internal */
  get mayAllocate(): boolean {
    return this.#state < CLOSED && this.#rare.aborted === undefined
  }

  /** @internal */
  checkMayAllocate(): void {
    if (this.#rare.aborted) throw this.#abortError('allocating')
    if (this.#state >= CLOSED) throw closedError('allocating')
  }

  /** @internal */
  get held(): boolean {
    const { holds } = this.#rare
    return holds !== undefined && holds.count > 0
  }

  /** @internal */
  park(end: (abandon: boolean) => void): void {
    this.#rare.holds!.park(end)
  }

  /** @internal */
  used(bytes: number): void {
    this.#program?.used(bytes)
  }

  /** @internal */
  arenaDisposed(arena: Arena): void {
    if (arena === this.#arena) this.#arena = this.#state >= CLOSED ? arena : undefined
  }

  // What the nursery asks (Tracked).

  /** @internal */
  record(): LifetimeRecord {
    const place = this.place
    const isRun = this.#program !== undefined
    return {
      what: isRun ? 'run' : 'context',
      agentId: place.agentId,
      sessionId: place.sessionId,
      primitive: this.primitive,
      openedAt: this.startedAt,
      site: formatSite(this.#rare.site),
      collected(bytes) {
        place.budget?.remove(bytes)
        if (isRun) place.contextClosed()
      },
    }
  }

  /** @internal */
  get heldBytes(): number {
    return this.#arena?.heldBytes ?? 0
  }

  /** @internal */
  *leases(): Generator<number> {
    if (this.#arena) yield* this.#arena.leases()
  }

  #abortError(what: string): PrimarenaError {
    return new PrimarenaError('ERR_ABORTED', `${what}: ${this.#rare.aborted!.message}`, {
      cause: this.#rare.aborted!.cause,
    })
  }

  #holdFor(promise: PromiseLike<unknown>, what: string): void {
    if (this.#state >= CLOSED) throw closedError(what)
    const { memory } = this.place
    const holds = (this.#more().holds ??= new HoldGroup(this, memory.holdWatch))
    holds.add(promise, what, memory.sampleSite(PrimitiveContext))
  }

  /** Who this is, for reports. @internal */
  get label(): string {
    const { agentId, sessionId } = this.place
    return [agentId ?? 'none', sessionId, this.primitive].filter((part) => part !== undefined).join('/')
  }

  #obey({ signal, timeoutMs }: RunOptions): void {
    if (signal !== undefined) {
      const onAbort = (): void => this.abort(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.onClosed(() => signal.removeEventListener('abort', onAbort))
    }
    if (timeoutMs !== undefined) {
      const timer = setTimeout(() => {
        this.abort(new DOMException(`The operation took longer than ${timeoutMs} ms`, 'TimeoutError'))
      }, timeoutMs)
      this.onClosed(() => clearTimeout(timer))
    }
  }

  /** The body has settled. */
  #settled(resolved: boolean, value: unknown): void {
    if (this.#state >= CLOSED) return // It was forced; nothing is left to do.
    if (
      this.#rare.defers !== undefined ||
      (this.#rare.children !== undefined && this.#rare.children.size > 0)
    ) {
      void this.#settleSlowly(resolved, value)
    } else {
      this.#answer(resolved, value)
    }
  }

  async #settleSlowly(resolved: boolean, value: unknown): Promise<void> {
    this.#state = SETTLING
    const errors: unknown[] = []
    for (;;) {
      if (this.#rare.children !== undefined && this.#rare.children.size > 0) {
        await new Promise<void>((done) => {
          this.#more().childrenDone = done
        })
        continue
      }
      const deferred = this.#rare.defers?.pop()
      if (deferred === undefined) break
      try {
        await deferred()
      } catch (error) {
        errors.push(error)
      }
    }
    if ((this.#state as number) >= CLOSED) return
    if (errors.length > 0) {
      if (!resolved) errors.unshift(value)
      this.#answer(false, new AggregateError(errors, `${this.primitive}: a deferred callback failed`))
    } else {
      this.#answer(resolved, value)
    }
  }

  /** Copies the result out, tells the caller, and lets the arena go. */
  #answer(resolved: boolean, value: unknown): void {
    if (this.#rare.aborted) {
      // The caller was rejected when it happened. What a defer still threw must not get lost.
      if (!resolved && value instanceof AggregateError) this.place.memory.lateError(this.label, value)
    } else if (!resolved) {
      this.#reject!(value)
    } else {
      try {
        let result = value
        if (value === this) throw escapedContext()
        if (this.#arena !== undefined || this.#rare.json !== undefined) {
          this.place.memory.checkEscapes(value, this)
          result = copyOut(value, this, this.#parent?.allocator)
        }
        this.#resolve!(result)
      } catch (error) {
        this.#reject!(error)
      }
    }
    this.#conclude()
  }

  /** The operation is over for its caller, its parent and whoever could abort it. */
  #close(): void {
    this.#state = CLOSED
    if (this.#rare.closers !== undefined) {
      for (const close of this.#rare.closers) close()
      this.#more().closers = undefined
    }
    this.#closeJson()
    if (this.#rare.aborted) this.place.memory.holdWatch.bodySettled(this)
    const parent = this.#parent
    if (parent !== undefined) {
      parent.#rare.children!.delete(this)
      if (parent.#rare.children!.size === 0) parent.#rare.childrenDone?.()
    }
  }

  #conclude(): void {
    this.#close()
    if (this.#rare.holds === undefined || this.#rare.holds.count === 0) {
      this.#end()
    } else {
      this.#arena?.block()
      this.#rare.holds.close(() => this.#end())
    }
  }

  #end(): void {
    if (this.#state === ENDED) return
    this.#state = ENDED
    this.#arena?.dispose()
    this.#rare.heap?.dispose()
    const place = this.place
    place.memory.nursery.remove(this)
    if (this.#program !== undefined) place.contextClosed()
  }

  #closeJson(): void {
    if (this.#rare.json === undefined) return
    this.#rare.json.dispose()
    this.#more().json = undefined
  }

  /** For contexts without a body: the callbacks are called now, what they return is held. */
  #runDefersNow(): void {
    const defers = this.#rare.defers
    if (defers === undefined) return
    this.#more().defers = undefined
    const errors: unknown[] = []
    for (const deferred of defers.toReversed()) {
      try {
        const result = deferred()
        if (result instanceof Promise) this.#holdFor(result, 'defer')
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) {
      this.place.memory.lateError(this.label, new AggregateError(errors, 'a deferred callback failed'))
    }
  }
}

/** A context with an arena or without. @internal */
export type AnyContext = PrimitiveContext<Arena | undefined>

/** What most operations never have: made when the first of it comes. */
class Rare {
  heap: HeapAllocator | undefined = undefined
  json: JsonOptimizer | undefined = undefined
  holds: HoldGroup | undefined = undefined
  children: Set<AnyContext> | undefined = undefined
  childrenDone: (() => void) | undefined = undefined
  /** Arenas of earlier operations that wait for their holds. */
  draining: Map<Arena, HoldGroup> | undefined = undefined
  defers: (() => unknown)[] | undefined = undefined
  closers: (() => void)[] | undefined = undefined
  controller: AbortController | undefined = undefined
  aborted: PrimarenaError | undefined = undefined
  site: Site | undefined = undefined
}

/** Read by contexts that have nothing of it; never written to. */
const NOTHING_RARE: Rare = Object.freeze(new Rare())

function abortedError(name: string, reason: unknown): PrimarenaError {
  const why = reason instanceof Error ? reason.message : String(reason)
  return new PrimarenaError('ERR_ABORTED', `${name} was aborted: ${why}`, { cause: reason })
}

function escapedContext(): PrimarenaError {
  return new PrimarenaError(
    'ERR_ESCAPED_HANDLE',
    'the result is the context itself, which ends with its operation',
  )
}
