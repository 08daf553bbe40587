/** The only importer of the native addon: its classes, and the raw functions with their types. */
import * as addon from '../index.js'
import { PrimarenaError, type ErrorCode } from './errors.js'

/** What a raw call answers when it failed; `takeLastError()` says why. */
export const FAILED = -2

/** The raw functions (see `crates/node/src/raw.rs`), one interface for each file that registers some. */
export interface Raw {}

export const raw = addon.rawFunctions() as Raw

/** The failure of the last native call on this thread, as an error to throw. */
export function takeLastError(): Error {
  const last = addon.lastError()
  if (!last) return new PrimarenaError('ERR_INTERNAL', 'a native call failed without saying why')
  if (last.code === 'ERR_INVALID_ARGUMENT') return new TypeError(last.message)
  return new PrimarenaError(last.code as ErrorCode, last.message, last)
}

/** Runs a call of a native class; what it throws becomes a `PrimarenaError` or a `TypeError`. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (error instanceof Error && String((error as { code?: unknown }).code).startsWith('ERR_')) {
      const last = takeLastError()
      throw last.message === error.message ? last : error
    }
    throw error
  }
}
