import { Buffer } from 'node:buffer'

/** The name of a member, with what is written for it. */
export interface JsonName {
  readonly key: string
  /** Bytes of `,"key":` as UTF-8, escaped: the first member's comma is overwritten by the brace. */
  readonly length: number
  /** Those bytes, four to a number, the first of them low: a third of the stores. */
  readonly words: readonly number[]
  /** False for a name that is not kept after the object's return: too long, and perhaps data. */
  readonly cached: boolean
}

/** Longer names are not cached: they are seldom written by a programmer. */
const MAX_CACHED_LENGTH = 64

/**
 * Names of members by key, bounded: two generations, of which the older is dropped when the younger is full. So a
 * stream of keys that never come back cannot push out those that are in use.
 */
export class JsonNames {
  readonly #maxPerGeneration: number
  #young = new Map<string, JsonName>()
  #old = new Map<string, JsonName>()

  constructor(maxPerGeneration = 2048) {
    this.#maxPerGeneration = maxPerGeneration
  }

  /** Names that are kept. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  of(key: string): JsonName {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    const cached = key.length <= MAX_CACHED_LENGTH
    const name = old ?? nameOf(key, cached)
    if (!cached) return name
    if (old !== undefined) this.#old.delete(key)
    else if (this.#young.size >= this.#maxPerGeneration) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, name)
    return name
  }

  /** Forgets all names. Objects that are open keep theirs. */
  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}

function nameOf(key: string, cached: boolean): JsonName {
  const bytes = Buffer.from(`,${JSON.stringify(key)}:`)
  const padded = Buffer.alloc((bytes.length + 3) & ~3)
  padded.set(bytes)
  const words = Array.from({ length: padded.length / 4 }, (_, index) => padded.readInt32LE(index * 4))
  return { key, length: bytes.length, words, cached }
}
