import { Arena, type OnReset } from './arena.js'
import { formatSite, type Site } from './leaks.js'
import type { Lessee } from './lessee.js'
import type { Entry, LifetimeRecord, Tracked } from './nursery.js'
import type { Place } from './context.js'

/** An arena that somebody opened by hand, and its lifetime. @internal */
export class Standalone implements Lessee, Tracked {
  previous: Tracked | undefined = undefined
  next: Tracked | undefined = undefined
  bornTick = 0
  entry: Entry | undefined = undefined
  readonly arena: Arena
  readonly #place: Place
  readonly #openedAt = Date.now()
  readonly #site: Site | undefined
  #hintBytes: number

  /** `from` is the function whose caller is the site. */
  constructor(place: Place, onReset: OnReset, hintBytes: number, from: object) {
    this.#place = place
    this.#hintBytes = hintBytes
    this.#site = place.memory.sampleSite(from)
    this.arena = new Arena(place.memory.store, this, onReset)
    place.memory.nursery.add(this)
    // Opened by hand and often forgotten by hand: it is promoted at once, so that a collection finds it.
    place.memory.nursery.promote(this)
  }

  get place(): Place {
    return this.#place
  }

  get ownerNumber(): number {
    return this.#place.owner.number
  }

  get hintBytes(): number {
    return this.#hintBytes
  }

  get mayAllocate(): boolean {
    return true
  }

  checkMayAllocate(): void {}

  headroom(bytes: number): number {
    return this.#place.budget?.headroom(bytes, this.#place.memory.store) ?? Infinity
  }

  get held(): boolean {
    return false
  }

  park(end: (abandon: boolean) => void): void {
    end(false)
  }

  leaseOpened(_arena: Arena, handle: number, capacityBytes: number): void {
    this.#place.memory.leases += 1
    this.entry?.leases.add(handle)
    this.#place.budget?.add(capacityBytes)
  }

  leaseClosed(_arena: Arena, handle: number, capacityBytes: number): void {
    this.#place.memory.leases -= 1
    this.entry?.leases.delete(handle)
    this.#place.budget?.remove(capacityBytes)
  }

  count(capacityBytes: number): void {
    this.#place.budget?.add(capacityBytes)
  }

  uncount(capacityBytes: number): void {
    this.#place.budget?.remove(capacityBytes)
  }

  used(bytes: number): void {
    this.#hintBytes = Math.max(this.#hintBytes, bytes)
  }

  arenaDisposed(arena: Arena): void {
    if (arena !== this.arena) return // A scope of it.
    this.#place.memory.nursery.remove(this)
  }

  record(): LifetimeRecord {
    const place = this.#place
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
