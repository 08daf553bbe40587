import type { Memory } from './memory.js'
import type { MemoryStats } from './memory-report.js'
import { NONE } from './owner-node.js'
import { openThings, whose } from './open-things.js'

/** What a `Memory` held at one moment. Plain data: it can be stored and compared later. */
export interface MemorySnapshot {
  /** Milliseconds since the epoch. */
  takenAt: number
  totals: MemoryStats
  /** Bytes charged to each owner: agents, and `none` for work without one. */
  owners: OwnerFigures[]
  /** What was open, by where it was opened. */
  sites: SiteFigures[]
}

/** What one owner held. */
export interface OwnerFigures {
  name: string
  heldBytes: number
  openRuns: number
}

/** What one site had open. */
export interface SiteFigures {
  /** `arena`, `context`, `run`, `hold`, … */
  what: string
  /** Agent, session and primitive of the first one. */
  owner: string
  /** Where they were opened; undefined for those that were not sampled, which are grouped by owner. */
  site: string | undefined
  count: number
  bytes: number
}

/** What changed between two snapshots; only rows that did, the largest growth in bytes first. */
export interface SnapshotDiff {
  elapsedMs: number
  usedBytes: number
  reservedBytes: number
  openArenas: number
  openRuns: number
  openHolds: number
  openRecords: number
  leaks: number
  owners: (OwnerFigures & { change: 'new' | 'gone' | 'changed' })[]
  sites: (SiteFigures & { change: 'new' | 'gone' | 'changed' })[]
}

/** @internal */
export function takeSnapshot(memory: Memory): MemorySnapshot {
  const owners: OwnerFigures[] = []
  if (!memory.disposed) {
    owners.push({ name: 'none', heldBytes: memory.store.native.ownerStats(NONE).heldBytes, openRuns: 0 })
  }
  for (const agent of memory.agents()) {
    const { heldBytes, openRuns } = agent.stats()
    owners.push({ name: agent.id, heldBytes, openRuns })
    owners[0]!.openRuns -= openRuns
  }
  const totals = memory.stats()
  if (owners.length > 0) owners[0]!.openRuns += totals.openRuns
  const sites = new Map<string, SiteFigures>()
  for (const thing of openThings(memory)) {
    const owner = whose(thing)
    const key = keyOf(thing.what, thing.site, owner)
    const row = sites.get(key)
    if (row === undefined) {
      sites.set(key, { what: thing.what, owner, site: thing.site, count: 1, bytes: thing.bytes })
    } else {
      row.count += 1
      row.bytes += thing.bytes
    }
  }
  return { takenAt: Date.now(), totals, owners, sites: [...sites.values()] }
}

/** @internal */
export function diffSnapshots(a: MemorySnapshot, b: MemorySnapshot): SnapshotDiff {
  const of = (key: keyof MemoryStats): number => Number(b.totals[key]) - Number(a.totals[key])
  return {
    elapsedMs: b.takenAt - a.takenAt,
    usedBytes: of('usedBytes'),
    reservedBytes: of('reservedBytes'),
    openArenas: of('openArenas'),
    openRuns: of('openRuns'),
    openHolds: of('openHolds'),
    openRecords: of('openRecords'),
    leaks: of('leaks'),
    owners: changes(a.owners, b.owners, (row) => row.name, ['heldBytes', 'openRuns']).toSorted(
      (x, y) => y.heldBytes - x.heldBytes,
    ),
    sites: changes(a.sites, b.sites, (row) => keyOf(row.what, row.site, row.owner), [
      'count',
      'bytes',
    ]).toSorted((x, y) => y.bytes - x.bytes || y.count - x.count),
  }
}

function keyOf(what: string, site: string | undefined, owner: string): string {
  return `${what}\0${site ?? owner}`
}

/** The rows of `a` and `b` that differ, with the differences of their `figures`. */
function changes<Row extends object, K extends keyof Row>(
  a: readonly Row[],
  b: readonly Row[],
  keyOfRow: (row: Row) => string,
  figures: readonly K[],
): (Row & { change: 'new' | 'gone' | 'changed' })[] {
  const before = new Map(a.map((row) => [keyOfRow(row), row]))
  const result: (Row & { change: 'new' | 'gone' | 'changed' })[] = []
  const add = (row: Row, from: Row | undefined, to: Row | undefined): void => {
    const changed = { ...row, change: from === undefined ? 'new' : to === undefined ? 'gone' : 'changed' }
    let differs = false
    for (const figure of figures) {
      const difference = Number(to?.[figure] ?? 0) - Number(from?.[figure] ?? 0)
      ;(changed as Record<PropertyKey, unknown>)[figure] = difference
      differs ||= difference !== 0
    }
    if (differs) result.push(changed as Row & { change: 'new' | 'gone' | 'changed' })
  }
  for (const row of b) {
    const key = keyOfRow(row)
    add(row, before.get(key), row)
    before.delete(key)
  }
  for (const row of before.values()) add(row, row, undefined)
  return result
}
