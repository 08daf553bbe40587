import type { Arena } from './arena.js'
import type { Lessee } from './lessee.js'
import type { Entry, LifetimeRecord, Tracked } from './nursery.js'
import type { Place } from './place.js'

/**
 * Who has arenas at a place: it is tracked while it is open, and what its leases hold is counted there.
 *
 * @internal
 */
export abstract class Tenant implements Lessee, Tracked {
  /** @internal */ previous: Tracked | undefined = undefined
  /** @internal */ next: Tracked | undefined = undefined
  /** @internal */ bornTick = 0
  /** @internal */ entry: Entry | undefined = undefined
  /** @internal */ readonly place: Place

  /** @internal */
  constructor(place: Place) {
    this.place = place
  }

  /** @internal */
  abstract get hintBytes(): number
  /** @internal */
  abstract get mayAllocate(): boolean
  /** @internal */
  abstract get held(): boolean
  /** @internal */
  abstract get heldBytes(): number
  /** @internal */
  abstract checkMayAllocate(): void
  /** @internal */
  abstract park(end: (abandon: boolean) => void): void
  /** @internal */
  abstract used(bytes: number): void
  /** @internal */
  abstract arenaDisposed(arena: Arena): void
  /** @internal */
  abstract record(): LifetimeRecord
  /** @internal */
  abstract leases(): Iterable<number>

  /** @internal */
  get ownerNumber(): number {
    return this.place.owner.number
  }

  /** @internal */
  headroom(bytes: number): number {
    const { budget, memory } = this.place
    return budget === undefined ? Infinity : budget.headroom(bytes, memory.store)
  }

  /** @internal */
  leaseOpened(handle: number, capacityBytes: number): void {
    this.place.memory.leases += 1
    this.entry?.leases.add(handle)
    this.place.budget?.add(capacityBytes)
  }

  /** @internal */
  leaseClosed(handle: number, capacityBytes: number): void {
    this.place.memory.leases -= 1
    this.entry?.leases.delete(handle)
    this.place.budget?.remove(capacityBytes)
  }

  /** @internal */
  count(capacityBytes: number): void {
    this.place.budget?.add(capacityBytes)
  }

  /** @internal */
  uncount(capacityBytes: number): void {
    this.place.budget?.remove(capacityBytes)
  }
}
