/**
 * Every failure of primarena is a `PrimarenaError` with a stable `code`; match on that, not on the message.
 * Wrong arguments are ordinary `TypeError`s and `RangeError`s.
 */
export type ErrorCode =
  | 'ERR_ABORTED'
  | 'ERR_ADDON_NOT_LOADED'
  | 'ERR_ARENA_DISPOSED'
  | 'ERR_BUDGET_EXCEEDED'
  | 'ERR_CHUNK_DETACHED'
  | 'ERR_CONTEXT_CLOSED'
  | 'ERR_DOUBLE_RELEASE'
  | 'ERR_ESCAPED_HANDLE'
  | 'ERR_FOREIGN_OBJECT'
  | 'ERR_INTERNAL'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_JSON_LIMIT'
  | 'ERR_JSON_MISSING'
  | 'ERR_JSON_PATH'
  | 'ERR_JSON_SYNTAX'
  | 'ERR_JSON_TYPE'
  | 'ERR_LEAK'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_POOL_EXHAUSTED'
  | 'ERR_RECORD_VALUE'
  | 'ERR_STALE_HANDLE'
  | 'ERR_TEMPLATE'

/** What an error tells besides its message. */
export interface ErrorDetails {
  /** Byte offset in the document. */
  offset?: number | undefined
  /** Line in the document, from 1. */
  line?: number | undefined
  /** Column in the line, from 1. */
  column?: number | undefined
  /** The path, hole or field that the error is about. */
  path?: string | undefined
  /** What a document should have had at the place. */
  expected?: string | undefined
  /** The owners whose limits were asked, innermost first, with their figures. */
  chain?: readonly BudgetLevel[] | undefined
  cause?: unknown
}

/** One level of the budget tree, as an `ERR_BUDGET_EXCEEDED` shows it. */
export interface BudgetLevel {
  name: string
  heldBytes: number
  limitBytes: number
  /** True for the level that refused. None did when the failure was made on purpose (`failAfter`). */
  refused: boolean
}

const brand: unique symbol = Symbol.for('primarena.error') as never

/** The one error class. `error.code` is stable; `PrimarenaError.is` also knows errors of another copy. */
export class PrimarenaError extends Error {
  override readonly name = 'PrimarenaError'
  readonly code: ErrorCode
  declare readonly offset?: number
  declare readonly line?: number
  declare readonly column?: number
  declare readonly path?: string
  declare readonly expected?: string
  declare readonly chain?: readonly BudgetLevel[]

  constructor(code: ErrorCode, message: string, details?: ErrorDetails) {
    super(message, details?.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details) {
      for (const key of ['offset', 'line', 'column', 'path', 'expected', 'chain'] as const) {
        if (details[key] !== undefined)
          Object.defineProperty(this, key, { value: details[key], enumerable: true })
      }
    }
  }

  get [brand](): true {
    return true
  }

  /** True for errors of this class, also when another copy of the package made them. */
  static is(error: unknown): error is PrimarenaError {
    return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true
  }
}

/** What becomes of a failure to allocate: V8 throws a plain RangeError. @internal */
export function outOfMemory(what: string, bytes: number, cause: unknown): PrimarenaError {
  return new PrimarenaError('ERR_OUT_OF_MEMORY', `no memory for ${what} of ${bytes} bytes`, { cause })
}
