import type { Place } from './place.js'
import { formatSite, type LeakTracker } from './leaks.js'
import type { OpenThing } from './open-things.js'
import type { Owner } from './owner.js'
import { ObjectPool } from './pool/object-pool.js'
import type { ObjectPoolOptions } from './pool/object-pool-options.js'
import { JsonPool } from './pool/json-pool.js'
import { PoolLeaks, type PoolPlace } from './pool/pool-leaks.js'
import { RecordPool, type RecordPoolOptions } from './pool/record-pool.js'
import type { RecordSchema } from './pool/record-schema.js'

/** A pool of a place, and what has to be known of it once it has been collected. */
interface PoolEntry {
  place: Place
  what: string
  name: string
  openedAt: number
  site: string | undefined
  ref: WeakRef<RecordPool | ObjectPool<object>>
  /** What a record pool holds of its place's budget. */
  charged: ChargeCounter | undefined
  /** The watched acquisitions of an object pool. */
  watched: PoolLeaks | undefined
}

/**
 * The pools of one `Memory`: found when their place ends, and given back in the ledger when they were collected
 * without having been disposed.
 *
 * @internal
 */
export class Pools {
  readonly #leaks: LeakTracker
  readonly #entries = new Map<number, PoolEntry>()
  readonly #registry: FinalizationRegistry<number>
  #json: { pool: JsonPool; watched: PoolLeaks } | undefined
  #nextId = 1

  constructor(leaks: LeakTracker) {
    this.#leaks = leaks
    const entries = this.#entries
    this.#registry = new FinalizationRegistry((id) => {
      const entry = entries.get(id)
      if (entry === undefined) return
      entries.delete(id)
      const bytes = entry.charged?.giveBack() ?? 0
      // A disposed record pool holds no bytes any more: no leak.
      if (bytes > 0) this.#report(entry, bytes, 'collected')
      // An object pool holds none of ours, but nobody can release the objects that are out any more. Those that
      // were not watched are not known without the pool.
      entry.watched?.report('collected')
    })
  }

  recordPool<const S extends RecordSchema>(
    place: Place & { owner: Owner },
    schema: S,
    options?: RecordPoolOptions,
  ): RecordPool<S> {
    const charged = new ChargeCounter(place.owner)
    const pool = new RecordPool(charged, schema, options)
    this.#register(place, pool as unknown as RecordPool, 'record pool', charged)
    return pool
  }

  objectPool<T extends object>(place: Place, options: ObjectPoolOptions<T>): ObjectPool<T> {
    const watched = new PoolLeaks(this.#leaks, whoAt(place), 'pooled object')
    const pool = new ObjectPool(options, watched)
    this.#register(place, pool as unknown as ObjectPool<object>, 'object pool', undefined, watched)
    return pool
  }

  /** The pool of JSON containers that all contexts share. */
  json(place: Place): JsonPool {
    if (this.#json === undefined) {
      const watched = new PoolLeaks(this.#leaks, whoAt(place))
      this.#json = { pool: new JsonPool({ tracker: watched }), watched }
    }
    return this.#json.pool
  }

  /** Records that are open in all pools. */
  get openRecords(): number {
    let count = 0
    for (const pool of this.#alive()) if (pool instanceof RecordPool) count += pool.openRecords
    return count
  }

  /** Objects of object pools, and JSON containers, that are out. */
  get openObjects(): number {
    const json = this.#json?.pool.stats()
    let count = json === undefined ? 0 : json.openObjects + json.openArrays
    for (const pool of this.#alive()) if (pool instanceof ObjectPool) count += pool.open
    return count
  }

  /** What of the pools is open now; objects with the place of their acquisition where that is watched. */
  open(): OpenThing[] {
    const things: OpenThing[] = []
    for (const entry of this.#entries.values()) {
      const pool = entry.ref.deref()
      if (pool === undefined) continue
      const watched = entry.watched?.open() ?? []
      things.push(...watched)
      const isRecords = pool instanceof RecordPool
      const count = (isRecords ? pool.openRecords : pool.open) - watched.length
      if (count <= 0) continue
      things.push({
        ...whoAt(entry.place),
        what: isRecords ? 'record' : 'pooled object',
        name: entry.name,
        openedAt: entry.openedAt,
        site: entry.site,
        bytes: entry.charged?.bytes ?? 0,
        count,
        identity: pool,
      })
    }
    return things
  }

  /** Gives idle slabs back and lets idle objects age. */
  trim(): void {
    for (const pool of this.#alive()) pool.trim()
    this.#json?.pool.trim()
  }

  /** Disposes the pools at places that `matches`; what is still open in one is a leak. */
  end(matches: (place: Place) => boolean): void {
    for (const [id, entry] of this.#entries) {
      if (!matches(entry.place)) continue
      this.#entries.delete(id)
      const pool = entry.ref.deref()
      if (pool === undefined) {
        const bytes = entry.charged?.giveBack() ?? 0
        if (bytes > 0) this.#report(entry, bytes, 'collected')
        entry.watched?.report('collected')
        continue
      }
      const bytes = entry.charged?.bytes ?? 0
      if (pool instanceof RecordPool) {
        const { openRecords, leaks } = pool.dispose()
        for (const { site } of leaks.slice(0, openRecords)) {
          this.#report({ ...entry, what: 'record', site }, 0, 'disposed')
        }
        if (openRecords > 0) this.#report({ ...entry, what: 'record pool' }, bytes, 'disposed')
      } else {
        const unwatched = pool.dispose() - entry.watched!.report()
        if (unwatched > 0) this.#report({ ...entry, what: 'pooled object' }, 0, 'disposed', unwatched)
      }
    }
  }

  /** Ends the containers of JSON as well: the `Memory` is over. */
  dispose(): void {
    this.end(() => true)
    this.#json?.pool.dispose()
    this.#json?.watched.report()
  }

  *#alive(): Generator<RecordPool | ObjectPool<object>> {
    for (const { ref } of this.#entries.values()) {
      const pool = ref.deref()
      if (pool !== undefined) yield pool
    }
  }

  #register(
    place: Place,
    pool: RecordPool | ObjectPool<object>,
    what: string,
    charged: ChargeCounter | undefined,
    watched?: PoolLeaks,
  ): void {
    const id = this.#nextId++
    const site = formatSite(this.#leaks.site(this.recordPool))
    this.#entries.set(id, {
      place,
      what,
      name: pool.name,
      openedAt: Date.now(),
      site,
      ref: new WeakRef(pool),
      charged,
      watched,
    })
    this.#registry.register(pool, id)
  }

  #report(
    { what, name, place, openedAt, site }: Pick<PoolEntry, 'what' | 'name' | 'place' | 'openedAt' | 'site'>,
    bytes: number,
    found: 'disposed' | 'collected',
    count = 1,
  ): void {
    this.#leaks.report({ what, name, ...whoAt(place), openedAt, site }, bytes, found, count)
  }
}

function whoAt({ agentId, sessionId }: Place): PoolPlace {
  return { agentId, sessionId, primitive: undefined }
}

/** Counts what one pool took from its owner, so that it can be given back without the pool. */
class ChargeCounter implements Owner {
  readonly label: string
  readonly #owner: Owner
  bytes = 0

  constructor(owner: Owner) {
    this.#owner = owner
    this.label = owner.label
  }

  charge(bytes: number): void {
    this.#owner.charge(bytes)
    this.bytes += bytes
  }

  uncharge(bytes: number): void {
    this.#owner.uncharge(bytes)
    this.bytes -= bytes
  }

  /** Gives everything back; gives how much it was. */
  giveBack(): number {
    const { bytes } = this
    if (bytes > 0) this.uncharge(bytes)
    return bytes
  }
}
