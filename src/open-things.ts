import type { Memory } from './memory.js'
import { formatSite } from './leaks.js'

/** Something that is open now. @internal */
export interface OpenThing {
  /** `arena`, `context`, `run`, `hold`, … */
  what: string
  agentId: string | undefined
  sessionId: string | undefined
  primitive: string | undefined
  site: string | undefined
  openedAt: number
  bytes: number
  /** The thing itself, to tell it from others. */
  identity: object
}

/** Everything of `memory` that is open now. Walks all of it. @internal */
export function openThings(memory: Memory): OpenThing[] {
  const things: OpenThing[] = memory.nursery.open().map((tracked) => {
    const { what, agentId, sessionId, primitive, site, openedAt } = tracked.record()
    return {
      what,
      agentId,
      sessionId,
      primitive,
      site,
      openedAt,
      bytes: tracked.heldBytes,
      identity: tracked,
    }
  })
  for (const hold of memory.holds()) {
    const { agentId, sessionId, primitive } = hold.group
    // The bytes are counted with what is held.
    const site = formatSite(hold.site)
    const what = hold.what === 'hold' ? 'hold' : `hold (${hold.what})`
    things.push({ what, agentId, sessionId, primitive, site, openedAt: hold.since, bytes: 0, identity: hold })
  }
  return things
}

/** The owner's name as reports show it. @internal */
export function whose(thing: Pick<OpenThing, 'agentId' | 'sessionId' | 'primitive'>): string {
  const { agentId, sessionId, primitive } = thing
  return [agentId ?? 'none', sessionId, primitive].filter((part) => part !== undefined).join('/')
}
