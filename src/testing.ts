/**
 * For tests of code that uses primarena: `primarena/testing`. It knows no test runner; what it finds it
 * throws.
 */
import { PrimarenaError } from './errors.js'
import { describeLeak, describeRows, rowsOf } from './exit-report.js'
import { Memory } from './memory.js'
import { NativeManager } from './native.js'
import { openThings, type OpenThing } from './open-things.js'
import { liveMemories } from './registry.js'

export interface NoLeaksOptions {
  /** How long runs and holds that are still under way may take to end, in milliseconds; 1000 by default. */
  settleMs?: number
}

export interface AllocationFailureOptions extends NoLeaksOptions {
  /** Gives up after so many allocations; 10,000 by default. */
  most?: number
  /** How long one attempt may take, in milliseconds; 10,000 by default. Longer counts as a hang. */
  timeoutMs?: number
  /**
   * Says whether an error is an acceptable answer to a failed allocation. By default one is that is, or has
   * as a cause or among its errors, a `PrimarenaError` with `ERR_BUDGET_EXCEEDED`.
   */
  accept?: (error: unknown) => boolean
}

/** What `checkAllAllocationFailures` went through. */
export interface AllocationFailures {
  /** Allocations that can fail: each of them was made to. */
  allocations: number
  /** How many of the attempts succeeded in spite of the failure. */
  survived: number
}

/** A failure on purpose that is under way. */
export interface Fault extends Disposable {
  /** Ends it; true when the failure has happened. */
  disarm(): boolean
}

const SETTLE_MS = 1000
const POLL_MS = 5

/**
 * Runs `body` and throws when something that it opened is still open afterwards, or was lost.
 *
 * `body.length`, the number of parameters it declares, decides what is watched. From one on, it gets a `Memory`
 * made for it with `leakDetection: 'full'`, which alone is watched, and disposed at the end. At zero it uses what
 * it likes, and every `Memory` of the thread is watched: then nothing else may run at the same time. JavaScript
 * does not count parameters with a default and rest parameters: `(memory = mine) => …`, `(...args) => …` and
 * what only reads `arguments` have a length of zero and get no `Memory`.
 *
 * @returns what `body` gives.
 * @throws what `body` throws; PrimarenaError ERR_LEAK with the report; an `AggregateError` of both.
 */
export async function expectNoLeaks<T>(
  body: (memory: Memory) => T | PromiseLike<T>,
  options?: NoLeaksOptions,
): Promise<Awaited<T>> {
  if (typeof body !== 'function') throw new TypeError('expectNoLeaks: expected a function')
  const own = body.length > 0 ? new Memory({ name: 'expectNoLeaks', leakDetection: 'full' }) : undefined
  const watch = new Watch(own)
  let result: Awaited<T> | undefined
  let failure: { error: unknown } | undefined
  try {
    result = await body(own as Memory)
  } catch (error) {
    failure = { error }
  }
  const leak = await watch.end(options?.settleMs ?? SETTLE_MS)
  if (failure && leak) throw new AggregateError([failure.error, leak], `it failed and left something open`)
  if (failure) throw failure.error
  if (leak) throw leak
  return result as Awaited<T>
}

/**
 * Makes the `n`-th allocation of this thread from now on fail, once, with ERR_BUDGET_EXCEEDED, whatever the
 * limits say; 0 disarms.
 *
 * Counted is what can really fail: taking a chunk for an arena, charging an owner for ordinary memory or a
 * pool. Bumping inside a chunk cannot, and is not counted.
 */
export function failAfter(n: number): Fault {
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 32 - 1) {
    throw new RangeError(`failAfter: expected a whole number from 0 up, got ${String(n)}`)
  }
  const before = NativeManager.failAfter(n)
  let fired: boolean | undefined
  const disarm = (): boolean => (fired ??= NativeManager.failAfter(0) > before)
  return {
    disarm,
    [Symbol.dispose](): void {
      disarm()
    },
  }
}

/**
 * Runs `body` with its 1st, 2nd, … n-th allocation failing, until it gets through without a failure, and
 * after each attempt checks that nothing was left open. As Zig's `checkAllAllocationFailures`.
 *
 * `body` gets a fresh `Memory` each time, as with `expectNoLeaks`. Failures are made for the whole thread:
 * run such tests one after the other.
 *
 * @throws PrimarenaError ERR_LEAK when an attempt left something open or did not end; the error of an
 * attempt that failed in an unexpected way.
 */
export async function checkAllAllocationFailures(
  body: (memory: Memory) => unknown,
  options?: AllocationFailureOptions,
): Promise<AllocationFailures> {
  if (typeof body !== 'function') throw new TypeError('checkAllAllocationFailures: expected a function')
  const most = options?.most ?? 10_000
  const timeoutMs = options?.timeoutMs ?? 10_000
  const accept = options?.accept ?? isRefusal
  let survived = 0
  for (let n = 1; n <= most; n += 1) {
    const own = body.length > 0 ? new Memory({ name: `failure ${n}`, leakDetection: 'full' }) : undefined
    const watch = new Watch(own)
    const fault = failAfter(n)
    let failure: { error: unknown } | undefined
    let fired: boolean
    try {
      await within(timeoutMs, n, async () => body(own as Memory))
    } catch (error) {
      failure = { error }
    } finally {
      fired = fault.disarm()
    }
    const leak = await watch.end(options?.settleMs ?? SETTLE_MS)
    if (leak) throw atAllocation(n, fired, leak)
    if (failure && !(fired && accept(failure.error))) throw failure.error
    if (!fired) return { allocations: n - 1, survived }
    if (!failure) survived += 1
  }
  throw new PrimarenaError('ERR_LEAK', `after ${most} failing allocations there were still more to come`)
}

/** What is open before, to tell what is new afterwards. */
class Watch {
  readonly #own: Memory | undefined
  readonly #before = new Map<Memory, { open: Map<object, number>; leaks: number }>()

  constructor(own: Memory | undefined) {
    this.#own = own
    for (const memory of own ? [own] : liveMemories()) {
      this.#before.set(memory, {
        open: openNow(memory),
        leaks: memory.leakTracker.total,
      })
    }
  }

  /** Waits for what is under way, and gives the error when something stays. */
  async end(settleMs: number): Promise<PrimarenaError | undefined> {
    const deadline = Date.now() + settleMs
    while (this.#isBusy() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    const lines = this.#own
      ? this.#linesOf(this.#own)
      : liveMemories().flatMap((memory) => this.#linesOf(memory))
    if (this.#own) {
      const found = lines.length > 0
      const { leaks } = this.#own.dispose()
      // What else ends with its memory is found now.
      if (!found) for (const leak of leaks) lines.push(...describeLeak(leak, this.#own))
    }
    return lines.length === 0
      ? undefined
      : new PrimarenaError('ERR_LEAK', `something was left open:\n${lines.join('\n')}`)
  }

  #isBusy(): boolean {
    // Arenas that somebody forgot do not end by themselves: no use in waiting for them.
    return (this.#own ? [this.#own] : liveMemories()).some((memory) =>
      this.#newOf(memory).some(({ what }) => what === 'run' || what.startsWith('hold')),
    )
  }

  #newOf(memory: Memory): OpenThing[] {
    const before = this.#before.get(memory)?.open
    return openIn(memory).flatMap((thing) => {
      const count = (thing.count ?? 1) - (before?.get(thing.identity) ?? 0)
      return count > 0 ? [{ ...thing, count }] : []
    })
  }

  #linesOf(memory: Memory): string[] {
    memory.nursery.sweep()
    const before = this.#before.get(memory)
    const lines = describeRows(rowsOf(this.#newOf(memory)), memory)
    if (memory.leakTracker.total > (before?.leaks ?? 0)) {
      for (const leak of memory.leaks()) lines.push(...describeLeak(leak, memory))
    }
    return lines
  }
}

function openIn(memory: Memory): OpenThing[] {
  return [...openThings(memory), ...memory.pools.open()]
}

function openNow(memory: Memory): Map<object, number> {
  return new Map(openIn(memory).map(({ identity, count }) => [identity, count ?? 1]))
}

async function within<T>(timeoutMs: number, n: number, work: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new PrimarenaError('ERR_LEAK', `allocation ${n} failed and ${timeoutMs} ms later nothing had ended`),
      )
    }, timeoutMs)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

function isRefusal(error: unknown): boolean {
  if (PrimarenaError.is(error) && error.code === 'ERR_BUDGET_EXCEEDED') return true
  if (error instanceof AggregateError) return error.errors.some(isRefusal)
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause)
}

function atAllocation(n: number, fired: boolean, leak: PrimarenaError): PrimarenaError {
  const when = fired ? `with allocation ${n} failing` : 'without a failure'
  return new PrimarenaError('ERR_LEAK', `${when}, ${leak.message}`)
}
