import type { Arena, OnReset } from './arena.js'
import { BudgetCounter } from './budget-counter.js'
import { byteSize, type ByteSize } from './byte-size.js'
import { checkObject } from './checks.js'
import type { Place } from './place.js'
import { endRuns, runsOption, type DisposeOptions } from './dispose.js'
import { PrimarenaError, type BudgetLevel } from './errors.js'
import { OpenCount } from './open-count.js'
import type { Memory } from './memory.js'
import { callNative, type NativeManager } from './native.js'
import { OwnerNode } from './owner-node.js'
import type { ObjectPool } from './pool/object-pool.js'
import type { ObjectPoolOptions } from './pool/object-pool-options.js'
import type { RecordPool, RecordPoolOptions } from './pool/record-pool.js'
import type { RecordSchema } from './pool/record-schema.js'
import { Session } from './session.js'
import { Standalone } from './standalone.js'

export interface AgentOptions {
  /** The most bytes that the agent may hold: chunks, pools, documents, templates, ordinary memory. */
  budget?: ByteSize
  /** Above this the event `budget:soft` is sent. */
  softBudget?: ByteSize
  /** One budget for agents of this id in every thread of the process. */
  sharedAgent?: boolean
}

export interface SessionOptions {
  /** The most bytes that the session's operations may hold together: chunks and ordinary memory. */
  budget?: ByteSize
  /** Above this the event `budget:soft` is sent. */
  softBudget?: ByteSize
}

export interface ArenaOptions {
  /** What a reset does to the bytes; see `OnReset`. */
  onReset?: OnReset
  /** The first chunk holds at least so many bytes. */
  initialBytes?: number
}

/** What an agent holds. */
export interface AgentStats {
  id: string
  openRuns: number
  sessions: number
  heldBytes: number
  peakBytes: number
  limitBytes: number
  softBytes: number
}

/** Somebody who is charged: a tenant, a tool, a user. Made by `memory.agent(id)`. */
export class Agent implements Place, AsyncDisposable {
  readonly id: string
  /** @internal */
  readonly memory: Memory
  /** @internal */
  readonly owner: OwnerNode
  /** @internal */
  readonly budget = undefined
  readonly #options: AgentOptions
  #limitBytes: number
  #softBytes: number
  #sessions: Map<string, Session> | undefined
  readonly #openRuns = new OpenCount()
  #disposed = false
  #peakBytes = 0

  /** @internal Use `memory.agent(id)`. */
  constructor(memory: Memory, id: string, options: AgentOptions) {
    this.memory = memory
    this.id = id
    this.#options = options
    this.#limitBytes = options.budget === undefined ? Infinity : byteSize(options.budget, 'budget')
    this.#softBytes = options.softBudget === undefined ? Infinity : byteSize(options.softBudget, 'softBudget')
    this.owner = new OwnerNode(memory.store, id, () =>
      memory.openOwner(id, this.#softBytes, this.#limitBytes, this.#options.sharedAgent === true),
    )
  }

  /** @internal */
  get agentId(): string {
    return this.id
  }

  /** @internal */
  get sessionId(): undefined {
    return undefined
  }

  /** Operations, contexts and arenas of the agent that have not ended. */
  get openRuns(): number {
    return this.#openRuns.count
  }

  /** The session of that name, made when it is not there. */
  session(id: string, options?: SessionOptions): Session {
    this.checkOpen('session')
    if (typeof id !== 'string' || id === '') throw new TypeError('session: expected a name')
    if (options !== undefined) checkObject(options, 'session: options')
    const limitBytes = options?.budget === undefined ? undefined : byteSize(options.budget, 'budget')
    const softBytes =
      options?.softBudget === undefined ? undefined : byteSize(options.softBudget, 'softBudget')
    let session = this.#sessions?.get(id)
    if (session === undefined) {
      const budget = new BudgetCounter(`${this.id}/${id}`, Infinity, () => this.#levels())
      budget.onSoft = this.memory.onSessionSoft
      session = new Session({ memory: this.memory, owner: this.owner, agent: this, id, budget })
      ;(this.#sessions ??= new Map()).set(id, session)
    }
    if (limitBytes !== undefined) session.budget!.limitBytes = limitBytes
    if (softBytes !== undefined) session.budget!.softBytes = softBytes
    return session
  }

  /** An arena charged to this agent. Dispose it; until then it counts as open. */
  arena(options?: ArenaOptions): Arena {
    this.checkOpen('arena')
    return new Standalone(
      this,
      options?.onReset ?? this.memory.onReset,
      options?.initialBytes ?? 0,
      Agent.prototype.arena,
    ).arena
  }

  /** A pool of records off the heap, charged to this agent. Ends with it, if not disposed before. */
  recordPool<const S extends RecordSchema>(schema: S, options?: RecordPoolOptions): RecordPool<S> {
    this.checkOpen('recordPool')
    return this.memory.pools.recordPool(this, schema, options)
  }

  /** A pool of JavaScript objects that ends with this agent, if not disposed before. */
  objectPool<T extends object>(options: ObjectPoolOptions<T>): ObjectPool<T> {
    this.checkOpen('objectPool')
    return this.memory.pools.objectPool(this, options)
  }

  /** New limits, also below what is held: then nothing more is given until enough came back. */
  setBudget(limits: { budget?: ByteSize; softBudget?: ByteSize }): void {
    this.checkOpen('setBudget')
    checkObject(limits, 'setBudget: limits')
    if (limits.budget !== undefined) this.#limitBytes = byteSize(limits.budget, 'budget')
    if (limits.softBudget !== undefined) this.#softBytes = byteSize(limits.softBudget, 'softBudget')
    if (this.owner.isOpen) {
      this.memory.store.native.setOwnerLimits(
        this.owner.number,
        finite(this.#softBytes),
        finite(this.#limitBytes),
      )
    }
  }

  /** What the agent holds now. */
  stats(): AgentStats {
    const native = this.#nativeStats()
    return {
      id: this.id,
      openRuns: this.#openRuns.count,
      sessions: this.#sessions?.size ?? 0,
      heldBytes: native?.heldBytes ?? 0,
      peakBytes: this.#peakBytes,
      limitBytes: this.#limitBytes,
      softBytes: this.#softBytes,
    }
  }

  /**
   * Ends the agent: no new run begins; open ones are waited for, aborted, or dropped by force (see
   * `DisposeOptions`). Resolves when nothing of it is left; its id can then be used again.
   */
  async dispose(options?: DisposeOptions): Promise<void> {
    const runs = runsOption(options)
    this.end()
    const mine = (place: Place): boolean => place === this || place.owner === this.owner
    await endRuns(this.memory, mine, () => this.#openRuns.idle(), runs, this.id)
    this.memory.agentEnded(this)
    this.#sessions = undefined
    this.owner.close(runs === 'force')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** Leaves the native tree when nothing is held. @internal */
  leaveWhenIdle(): void {
    if (this.#openRuns.count > 0 || !this.owner.isOpen || this.owner.chargedBytes > 0) return
    const native = this.#nativeStats()!
    // Arenas and contexts that were opened by hand are no runs, and may be held for long.
    if (native.openLeases === 0 && native.chargedBytes <= this.owner.spareBytes) this.owner.close(false)
  }

  /** @internal */
  forget(session: Session): void {
    if (this.#sessions?.get(session.sessionId!) === session) this.#sessions.delete(session.sessionId!)
  }

  /** @internal */
  sessions(): Iterable<Session> {
    return this.#sessions?.values() ?? []
  }

  /** @internal */
  contextOpened(): void {
    this.#openRuns.opened()
  }

  /** @internal */
  contextClosed(): void {
    this.#openRuns.closed()
  }

  /** @internal */
  checkOpen(what: string): void {
    if (this.#disposed)
      throw new PrimarenaError('ERR_CONTEXT_CLOSED', `${what}: agent ${this.id} is disposed`)
    this.memory.checkOpen(what)
  }

  /** No new run begins: it, or its memory, ends. @internal */
  end(): void {
    this.#disposed = true
    for (const session of this.sessions()) session.end()
  }

  /** The agent and what is above it: for a refusal by a session. */
  #levels(): BudgetLevel[] {
    return callNative(() => this.memory.store.native.levels(this.owner.number))
  }

  #nativeStats(): ReturnType<NativeManager['ownerStats']> | undefined {
    if (!this.owner.isOpen || this.memory.disposed) return undefined
    const native = this.memory.store.native.ownerStats(this.owner.number)
    this.#peakBytes = Math.max(this.#peakBytes, native.peakBytes)
    return native
  }
}

/** Native limits are absent rather than infinite. @internal */
export function finite(bytes: number): number | undefined {
  return Number.isFinite(bytes) ? bytes : undefined
}
