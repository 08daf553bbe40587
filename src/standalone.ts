import { Arena, type OnReset } from './arena.js'
import { formatSite, type Site } from './leaks.js'
import type { LifetimeRecord } from './nursery.js'
import type { Place } from './place.js'
import { Tenant } from './tenant.js'

/** An arena that somebody opened by hand, and its lifetime. @internal */
export class Standalone extends Tenant {
  readonly arena: Arena
  readonly #openedAt = Date.now()
  readonly #site: Site | undefined
  #hintBytes: number

  /** `from` is the function whose caller is the site. */
  constructor(place: Place, onReset: OnReset, hintBytes: number, from: object) {
    super(place)
    this.#hintBytes = hintBytes
    this.#site = place.memory.sampleSite(from)
    this.arena = new Arena(place.memory.store, this, onReset)
    place.memory.nursery.add(this)
    // Opened by hand and often forgotten by hand: it is promoted at once, so that a collection finds it.
    place.memory.nursery.promote(this)
  }

  get hintBytes(): number {
    return this.#hintBytes
  }

  get mayAllocate(): boolean {
    return true
  }

  checkMayAllocate(): void {}

  get held(): boolean {
    return false
  }

  park(end: (abandon: boolean) => void): void {
    end(false)
  }

  used(bytes: number): void {
    this.#hintBytes = Math.max(this.#hintBytes, bytes)
  }

  arenaDisposed(arena: Arena): void {
    if (arena !== this.arena) return // A scope of it.
    this.place.memory.nursery.remove(this)
  }

  record(): LifetimeRecord {
    const place = this.place
    return {
      what: 'arena',
      agentId: place.agentId,
      sessionId: place.sessionId,
      primitive: undefined,
      openedAt: this.#openedAt,
      site: formatSite(this.#site),
      collected(bytes) {
        place.budget?.remove(bytes)
      },
    }
  }

  get heldBytes(): number {
    return this.arena.heldBytes
  }

  leases(): Iterable<number> {
    return this.arena.leases()
  }
}
