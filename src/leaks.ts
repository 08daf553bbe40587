import diagnostics from 'node:diagnostics_channel'
import { fileURLToPath } from 'node:url'
import type { LifetimeRecord } from './nursery.js'

/**
 * How much is looked at:
 * - `'off'`: counters only;
 * - `'sampled'` (default): the site of 1 in 128 openings is recorded;
 * - `'full'`: of all, and results are searched deeply for views that escape;
 * - `'paranoid'`: what is released is poisoned and quarantined as well.
 */
export type LeakDetection = 'off' | 'sampled' | 'full' | 'paranoid'

export const LEAK_LEVELS: readonly LeakDetection[] = ['off', 'sampled', 'full', 'paranoid']

/** Something that was opened and not closed. Openings at the same site are one report with a count. */
export interface LeakReport {
  /**
   * `arena`, `context`, `run`, `record pool`, `object pool`, `record` and `pooled object` (one that was not released),
   * `JSON object`, `JSON array`; `others` for what found no room in the table any more.
   */
  what: string
  /** The name of the pool, for what is a pool or of one. */
  name: string | undefined
  agentId: string | undefined
  sessionId: string | undefined
  primitive: string | undefined
  /** How it was found: its owner ended, or it was collected. */
  found: 'disposed' | 'collected'
  /** Bytes that all leaks of this report held. */
  bytes: number
  /** How often. */
  count: number
  /** How long the last one had been open, in milliseconds. */
  ageMs: number
  /** Where it was opened, when that was recorded: a stack, with source maps where Node has them enabled. */
  site: string | undefined
}

/** Different leaks that are kept; more are counted together. */
const MOST_REPORTS = 1000
const OTHERS = '\0others'
const NOBODY = { agentId: undefined, sessionId: undefined, primitive: undefined }

const SAMPLE_EVERY = 128

/** Frames of a site that 1 in 128 pays: enough to get out of this library and name the caller. */
const SAMPLED_FRAMES = 12
/** At `full` everybody pays, about 400 ns a frame: the library's own and a few of the caller's. */
const FULL_FRAMES = 6

/**
 * Where something was opened: a captured stack. Formatting it costs several times the capture, so that is
 * left to the report.
 */
export interface Site {
  stack?: string
}

/** Frames in these folders are the library's own: a site begins with whoever called it. */
const OWN_FOLDERS = ['../dist/', '../src/'].map((folder) => new URL(folder, import.meta.url))
const OWN_PREFIXES = OWN_FOLDERS.flatMap((folder) => [folder.href, fileURLToPath(folder)])

/**
 * The frames of a site as text, from the first one outside of the library.
 *
 * A stack that is not formatted yet keeps the `this` of its frames alive; formatting lets go of them.
 */
export function formatSite(site: Site | undefined): string | undefined {
  const frames = site?.stack?.split('\n').slice(1)
  if (frames === undefined) return undefined
  const first = frames.findIndex((frame) => !OWN_PREFIXES.some((prefix) => frame.includes(prefix)))
  return frames.slice(Math.max(first, 0)).join('\n')
}

const channel = diagnostics.channel('primarena:leak')

/** Sites and reports of one `Memory`. @internal */
export class LeakTracker {
  readonly level: LeakDetection
  /** Leaks found since the start. */
  total = 0
  readonly #reports = new Map<string, LeakReport>()
  readonly #emit: (report: LeakReport) => void
  #untilSample: number

  constructor(level: LeakDetection, emit: (report: LeakReport) => void) {
    this.level = level
    this.#emit = emit
    this.#untilSample = level === 'off' ? Infinity : level === 'sampled' ? nextSample() : 1
  }

  /** The stack above `from`, for the openings that are sampled. */
  site(from: object): Site | undefined {
    if (--this.#untilSample > 0) return undefined
    this.#untilSample = this.level === 'sampled' ? nextSample() : 1
    return this.capture(from)
  }

  /** One opening in so many has its site recorded. */
  get sampleInterval(): number {
    return this.level === 'off' ? Infinity : this.level === 'sampled' ? nextSample() : 1
  }

  /** The stack, above `from` where that is given. */
  capture(from?: object): Site {
    const site: Site = {}
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = this.level === 'sampled' ? SAMPLED_FRAMES : FULL_FRAMES
    Error.captureStackTrace(site, from as (() => void) | undefined)
    Error.stackTraceLimit = limit
    return site
  }

  /** Notes one leak and tells whoever listens. */
  report(
    record: Omit<LifetimeRecord, 'what' | 'collected'> & { what: string; name?: string | undefined },
    bytes: number,
    found: LeakReport['found'],
    count = 1,
  ): void {
    this.total += count
    const { what, name, agentId, sessionId, primitive, site } = record
    let key = (site === undefined ? [what, name, agentId, sessionId, primitive] : [what, name, site]).join(
      '\0',
    )
    let report = this.#reports.get(key)
    if (report === undefined && this.#reports.size >= MOST_REPORTS) {
      key = OTHERS
      report = this.#reports.get(key)
    }
    const isNew = report === undefined
    if (report === undefined) {
      report =
        key === OTHERS
          ? {
              ...NOBODY,
              what: 'others',
              name: undefined,
              found,
              bytes: 0,
              count: 0,
              ageMs: 0,
              site: undefined,
            }
          : { what, name, agentId, sessionId, primitive, found, bytes: 0, count: 0, ageMs: 0, site }
      this.#reports.set(key, report)
    }
    report.bytes += bytes
    report.count += count
    report.ageMs = Date.now() - record.openedAt
    if (channel.hasSubscribers) channel.publish({ ...report })
    if (isNew) this.#emit({ ...report })
  }

  /** All reports, most frequent first. */
  list(): LeakReport[] {
    return [...this.#reports.values()].map((report) => ({ ...report })).toSorted((a, b) => b.count - a.count)
  }
}

/** Uniform from 1 to 255: 128 on average, and in step with nothing. */
function nextSample(): number {
  return 1 + Math.floor(Math.random() * (2 * SAMPLE_EVERY - 1))
}
