// One line that changes in place on a terminal; elsewhere a line now and then, so that a log shows life.

const SILENCE_MS = 10_000

export class Progress {
  #stream = process.stderr
  #title
  #detail = ''
  #startedAt = performance.now()
  #printedAt = performance.now()
  #timer

  /** @param {string} title what is being done */
  constructor(title) {
    this.#title = title
    if (!this.#stream.isTTY) this.#stream.write(`${title} …\n`)
    this.#timer = setInterval(() => this.#draw(), 200)
    this.#timer.unref()
    this.#draw()
  }

  /** Seconds since it began, as text. */
  get elapsed() {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`
  }

  /** @param {string} detail how far it is */
  update(detail) {
    this.#detail = detail
  }

  /** @param {string} [text] the line that stays */
  end(text) {
    clearInterval(this.#timer)
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
    if (text) this.#stream.write(`${text}\n`)
  }

  #draw() {
    const line = `${this.#title} … ${this.#detail} (${this.elapsed})`
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns || 80) - 1)}`)
    } else if (performance.now() - this.#printedAt > SILENCE_MS) {
      this.#printedAt = performance.now()
      this.#stream.write(`${line}\n`)
    }
  }
}
