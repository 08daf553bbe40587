/** A process of `half.ts` that is asked one thing at a time. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Ask, Told } from './half.ts'

export class Child {
  readonly #process: ChildProcess

  constructor() {
    this.#process = fork(fileURLToPath(new URL('half.ts', import.meta.url)), {
      execArgv: ['--expose-gc', '--import=@oxc-node/core/register'],
      // So that bodies arrive as bytes, not as arrays of numbers.
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  /** Rejects with what the child failed of, also when it ends without an answer. */
  ask(message: Ask): Promise<Exclude<Told, { failed: string }>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(
          new Error(`a half ended (${signal ?? `exit code ${code}`}) while it was asked to ${message.ask}`),
        )
      }
      this.#process.once('exit', onExit)
      this.#process.once('message', (told: Told) => {
        this.#process.off('exit', onExit)
        if ('failed' in told) reject(new Error(told.failed))
        else resolve(told)
      })
      this.#process.send(message)
    })
  }

  end(): void {
    if (this.#process.connected) this.#process.disconnect()
  }
}
