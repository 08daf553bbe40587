/** What the rest has of the native addon: its classes, and the raw functions with their types. */
import type * as Addon from '../index.js'
import { loadAddon } from './addon.js'
import { PrimarenaError, type BudgetLevel, type ErrorCode } from './errors.js'

const addon = loadAddon()

export const { NativeManager, NativeProgram, NativeRecordPool, NativeTemplate, NativeTemplateCache } = addon
export type NativeManager = Addon.NativeManager
export type NativeProgram = Addon.NativeProgram
export type NativeRecordPool = Addon.NativeRecordPool
export type NativeTemplate = Addon.NativeTemplate
export type NativeTemplateCache = Addon.NativeTemplateCache

/** What a raw call answers when it failed; `takeLastError()` says why. */
export const FAILED = -2

/** The raw functions (see `crates/node/src/raw.rs`), one interface for each file that registers some. */
export interface Raw extends RawDocuments, RawLeases, RawJson, RawTemplates, RawRecords {}

/** `crates/node/src/lease.rs`. −1 says that `leaseDetails` has more to tell. */
export interface RawLeases {
  leaseOpen(manager: number, owner: number, minBytes: number, hintBytes: number, mostBytes?: number): number
  leaseGrant(manager: number, handle: number, minBytes: number, usedBytes: number, mostBytes?: number): number
  leaseDetails(manager: number): {
    handle: number
    chunk: number
    capacityBytes: number
    fresh: boolean
    wipeBytes: number
    pending: number
  }
  leaseClose(manager: number, handle: number, usedBytes: number): number
  leaseFailed(manager: number, handle: number, chunk: number): number
  leaseTake(manager: number, handle: number, chunk: number): number
  leaseLost(manager: number, handle: number): number
  ownerCharge(manager: number, owner: number, bytes: number): number
  ownerUncharge(manager: number, owner: number, bytes: number): number
}

/** `crates/node/src/program.rs`. −(n + 16) asks for n bytes, or numbers of scratch. */
export interface RawJson {
  jsonFields(program: number, input: Uint8Array, scratch: Float64Array, flags: number): string | number
  jsonTransform(
    program: number,
    input: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    limit: number,
    flags: number,
  ): number
  jsonTakeOutput(bytes: Uint8Array, offset: number, limit: number): number
  jsonColumns(
    program: number,
    input: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    limit: number,
    flags: number,
    parts: Float64Array,
  ): number
  jsonValidate(input: Uint8Array, maxDepth: number, maxBytes: number): number
}

/** `crates/node/src/document.rs`. −(n + 16) asks for room for n numbers in all. */
export interface RawDocuments {
  documentIndex(bytes: Uint8Array, start: number, numbers: Int32Array, at: number, alone: number): number
}

/** `crates/node/src/template.rs`. Below −15: −(size needed + 16). */
export interface RawTemplates {
  templateRender(
    program: number,
    bytes: Uint8Array,
    offset: number,
    limit: number,
    strings: string,
    numbers: Float64Array,
  ): number
  templateEscape(bytes: Uint8Array, limit: number, ranges: Uint32Array, count: number, end: number): number
  templateEscapeOne(bytes: Uint8Array, limit: number, from: number, to: number, end: number): number
  templateFetch(bytes: Uint8Array, offset: number, limit: number): number
}

/** `crates/node/src/record_pool.rs`. `slabs` are the views of all slabs, empty where one was trimmed. */
export interface RawRecords {
  recordMisalignment(view: Uint8Array, align: number): number
  recordRelease(pool: number, slabs: Uint8Array[], slots: Uint32Array): number
  recordClear(pool: number, slabs: Uint8Array[]): number
  recordCheck(pool: number, slabs: Uint8Array[]): number
  recordSort(pool: number, field: number, descending: number): number
  recordFilter(pool: number, program: Uint8Array): number
  recordTopK(pool: number, field: number, count: number, smallest: number): number
  recordAggregate(pool: number, field: number): number
  recordRead(pool: number, path: Uint8Array): number
  recordWrite(pool: number, lines: number, given: number, slots: Uint32Array): number
  recordEstimate(job: number, slabs: Uint8Array[]): number
  recordStep(
    job: number,
    slabs: Uint8Array[],
    sliceMs: number,
    words: Uint32Array,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): number
  recordSlots(job: number, slots: Uint32Array): number
  recordFigures(job: number, floats: Float64Array, integers: BigInt64Array): number
  recordEnd(job: number, slabs: Uint8Array[], giveUp: number): void
}

export const raw = addon.rawFunctions() as Raw

/** The failure of the last native call on this thread, as an error to throw. */
export function takeLastError(): Error {
  const last = addon.lastError()
  if (!last) return new PrimarenaError('ERR_INTERNAL', 'a native call failed without saying why')
  if (last.code === 'ERR_INVALID_ARGUMENT') return new TypeError(last.message)
  const code = last.code as ErrorCode
  if (code !== 'ERR_BUDGET_EXCEEDED') return new PrimarenaError(code, last.message, last)
  const chain: BudgetLevel[] | undefined = addon.NativeManager.lastRefusal()?.chain
  return new PrimarenaError(code, last.message, { ...last, chain })
}

/** True for a refusal that `failAfter` made. */
export function wasInjected(error: unknown): boolean {
  return PrimarenaError.is(error) && error.chain?.every((level) => !level.refused) === true
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
