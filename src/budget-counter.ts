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
    let most = Infinity
    for (let level: BudgetCounter | undefined = this; level; level = level.#parent) {
      const left = level.limitBytes - level.heldBytes
      if (left < bytes) throw this.#exceeded(level, bytes)
      if (left < most) most = left
    }
    return most
  }

  add(bytes: number): void {
    for (let level: BudgetCounter | undefined = this; level; level = level.#parent) {
      level.heldBytes += bytes
      if (level.heldBytes > level.peakBytes) level.peakBytes = level.heldBytes
    }
  }

  remove(bytes: number): void {
    for (let level: BudgetCounter | undefined = this; level; level = level.#parent) level.heldBytes -= bytes
  }

  #exceeded(culprit: BudgetCounter, bytes: number): PrimarenaError {
    const chain: BudgetLevel[] = []
    for (let level: BudgetCounter | undefined = this; level; level = level.#parent) {
      chain.push({ name: level.label, heldBytes: level.heldBytes, limitBytes: level.limitBytes })
    }
    return new PrimarenaError(
      'ERR_BUDGET_EXCEEDED',
      `${culprit.label} holds ${formatBytes(culprit.heldBytes)} of ${formatBytes(culprit.limitBytes)} and asks for ` +
        `${formatBytes(bytes)} more`,
      { chain },
    )
  }
}
