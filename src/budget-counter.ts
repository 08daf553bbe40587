import { formatBytes } from './byte-size.js'
import { PrimarenaError, type BudgetLevel } from './errors.js'

/**
 * A limit below the agents: a session's or a run's. A plain counter, so that a run costs no native node; the
 * agent above it is the native, process-wide part.
 *
 * @internal
 */
export class BudgetCounter {
  readonly label: string
  limitBytes: number
  heldBytes = 0
  peakBytes = 0
  readonly #parent: BudgetCounter | undefined

  constructor(label: string, limitBytes: number, parent?: BudgetCounter) {
    this.label = label
    this.limitBytes = limitBytes
    this.#parent = parent
  }

  /** The most bytes that this level and those above it still allow; throws when `bytes` are more. */
  headroom(bytes: number): number {
    const left = this.limitBytes - this.heldBytes
    if (left < bytes) throw this.#exceeded(bytes)
    const above = this.#parent === undefined ? Infinity : this.#parent.headroom(bytes)
    return left < above ? left : above
  }

  add(bytes: number): void {
    this.heldBytes += bytes
    if (this.heldBytes > this.peakBytes) this.peakBytes = this.heldBytes
    this.#parent?.add(bytes)
  }

  remove(bytes: number): void {
    this.heldBytes -= bytes
    this.#parent?.remove(bytes)
  }

  #level(): BudgetLevel {
    return { name: this.label, heldBytes: this.heldBytes, limitBytes: this.limitBytes }
  }

  #exceeded(bytes: number): PrimarenaError {
    const chain = [this.#level()]
    for (let above = this.#parent; above; above = above.#parent) chain.push(above.#level())
    return new PrimarenaError(
      'ERR_BUDGET_EXCEEDED',
      `${this.label} holds ${formatBytes(this.heldBytes)} of ${formatBytes(this.limitBytes)} and asks for ` +
        `${formatBytes(bytes)} more`,
      { chain },
    )
  }
}
