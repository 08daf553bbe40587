import type { Memory } from './memory.js'

const TICK_MS = 50
const TICKS_A_SWEEP = 20

/**
 * What a `Memory` does now and then: what was young becomes old, holds get overdue, idle agents leave, chunks that
 * rested go. It ticks only while there is something to do, and keeps neither the process nor the `Memory` alive.
 *
 * @internal
 */
export class Housekeeping {
  readonly #memory: Memory
  #ticker: ReturnType<typeof setInterval> | undefined
  #ticks = 0
  #trimmedTick = -Infinity

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** Something was opened. */
  wake(): void {
    if (this.#ticker === undefined) this.#start()
  }

  /** Idle memory was given back; what is in quarantine may go a little later. */
  trimmed(): void {
    this.#trimmedTick = this.#ticks
    this.wake()
  }

  stop(): void {
    if (this.#ticker) clearInterval(this.#ticker)
    this.#ticker = undefined
  }

  #start(): void {
    const self = new WeakRef(this)
    const ticker = setInterval(() => {
      const housekeeping = self.deref()
      if (housekeeping === undefined) clearInterval(ticker)
      else housekeeping.#tick()
    }, TICK_MS)
    ticker.unref()
    this.#ticker = ticker
  }

  #tick(): void {
    const memory = this.#memory
    memory.nursery.tick()
    this.#ticks += 1
    const trimming = this.#ticks - this.#trimmedTick <= TICKS_A_SWEEP
    if (trimming) memory.store.drain()
    memory.holdWatch.tellOverdue()
    const sweeping = this.#ticks % TICKS_A_SWEEP === 0
    if (sweeping) for (const agent of memory.agents()) agent.leaveWhenIdle()
    if (sweeping && !trimming && !memory.nursery.hasYoung && memory.holdWatch.count === 0) this.stop()
  }
}
