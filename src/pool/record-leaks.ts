import type { AnyRecord, Engine } from './record-engine.js'
import type { Slab } from './record-slab.js'

/** Which single records are watched. */
export type RecordLeakDetection = 'off' | 'sampled' | 'full'

/** A record that was acquired and not released. */
export interface LeakedRecord {
  pool: string
  slot: number
  /** How it was found: the pool was disposed, or its handle was collected. */
  found: 'disposed' | 'collected'
  /** How long it had been open, in milliseconds. */
  ageMs: number
  /** Where it was acquired: a stack. */
  site: string
}

interface Watched {
  slab: Slab
  index: number
  generation: number
  openedAt: number
  site: string
}

/** Watched entries below this are not worth a sweep. */
const SWEEP_FROM = 1024
const SAMPLE_EVERY = 128

/** Where watched records were acquired. A release is not told: it shows in the generation of the slot. */
export class OpenSites {
  readonly #pool: string
  readonly #level: RecordLeakDetection
  readonly #onLeak: (leak: LeakedRecord) => void
  readonly #registry: FinalizationRegistry<Watched>
  #watched = new Set<Watched>()
  #engine: Engine | undefined
  #untilSample: number
  #sweepAt = SWEEP_FROM

  constructor(pool: string, level: RecordLeakDetection, onLeak?: (leak: LeakedRecord) => void) {
    if (level !== 'sampled' && level !== 'full') {
      throw new TypeError(`leakDetection: expected 'off', 'sampled' or 'full', got ${String(level)}`)
    }
    this.#pool = pool
    this.#level = level
    this.#onLeak = onLeak ?? warn
    this.#untilSample = this.#nextSample()
    this.#registry = new FinalizationRegistry((entry) => this.#collected(entry))
  }

  /** A record was acquired just now. */
  opened(record: AnyRecord, engine: Engine): void {
    this.#engine = engine
    if (--this.#untilSample > 0) return
    this.#untilSample = this.#nextSample()
    const holder: { stack?: string } = {}
    Error.captureStackTrace(holder)
    const entry = {
      slab: engine.slabOf(record),
      index: engine.indexOf(record),
      generation: engine.generationOf(record),
      openedAt: Date.now(),
      // Without the heading, this function and the pool's own.
      site: holder.stack?.replace(/^(.*\n){4}/, '') ?? '',
    }
    this.#watched.add(entry)
    this.#registry.register(record, entry)
    if (this.#watched.size >= this.#sweepAt) this.#sweep()
  }

  /** The watched records that are open. */
  open(): LeakedRecord[] {
    this.#sweep()
    return [...this.#watched].map((entry) => this.#leak(entry, 'disposed'))
  }

  /** The pool is disposed: nothing is watched any more. */
  end(): void {
    this.#watched.clear()
  }

  #isOpen({ slab, index, generation }: Watched): boolean {
    return slab.u32[this.#engine!.layout.generations + index] === generation
  }

  #sweep(): void {
    for (const entry of this.#watched) if (!this.#isOpen(entry)) this.#watched.delete(entry)
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * this.#watched.size)
  }

  #collected(entry: Watched): void {
    if (!this.#watched.delete(entry) || !this.#isOpen(entry)) return
    this.#onLeak(this.#leak(entry, 'collected'))
  }

  #leak({ slab, index, openedAt, site }: Watched, found: LeakedRecord['found']): LeakedRecord {
    const slot = slab.first + index
    return { pool: this.#pool, slot, found, ageMs: Date.now() - openedAt, site }
  }

  /** Uniform around the mean: in step with nothing. */
  #nextSample(): number {
    return this.#level === 'full' ? 1 : 1 + Math.floor(Math.random() * (2 * SAMPLE_EVERY - 1))
  }
}

function warn(leak: LeakedRecord): void {
  process.emitWarning(`${leak.pool}: the handle of an open record was collected\n${leak.site}`, {
    type: 'PrimarenaLeak',
  })
}
