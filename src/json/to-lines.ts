import { nameOf } from '../checks.js'
import { checkBytes } from '../checks.js'
import { LineBatch } from './line-batch.js'

/** How lines are written. */
export interface ToLinesOptions {
  /** How large a batch gets before it is handed out. 64 KiB when left out. */
  batchBytes?: number
}

/** Something that writes itself as JSON bytes: a pooled object or array. */
interface SelfWriting {
  toBytes(allocator: LineBatch): Uint8Array
}

const DEFAULT_BATCH_BYTES = 64 * 1024

/**
 * NDJSON from values (bytes that are JSON already, pooled containers, or what `JSON.stringify` takes), in batches: `await pipeline(json.toLines(rows), socket)`.
 *
 * A batch is handed out when it is full, or when the source has nothing ready, so that a slow source is not held
 * up by batching. The next value is asked for only when the reader takes batches. Batches are ordinary Buffers.
 *
 * @throws TypeError for a value that JSON leaves out; what the source and `toJSON` throw
 * @internal Use `json.toLines(values)`.
 */
export async function* toLines(
  values: AsyncIterable<unknown> | Iterable<unknown>,
  options: ToLinesOptions = {},
): AsyncIterableIterator<Buffer> {
  const batchBytes = options.batchBytes ?? DEFAULT_BATCH_BYTES
  checkBytes(batchBytes, 'batchBytes')
  const batch = new LineBatch(batchBytes)
  const ready: Buffer[] = []
  if (isAsync(values)) {
    const iterator = values[Symbol.asyncIterator]()
    let state: 'waiting' | 'given' | 'over' = 'given'
    try {
      for (;;) {
        state = 'waiting'
        const next = Promise.resolve(iterator.next())
        if (batch.pendingBytes > 0 && !(await isReady(next))) {
          batch.takeAll(ready)
          yield* ready.splice(0)
        }
        const { done, value } = await next.catch((error: unknown) => {
          state = 'over'
          throw error
        })
        state = done === true ? 'over' : 'given'
        if (done === true) break
        writeLine(batch, value)
        batch.takeFull(ready)
        if (batch.pendingBytes >= batchBytes) batch.takeAll(ready)
        if (ready.length > 0) yield* ready.splice(0)
      }
    } finally {
      // Left early. A source that has not answered yet may never do so: it is told, not waited for.
      if (state === 'waiting') void iterator.return?.().then(undefined, () => undefined)
      else if (state === 'given') await iterator.return?.()
    }
  } else if (typeof values === 'object' && values !== null && Symbol.iterator in values) {
    for (const value of values) {
      writeLine(batch, value)
      batch.takeFull(ready)
      if (batch.pendingBytes >= batchBytes) batch.takeAll(ready)
      if (ready.length > 0) yield* ready.splice(0)
    }
  } else {
    throw new TypeError(`toLines: expected an iterable of values, got ${nameOf(values)}`)
  }
  batch.takeAll(ready)
  yield* ready
}

function writeLine(batch: LineBatch, value: unknown): void {
  if (value instanceof Uint8Array) return batch.line(value)
  if (isSelfWriting(value)) {
    value.toBytes(batch)
    return batch.endLine()
  }
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`toLines: expected a JSON value, got ${nameOf(value)}`)
  batch.from(text)
  batch.endLine()
}

function isSelfWriting(value: unknown): value is SelfWriting {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<SelfWriting>).toBytes === 'function'
  )
}

function isAsync(values: unknown): values is AsyncIterable<unknown> {
  return typeof values === 'object' && values !== null && Symbol.asyncIterator in values
}

/** Whether a promise settles before the event loop turns. */
async function isReady(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  // Most sources that have something settle within three ticks, which are cheap; an immediate costs about 1 µs.
  for (let tick = 0; tick < 3; tick++) {
    await undefined
    if (isSettled) return true
  }
  await new Promise((resolve) => setImmediate(resolve))
  return isSettled
}
