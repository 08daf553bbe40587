/**
 * How what is open stays countable, findable and collectable at once (D7).
 *
 * What was just opened hangs in a list, which costs a few nanoseconds and holds it strongly; most of it is
 * closed before the next tick. What has lived for a whole tick is promoted: from then on only a `WeakRef`
 * finds it, and a FinalizationRegistry tells when nobody closed it. That way the 300–500 ns of a registration
 * and the 1,000 ns of a WeakRef are paid by the long-lived alone.
 */

/** What can be open. @internal */
export interface Tracked {
  previous: Tracked | undefined
  next: Tracked | undefined
  /** The tick in which it was opened. */
  bornTick: number
  entry: Entry | undefined
  /** What is to be known once it has been collected. It must not point back at the tracked thing. */
  record(): LifetimeRecord
  /** Chunk capacity that it holds now. */
  readonly heldBytes: number
  /** Leases that it has open now. */
  leases(): Iterable<number>
}

/** What a report says about something that was opened. @internal */
export interface LifetimeRecord {
  what: 'arena' | 'context' | 'run'
  agentId: string | undefined
  sessionId: string | undefined
  primitive: string | undefined
  openedAt: number
  /** Formatted: a raw stack would keep the opener's `this`, and with it the tracked thing, alive. */
  site: string | undefined
  /** Puts the counters of its owners right when it was collected while open, with so many bytes. */
  collected(bytes: number): void
}

/** A promoted one. @internal */
export interface Entry {
  readonly id: number
  readonly record: LifetimeRecord
  readonly leases: Set<number>
  readonly ref: WeakRef<Tracked>
}

/** @internal */
export class Nursery {
  readonly #old = new Map<number, Entry>()
  readonly #registry: FinalizationRegistry<number>
  readonly #onLost: (entry: Entry) => void
  #first: Tracked | undefined
  #last: Tracked | undefined
  #tick = 0
  #nextId = 1
  #youngCount = 0

  /** `onLost` hears of everything that was collected without having been closed. */
  constructor(onLost: (entry: Entry) => void) {
    const old = this.#old
    this.#onLost = onLost
    this.#registry = new FinalizationRegistry((id) => {
      const entry = old.get(id)
      if (!entry) return
      old.delete(id)
      onLost(entry)
    })
  }

  /** How many are open. */
  get size(): number {
    return this.#youngCount + this.#old.size
  }

  /** True while something young waits for a tick. */
  get hasYoung(): boolean {
    return this.#first !== undefined
  }

  add(tracked: Tracked): void {
    tracked.bornTick = this.#tick
    tracked.previous = this.#last
    if (this.#last) this.#last.next = tracked
    else this.#first = tracked
    this.#last = tracked
    this.#youngCount += 1
  }

  remove(tracked: Tracked): void {
    if (tracked.entry) {
      this.#old.delete(tracked.entry.id)
      this.#registry.unregister(tracked)
      tracked.entry = undefined
      return
    }
    this.#unlink(tracked)
  }

  /** Promotes what is older than one tick. */
  tick(): void {
    const before = this.#tick++
    // The list is in order of birth.
    while (this.#first && this.#first.bornTick < before) this.promote(this.#first)
  }

  /** Promotes at once. */
  promote(tracked: Tracked): void {
    if (tracked.entry) return
    this.#unlink(tracked)
    const id = this.#nextId++
    tracked.entry = {
      id,
      record: tracked.record(),
      leases: new Set(tracked.leases()),
      ref: new WeakRef(tracked),
    }
    this.#old.set(id, tracked.entry)
    this.#registry.register(tracked, id, tracked)
  }

  /** Tells of what was collected before the registry gets to it: its callbacks come some time later. */
  sweep(): void {
    for (const [id, entry] of this.#old) {
      if (entry.ref.deref() !== undefined) continue
      this.#old.delete(id)
      this.#onLost(entry)
    }
  }

  /** Everything that is open and still there, in order of opening. */
  open(): Tracked[] {
    const open: Tracked[] = []
    for (const entry of this.#old.values()) {
      const tracked = entry.ref.deref()
      if (tracked) open.push(tracked)
    }
    for (let tracked = this.#first; tracked; tracked = tracked.next) open.push(tracked)
    return open
  }

  #unlink(tracked: Tracked): void {
    const { previous, next } = tracked
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    tracked.previous = tracked.next = undefined
    this.#youngCount -= 1
  }
}
