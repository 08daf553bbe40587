/** A day of requests: the same, in the same order, for everybody who asks with the same seed. */
import { PAGES, RECORDS_PER_PAGE, type Operation, type PrimitiveName, type Request } from './service.ts'

/** Of a hundred requests. Every agent's first one is a STORE. */
const MIX: readonly [PrimitiveName, number][] = [
  ['store', 35],
  ['transform', 25],
  ['retrieve', 20],
  ['search', 10],
  ['link', 10],
]

export class Workload {
  readonly #payloads: readonly Request[]
  readonly #stored: number[]
  readonly #random: () => number

  constructor(payloads: readonly Request[], agents: number, seed = 1) {
    this.#payloads = payloads
    this.#stored = Array.from({ length: agents }, () => 0)
    this.#random = randomFrom(seed)
  }

  /** The next `count` requests. */
  take(count: number): Operation[] {
    return Array.from({ length: count }, () => this.#next())
  }

  #next(): Operation {
    const agent = this.#below(this.#stored.length)
    const primitive = this.#stored[agent] === 0 ? 'store' : this.#primitive()
    return { agent, primitive, request: this.#request(agent, primitive) }
  }

  #primitive(): PrimitiveName {
    let left = this.#below(100)
    for (const [primitive, share] of MIX) {
      if (left < share) return primitive
      left -= share
    }
    return 'store'
  }

  #request(agent: number, primitive: PrimitiveName): Request {
    const payload = this.#payloads[this.#below(this.#payloads.length)]!
    switch (primitive) {
      case 'store':
        this.#stored[agent]! += 1
        return payload
      case 'transform':
        return payload
      case 'retrieve':
        return request({ id: this.#recentId(agent) })
      case 'search':
        return request(this.#query(payload))
      case 'link':
        return request({ id: this.#recentId(agent), depth: 1 + this.#below(4) })
    }
  }

  /** An id that the agent gave; now and then one whose record is gone. */
  #recentId(agent: number): number {
    const stored = this.#stored[agent]!
    return Math.max(1, stored - this.#below(Math.min(stored, PAGES * RECORDS_PER_PAGE)))
  }

  /** Something that this payload would match. */
  #query({ body, event }: Request): object {
    const hook = JSON.parse(body.toString()) as {
      repository?: { full_name?: unknown }
      sender?: { login?: unknown }
    } | null
    switch (this.#below(4)) {
      case 0:
        return { repository: hook?.repository?.full_name ?? undefined }
      case 1:
        return { sender: hook?.sender?.login ?? undefined, event }
      case 2:
        return { event }
      default:
        return { text: ['README', 'error', 'Update', 'é'][this.#below(4)] }
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

function request(value: object): Request {
  return { event: '', body: Buffer.from(JSON.stringify(value)) }
}

/** Numbers from 0 to 1 by mulberry32 (Tommy Ettinger, public domain). */
function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
