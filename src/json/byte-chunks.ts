import type { ByteStream } from '../allocator.js'
import { nameOf } from '../checks.js'

/**
 * The chunks of a source, asked for one at a time: bytes or text themselves, a Node stream, a web
 * `ReadableStream`, any iterable of them. Stopping early closes the source.
 *
 * @throws TypeError for anything else, and for a chunk that is neither bytes nor text
 */
export async function* byteChunks(
  source: ByteStream | Uint8Array | string,
): AsyncIterableIterator<Uint8Array | string> {
  if (typeof source === 'string' || source instanceof Uint8Array) {
    yield source
    return
  }
  for await (const chunk of iterable(source)) {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      throw new TypeError(`lines: expected chunks of bytes or text, got ${nameOf(chunk)}`)
    }
    yield chunk
  }
}

type Chunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>

function iterable(source: ByteStream): Chunks {
  const kind = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> & { getReader?: unknown }
  if (typeof kind === 'object' && kind !== null) {
    if (Symbol.asyncIterator in kind || Symbol.iterator in kind) return source as Chunks
    if (typeof kind.getReader === 'function') return readWeb(source as ReadableStream<Uint8Array>)
  }
  throw new TypeError(`lines: expected a stream, bytes or text, got ${nameOf(source)}`)
}

/** For web streams of runtimes that do not iterate them. */
async function* readWeb(stream: ReadableStream<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const reader = stream.getReader()
  let isOver = false
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value
    isOver = true
  } finally {
    if (!isOver) await reader.cancel()
    reader.releaseLock()
  }
}
