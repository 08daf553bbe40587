import { EventEmitter } from 'node:events'
import { Agent, finite, type AgentOptions, type ArenaOptions } from './agent.js'
import type { Arena, OnReset } from './arena.js'
import type { BudgetCounter } from './budget-counter.js'
import { byteSize, type ByteSize } from './byte-size.js'
import { checkObject } from './checks.js'
import { ChunkStore } from './chunk-store.js'
import { ManualContext } from './manual-context.js'
import type { Place } from './place.js'
import { endOne } from './dispose.js'
import { PrimarenaError } from './errors.js'
import { reportAtExit } from './exit-report.js'
import { checkDeep } from './escapes.js'
import { HoldWatch } from './hold-watch.js'
import { Housekeeping } from './housekeeping.js'
import { LeakTracker, type LeakDetection, type LeakReport, type Site } from './leaks.js'
import type { Lessee } from './lessee.js'
import { nativeLimits, settingsOf, type MemoryOptions } from './memory-options.js'
import type { DisposeReport, MemoryEvents, MemoryStats } from './memory-report.js'
import { callNative, NativeManager } from './native.js'
import { Nursery, type Tracked } from './nursery.js'
import { OwnerNode } from './owner-node.js'
import type { ObjectPool } from './pool/object-pool.js'
import type { ObjectPoolOptions } from './pool/object-pool-options.js'
import type { RecordPool, RecordPoolOptions } from './pool/record-pool.js'
import type { RecordSchema } from './pool/record-schema.js'
import { Pools } from './pools.js'
import {
  Primitive,
  type ArenaIf,
  type Execute,
  type PrimitiveDefinition,
  type PrimitiveOptions,
} from './primitive.js'
import { forgetMemory, registerMemory } from './registry.js'
import type { RunArguments, RunOptions } from './run-options.js'
import { Session } from './session.js'
import { diffSnapshots, takeSnapshot, type MemorySnapshot, type SnapshotDiff } from './snapshot.js'
import { Standalone } from './standalone.js'
import { TemplateCache, type TemplateCacheOptions } from './template-cache.js'
import { printTree } from './tree.js'

/** The native figures of a `Memory` that is disposed. */
const ENDED = {
  leasedBytes: 0,
  heldBytes: 0,
  idleBytes: 0,
  quarantinedBytes: 0,
  pendingFreeBytes: 0,
  peakBytes: 0,
  grants: 0,
  reuses: 0,
}

let nextName = 1

/**
 * The memory of a service: arenas, primitives, agents, pools and budgets under one roof. Have one for each
 * process or worker; a default one is exported as `memory`.
 */
export class Memory extends EventEmitter<MemoryEvents> implements Place, Disposable {
  readonly name: string
  /** @internal */
  readonly store: ChunkStore
  /** @internal */
  readonly owner: OwnerNode
  /** @internal */
  readonly nursery: Nursery
  /** @internal */
  readonly onReset: OnReset
  /** @internal */
  readonly ambient: boolean
  /** Open leases. @internal */
  leases = 0
  /** @internal */
  readonly leakTracker: LeakTracker
  /** @internal */
  readonly pools: Pools
  /** @internal */
  readonly holdWatch: HoldWatch
  readonly #housekeeping = new Housekeeping(this)
  readonly #agents = new Map<string, Agent>()
  readonly #onBudgetExceeded: ((error: PrimarenaError) => boolean | void) | undefined
  #none: Session | undefined
  #limitBytes: number
  #softBytes: number
  #disposed = false
  readonly #templateOptions: TemplateCacheOptions | undefined
  #templates: TemplateCache | undefined

  constructor(options: MemoryOptions = {}) {
    super()
    const settings = settingsOf(options)
    const { level } = settings
    this.name = options.name ?? `memory-${nextName++}`
    this.#limitBytes = settings.limitBytes
    this.#softBytes = settings.softBytes
    const native = callNative(() => new NativeManager({ name: this.name, ...settings.native }))
    this.onReset = settings.onReset
    this.ambient = settings.ambient
    this.holdWatch = new HoldWatch(settings.holdTimeoutMs, {
      rejected: (label, error) => this.#tell('hold:rejected', { label, error }),
      overdue: (report) => this.#tell('hold:timeout', report),
    })
    this.#onBudgetExceeded = options.onBudgetExceeded
    this.store = new ChunkStore(native)
    this.store.onEvents = (events) => {
      for (const event of events) this.#tell('budget:soft', event)
    }
    this.store.onRefused = (error) => this.#refused(error)
    this.owner = new OwnerNode(this.store, 'none')
    this.#templateOptions = options.templates
    this.leakTracker = new LeakTracker(level, (report) => this.#tell('leak', report))
    this.pools = new Pools(this.leakTracker)
    this.nursery = new Nursery((entry) => {
      let bytes = 0
      for (const handle of entry.leases) bytes += this.store.lost(handle)
      this.leases -= entry.leases.size
      entry.record.collected(bytes)
      this.leakTracker.report(entry.record, bytes, 'collected')
    })
    registerMemory(this)
    if (level !== 'off') reportAtExit()
  }

  /** The level of leak detection. */
  get leakDetection(): LeakDetection {
    return this.leakTracker.level
  }

  /**
   * A named unit of asynchronous work: JSON in, JSON out. `body` gets its context and the input; with
   * `{ validate, execute }` the input is checked before anything is opened.
   */
  primitive<Input, Output, Asked extends boolean = true>(
    name: string,
    body: Execute<Input, Output, Asked> | PrimitiveDefinition<Input, Output, Asked>,
    options?: PrimitiveOptions<Asked>,
  ): Primitive<Input, Output> {
    // Whoever runs it gives it the context that it asked for.
    return new Primitive(name, body as Execute<Input, Output>, options)
  }

  /** The agent of that id, made when it is not there; options given later set its limits anew. */
  agent(id: string, options?: AgentOptions): Agent {
    this.checkOpen('agent')
    if (typeof id !== 'string' || id === '') throw new TypeError('agent: expected a name')
    if (options !== undefined) checkObject(options, 'agent: options')
    let agent = this.#agents.get(id)
    if (agent === undefined) {
      agent = new Agent(this, id, options ?? {})
      this.#agents.set(id, agent)
    } else if (options !== undefined) {
      agent.setBudget(options)
    }
    return agent
  }

  /** Runs a primitive without an agent. */
  run<Input, Output>(
    primitive: Primitive<Input, Output>,
    ...rest: RunArguments<Input>
  ): Promise<Awaited<Output>>
  run<Input, Output>(
    primitive: Primitive<Input, Output>,
    input?: Input,
    options?: RunOptions,
  ): Promise<Awaited<Output>> {
    if (this.#disposed) return Promise.reject(this.#disposedError('run'))
    this.#none ??= new Session({
      memory: this,
      owner: this.owner,
      agent: undefined,
      id: undefined,
      budget: undefined,
    })
    return this.#none.run(primitive, input as Input, options)
  }

  /** An arena without an agent. Dispose it; until then it counts as open. */
  arena(options?: ArenaOptions): Arena {
    this.checkOpen('arena')
    const onReset = options?.onReset ?? this.onReset
    return new Standalone(this, onReset, options?.initialBytes ?? 0, Memory.prototype.arena).arena
  }

  /** A context without a body, for code with a loop of its own. Dispose it. */
  context<Asked extends boolean = true>(options?: {
    agent?: Agent
    session?: Session
    arena?: Asked
    onReset?: OnReset
  }): ManualContext<ArenaIf<Asked>> {
    this.checkOpen('context')
    for (const place of [options?.agent, options?.session]) {
      if (place !== undefined && place.memory !== this) {
        throw new TypeError('context: expected an agent or a session of this Memory')
      }
    }
    options?.session?.checkOpen('context')
    options?.agent?.checkOpen('context')
    return new ManualContext(options?.session ?? options?.agent ?? this, {
      onReset: options?.onReset ?? this.onReset,
      arena: options?.arena !== false,
    })
  }

  /**
   * A pool of records off the heap, charged to this `Memory`: `recordPool({ id: t.u32(), name: t.string(24) })`.
   * Ends with the `Memory`, if not disposed before.
   *
   * @throws TypeError and RangeError for a schema or an option that is wrong.
   */
  recordPool<const S extends RecordSchema>(schema: S, options?: RecordPoolOptions): RecordPool<S> {
    this.checkOpen('recordPool')
    return this.pools.recordPool(this, schema, options)
  }

  /**
   * A pool of JavaScript objects that are expensive to make. Ends with the `Memory`, if not disposed before.
   *
   * @throws TypeError and RangeError for an option that is wrong.
   */
  objectPool<T extends object>(options: ObjectPoolOptions<T>): ObjectPool<T> {
    this.checkOpen('objectPool')
    return this.pools.objectPool(this, options)
  }

  /** What is held now. */
  stats(): MemoryStats {
    const native = this.#disposed ? ENDED : this.store.native.stats()
    return {
      name: this.name,
      openArenas: this.leases,
      openRuns: this.#openRunsOfAll(),
      openHolds: this.holdWatch.count,
      openRecords: this.pools.openRecords,
      openObjects: this.pools.openObjects,
      agents: this.#agents.size,
      usedBytes: native.leasedBytes + this.store.chargedBytes,
      reservedBytes: native.heldBytes,
      idleBytes: native.idleBytes,
      quarantinedBytes: native.quarantinedBytes,
      pendingFreeBytes: native.pendingFreeBytes,
      peakBytes: native.peakBytes,
      limitBytes: this.#limitBytes,
      grants: native.grants,
      reuses: native.reuses,
      leaks: this.leakTracker.total,
      templates: this.#templates?.stats(),
    }
  }

  /** Templates by name, charged to this `Memory`. No reset touches them; they end with it. */
  get templates(): TemplateCache {
    if (this.#templates === undefined) {
      this.checkOpen('templates')
      this.#templates = new TemplateCache(this.#templateOptions, this.owner)
    }
    return this.#templates
  }

  /** New limits, also below what is held: then nothing more is given until enough came back. */
  setBudget(limits: { budget?: ByteSize; softBudget?: ByteSize }): void {
    this.checkOpen('setBudget')
    checkObject(limits, 'setBudget: limits')
    if (limits.budget !== undefined) this.#limitBytes = byteSize(limits.budget, 'budget')
    if (limits.softBudget !== undefined) this.#softBytes = byteSize(limits.softBudget, 'softBudget')
    this.store.native.setLimits(finite(this.#softBytes), finite(this.#limitBytes))
    // Lowered below what is held, idle chunks are the first to go.
    if (this.store.native.stats().heldBytes > this.#limitBytes) this.trim()
  }

  /** Gives idle memory back to the system, and takes idle agents out of the budget tree. */
  trim(): void {
    this.checkOpen('trim')
    for (const agent of this.#agents.values()) agent.leaveWhenIdle()
    this.pools.trim()
    this.store.native.trim()
    this.store.drain()
    this.#housekeeping.trimmed()
  }

  /**
   * What is held and open at this moment, by owner and by site. Walks everything that is open; sites are
   * known for what was sampled (all at `leakDetection: 'full'`).
   */
  snapshot(): MemorySnapshot {
    return takeSnapshot(this)
  }

  /** What grew and what shrank from snapshot `a` to snapshot `b`, the largest growth first. */
  diff(a: MemorySnapshot, b: MemorySnapshot): SnapshotDiff {
    return diffSnapshots(a, b)
  }

  /** The budget tree from the process down to sessions, with figures, as text. */
  tree(): string {
    return printTree(this)
  }

  /** Leaks found so far, most frequent first. */
  leaks(): LeakReport[] {
    return this.leakTracker.list()
  }

  /** Open agents. @internal */
  agents(): Iterable<Agent> {
    return this.#agents.values()
  }

  /**
   * Ends everything: runs are aborted and their arenas dropped, pools are closed, memory is given back.
   * Reports what was still open, each as a leak. A second call does nothing.
   */
  dispose(): DisposeReport {
    const report: DisposeReport = {
      openArenas: 0,
      openRuns: 0,
      openHolds: 0,
      openRecords: 0,
      openObjects: 0,
      leaks: [],
    }
    if (this.#disposed) return report
    report.openArenas = this.leases
    report.openRuns = this.#openRunsOfAll()
    report.openHolds = this.holdWatch.count
    report.openRecords = this.pools.openRecords
    report.openObjects = this.pools.openObjects
    // First of all, so that nothing new begins while the rest is ended.
    this.#disposed = true
    this.#none?.end()
    for (const agent of this.#agents.values()) agent.end()
    this.reportOpen(() => true, `${this.name} is disposed`)
    this.pools.dispose()
    report.leaks = this.leaks()
    this.#housekeeping.stop()
    for (const agent of this.#agents.values()) agent.owner.close(true)
    this.#agents.clear()
    this.#templates?.dispose()
    this.store.end()
    forgetMemory(this)
    return report
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** For `JSON.stringify`: the figures of `stats()`. */
  toJSON(): MemoryStats {
    return this.stats()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { openArenas, openRuns, usedBytes, reservedBytes } = this.stats()
    const state = this.#disposed ? 'disposed, ' : ''
    return `Memory ${this.name} { ${state}openArenas: ${openArenas}, openRuns: ${openRuns}, usedBytes: ${usedBytes}, reservedBytes: ${reservedBytes} }`
  }

  // What the parts of this memory ask and tell.

  /** Reports what is open at places that `matches` as leaked, and ends it. @internal */
  reportOpen(matches: (place: Place) => boolean, why: string): void {
    const reason = new PrimarenaError('ERR_CONTEXT_CLOSED', why)
    this.nursery.sweep()
    for (const tracked of this.nursery.open() as (Tracked & { place: Place })[]) {
      if (!matches(tracked.place)) continue
      this.leakTracker.report(tracked.record(), tracked.heldBytes, 'disposed')
      endOne(tracked, matches, true, reason)
    }
    this.pools.end(matches)
  }

  /** @internal */
  get agentId(): undefined {
    return undefined
  }

  /** @internal */
  get sessionId(): undefined {
    return undefined
  }

  /** @internal */
  get budget(): undefined {
    return undefined
  }

  /** @internal */
  get memory(): this {
    return this
  }

  /** @internal */
  contextOpened(): void {}

  /** @internal */
  contextClosed(): void {}

  /** The site of an opening, when it is sampled. Keeps the housekeeping going. @internal */
  sampleSite(from: object): Site | undefined {
    this.#housekeeping.wake()
    return this.leakTracker.site(from)
  }

  /** @internal */
  checkEscapes(value: unknown, lessee: Lessee): void {
    const { level } = this.leakTracker
    if (level === 'full' || level === 'paranoid') checkDeep(value, lessee)
  }

  /** @internal */
  openOwner(name: string, softBytes: number, limitBytes: number, shared: boolean): number {
    return callNative(() =>
      this.store.native.openOwner({
        name,
        shared,
        ...nativeLimits(softBytes, limitBytes),
      }),
    )
  }

  /** @internal */
  agentEnded(agent: Agent): void {
    this.reportOpen(
      (place) => place === agent || place.owner === agent.owner,
      `agent ${agent.id} is disposed`,
    )
    if (this.#agents.get(agent.id) === agent) this.#agents.delete(agent.id)
  }

  /** True after `dispose`. */
  get disposed(): boolean {
    return this.#disposed
  }

  /** @internal */
  get softBytes(): number {
    return this.#softBytes
  }

  /** A session went over its soft limit. @internal */
  readonly onSessionSoft = (counter: BudgetCounter): void => {
    const { label: node, heldBytes, softBytes: limitBytes } = counter
    this.#tell('budget:soft', { node, heldBytes, limitBytes })
  }

  /** @internal */
  checkOpen(what: string): void {
    if (this.#disposed) throw this.#disposedError(what)
  }

  /** @internal */
  lateError(label: string, error: unknown): void {
    this.#tell('late-error', { label, error })
  }

  /**
   * Sends an event. A listener that throws must not stop what is being ended or given back meanwhile: its
   * error surfaces afterwards, as an uncaught one.
   */
  #tell<E extends keyof MemoryEvents>(event: E, ...args: MemoryEvents[E]): void {
    try {
      ;(this as EventEmitter).emit(event, ...args)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #openRunsOfAll(): number {
    let count = this.#none?.openRuns ?? 0
    for (const agent of this.#agents.values()) count += agent.openRuns
    return count
  }

  #refused(error: Error): boolean {
    if (!PrimarenaError.is(error) || error.code !== 'ERR_BUDGET_EXCEEDED') return false
    const again = this.#onBudgetExceeded?.(error) === true
    if (!again) this.#tell('budget:exceeded', error)
    return again
  }

  #disposedError(what: string): PrimarenaError {
    return new PrimarenaError('ERR_CONTEXT_CLOSED', `${what}: ${this.name} is disposed`)
  }
}
