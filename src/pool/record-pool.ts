import { Buffer } from 'node:buffer'
import { windowOf, type Allocator } from '../allocator.js'
import { inputBytes, type BytesInput } from '../bytes.js'
import { nameOf, withArticle } from '../checks.js'
import { callNative, NativeRecordPool, raw } from '../native.js'
import type { Owner } from '../owner.js'
import { BulkJob, isSliced, started, type SliceOptions } from './record-bulk.js'
import { classesOf } from './record-codegen.js'
import { RecordCursor } from './record-cursor.js'
import { foreign, stale, type Engine } from './record-engine.js'
import { canGenerate, engineOf } from './record-engines.js'
import { OpenSites, type LeakedRecord, type RecordLeakDetection } from './record-leaks.js'
import { conditionsOf, Predicate, type Conditions } from './record-predicate.js'
import {
  ARRAYS,
  describe,
  fieldsOf,
  type BlockField,
  type Field,
  type NumberArray,
  type NumericField,
  type OrderedField,
  type PoolRecord,
  type RecordSchema,
  type RecordValues,
} from './record-schema.js'
import { layoutOf, NO_SLAB, type Slab, type SlabLayout } from './record-slab.js'
import { SlabStore } from './record-store.js'

/** Limits and habits of a record pool. */
export interface RecordPoolOptions {
  /** Most records at once; beyond it `acquire` throws `ERR_POOL_EXHAUSTED`. No bound when left out. */
  maxRecords?: number
  /** Records of one slab, rounded up to a power of two, at most 65,536. As many as fit 256 KiB when left out. */
  slabRecords?: number
  /** The name in errors and reports. */
  name?: string
  /**
   * Whether single records are watched: the place where they were acquired is then part of the report at `dispose`,
   * and one whose handle is collected before its release is told to `onLeak`. `'off'` when left out; `'sampled'`
   * watches 1 in 128, `'full'` all of them. What is open when the pool is disposed is reported in any case.
   */
  leakDetection?: RecordLeakDetection
  /** Told of each watched record whose handle was collected while it was open. A process warning when left out. */
  onLeak?: (leak: LeakedRecord) => void
}

/** The figures of a record pool. */
export interface RecordPoolStats {
  /** Records that are open. */
  openRecords: number
  /** Slots in all slabs: records that fit without another slab. */
  capacityRecords: number
  /** Slots of the present slabs that were used at least once. */
  usedSlots: number
  /** Slabs that are there. */
  slabs: number
  /** Bytes of all slabs, as charged to the owner. */
  reservedBytes: number
  /** Bytes of one record, slot words included. */
  recordBytes: number
}

/** What was still open when a pool was disposed. */
export interface RecordPoolReport {
  name: string
  openRecords: number
  /** Those that were watched. */
  leaks: readonly LeakedRecord[]
}

/** Count, sum, minimum, maximum and mean of a field; `V` is bigint for 64-bit integers. */
export interface Aggregate<V extends number | bigint = number | bigint> {
  count: number
  sum: V
  /** `undefined` without records; NaN when one of the values is. */
  min: V | undefined
  max: V | undefined
  mean: number | undefined
}

type AggregateOf<V> = V extends bigint ? Aggregate<bigint> : Aggregate<number>

/** In which order slots are sorted. */
export interface SortOptions {
  /** From the largest to the smallest; NaN is last all the same. */
  descending?: boolean
}

/** Which end of the order is wanted. */
export interface TopKOptions {
  /** The smallest instead of the largest. */
  smallest?: boolean
}

/** Which records are written. */
export interface WriteOptions {
  /** These records, in this order. All records in order of slots when left out. */
  slots?: Uint32Array
}

/**
 * Fixed-layout records in slabs off the heap: nothing for the garbage collector to look at, however many there are.
 *
 * A record is a slot. Three ways lead to it: a record object with accessors (`acquire`), a cursor that moves over slots
 * without allocating, and bulk calls that run in native code over the whole pool and give slots. Records never move; a
 * handle that outlives its record is an error, never another record's data; a released record is zeroed.
 *
 * Made by `memory.recordPool(schema)` or `agent.recordPool(schema)`, who is charged for its slabs. Valid until disposed.
 * A pool belongs to the thread that made it.
 */
export class RecordPool<S extends RecordSchema = RecordSchema> implements Disposable {
  readonly name: string
  readonly maxRecords: number
  /** @internal */
  declare readonly store: SlabStore
  readonly #engine: Engine
  readonly #native: NativeRecordPool
  readonly #fields: readonly Field[]
  readonly #byName: ReadonlyMap<string, Field>
  readonly #layout: SlabLayout
  readonly #sites: OpenSites | undefined
  #conditions: Conditions<S> | undefined

  /** @internal Use `memory.recordPool(schema, options)`. */
  constructor(owner: Owner, schema: S, options?: RecordPoolOptions) {
    const { maxRecords, slabRecords, name = 'record pool', leakDetection = 'off', onLeak } = options ?? {}
    this.name = name
    this.maxRecords = countOption(maxRecords, 'maxRecords', 2 ** 32 - 1) ?? Infinity
    this.#fields = fieldsOf(schema)
    this.#byName = new Map(this.#fields.map((field) => [field.name, field]))
    const capacity = countOption(slabRecords, 'slabRecords', 65_536)
    const names = this.#fields.map((field) => field.name)
    this.#native = callNative(
      () =>
        new NativeRecordPool(
          names,
          describe(this.#fields),
          capacity,
          this.maxRecords === Infinity ? undefined : this.maxRecords,
        ),
    )
    this.#layout = layoutOf(this.#native.layout(), this.#fields)
    this.#engine = engineOf(this.#layout)
    this.store = new SlabStore(name, owner, this.#engine, this.maxRecords)
    if (leakDetection !== 'off') {
      this.#sites = new OpenSites(name, leakDetection, onLeak)
      this.acquire = () => this.#watched()
    } else {
      specialise(this as never, this.#engine)
    }
  }

  /**
   * A record, all zero. Release it, or let `using` do so; valid until then.
   *
   * @throws ERR_POOL_EXHAUSTED when `maxRecords` are open; ERR_BUDGET_EXCEEDED when the owner's budget has no room for
   * another slab; ERR_STALE_HANDLE
   */
  acquire(): PoolRecord<S> {
    return this.#engine.acquire(this.store) as PoolRecord<S>
  }

  /**
   * Zeroes the record and gives its slot back. Every handle for it is stale from now on.
   *
   * @throws ERR_DOUBLE_RELEASE; ERR_STALE_HANDLE when the slot was released otherwise and may hold another record;
   * ERR_FOREIGN_OBJECT for anything that is not a record of this pool
   */
  release(record: PoolRecord<S>): void {
    this.#engine.release(this.store, record)
  }

  /** Whether the record is one of this pool and was not released. */
  isOpen(record: object): boolean {
    const engine = this.#engine
    if (!engine.owns(record)) return false
    const slab = engine.slabOf(record)
    return (
      slab.pool === this.store &&
      this.#generation(slab, engine.indexOf(record)) === engine.generationOf(record)
    )
  }

  /** The slot of a record: what bulk calls give and take. Valid until its release. @throws ERR_STALE_HANDLE, ERR_FOREIGN_OBJECT */
  slotOf(record: PoolRecord<S>): number {
    const { slab, index } = this.#locate(record)
    return slab.first + index
  }

  /** A handle for the record in `slot`. Valid until its release. @throws ERR_STALE_HANDLE when the slot holds no record; TypeError, RangeError for what is no slot */
  at(slot: number): PoolRecord<S> {
    if (typeof slot !== 'number') throw new TypeError(`at: expected a slot, got ${nameOf(slot)}`)
    if (slot >>> 0 !== slot)
      throw new RangeError(`at: expected a slot, a whole number from 0 on, got ${slot}`)
    return this.cursor().moveTo(slot).record
  }

  /** A record object that moves over slots. Valid until the pool is disposed. */
  cursor(): RecordCursor<S> {
    const engine = this.#engine
    return canGenerate
      ? (new (classesOf(engine, RecordPool, RecordCursor).cursor)(this.store, engine) as RecordCursor<S>)
      : new RecordCursor<S>(this.store, engine)
  }

  /** A copy of the record as a plain object. */
  toObject(record: PoolRecord<S>): RecordValues<S> {
    this.#locate(record)
    return this.#engine.values(record) as RecordValues<S>
  }

  /**
   * Copies a vector or bytes into `target` and gives the number of elements.
   *
   * @throws RangeError when the target is too short; TypeError when it is of another kind
   */
  read<Name extends BlockField<S>>(
    record: PoolRecord<S>,
    field: Name,
    target: RecordValues<S>[Name],
  ): number {
    const view = this.#block(record, field)
    const Constructor = ARRAYS[this.#field(field).number]
    if (!(target instanceof Constructor))
      throw new TypeError(`${field}: expected ${withArticle(Constructor.name)} as the target`)
    if (target.length < view.length) {
      throw new RangeError(
        `${field}: expected a target of ${view.length} elements or more, got ${target.length}`,
      )
    }
    ;(target as Uint8Array).set(view as Uint8Array)
    return view.length
  }

  /**
   * Calls `use` with a view of the record's own vector or bytes, to read or change in place, and gives its result.
   * The view is valid until `use` returns: it must not be kept, and `use` must not be asynchronous.
   *
   * @throws TypeError when `use` gives a promise or the view itself
   */
  view<Name extends BlockField<S>, T>(
    record: PoolRecord<S>,
    field: Name,
    use: (view: RecordValues<S>[Name]) => T,
  ): T {
    const view = this.#block(record, field)
    const result = use(view as RecordValues<S>[Name])
    // In case that the buffer was transferred away.
    this.#engine.slabOf(record).epoch += 1
    const thenable = typeof (result as { then?: unknown } | null | undefined)?.then === 'function'
    if (thenable || (result as unknown) === view) {
      throw new TypeError(
        `${field}: a view of a slab ends with the callback: expected a result other than ${thenable ? 'a promise' : 'the view'}`,
      )
    }
    return result
  }

  /**
   * Releases the records in `slots`: all of them, or none when one of them is not open or comes twice.
   *
   * @throws ERR_STALE_HANDLE, ERR_DOUBLE_RELEASE
   */
  releaseSlots(slots: Uint32Array): void {
    this.store.open()
    started(raw.recordRelease(this.#native.id, this.store.views(), checkSlots(slots)))
    this.store.changed()
  }

  /** Releases every record; gives their number. */
  clear(): number {
    this.store.open()
    const count = started(raw.recordClear(this.#native.id, this.store.views()))
    this.store.changed()
    return count
  }

  /**
   * Reads JSON rows into new records and gives their slots in the order of the rows. `path` leads to the rows (JSONPath
   * or JSON Pointer); each is an object with a member for every field, others are ignored. The document is validated.
   * 64-bit integers keep all digits, bytes are base64, a timestamp is RFC 3339 or milliseconds.
   *
   * All rows become records, or none. With `sliceMs` or a `signal` the work is done in slices; the document must not
   * change meanwhile, and records of rows read so far can be seen by others.
   *
   * @throws ERR_JSON_SYNTAX, ERR_JSON_PATH, ERR_JSON_TYPE, ERR_JSON_MISSING; ERR_RECORD_VALUE for what does not fit its
   * field; ERR_POOL_EXHAUSTED, ERR_BUDGET_EXCEEDED, ERR_ABORTED
   */
  fromJSON(document: BytesInput, path?: string): Uint32Array
  fromJSON(document: BytesInput, path: string | undefined, options: SliceOptions): Promise<Uint32Array>
  fromJSON(document: BytesInput, path = '$[*]', options?: SliceOptions): Uint32Array | Promise<Uint32Array> {
    this.store.open()
    if (typeof path !== 'string') throw new TypeError(`path: expected a string, got ${typeof path}`)
    const bytes = inputBytes(document)
    const job = this.#job(raw.recordRead(this.#native.id, Buffer.from(path))).reading(bytes)
    return this.#run(job, options, () => job.slots())
  }

  /**
   * All records, or those in `slots`, as a JSON array of objects. Numbers, text and booleans are as `JSON.stringify`
   * writes them, 64-bit integers have all digits, bytes are base64, timestamps are milliseconds, vectors are arrays; what
   * is not finite is null. Valid until the allocator is reset or disposed.
   *
   * `JSON.stringify` calls this with a name: then, and only then, it gives the figures of `stats()`, so that a pool can be
   * logged.
   *
   * @throws TypeError for what is no allocator; ERR_STALE_HANDLE for a slot without a record; ERR_BUDGET_EXCEEDED, ERR_ABORTED
   */
  toJSON(allocator: Allocator, options: WriteOptions & SliceOptions): Promise<Buffer>
  toJSON(allocator: Allocator, options?: WriteOptions): Buffer
  toJSON(name: string): RecordPoolStats
  toJSON(
    allocator: Allocator | string,
    options?: WriteOptions & Partial<SliceOptions>,
  ): Buffer | Promise<Buffer> | RecordPoolStats {
    if (typeof allocator === 'string') return this.stats()
    return this.#write(allocator, false, options)
  }

  /** As `toJSON`, but an object a line, each line ended by a line feed. */
  toNDJSON(allocator: Allocator, options: WriteOptions & SliceOptions): Promise<Buffer>
  toNDJSON(allocator: Allocator, options?: WriteOptions): Buffer
  toNDJSON(allocator: Allocator, options?: WriteOptions & Partial<SliceOptions>): Buffer | Promise<Buffer> {
    return this.#write(allocator, true, options)
  }

  /**
   * The slots of all records, sorted by a field: as `TypedArray.prototype.sort` orders numbers (−0 before +0), text and
   * bytes by their bytes, equal ones by slot; NaN is last, also when descending.
   */
  sort(field: OrderedField<S>, options: SortOptions & SliceOptions): Promise<Uint32Array>
  sort(field: OrderedField<S>, options?: SortOptions): Uint32Array
  sort(
    field: OrderedField<S>,
    options?: SortOptions & Partial<SliceOptions>,
  ): Uint32Array | Promise<Uint32Array> {
    this.store.open()
    const job = this.#job(
      raw.recordSort(this.#native.id, this.#field(field).index, options?.descending ? 1 : 0),
    )
    return this.#run(job, options, () => job.slots())
  }

  /** A condition on the records of this pool, to be used again. */
  where(condition: (record: Conditions<S>) => Predicate): Predicate {
    if (typeof condition !== 'function') throw new TypeError(`expected a function, got ${typeof condition}`)
    this.#conditions ??= conditionsOf(this.#fields) as Conditions<S>
    const predicate = condition(this.#conditions)
    if (!(predicate instanceof Predicate))
      throw new TypeError('expected a condition, such as r.score.gt(0.5)')
    return predicate
  }

  /** The slots of the records that match, ascending: `pool.filter((r) => r.score.gt(0.5).and(r.name.startsWith('a')))`. */
  filter(condition: Predicate | ((record: Conditions<S>) => Predicate)): Uint32Array
  filter(
    condition: Predicate | ((record: Conditions<S>) => Predicate),
    options: SliceOptions,
  ): Promise<Uint32Array>
  filter(
    condition: Predicate | ((record: Conditions<S>) => Predicate),
    options?: SliceOptions,
  ): Uint32Array | Promise<Uint32Array> {
    this.store.open()
    const predicate = condition instanceof Predicate ? condition : this.where(condition)
    if (predicate.fields !== this.#fields) throw new TypeError('expected a condition on this pool')
    const job = this.#job(raw.recordFilter(this.#native.id, predicate.program))
    return this.#run(job, options, () => job.slots())
  }

  /**
   * Count, sum, minimum, maximum and mean of a field. Sums of integers are exact; sums of floating numbers run in eight
   * lanes, so their last bits may differ from those of a loop.
   */
  aggregate<Name extends NumericField<S>>(field: Name): AggregateOf<RecordValues<S>[Name]>
  aggregate<Name extends NumericField<S>>(
    field: Name,
    options: SliceOptions,
  ): Promise<AggregateOf<RecordValues<S>[Name]>>
  aggregate(field: string, options?: SliceOptions): Aggregate | Promise<Aggregate> {
    this.store.open()
    const own = this.#field(field)
    const job = this.#job(raw.recordAggregate(this.#native.id, own.index))
    return this.#run(job, options, (number) => figures(number, job.words[0]!, own))
  }

  /** The slots of the `k` records with the largest values of a field, largest first; with `smallest` the smallest. */
  topK(field: OrderedField<S>, k: number, options: TopKOptions & SliceOptions): Promise<Uint32Array>
  topK(field: OrderedField<S>, k: number, options?: TopKOptions): Uint32Array
  topK(
    field: OrderedField<S>,
    k: number,
    options?: TopKOptions & Partial<SliceOptions>,
  ): Uint32Array | Promise<Uint32Array> {
    this.store.open()
    if (!Number.isInteger(k) || k < 0 || k > 0xffff_ffff)
      throw new RangeError(`k: expected a whole number, got ${k}`)
    const job = this.#job(
      raw.recordTopK(this.#native.id, this.#field(field).index, k, options?.smallest ? 1 : 0),
    )
    return this.#run(job, options, () => job.slots())
  }

  /** Gives slabs without records back to the owner; gives their bytes. */
  trim(): number {
    return this.store.trim()
  }

  /** The figures of now. */
  stats(): RecordPoolStats {
    const sums = this.store.figures()
    const recordBytes = this.#layout.columns.reduce(
      (bytes, { stride, lengthBytes }) => bytes + stride + lengthBytes,
      8,
    )
    return { ...sums, reservedBytes: sums.slabs * this.store.slabBytes, recordBytes }
  }

  /** Records that are open. */
  get openRecords(): number {
    return this.store.figures().openRecords
  }

  /**
   * Ends the pool: its memory goes back to the owner, every handle is stale. Gives what was still open. A second call
   * does nothing.
   */
  dispose(): RecordPoolReport {
    const report = { name: this.name, openRecords: this.openRecords, leaks: this.#sites?.open() ?? [] }
    if (!this.store.disposed) {
      this.#sites?.end()
      this.store.dispose()
      this.#native.close()
    }
    return report
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Checks every rule of the slot words, natively; gives the number of records. For tests. @internal */
  check(): number {
    return started(raw.recordCheck(this.#native.id, this.store.views()))
  }

  #generation(slab: Slab, index: number): number | undefined {
    return slab.u32[this.#layout.generations + index]
  }

  #locate(record: object): { slab: Slab; index: number } {
    const engine = this.#engine
    if (typeof record !== 'object' || record === null || !engine.owns(record)) foreign(this.store, record)
    const slab = engine.slabOf(record)
    const index = engine.indexOf(record)
    const generation = engine.generationOf(record)
    if (slab.pool !== this.store && slab !== NO_SLAB) foreign(this.store, record)
    if (this.#generation(slab, index) !== generation) stale(slab, index, generation)
    return { slab, index }
  }

  #field(name: string): Field {
    const field = this.#byName.get(name)
    if (field === undefined) {
      throw new TypeError(`${this.name}: expected the name of a field, got ${JSON.stringify(name)}`)
    }
    return field
  }

  /** A view of the record's own vector or bytes. */
  #block(record: object, name: string): NumberArray {
    const { slab, index } = this.#locate(record)
    const field = this.#field(name)
    const { offset, stride, lengths, lengthBytes } = this.#layout.columns[field.index]!
    if (field.shape === 'bytes') {
      const words = lengthBytes === 1 ? slab.u8 : lengthBytes === 2 ? slab.u16 : slab.u32
      const start = offset + index * stride
      return slab.u8.subarray(start, start + words[lengths / lengthBytes + index]!)
    }
    if (field.shape !== 'vector') throw new TypeError(`${name}: expected a vector or bytes`)
    const elementBytes = ARRAYS[field.number].BYTES_PER_ELEMENT
    const start = (offset + index * stride) / elementBytes
    return slab[field.number].subarray(start, start + field.length)
  }

  #job(number: number): BulkJob {
    return new BulkJob(this.store, number)
  }

  #run<T>(
    job: BulkJob,
    options: Partial<SliceOptions> | undefined,
    result: (number: number) => T,
  ): T | Promise<T> {
    return isSliced(options) ? job.runSliced(options, result) : job.run(result)
  }

  #write(
    allocator: Allocator,
    lines: boolean,
    options: (WriteOptions & Partial<SliceOptions>) | undefined,
  ): Buffer | Promise<Buffer> {
    this.store.open()
    windowOf(allocator, lines ? 'toNDJSON' : 'toJSON')
    const { slots } = options ?? {}
    const given = slots === undefined ? NO_SLAB.u32 : checkSlots(slots)
    const job = this.#job(raw.recordWrite(this.#native.id, lines ? 1 : 0, slots === undefined ? 0 : 1, given))
    return this.#run(job.writing(allocator), options, () => job.written())
  }

  #watched(): PoolRecord<S> {
    const record = this.#engine.acquire(this.store) as PoolRecord<S>
    this.#sites!.opened(record, this.#engine)
    return record
  }
}

/** A pool of the generated class calls its engine directly: a call site that sees one schema sees one function. */
function specialise(pool: RecordPool<never>, engine: Engine): void {
  if (!canGenerate) return
  Object.setPrototypeOf(pool, classesOf(engine, RecordPool, RecordCursor).pool.prototype as object)
}

function figures(job: number, count: number, field: Field): Aggregate {
  const floats = new Float64Array(3)
  const integers = new BigInt64Array(4)
  const wide = field.number === 'u64' || field.number === 'i64'
  if (started(raw.recordFigures(job, floats, integers)) === 0) {
    const [sum, min, max] = floats as unknown as [number, number, number]
    if (count === 0) return { count, sum: 0, min: undefined, max: undefined, mean: undefined }
    return { count, sum, min, max, mean: sum / count }
  }
  const [low, high, least, most] = integers as unknown as [bigint, bigint, bigint, bigint]
  const sum = (high << 64n) | BigInt.asUintN(64, low)
  const value = (integer: bigint): bigint | number =>
    wide ? (field.number === 'u64' ? BigInt.asUintN(64, integer) : integer) : Number(integer)
  const shown = wide ? sum : Number(sum)
  if (count === 0) return { count, sum: shown, min: undefined, max: undefined, mean: undefined }
  return { count, sum: shown, min: value(least), max: value(most), mean: Number(sum) / count }
}

function checkSlots(slots: unknown): Uint32Array {
  if (!(slots instanceof Uint32Array)) {
    throw new TypeError(`slots: expected a Uint32Array, got ${slots === null ? 'null' : typeof slots}`)
  }
  return slots
}

function countOption(value: unknown, name: string, most: number): number | undefined {
  if (value === undefined || value === Infinity) return undefined
  if (typeof value !== 'number') throw new TypeError(`${name}: expected a number, got ${typeof value}`)
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`${name}: expected a whole number from 1 to ${most}, got ${value}`)
  }
  return value
}
