import type { Arena, OnReset } from './arena.js'
import { PrimitiveContext } from './context.js'
import type { Place } from './place.js'

/**
 * A context without a body, for code that has its own loop: use it for one operation after the other with
 * `resetForNextOperation` between them, and dispose it at the end.
 */
export class ManualContext<A extends Arena | undefined = Arena>
  extends PrimitiveContext<A>
  implements Disposable
{
  readonly #usesArena: boolean
  readonly #onReset: OnReset

  /** @internal Use `memory.context`. */
  constructor(place: Place, options: { arena: boolean; onReset: OnReset }) {
    super(place, undefined)
    this.#usesArena = options.arena
    this.#onReset = options.onReset
  }

  protected override get usesArena(): boolean {
    return this.#usesArena
  }

  protected override get onReset(): OnReset {
    return this.#onReset
  }

  /**
   * Ends the current operation and begins the next: `defer`s are called, pooled JSON containers go back,
   * views of the arena are dead. Bytes that are held stay in place until their holds are over.
   */
  resetForNextOperation(): void {
    this.startOver()
  }

  /** Ends the context; a second call does nothing. Its arena goes when the holds are over. */
  dispose(): void {
    this.finish()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
