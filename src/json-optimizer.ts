import type { Arena } from './arena.js'
import type { PrimitiveContext } from './context.js'
import type { Memory } from './memory.js'
import { Standalone } from './standalone.js'

/**
 * JSON in an operation: documents in its arena, pooled containers that are cleaned before reuse, and the
 * templates of the `Memory`, which no reset touches.
 */
export class JsonOptimizer implements Disposable {
  readonly #memory: Memory
  readonly #context: PrimitiveContext | undefined
  #own: Arena | undefined

  /** @internal Use `ctx.json`. */
  constructor(memory: Memory, context: PrimitiveContext | undefined) {
    this.#memory = memory
    this.#context = context
  }

  /** The optimizer's own arena: not the operation's, so it can be reset in mid-operation. */
  get arena(): Arena {
    const place = this.#context?.place ?? this.#memory
    return (this.#own ??= new Standalone(place, this.#memory.onReset, 0, JsonOptimizer).arena)
  }

  /** Takes back what was built in the optimizer's own arena. Templates and the operation's arena stay. */
  resetArena(): void {
    this.#own?.reset()
  }

  /** Gives back what the optimizer holds. A second call does nothing. */
  dispose(): void {
    this.#own?.dispose()
    this.#own = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
