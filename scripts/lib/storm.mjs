// Random work on many agents: what `npm run stress` and the short form in the tests run in each worker.
import { randomFill } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { seeded } from './seeded.mjs'

/** Operations under way at once in one thread. */
const LANES = 64
/** One operation in so many is not the plain one. */
const WILD = 10

/** What may come out of an operation that was thrown at, aborted, forced, or refused. */
const EXPECTED = new Set(['ERR_ABORTED', 'ERR_CONTEXT_CLOSED', 'ERR_BUDGET_EXCEEDED', 'ERR_ARENA_DISPOSED'])

/**
 * `operations` operations by `agents` agents on `memory`. Resolves when all have ended with how many ended
 * how; throws at a foreign byte or an error that nobody made.
 */
export async function storm(memory, { agents, operations, seed, onProgress = () => {} }) {
  const random = seeded(seed)
  const pick = (n) => Math.floor(random() * n)
  const outcomes = { plain: 0, wild: 0 }
  const count = (what) => (outcomes[what] = (outcomes[what] ?? 0) + 1)
  const onRejected = () => count('rejected hold')
  const onLate = () => count('late error')
  memory.on('hold:rejected', onRejected).on('late-error', onLate)

  const check = (ctx, view, byte, bytes) => {
    if (view.length === 0 && ctx.aborted) return // It was dropped by force.
    if (view.length !== bytes || view[0] !== byte || view[bytes - 1] !== byte || view[bytes >> 1] !== byte) {
      throw new Error(`foreign bytes: expected ${bytes} × ${byte}, got ${view.length}, ${view[0]}`)
    }
  }

  const plain = memory.primitive('plain', async (ctx, byte) => {
    const view = ctx.arena.allocUnsafe(200)
    view.fill(byte)
    check(ctx, view, byte, 200)
    return byte
  })
  const waiting = memory.primitive('waiting', async (ctx, { byte, bytes, ms }) => {
    const view = ctx.arena.allocUnsafe(bytes).fill(byte)
    await sleep(ms)
    check(ctx, view, byte, bytes)
    return view.subarray(0, 16)
  })
  const throwing = memory.primitive('throwing', (ctx, { bytes, late }) => {
    ctx.arena.alloc(bytes)
    if (!late) throw new Error('thrown')
    return sleep(late).then(() => Promise.reject(new Error('thrown')))
  })
  const nested = memory.primitive('nested', async (ctx, { byte, bytes, depth }) => {
    const view = ctx.arena.allocUnsafe(bytes).fill(byte)
    if (depth > 0) {
      const input = { byte: byte ^ 1, bytes: (bytes >> 1) + 1, depth: depth - 1 }
      await Promise.all([ctx.run(nested, input), ctx.run(nested, input)])
    }
    check(ctx, view, byte, bytes)
  })
  const holding = memory.primitive('holding', async (ctx, { byte, bytes, rejects }) => {
    const view = ctx.arena.allocUnsafe(bytes).fill(byte)
    ctx.hold(
      sleep(2).then(() => {
        check(ctx, view, byte, bytes)
        if (rejects) throw new Error('rejected')
        return undefined
      }),
    )
    const target = ctx.arena.alloc(1024)
    ctx.hold(
      new Promise((resolve, reject) => randomFill(target, (error) => (error ? reject(error) : resolve()))),
    )
  })
  const deferring = memory.primitive('deferring', async (ctx, { bytes, throws }) => {
    ctx.defer(async () => {
      await sleep(1)
      ctx.allocator.alloc(10)
      if (throws) throw new Error('deferred')
    })
    ctx.arena.scope().alloc(bytes)
    ctx.arena.reset()
    ctx.arena.alloc(bytes)
  })
  const heap = memory.primitive(
    'heap',
    async (ctx, { bytes }) => {
      ctx.allocator.alloc(bytes)
      await sleep(1)
    },
    { arena: false },
  )
  const kinds = [waiting, throwing, nested, holding, deferring, heap]

  const agentOf = () =>
    memory.agent(`agent-${pick(agents)}`, random() < 0.01 ? { budget: 1 << 20 } : undefined)
  const sessionOf = () => agentOf().session(`s-${pick(3)}`)

  const wild = async () => {
    const what = pick(12)
    if (what === 0) {
      const arena = memory.arena()
      arena.alloc(1 + pick(100_000))
      await sleep(1)
      arena.dispose()
    } else if (what === 1) {
      const ctx = memory.context()
      for (let i = pick(4); i >= 0; i -= 1) {
        ctx.arena.alloc(1 + pick(50_000))
        if (random() < 0.5) ctx.hold(sleep(1))
        ctx.resetForNextOperation()
      }
      ctx.dispose()
    } else if (what === 2 && random() < 0.2) {
      const runs = ['wait', 'abort', 'force'][pick(3)]
      await (random() < 0.5 ? agentOf() : sessionOf()).dispose({ runs })
      count(`dispose (${runs})`)
    } else if (what === 3 && random() < 0.05) {
      memory.trim()
    } else {
      const controller = random() < 0.2 ? new AbortController() : undefined
      const options = {}
      if (controller) options.signal = controller.signal
      if (random() < 0.2) options.timeoutMs = pick(6)
      const input = {
        byte: pick(256),
        bytes: 1 + Math.floor(random() ** 4 * 300_000),
        ms: pick(4),
        late: pick(3),
        depth: pick(3),
        rejects: random() < 0.2,
        throws: random() < 0.2,
      }
      const run = sessionOf().run(kinds[pick(kinds.length)], input, options)
      if (controller) {
        if (random() < 0.5) controller.abort(new Error('enough'))
        else setTimeout(() => controller.abort(new Error('enough')), pick(5))
      }
      await run
    }
  }

  let done = 0
  const lane = async () => {
    while (done < operations) {
      done += 1
      if (done % 100_000 === 0) onProgress(done)
      try {
        if (pick(WILD) > 0) {
          const byte = done & 255
          if ((await sessionOf().run(plain, byte)) !== byte) throw new Error('another answer')
          outcomes.plain += 1
        } else {
          await wild()
          outcomes.wild += 1
        }
      } catch (error) {
        count(outcomeOf(error))
      }
      // Plain operations are microtasks only: timers and sockets get their turn as well.
      if (done % 256 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  for (let i = 0; i < 500 && (memory.stats().openHolds > 0 || memory.stats().openRuns > 0); i += 1)
    await sleep(10)
  memory.off('hold:rejected', onRejected).off('late-error', onLate)
  return outcomes
}

function outcomeOf(error) {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) outcomeOf(inner)
    return 'AggregateError'
  }
  if (EXPECTED.has(error?.code)) return error.code
  if (error?.message === 'thrown' || error?.message === 'deferred') return error.message
  throw error
}

/** What must be back at nothing after a storm. */
export function leftovers(memory) {
  const { openArenas, openRuns, openHolds, openRecords, usedBytes, leaks } = memory.stats()
  return { openArenas, openRuns, openHolds, openRecords, usedBytes, leaks }
}
