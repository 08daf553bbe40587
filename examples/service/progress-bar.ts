/** A bar on the terminal; in a log, a line every few seconds. On stderr: stdout is for the figures. */
const WIDTH = 24
const LOG_EVERY_MS = 3_000

export class ProgressBar {
  readonly #stream = process.stderr
  #loggedAtMs = -Infinity

  /** `share` from 0 to 1. */
  show(share: number, text: string): void {
    const percent = `${Math.round(share * 100)} %`.padStart(5)
    if (this.#stream.isTTY) {
      const filled = Math.round(share * WIDTH)
      const line = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${percent}  ${text}`
      this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns || 80) - 1)}`)
    } else if (performance.now() - this.#loggedAtMs > LOG_EVERY_MS) {
      this.#loggedAtMs = performance.now()
      this.#stream.write(`${percent}  ${text}\n`)
    }
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
  }
}
