/** How many runs are open, and who waits for none to be. @internal */
export class OpenCount {
  count = 0
  #waiting: (() => void)[] = []

  opened(): void {
    this.count += 1
  }

  closed(): void {
    this.count -= 1
    if (this.count > 0 || this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done()
  }

  /** Resolves when nothing is open. */
  idle(): Promise<void> {
    if (this.count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
