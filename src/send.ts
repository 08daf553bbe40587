import type { Writable } from 'node:stream'
import { checkAttached } from './bytes.js'

/**
 * Writes `bytes` and settles when nobody reads them any more: the stream's callback came, or the stream is
 * closed. A Node stream calls back when the bytes were flushed; one that is destroyed may not, so its
 * `close` ends the wait as well.
 *
 * @internal
 */
export function send(target: Writable | WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  if (typeof (target as WritableStream | null)?.getWriter === 'function')
    return sendWeb(target as WritableStream<Uint8Array>, bytes)
  const stream = target as Writable
  if (stream === null || typeof stream !== 'object' || typeof stream.write !== 'function') {
    return Promise.reject(new TypeError('send: expected a Writable or a WritableStream'))
  }
  try {
    checkAttached(bytes)
  } catch (error) {
    return Promise.reject(error)
  }
  return new Promise<void>((resolve, reject) => {
    const watch = Watch.of(stream)
    const settle = (error: Error | null | undefined): void => {
      if (error) reject(error)
      else resolve()
    }
    watch.add(settle)
    try {
      stream.write(bytes, (error) => {
        // Node calls back without an error for writes that a destroyed socket cancelled.
        if (!error && stream.destroyed && !stream.writableFinished) error = watch.whyClosed()
        watch.remove(settle)
        settle(error)
      })
    } catch (error) {
      watch.remove(settle)
      reject(error as Error)
    }
  })
}

/** The sends under way on one stream: one pair of listeners, however many there are. */
class Watch {
  static readonly #all = new WeakMap<Writable, Watch>()
  readonly #stream: Writable
  readonly #pending = new Set<(error: Error) => void>()
  #failure: Error | undefined
  #isListening = false

  constructor(stream: Writable) {
    this.#stream = stream
  }

  static of(stream: Writable): Watch {
    let watch = Watch.#all.get(stream)
    if (watch === undefined) Watch.#all.set(stream, (watch = new Watch(stream)))
    return watch
  }

  add(settle: (error: Error) => void): void {
    this.#pending.add(settle)
    if (this.#isListening) return
    this.#isListening = true
    // What a failed stream sends after its callback is told by the promise; it is no uncaught error.
    this.#stream.on('error', this.#onError)
    this.#stream.on('close', this.#onClose)
  }

  remove(settle: (error: Error) => void): void {
    this.#pending.delete(settle)
    if (this.#pending.size > 0) return
    const { errored, destroyed, writableEnded } = this.#stream
    // A stream that failed, or was written to after its end, sends `error` after its callbacks: until it is
    // closed, that is heard.
    if (!(errored || destroyed || writableEnded)) this.#stopListening()
  }

  #stopListening(): void {
    this.#isListening = false
    this.#stream.removeListener('error', this.#onError)
    this.#stream.removeListener('close', this.#onClose)
  }

  whyClosed(): Error {
    return (
      this.#failure ??
      this.#stream.errored ??
      new Error('the stream was closed before the bytes were flushed')
    )
  }

  readonly #onError = (error: Error): void => {
    this.#failure ??= error
  }

  readonly #onClose = (): void => {
    const error = this.whyClosed()
    this.#stopListening()
    for (const settle of this.#pending) settle(error)
    this.#pending.clear()
  }
}

async function sendWeb(target: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = target.getWriter()
  try {
    await writer.ready
    await writer.write(bytes)
  } finally {
    writer.releaseLock()
  }
}
