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
  readonly #parent: BudgetCounter | undefined

  constructor(label: string, limitBytes: number, parent?: BudgetCounter) {
    this.label = label
    this.limitBytes = limitBytes
    this.#parent = parent
  }

  /**
   * The most bytes that this level and those above it still allow; throws when `bytes` are more and whoever
   * hears of refusals has no help.
   */
  headroom(bytes: number, listener?: RefusalListener): number {
    let left = this.limitBytes - this.heldBytes
    if (left < bytes) {
      const error = this.#exceeded(bytes)
      if (listener?.onRefused?.(error) === true) left = this.limitBytes - this.heldBytes
      if (left < bytes) throw error
    }
    const above = this.#parent === undefined ? Infinity : this.#parent.headroom(bytes, listener)
    return left < above ? left : above
  }

  add(bytes: number): void {
    this.heldBytes += bytes
    if (this.heldBytes > this.peakBytes) this.peakBytes = this.heldBytes
    if (this.heldBytes > this.softBytes && !this.#isOverSoft) {
      this.#isOverSoft = true
      this.onSoft?.(this)
    }
    this.#parent?.add(bytes)
  }

  remove(bytes: number): void {
    this.heldBytes -= bytes
    // As in the native tree: armed again an eighth below, so that a level at the border is told of once.
    if (this.#isOverSoft && this.heldBytes <= this.softBytes * 0.875) this.#isOverSoft = false
    this.#parent?.remove(bytes)
  }

  #level(refused: boolean): BudgetLevel {
    return { name: this.label, heldBytes: this.heldBytes, limitBytes: this.limitBytes, refused }
  }

  #exceeded(bytes: number): PrimarenaError {
    const chain = [this.#level(true)]
    for (let above = this.#parent; above; above = above.#parent) chain.push(above.#level(false))
    return new PrimarenaError(
      'ERR_BUDGET_EXCEEDED',
      `${this.label} holds ${formatBytes(this.heldBytes)} of ${formatBytes(this.limitBytes)} and asks for ` +
        `${formatBytes(bytes)} more`,
      { chain },
    )
  }
}
