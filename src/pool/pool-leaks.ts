import { formatSite, type LeakTracker, type Site } from '../leaks.js'
import type { PoolTicket, PoolTracker } from './pool-tracker.js'

/** Whose pool it is, as reports name it. @internal */
export interface PoolPlace {
  readonly agentId: string | undefined
  readonly sessionId: string | undefined
  readonly primitive: string | undefined
}

interface Opening extends PoolTicket {
  readonly what: string
  readonly openedAt: number
  readonly site: Site
}

/** What one pool has open, for the leak reports of its `Memory`: the sites of the acquisitions that are watched. @internal */
export class PoolLeaks implements PoolTracker {
  readonly #leaks: LeakTracker
  readonly #place: PoolPlace
  readonly #open = new Set<Opening>()

  constructor(leaks: LeakTracker, place: PoolPlace) {
    this.#leaks = leaks
    this.#place = place
  }

  get intervalOpens(): number {
    return this.#leaks.sampleInterval
  }

  opened(what: string): PoolTicket {
    const site = this.#leaks.capture()
    const opening: Opening = { what, openedAt: Date.now(), site }
    this.#open.add(opening)
    return opening
  }

  closed(ticket: PoolTicket): void {
    this.#open.delete(ticket as Opening)
  }

  /** Reports what is open at the end of the pool; gives how many that were. */
  report(): number {
    const count = this.#open.size
    for (const { what, openedAt, site } of this.#open) {
      this.#leaks.report({ ...this.#place, what, openedAt, site: formatSite(site) }, 0, 'disposed')
    }
    this.#open.clear()
    return count
  }
}
