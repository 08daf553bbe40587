import { formatBytes } from './byte-size.js'
import { PrimarenaError, type BudgetLevel } from './errors.js'

/** Asked when a level refuses; true means that it is worth another try. The `ChunkStore` is one. */
interface RefusalListener {
  onRefused: ((error: Error) => boolean) | undefined
}

/**
 * A limit below the agents: a session's. A plain counter, so that a session costs no native node; the
 * agent above it is the native, process-wide part.
 *
 * @internal
 */
export class BudgetCounter {
  readonly label: string
  limitBytes: number
  softBytes = Infinity
  heldBytes = 0
  peakBytes = 0
  /** Told when what is held goes above `softBytes`. */
  onSoft: ((counter: BudgetCounter) => void) | undefined
  #isOverSoft = false
  readonly #above: () => readonly BudgetLevel[]

  /** `above` tells the levels above this one, for a refusal. */
  constructor(label: string, limitBytes: number, above: () => readonly BudgetLevel[] = () => []) {
    this.label = label
    this.limitBytes = limitBytes
    this.#above = above
  }

  /** The most bytes that this level still allows; throws when `bytes` are more and whoever hears of it has no help. */
  headroom(bytes: number, listener?: RefusalListener): number {
    let left = this.limitBytes - this.heldBytes
    if (left < bytes) {
      const error = this.#exceeded(bytes)
      if (listener?.onRefused?.(error) === true) left = this.limitBytes - this.heldBytes
      if (left < bytes) throw error
    }
    return left
  }

  add(bytes: number): void {
    this.heldBytes += bytes
    if (this.heldBytes > this.peakBytes) this.peakBytes = this.heldBytes
    if (this.heldBytes > this.softBytes && !this.#isOverSoft) {
      this.#isOverSoft = true
      this.onSoft?.(this)
    }
  }

  remove(bytes: number): void {
    this.heldBytes -= bytes
    // As in the native tree: armed again an eighth below, so that a level at the border is told of once.
    if (this.#isOverSoft && this.heldBytes <= this.softBytes * 0.875) this.#isOverSoft = false
  }

  #exceeded(bytes: number): PrimarenaError {
    const { label: name, heldBytes, limitBytes } = this
    return new PrimarenaError(
      'ERR_BUDGET_EXCEEDED',
      `${name} holds ${formatBytes(heldBytes)} of ${formatBytes(limitBytes)} and asks for ${formatBytes(bytes)} more`,
      { chain: [{ name, heldBytes, limitBytes, refused: true }, ...this.#above()] },
    )
  }
}
