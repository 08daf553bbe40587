import type { Memory } from './memory.js'
import { formatSite } from './leaks.js'

/** Something that is open now. @internal */
export interface OpenThing {
  /** `arena`, `context`, `run`, `hold`, … */
  what: string
  /** The name of the pool, for what is of one. */
  name?: string | undefined
  agentId: string | undefined
  sessionId: string | undefined
  primitive: string | undefined
  site: string | undefined
  openedAt: number
  bytes: number
  /** How many of the same there are; one when left out. */
  count?: number
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
  for (const hold of memory.holdWatch.open()) {
    const { agentId, sessionId, primitive } = hold.group
    // The bytes are counted with what is held.
    const site = formatSite(hold.site)
    const what = hold.what === 'hold' ? 'hold' : `hold (${hold.what})`
    things.push({ what, agentId, sessionId, primitive, site, openedAt: hold.since, bytes: 0, identity: hold })
  }
  return things
}

/** What it is, and how many, as reports show it. @internal */
export function describeThing(
  { what, name }: { what: string; name?: string | undefined },
  count: number,
  always = false,
): string {
  const plural = count === 1 ? '' : 's'
  if (what === 'record') return `${count} record${plural} of ${poolOf(name, 'record pool')}`
  if (what === 'pooled object') return `${count} object${plural} of ${poolOf(name, 'object pool')}`
  // A pool that was not given a name is called what it is.
  const text = name === undefined || name === what ? what : `${what} ${name}`
  return count > 1 || always ? `${count} × ${text}` : text
}

/** A pool that has only the name of its kind has none of its own. */
function poolOf(name: string | undefined, kind: string): string {
  return name === undefined || name === kind ? `an unnamed ${kind}` : `pool ${name}`
}

/** The owner's name as reports show it. @internal */
export function whose(thing: Pick<OpenThing, 'agentId' | 'sessionId' | 'primitive'>): string {
  const { agentId, sessionId, primitive } = thing
  return [agentId ?? 'none', sessionId, primitive].filter((part) => part !== undefined).join('/')
}
