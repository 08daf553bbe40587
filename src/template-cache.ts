import { byteSize, type ByteSize } from './byte-size.js'
import { PrimarenaError } from './errors.js'
import { callNative, NativeTemplateCache } from './native.js'
import type { Owner } from './owner.js'
import { Template, template as compile, type ProgramHome } from './json/template.js'
import type { TemplateShape, TemplateValues } from './json/template-types.js'

/** The bounds of a template cache. */
export interface TemplateCacheOptions {
  /** The most templates; 256 when left out, 1,048,576 at most. */
  maxTemplates?: number
  /** The most bytes of constants, programs and names; 4 MiB when left out. */
  maxBytes?: ByteSize
}

/** What a template cache holds and did. */
export interface TemplateCacheStats {
  templates: number
  /** Bytes of constants, programs and names. */
  usedBytes: number
  /** Bytes taken from the system for them: what the owner is charged. */
  reservedBytes: number
  /** Look-ups that found their template. */
  hits: number
  /** Look-ups that did not. */
  misses: number
  /** Templates that had to go for others. */
  evictions: number
}

/** The native program of a cached template. */
interface Entry extends ProgramHome {
  readonly name: string
  readonly template: Template
  readonly slot: number
}

const MOST_TEMPLATES = 2 ** 20
const MOST_BYTES = 2 ** 31 - 1

/**
 * Templates by name. Their constants lie in a native arena of the cache's own, which no operation's reset
 * touches. It is bounded in count and bytes; the template that was used longest ago goes first.
 *
 * A template that had to go still renders for whoever holds it.
 */
export class TemplateCache implements Disposable {
  readonly #native: NativeTemplateCache
  readonly #owner: Owner | undefined
  readonly #entries = new Map<string, Entry>()
  readonly #slots: (Entry | undefined)[] = []
  /** When each slot was used last, as a count of uses: read by the native side when it makes room. */
  #stamps = new Float64Array(16)
  #clock = 0
  #chargedBytes = 0
  #hits = 0
  #misses = 0
  #disposed = false

  /**
   * `owner` is internal: who is charged.
   *
   * @throws RangeError, TypeError for bounds that are none.
   */
  constructor(options: TemplateCacheOptions = {}, owner?: Owner) {
    const { maxTemplates = 256, maxBytes = '4 MiB' } = options
    if (!Number.isInteger(maxTemplates) || maxTemplates < 1 || maxTemplates > MOST_TEMPLATES) {
      throw new RangeError(
        `maxTemplates: expected a whole number from 1 to ${MOST_TEMPLATES}, got ${maxTemplates}`,
      )
    }
    this.#native = new NativeTemplateCache(maxTemplates, Math.min(byteSize(maxBytes, 'maxBytes'), MOST_BYTES))
    this.#owner = owner
  }

  /** Templates held. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Keeps a template under `name`, in place of one of that name: a compiled one, or what `json.template`
   * takes. Gives the template. Others go when there is no room.
   *
   * @throws what `json.template` throws; PrimarenaError ERR_BUDGET_EXCEEDED when it alone is larger than the
   * cache, or the owner may not hold more; ERR_STALE_HANDLE.
   */
  set<V>(name: string, template: Template<V>): Template<V>
  set<const S extends TemplateShape>(name: string, shape: S): Template<TemplateValues<S>>
  set(name: string, given: Template | TemplateShape): Template {
    this.#check(name)
    const template = given instanceof Template ? given : (compile(given) as Template)
    this.#grow()
    const { slot, id, removed } = callNative(() => this.#native.insert(name, template.encode(), this.#stamps))
    for (const gone of removed) this.#forget(gone)
    const entry: Entry = { name, template, slot, id }
    this.#slots[slot] = entry
    this.#entries.set(name, entry)
    this.#stamps[slot] = ++this.#clock
    template.settle(entry)
    try {
      this.#charge()
    } catch (error) {
      this.delete(name)
      throw error
    }
    return template
  }

  /** The template kept under `name`; it counts as used now. */
  get(name: string): Template | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      this.#check(name)
      this.#misses += 1
      return undefined
    }
    this.#hits += 1
    this.#stamps[entry.slot] = ++this.#clock
    return entry.template
  }

  /** Whether a template is kept under `name`; counts neither as a use nor as a look-up. */
  has(name: string): boolean {
    return this.#entries.has(name)
  }

  /** Lets the template go; true if there was one. */
  delete(name: string): boolean {
    const entry = this.#entries.get(name)
    if (entry === undefined) return false
    this.#forget(entry.slot)
    callNative(() => this.#native.remove(entry.slot))
    this.#charge()
    return true
  }

  /** Lets all templates go. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#forget(entry.slot)
    callNative(() => this.#native.clear())
    this.#charge()
  }

  stats(): TemplateCacheStats {
    const { templates, usedBytes, reservedBytes, evictions } = callNative(() => this.#native.stats())
    return { templates, usedBytes, reservedBytes, evictions, hits: this.#hits, misses: this.#misses }
  }

  /** Ends the cache and gives its memory back. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return
    this.clear()
    this.#disposed = true
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(name: unknown): void {
    if (typeof name !== 'string') throw new TypeError(`template cache: expected a name, got ${typeof name}`)
    if (this.#disposed) throw new PrimarenaError('ERR_STALE_HANDLE', 'the template cache is disposed')
  }

  /** A slot more than there are: a new template may get it. */
  #grow(): void {
    if (this.#slots.length < this.#stamps.length) return
    const grown = new Float64Array(this.#stamps.length * 2)
    grown.set(this.#stamps)
    this.#stamps = grown
  }

  #forget(slot: number): void {
    const entry = this.#slots[slot]
    if (entry === undefined) return
    this.#slots[slot] = undefined
    this.#stamps[slot] = 0
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
    entry.template.unsettle(entry)
  }

  /** Charges the owner for what is reserved now. */
  #charge(): void {
    const { reservedBytes } = callNative(() => this.#native.stats())
    const more = reservedBytes - this.#chargedBytes
    if (more > 0) this.#owner?.charge(more)
    else if (more < 0) this.#owner?.uncharge(-more)
    this.#chargedBytes = reservedBytes
  }
}
