/**
 * Who is told when something is taken and given back, so that a leak report can say where it was taken.
 *
 * A pool asks for a ticket at every `intervalOpens`-th acquisition and keeps the ticket of that object, nothing
 * else: no stack, no reference.
 *
 * @internal
 */
export interface PoolTracker {
  /** One acquisition in so many is watched: 1 for all of them, `Infinity` for none. Read again after each one. */
  readonly intervalOpens: number
  /**
   * Something called `what` was taken, just now, by the caller of `from` where that is given: frames above it are
   * left out, since a stack keeps the `this` of its frames alive, and so would keep the pool.
   */
  opened(what: string, from?: object): PoolTicket
  /** What the ticket stands for was given back. */
  closed(ticket: PoolTicket): void
}

/** What a tracker hands out for one open object; opaque to everyone else. @internal */
export type PoolTicket = object
