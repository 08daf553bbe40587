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
    let failure: Error | undefined
    const onError = (error: Error): void => {
      failure ??= error
    }
    const onClose = (): void => {
      finish(failure ?? new Error('the stream was closed before the bytes were flushed'))
    }
    const finish = (error: Error | null | undefined): void => {
      stream.removeListener('close', onClose)
      // A failed stream sends its `error` after the callback. The promise tells it, so it is no uncaught one.
      if (!error || stream.closed) stream.removeListener('error', onError)
      if (error) reject(error)
      else resolve()
    }
    stream.on('close', onClose)
    stream.on('error', onError)
    stream.write(bytes, (error) => {
      // Node calls back without an error for writes that a destroyed socket cancelled.
      if (!error && stream.destroyed && !stream.writableFinished) onClose()
      else finish(error)
    })
  })
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
