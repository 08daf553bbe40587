import { byteSize, type ByteSize } from './byte-size.js'
import { finite } from './agent.js'
import { callNative, NativeManager } from './native.js'

/** Limits of the whole process: everything of every `Memory` in every thread. */
export interface ProcessBudget {
  /** The most bytes. Over it every thread is asked to give up its idle memory; nobody waits for that. */
  budget?: ByteSize
  /** Above this the `Memory` that noticed sends `budget:soft`. */
  softBudget?: ByteSize
}

/** What the process holds off-heap through primarena, in all threads. */
export interface ProcessStats {
  /** Chunks and charges: what counts against the limit, idle chunks included. */
  heldBytes: number
  peakBytes: number
  limitBytes: number
  softLimitBytes: number
  openLeases: number
  openOwners: number
  /** In open arenas. */
  leasedBytes: number
  idleBytes: number
  quarantinedBytes: number
  /** Let go of, and waiting for a garbage collection. */
  pendingFreeBytes: number
  /** Besides chunks: slabs, documents, templates, ordinary memory. */
  chargedBytes: number
}

/**
 * Sets the limits that all threads share, also below what is held: then nothing more is given until enough
 * came back. What is left out stays as it is; `Infinity` takes a limit away.
 *
 * @throws TypeError or RangeError for anything but a size.
 */
export function setProcessBudget(limits: ProcessBudget): void {
  if (typeof limits !== 'object' || limits === null) {
    throw new TypeError('setProcessBudget: expected { budget, softBudget }')
  }
  const now = NativeManager.processStats()
  const hard = limits.budget === undefined ? now.hardLimitBytes : byteSize(limits.budget, 'budget')
  const soft =
    limits.softBudget === undefined ? now.softLimitBytes : byteSize(limits.softBudget, 'softBudget')
  const [hardBytes, softBytes] = [finite(hard), finite(soft)]
  callNative(() =>
    NativeManager.setProcessBudget({
      ...(hardBytes === undefined ? {} : { hardLimitBytes: hardBytes }),
      ...(softBytes === undefined ? {} : { softLimitBytes: softBytes }),
    }),
  )
}

/** The sum over every `Memory` of every thread of this process. */
export function processStats(): ProcessStats {
  const all = NativeManager.processStats()
  return {
    heldBytes: all.heldBytes,
    peakBytes: all.peakBytes,
    limitBytes: all.hardLimitBytes,
    softLimitBytes: all.softLimitBytes,
    openLeases: all.openLeases,
    openOwners: all.openOwners,
    leasedBytes: all.leasedBytes,
    idleBytes: all.idleBytes,
    quarantinedBytes: all.quarantinedBytes,
    pendingFreeBytes: all.pendingFreeBytes,
    chargedBytes: all.chargedBytes,
  }
}
