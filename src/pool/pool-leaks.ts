import { formatSite, type LeakTracker, type Site } from '../leaks.js'
import type { OpenThing } from '../open-things.js'
import type { PoolTicket, PoolTracker } from './pool-tracker.js'

/** Whose pool it is, as reports name it. @internal */
export interface PoolPlace {
  readonly agentId: string | undefined
  readonly sessionId: string | undefined
  readonly primitive: string | undefined
}

interface Opening extends PoolTicket {
  readonly what: string
  readonly name: string | undefined
  readonly openedAt: number
  readonly site: Site
}

/** What one pool has open, for the leak reports of its `Memory`: the sites of the acquisitions that are watched. @internal */
export class PoolLeaks implements PoolTracker {
  readonly #leaks: LeakTracker
  readonly #place: PoolPlace
  readonly #kind: string | undefined
  readonly #open = new Set<Opening>()

  /** With a `kind`, what is opened are things of that kind, and the pool says its own name. */
  constructor(leaks: LeakTracker, place: PoolPlace, kind?: string) {
    this.#leaks = leaks
    this.#place = place
    this.#kind = kind
  }

  get intervalOpens(): number {
    return this.#leaks.sampleInterval
  }

  opened(what: string, from?: object): PoolTicket {
    const site = this.#leaks.capture(from)
    const kind = this.#kind
    const name = kind === undefined ? undefined : what
    const opening: Opening = { what: kind ?? what, name, openedAt: Date.now(), site }
    this.#open.add(opening)
    return opening
  }

  closed(ticket: PoolTicket): void {
    this.#open.delete(ticket as Opening)
  }

  /** What is open now, of what is watched. */
  open(): OpenThing[] {
    return [...this.#open].map((opening) => {
      const { what, name, openedAt, site } = opening
      return { ...this.#place, what, name, openedAt, site: formatSite(site), bytes: 0, identity: opening }
    })
  }

  /** Reports what is open at the end of the pool; gives how many that were. */
  report(found: 'disposed' | 'collected' = 'disposed'): number {
    const count = this.#open.size
    for (const { what, name, openedAt, site } of this.#open) {
      this.#leaks.report({ ...this.#place, what, name, openedAt, site: formatSite(site) }, 0, found)
    }
    this.#open.clear()
    return count
  }
}
