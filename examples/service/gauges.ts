/** What is measured of a half, inside its process. */
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { PRIMITIVES, type PrimitiveName } from './service.ts'

export interface HalfFigures {
  readonly operations: number
  readonly opsPerSecond: number
  /** Over all operations. */
  readonly p50Us: number
  readonly p99Us: number
  readonly primitives: Readonly<Record<PrimitiveName, { p50Us: number; p99Us: number }>>
  readonly gcCount: number
  readonly gcMs: number
  /** The highest that V8's heap rose over where it was at the start. */
  readonly heapPeakBytes: number
  readonly rssBytes: number
}

/** Each bucket is 2^(1/32) wide: a quantile is at most 2 % off. */
const BUCKETS_PER_OCTAVE = 32
const OCTAVES = 40

/** Counts of times in nanoseconds, in buckets that grow. */
class Histogram {
  readonly counts = new Float64Array(BUCKETS_PER_OCTAVE * OCTAVES)

  add(ns: number): void {
    const bucket = Math.log2(ns < 1 ? 1 : ns) * BUCKETS_PER_OCTAVE
    this.counts[Math.min(this.counts.length - 1, bucket | 0)]! += 1
  }

  quantileUs(share: number): number {
    const total = this.counts.reduce((sum, count) => sum + count, 0)
    if (total === 0) return 0
    let left = total * share
    const bucket = this.counts.findIndex((count) => (left -= count) < 0)
    const ns = 2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE)
    return Math.round(ns / 10) / 100
  }
}

export class Gauges {
  readonly #all = new Histogram()
  readonly #each = Object.fromEntries(PRIMITIVES.map((name) => [name, new Histogram()])) as Record<
    PrimitiveName,
    Histogram
  >
  readonly #collections: PerformanceEntry[] = []
  readonly #heapStartBytes = getHeapStatistics().used_heap_size
  #heapPeakBytes = 0
  #operations = 0
  #busyMs = 0
  #gcCount = 0
  #gcMs = 0

  constructor() {
    new PerformanceObserver((list) => this.#collections.push(...list.getEntries())).observe({
      entryTypes: ['gc'],
    })
  }

  /** One operation, and how long it took. */
  operation(primitive: PrimitiveName, ms: number): void {
    this.#all.add(ms * 1e6)
    this.#each[primitive].add(ms * 1e6)
    this.#operations += 1
  }

  /** Looks how high the heap stands. */
  sampleHeap(): void {
    const growth = getHeapStatistics().used_heap_size - this.#heapStartBytes
    if (growth > this.#heapPeakBytes) this.#heapPeakBytes = growth
  }

  /** A stretch of operations, from `startMs` to `endMs`: its collections count, those in between do not. */
  async stretch(startMs: number, endMs: number): Promise<void> {
    this.#busyMs += endMs - startMs
    // The entries reach the observer a turn of the event loop later.
    await setImmediate()
    await setImmediate()
    for (const { startTime, duration } of this.#collections.splice(0)) {
      if (startTime < startMs || startTime > endMs) continue
      this.#gcCount += 1
      this.#gcMs += duration
    }
  }

  figures(): HalfFigures {
    const quantiles = (histogram: Histogram): { p50Us: number; p99Us: number } => ({
      p50Us: histogram.quantileUs(0.5),
      p99Us: histogram.quantileUs(0.99),
    })
    return {
      operations: this.#operations,
      opsPerSecond: this.#busyMs > 0 ? Math.round((this.#operations * 1000) / this.#busyMs) : 0,
      ...quantiles(this.#all),
      primitives: Object.fromEntries(
        PRIMITIVES.map((name) => [name, quantiles(this.#each[name])]),
      ) as HalfFigures['primitives'],
      gcCount: this.#gcCount,
      gcMs: Math.round(this.#gcMs * 10) / 10,
      heapPeakBytes: this.#heapPeakBytes,
      rssBytes: process.memoryUsage.rss(),
    }
  }
}
