import { inputBytes, type BytesInput } from '../bytes.js'
import { PrimarenaError } from '../errors.js'
import { FAILED, raw, takeLastError } from '../native.js'
import { limitsOf } from './paths.js'

/** Bounds of a document. */
export interface LimitOptions {
  /** The most levels of objects and arrays; any number when left out. */
  maxDepth?: number
  /** The most bytes of the document. */
  maxBytes?: number
}

/** Why bytes are no JSON document, and where. */
export interface JsonFault {
  readonly code: 'ERR_JSON_SYNTAX' | 'ERR_JSON_LIMIT'
  /** Bytes before the first one that does not fit. */
  readonly offset: number
  /** Its line, from 1. */
  readonly line: number
  /** Its column in that line, from 1, in UTF-16 code units. */
  readonly column: number
  /** What would have been accepted there. */
  readonly expected: string
  /** All of it in a sentence. */
  readonly message: string
}

function failure(input: BytesInput, options: LimitOptions | undefined): Error | undefined {
  const bytes = inputBytes(input)
  const { maxDepth = -1, maxBytes = -1 } = options === undefined ? {} : limitsOf(options)
  return raw.jsonValidate(bytes, maxDepth, maxBytes) === FAILED ? takeLastError() : undefined
}

/**
 * Throws unless `input` is a JSON document: RFC 8259, in UTF-8, without a byte order mark. It takes what
 * `JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input))` takes.
 *
 * @throws PrimarenaError ERR_JSON_SYNTAX or ERR_JSON_LIMIT with offset, line, column and expected;
 * TypeError if `input` is no bytes.
 */
export function validate(input: BytesInput, options?: LimitOptions): void {
  const error = failure(input, options)
  if (error) throw error
}

/**
 * As `validate`, but answers what is wrong: `undefined` for a JSON document.
 *
 * @throws TypeError if `input` is no bytes.
 */
export function check(input: BytesInput, options?: LimitOptions): JsonFault | undefined {
  const error = failure(input, options)
  if (!error) return undefined
  if (!(error instanceof PrimarenaError)) throw error
  const { code, offset, line, column, expected, message } = error
  if (code !== 'ERR_JSON_SYNTAX' && code !== 'ERR_JSON_LIMIT') throw error
  return { code, offset: offset!, line: line!, column: column!, expected: expected!, message }
}
