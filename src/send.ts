import type { Writable } from 'node:stream'

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

  constructor(stream: Writable) {
    this.#stream = stream
  }

  static of(stream: Writable): Watch {
    let watch = Watch.#all.get(stream)
    if (watch === undefined) Watch.#all.set(stream, (watch = new Watch(stream)))
    return watch
  }

  add(settle: (error: Error) => void): void {
    if (this.#pending.size === 0) {
      // What a failed stream sends after its callback is told by the promise; it is no uncaught error.
      if (!this.#stream.listeners('error').includes(this.#onError)) this.#stream.on('error', this.#onError)
      this.#stream.on('close', this.#onClose)
    }
    this.#pending.add(settle)
  }

  remove(settle: (error: Error) => void): void {
    if (!this.#pending.delete(settle) || this.#pending.size > 0) return
    this.#stream.removeListener('close', this.#onClose)
    const { errored, destroyed, closed } = this.#stream
    if (closed || !(errored || destroyed)) this.#stream.removeListener('error', this.#onError)
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
    for (const settle of this.#pending) {
      this.remove(settle)
      settle(error)
    }
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
