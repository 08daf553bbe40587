import type { Allocator, ByteStream } from '../allocator.js'
import type { BytesInput } from '../bytes.js'
import { checkBytes } from '../checks.js'
import { PrimarenaError } from '../errors.js'
import { byteChunks } from './byte-chunks.js'
import { LineBatch } from './line-batch.js'
import { LineSplitter } from './line-splitter.js'

/** How lines are read. */
export interface LinesOptions {
  /** The most bytes of a record, without its line end; beyond it the stream fails with `ERR_JSON_LIMIT`. 16 MiB when left out. */
  maxRecordBytes?: number
  /** Where records are copied to, so that they are valid until it is reset. */
  allocator?: Allocator
  /**
   * Called with the error of a record that a program refuses; the record is left out and the stream goes on. If it
   * throws, the stream fails with that. Without it the first such error ends the stream.
   */
  onError?: (error: PrimarenaError, position: RecordPosition) => void
}

/** Where a record stands in its stream. */
export interface RecordPosition {
  /** From 1, blank lines not counted. */
  record: number
  /** From 1. */
  line: number
  /** Bytes before it. */
  offset: number
}

/** A program that reads a document: `json.fields`, or anything of that shape. */
export interface RecordReader<T> {
  read(bytes: BytesInput): T
}

/** A program that writes a document as a line: `json.transform`, or anything of that shape. */
export interface RecordWriter {
  writeLine(bytes: BytesInput, allocator: Allocator): Uint8Array
}

const DEFAULT_MAX_RECORD_BYTES = 16 * 1024 * 1024

/**
 * A stream of NDJSON (one document a line), read once, in one of these ways: record by record (`for await`), in
 * batches, or by a program. The source is asked for the next chunk only when the last one is used up, and is
 * closed when the reader stops early.
 *
 * Records are views: they are valid until the next one is asked for, unless an `allocator` was given. Lines end
 * with `\n` or `\r\n`; blank ones are skipped; the last one needs no end. Records are not validated here: programs
 * do that.
 */
export class JsonLines implements AsyncIterable<Buffer> {
  readonly #source: ByteStream | Uint8Array | string
  readonly #splitter: LineSplitter
  readonly #allocator: Allocator | undefined
  readonly #onError: LinesOptions['onError']
  #isTaken = false

  /** @internal Use `json.lines(source)`. */
  constructor(source: ByteStream | Uint8Array | string, options: LinesOptions = {}) {
    const maxRecordBytes = options.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES
    checkBytes(maxRecordBytes, 'maxRecordBytes')
    if (options.onError !== undefined && typeof options.onError !== 'function') {
      throw new TypeError(`onError: expected a function, got ${typeof options.onError}`)
    }
    this.#source = source
    this.#splitter = new LineSplitter(maxRecordBytes)
    this.#allocator = options.allocator
    this.#onError = options.onError
  }

  /** Where the last record stands that was read. */
  get position(): RecordPosition {
    const { record, line, recordOffset } = this.#splitter
    return { record, line, offset: recordOffset }
  }

  /**
   * The records, one by one. Valid until the next one is asked for, or until the allocator is reset.
   *
   * @throws PrimarenaError ERR_JSON_LIMIT with the line; what the source throws
   */
  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    for await (const records of this.batches()) yield* records
  }

  /**
   * The records that came with one chunk together, which saves most of what asynchronous iteration costs. Valid
   * until the next batch is asked for, or until the allocator is reset.
   *
   * @throws as the iteration record by record
   */
  batches(): AsyncIterableIterator<Buffer[]> {
    const allocator = this.#allocator
    return this.#each((record, records: Buffer[]) => {
      records.push(allocator === undefined ? record : allocator.from(record))
    })
  }

  /**
   * What `program` reads from each record: `for await (const { id } of json.lines(socket).read(Push))`.
   *
   * @throws as the iteration; what the program throws, with the record and its line, unless `onError` takes it
   */
  async *read<T>(program: RecordReader<T>): AsyncIterableIterator<T> {
    for await (const values of this.readBatches(program)) yield* values
  }

  /** What `program` reads from the records of one chunk, together. @throws as `read` */
  readBatches<T>(program: RecordReader<T>): AsyncIterableIterator<T[]> {
    if (typeof program?.read !== 'function')
      throw new TypeError('read: expected a program with a method read')
    return this.#each((record, values: T[]) => {
      try {
        values.push(program.read(record))
      } catch (error) {
        this.#failed(error)
      }
    })
  }

  /**
   * What `program` makes of each record as NDJSON again, in batches of about `batchBytes` (64 KiB when left out),
   * one at least for each chunk: `Readable.from(json.lines(source).write(Slim))`. Batches are ordinary Buffers.
   *
   * @throws as `read`
   */
  async *write(program: RecordWriter, options: { batchBytes?: number } = {}): AsyncIterableIterator<Buffer> {
    if (typeof program?.writeLine !== 'function') {
      throw new TypeError('write: expected a program with a method writeLine')
    }
    const batch = new LineBatch(options.batchBytes)
    const all = this.#each(
      (record) => {
        try {
          program.writeLine(record, batch)
        } catch (error) {
          this.#failed(error)
        }
      },
      (batches: Buffer[]) => batch.takeAll(batches),
    )
    for await (const batches of all) yield* batches
  }

  /**
   * Calls `fn` for each record and waits for what it gives, if that is a promise; gives the number of records. The
   * fastest way for records themselves. They are valid until `fn` is done, or until the allocator is reset.
   *
   * @throws as the iteration; what `fn` throws
   */
  async forEach(fn: (record: Buffer, position: RecordPosition) => unknown): Promise<number> {
    const allocator = this.#allocator
    const splitter = this.#splitter
    this.#take()
    for await (const chunk of byteChunks(this.#source)) {
      splitter.push(chunk)
      for (let record = splitter.next(); record !== undefined; record = splitter.next()) {
        const done = fn(allocator === undefined ? record : allocator.from(record), this.position)
        if (isThenable(done)) await done
      }
    }
    const last = splitter.end()
    if (last !== undefined) await fn(allocator === undefined ? last : allocator.from(last), this.position)
    return splitter.record
  }

  /** One array for each chunk that had something in it; `finish` may add to it when the chunk is used up. */
  async *#each<T>(
    add: (record: Buffer, results: T[]) => void,
    finish?: (results: T[]) => void,
  ): AsyncIterableIterator<T[]> {
    const splitter = this.#splitter
    this.#take()
    for await (const chunk of byteChunks(this.#source)) {
      splitter.push(chunk)
      const results: T[] = []
      let failure: { error: unknown } | undefined
      try {
        for (let record = splitter.next(); record !== undefined; record = splitter.next())
          add(record, results)
      } catch (error) {
        failure = { error }
      }
      finish?.(results)
      // What came before the failure is still given.
      if (results.length > 0) yield results
      if (failure !== undefined) throw failure.error
    }
    const last = splitter.end()
    if (last === undefined) return
    const results: T[] = []
    add(last, results)
    finish?.(results)
    if (results.length > 0) yield results
  }

  #take(): void {
    if (this.#isTaken) throw new TypeError('lines: the stream is being read already; it can be read once')
    this.#isTaken = true
  }

  #failed(error: unknown): void {
    if (!PrimarenaError.is(error)) throw error
    const { position } = this
    const { record, line, offset } = position
    // A record is one line: its own line and offset would stand beside those of the stream.
    const own = `at offset ${error.offset} (line ${error.line}, column ${error.column})`
    const message = error.message.replace(own, `at column ${error.column}`)
    const located = new PrimarenaError(error.code, `record ${record}, line ${line}: ${message}`, {
      offset: offset + (error.offset ?? 0),
      line,
      column: error.column,
      path: error.path,
      chain: error.chain,
      cause: error,
    })
    if (this.#onError === undefined) throw located
    this.#onError(located, position)
  }
}

function isThenable(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
