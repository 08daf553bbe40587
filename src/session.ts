import type { Agent } from './agent.js'
import type { BudgetCounter } from './budget-counter.js'
import { PrimitiveContext } from './context.js'
import type { Place } from './place.js'
import { endRuns, runsOption, type DisposeOptions } from './dispose.js'
import { PrimarenaError } from './errors.js'
import { OpenCount } from './open-count.js'
import type { Memory } from './memory.js'
import type { OwnerNode } from './owner-node.js'
import { Primitive } from './primitive.js'
import type { RunArguments, RunOptions } from './run-options.js'

/** A conversation of an agent: its runs are counted, limited and ended together. */
export class Session implements Place, AsyncDisposable {
  /** @internal */
  readonly memory: Memory
  /** @internal */
  readonly owner: OwnerNode
  /** @internal */
  readonly budget: BudgetCounter | undefined
  readonly agentId: string | undefined
  readonly sessionId: string | undefined
  readonly #agent: Agent | undefined
  readonly #openRuns = new OpenCount()
  #disposed = false

  /** @internal Use `agent.session(id)`. */
  constructor(init: {
    memory: Memory
    owner: OwnerNode
    agent: Agent | undefined
    id: string | undefined
    budget: BudgetCounter | undefined
  }) {
    this.memory = init.memory
    this.owner = init.owner
    this.budget = init.budget
    this.#agent = init.agent
    this.agentId = init.agent?.id
    this.sessionId = init.id
  }

  /** The session's name. */
  get id(): string | undefined {
    return this.sessionId
  }

  /** Runs that have not ended: their arenas are still there. */
  get openRuns(): number {
    return this.#openRuns.count
  }

  /** Chunk capacity that the session's operations hold, in bytes. */
  get heldBytes(): number {
    return this.budget?.heldBytes ?? 0
  }

  /**
   * Runs `primitive` on `input`, in a context and an arena of its own.
   *
   * @throws (rejects with) what the primitive throws; PrimarenaError ERR_ABORTED (signal, timeout, dispose),
   * ERR_ESCAPED_HANDLE, ERR_CONTEXT_CLOSED when the session is disposed.
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
    if (this.#disposed) return Promise.reject(this.#disposedError('run'))
    if (!(primitive instanceof Primitive)) {
      return Promise.reject(new TypeError('run: expected a primitive made by memory.primitive'))
    }
    return PrimitiveContext.start(this, primitive, input as Input, options, undefined)
  }

  /**
   * Ends the session: no new run begins; open runs are waited for, aborted, or dropped by force (see
   * `DisposeOptions`). Resolves when nothing of it is left. A second call waits for the same.
   */
  async dispose(options?: DisposeOptions): Promise<void> {
    const runs = runsOption(options)
    this.#disposed = true
    await endRuns(
      this.memory,
      (place) => place === this,
      () => this.#openRuns.idle(),
      runs,
      this.label,
    )
    this.memory.reportOpen((place) => place === this, `session ${this.label} is disposed`)
    if (this.sessionId !== undefined) this.#agent?.forget(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** @internal */
  get label(): string {
    return [this.agentId ?? 'none', this.sessionId].filter((part) => part !== undefined).join('/')
  }

  /** @internal */
  contextOpened(): void {
    this.#openRuns.opened()
    this.#agent?.contextOpened()
  }

  /** @internal */
  contextClosed(): void {
    this.#openRuns.closed()
    this.#agent?.contextClosed()
  }

  /** No new run begins: its agent or its memory ends. @internal */
  end(): void {
    this.#disposed = true
  }

  /** @internal */
  checkOpen(what: string): void {
    if (this.#disposed) throw this.#disposedError(what)
    this.memory.checkOpen(what)
  }

  #disposedError(what: string): PrimarenaError {
    return new PrimarenaError('ERR_CONTEXT_CLOSED', `${what}: session ${this.label} is disposed`)
  }
}
