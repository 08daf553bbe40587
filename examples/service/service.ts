/**
 * The service that is written twice: `native.ts` with primarena, `plain.ts` as one would write it without.
 *
 * Agents (tenants, bots, tool users) send requests: bytes in, bytes out. Five primitives serve them:
 *
 * - STORE      a webhook body, as it came off the socket: validated, and kept as a slim record. Answers a receipt.
 * - RETRIEVE   `{"id":7}`: answers the record's bytes, or `null` when it is gone.
 * - SEARCH     `{"repository":"…","sender":"…","event":"…","text":"…"}`, each optional: answers how many records match,
 *              and the first `ROWS` of them.
 * - LINK       `{"id":7,"depth":3}`: adds the edge sender → repository of that record, and answers whom one reaches
 *              from the sender in so many steps, over edges in either direction.
 * - TRANSFORM  a webhook body: answers the document that is sent on to others.
 *
 * Each agent keeps its newest records, in pages: when `PAGES` of them are full, the oldest goes as a whole.
 */

export const PRIMITIVES = ['store', 'retrieve', 'search', 'link', 'transform'] as const

export type PrimitiveName = (typeof PRIMITIVES)[number]

/** What comes in: the bytes, and what GitHub says of them in the header `X-GitHub-Event`. */
export interface Request {
  readonly body: Buffer
  readonly event: string
}

/** One request to one agent. */
export interface Operation {
  readonly agent: number
  readonly primitive: PrimitiveName
  readonly request: Request
}

/** Either way of writing the service. */
export interface Service {
  /** Serves one request. Rejects when the body is not JSON. */
  serve(operation: Operation): Promise<Buffer>
  /** Ends all agents, and tells what they left behind. */
  close(): Promise<Remains>
}

export interface Remains {
  readonly openArenas: number
  readonly arenaBytes: number
  readonly leaks: number
}

/** Rows in the answer of a SEARCH. */
export const ROWS = 20

export const RECORDS_PER_PAGE = 128

/** Pages that an agent keeps. */
export const PAGES = 4

export interface RetrieveRequest {
  readonly id: number
}

export interface SearchRequest {
  readonly repository?: string
  readonly sender?: string
  readonly event?: string
  readonly text?: string
}

export interface LinkRequest {
  readonly id: number
  readonly depth: number
}
