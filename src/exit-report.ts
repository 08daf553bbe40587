import { writeSync } from 'node:fs'
import { formatBytes } from './byte-size.js'
import type { LeakReport } from './leaks.js'
import type { Memory } from './memory.js'
import { describeThing, openThings, whose, type OpenThing } from './open-things.js'
import { liveMemories } from './registry.js'

let listening = false

/** Rows that one report shows at most. */
const MOST_ROWS = 20
const MOST_FRAMES = 6

/** From now on, what is open when this process or worker ends is reported on stderr. @internal */
export function reportAtExit(): void {
  if (listening) return
  listening = true
  process.on('exit', () => {
    for (const memory of liveMemories()) if (memory.leakDetection !== 'off') print(memory)
  })
}

function print(memory: Memory): void {
  const text = exitReport(memory)
  if (text === undefined) return
  try {
    writeSync(2, text)
  } catch {
    // stderr is closed or would block: nothing is left to tell it to.
  }
}

/** What is open and what leaked, for people; `undefined` when there is nothing to tell. */
export function exitReport(memory: Memory): string | undefined {
  const open = openThings(memory)
  const leaks = memory.leaks()
  const { openRecords } = memory.stats()
  if (open.length === 0 && leaks.length === 0 && openRecords === 0) return undefined
  const lines: string[] = []
  if (open.length > 0 || openRecords > 0) {
    const bytes = open.reduce((sum, thing) => sum + thing.bytes, 0)
    const records =
      openRecords === 0
        ? ''
        : `; ${openRecords} ${openRecords === 1 ? 'record of a pool is' : 'records of pools are'} not released`
    lines.push(`primarena: ${memory.name} ended with ${open.length} open (${formatBytes(bytes)})${records}`)
    const ofPools = memory.pools.open().filter(({ what }) => what === 'record')
    lines.push(...describeRows(rowsOf([...open, ...ofPools]), memory))
  }
  if (leaks.length > 0) {
    const { total } = memory.leakTracker
    lines.push(`primarena: ${memory.name} found ${total} leak${total === 1 ? '' : 's'} while it ran`)
    for (const leak of leaks.slice(0, MOST_ROWS)) lines.push(...describeLeak(leak, memory))
    if (leaks.length > MOST_ROWS) lines.push(`  … and ${leaks.length - MOST_ROWS} more kinds`)
  }
  return `${lines.join('\n')}\n`
}

/** The lines of one leak. @internal */
export function describeLeak(leak: LeakReport, memory: Pick<Memory, 'leakDetection'>): string[] {
  const found = leak.found === 'collected' ? 'collected without being disposed' : 'open when its owner ended'
  return [
    `  ${describeThing(leak, leak.count, true)} of ${whose(leak)}, ${formatBytes(leak.bytes)}, ${found}, ${age(leak.ageMs)}`,
    ...frames(leak.site, memory),
  ]
}

/** The lines of what is open. @internal */
export function describeRows(rows: readonly Row[], memory: Pick<Memory, 'leakDetection'>): string[] {
  const lines: string[] = []
  for (const row of rows.slice(0, MOST_ROWS)) {
    lines.push(
      `  ${describeThing(row, row.count)} of ${row.owner}, ${formatBytes(row.bytes)}, ${age(row.ageMs)}`,
    )
    lines.push(...frames(row.site, memory))
  }
  if (rows.length > MOST_ROWS) lines.push(`  … and ${rows.length - MOST_ROWS} more kinds`)
  return lines
}

interface Row {
  what: string
  name: string | undefined
  owner: string
  site: string | undefined
  count: number
  bytes: number
  ageMs: number
}

/** What is open by kind and site, the most bytes first. @internal */
export function rowsOf(open: readonly OpenThing[]): Row[] {
  const now = Date.now()
  const rows = new Map<string, Row>()
  for (const thing of open) {
    const { what, name, site, bytes, openedAt } = thing
    const owner = whose(thing)
    const key = `${what}\0${name}\0${site ?? owner}`
    const row = rows.get(key) ?? { what, name, owner, site, count: 0, bytes: 0, ageMs: 0 }
    row.count += thing.count ?? 1
    row.bytes += bytes
    row.ageMs = Math.max(row.ageMs, now - openedAt)
    rows.set(key, row)
  }
  return [...rows.values()].toSorted((a, b) => b.bytes - a.bytes)
}

function frames(site: string | undefined, memory: Pick<Memory, 'leakDetection'>): string[] {
  if (site !== undefined) return site.split('\n').slice(0, MOST_FRAMES)
  if (memory.leakDetection !== 'sampled') return []
  return ['    (no site: not sampled; PRIMARENA_LEAK_DETECTION=full records all)']
}

function age(ms: number): string {
  if (ms < 1000) return `open for ${Math.round(ms)} ms`
  if (ms < 120_000) return `open for ${(ms / 1000).toFixed(1)} s`
  return `open for ${Math.round(ms / 60_000)} min`
}
