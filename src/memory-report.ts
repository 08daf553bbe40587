/** What a `Memory` tells: events, figures, and what was open at its end. */
import type { NativeEvent } from './chunk-store.js'
import type { PrimarenaError } from './errors.js'
import type { LeakReport } from './leaks.js'
import type { TemplateCacheStats } from './template-cache.js'

/** The events of a `Memory`. */
export interface MemoryEvents {
  /** Something was opened and not closed; once for each site. */
  leak: [report: LeakReport]
  /** A soft limit was crossed upwards. */
  'budget:soft': [event: NativeEvent]
  /** A limit refused bytes. */
  'budget:exceeded': [error: PrimarenaError]
  /** A hold is older than `holdTimeoutMs`. */
  'hold:timeout': [event: HoldReport]
  /** A held promise was rejected. */
  'hold:rejected': [event: { label: string; error: unknown }]
  /** An error that came when nobody waited any more. */
  'late-error': [event: { label: string; error: unknown }]
}

/** A hold that takes long. */
export interface HoldReport {
  /** Agent, session and primitive. */
  label: string
  what: string
  ageMs: number
  site: string | undefined
}

/** What a `Memory` holds now. Bytes are chunk capacity unless said otherwise. */
export interface MemoryStats {
  name: string
  openArenas: number
  openRuns: number
  openHolds: number
  /** Records of record pools that are not released. */
  openRecords: number
  /** Objects of object pools and JSON containers that are out. */
  openObjects: number
  agents: number
  /** Charged to owners: leased chunks, slabs, documents, templates, ordinary memory. */
  usedBytes: number
  /** Everything that is not given back to the system: used, idle and quarantined. */
  reservedBytes: number
  idleBytes: number
  quarantinedBytes: number
  /** Let go of, and waiting for a garbage collection (runtimes without `ArrayBuffer.prototype.transfer`). */
  pendingFreeBytes: number
  peakBytes: number
  limitBytes: number
  grants: number
  reuses: number
  leaks: number
  /** The cache of templates; `undefined` while it was never used. */
  templates: TemplateCacheStats | undefined
}

/** What was still open when a `Memory` ended. */
export interface DisposeReport {
  openArenas: number
  openRuns: number
  openHolds: number
  openRecords: number
  openObjects: number
  leaks: LeakReport[]
}
