import { Worker } from 'node:worker_threads'
import test from 'ava'
import {
  Memory,
  processStats,
  type PrimarenaError,
  setProcessBudget,
  type NativeEvent,
  type PrimitiveContext,
} from 'primarena'
import { until } from './_helpers/until.js'

const KIB = 1024
const MIB = 1024 * KIB

test.serial(
  'a refusal names the chain of owners with their figures, and only its operation fails',
  async (t) => {
    const memory = new Memory({ name: 'service', budget: 4 * MIB })
    const agent = memory.agent('agent-7', { budget: MIB })
    const other = memory.agent('other').session('s')
    const take = memory.primitive('take', async (ctx, bytes: number) => {
      ctx.arena.alloc(bytes)
      await new Promise((resolve) => setImmediate(resolve))
      return ctx.arena.alloc(10).length
    })
    const session = agent.session('s')
    const fine = session.run(take, 100 * KIB)
    const elsewhere = other.run(take, 2 * MIB)
    const error = (await t.throwsAsync(session.run(take, MIB), {
      code: 'ERR_BUDGET_EXCEEDED',
    })) as PrimarenaError
    t.deepEqual(
      error.chain!.map(({ name, limitBytes, refused }) => ({ name, limitBytes, refused })),
      [
        { name: 'agent-7', limitBytes: MIB, refused: true },
        { name: 'service', limitBytes: 4 * MIB, refused: false },
        { name: 'process', limitBytes: Infinity, refused: false },
      ],
    )
    t.true(error.chain![0]!.heldBytes >= 100 * KIB && error.chain![0]!.heldBytes < MIB)
    t.true(error.chain![1]!.heldBytes >= 2 * MIB)
    t.regex(error.message, /agent-7/)
    t.is(await fine, 10)
    t.is(await elsewhere, 10)
    const whole = (await t.throwsAsync(other.run(take, 5 * MIB), {
      code: 'ERR_BUDGET_EXCEEDED',
    })) as PrimarenaError
    t.is(whole.chain!.find((level) => level.refused)!.name, 'service')
    t.is(memory.stats().usedBytes, 0)
    t.is(memory.stats().openArenas, 0)
    memory.dispose()
  },
)

test.serial('sessions have limits of their own, for chunks and for ordinary memory', async (t) => {
  const memory = new Memory({ name: 'service' })
  const session = memory.agent('a', { budget: 8 * MIB }).session('small', { budget: 256 * KIB })
  const take = (usesArena: boolean) =>
    memory.primitive('take', async (ctx, bytes: number) => ctx.allocator.alloc(bytes).length, {
      arena: usesArena,
    })
  for (const usesArena of [true, false]) {
    t.is(await session.run(take(usesArena), 200 * KIB), 200 * KIB)
    const error = (await t.throwsAsync(session.run(take(usesArena), 300 * KIB), {
      code: 'ERR_BUDGET_EXCEEDED',
    })) as PrimarenaError
    t.deepEqual(
      error.chain!.map(({ name, limitBytes, refused }) => ({ name, limitBytes, refused })),
      [
        { name: 'a/small', limitBytes: 256 * KIB, refused: true },
        { name: 'a', limitBytes: 8 * MIB, refused: false },
        { name: 'service', limitBytes: Infinity, refused: false },
        { name: 'process', limitBytes: Infinity, refused: false },
      ],
    )
    t.is(session.heldBytes, 0)
  }
  // Two at once share the limit.
  const both = await Promise.allSettled([
    session.run(slow(memory), 200 * KIB),
    session.run(slow(memory), 200 * KIB),
  ])
  t.deepEqual(
    both.map((each) => each.status),
    ['fulfilled', 'rejected'],
  )
  t.is(session.heldBytes, 0)
  memory.agent('a').session('small', { budget: MIB })
  t.is(await session.run(take(true), 300 * KIB), 300 * KIB)
  memory.dispose()
})

function slow(memory: Memory) {
  return memory.primitive('slow', async (ctx, bytes: number) => {
    ctx.arena.alloc(bytes)
    await new Promise((resolve) => setTimeout(resolve, 5))
  })
}

test.serial('a listener may free or raise, once; then it is tried again', async (t) => {
  const asked: string[] = []
  const exceeded: PrimarenaError[] = []
  let help: (error: PrimarenaError) => boolean | void = () => false
  const memory = new Memory({
    name: 'm',
    onBudgetExceeded(error) {
      asked.push(error.chain!.find((level) => level.refused)!.name)
      return help(error)
    },
  })
  memory.on('budget:exceeded', (error) => exceeded.push(error))
  const agent = memory.agent('a', { budget: 128 * KIB })
  const session = agent.session('s', { budget: 64 * KIB })
  const take = memory.primitive('take', async (ctx, bytes: number) => ctx.arena.alloc(bytes).length)

  await t.throwsAsync(session.run(take, 100 * KIB), { code: 'ERR_BUDGET_EXCEEDED' })
  t.deepEqual(asked.splice(0), ['a/s'])
  t.is(exceeded.splice(0).length, 1)

  help = (error) => {
    const { name } = error.chain!.find((level) => level.refused)!
    if (name === 'a/s') agent.session('s', { budget: MIB })
    else agent.setBudget({ budget: MIB })
    return true
  }
  t.is(await session.run(take, 200 * KIB), 200 * KIB)
  t.deepEqual(asked.splice(0), ['a/s', 'a'])
  t.is(exceeded.length, 0)

  const hog = agent.arena()
  hog.alloc(900 * KIB)
  help = () => {
    hog.dispose()
    return true
  }
  t.is(
    await memory
      .agent('a')
      .session('big')
      .run(take, 500 * KIB),
    500 * KIB,
  )
  t.deepEqual(asked.splice(0), ['a'])

  help = () => true
  await t.throwsAsync(
    agent.session('big').run(take, 2 * MIB),
    { code: 'ERR_BUDGET_EXCEEDED' },
    'asked once only',
  )
  t.is(asked.length, 1)
  help = () => {
    throw new Error('no help')
  }
  await t.throwsAsync(agent.session('big').run(take, 2 * MIB), { message: 'no help' })
  t.is(memory.stats().openArenas, 0)
  t.is(memory.stats().usedBytes, 0)
  memory.dispose()
})

test.serial('soft limits are told of once, and again after what is held has fallen', (t) => {
  const memory = new Memory({ name: 'm', softBudget: 512 * KIB, quarantineMs: 0 })
  const events: NativeEvent[] = []
  memory.on('budget:soft', (event) => events.push(event))
  const agent = memory.agent('a', { softBudget: 256 * KIB })
  const session = agent.session('s', { softBudget: 128 * KIB })
  const names = (): string[] => events.splice(0).map(({ node }) => node)
  const ctx = memory.context({ session })
  ctx.arena.alloc(60 * KIB)
  t.deepEqual(names(), [])
  ctx.arena.alloc(100 * KIB) // A chunk of 64 KiB and one of 128.
  t.deepEqual(names(), ['a/s'])
  ctx.arena.alloc(120 * KIB)
  t.deepEqual(names(), ['a'])
  ctx.arena.alloc(400 * KIB)
  t.deepEqual(names(), ['m'])
  ctx.arena.alloc(400 * KIB)
  t.deepEqual(names(), [])
  ctx.arena.reset({ retain: 'none' })
  memory.trim()
  ctx.arena.alloc(600 * KIB)
  t.deepEqual(names().toSorted(), ['a', 'a/s', 'm'])
  ctx.dispose()
  memory.dispose()
})

test.serial('limits may be lowered below what is held', (t) => {
  const memory = new Memory({ name: 'm', quarantineMs: 0 })
  const agent = memory.agent('a', { budget: 4 * MIB })
  const first = agent.arena()
  first.alloc(MIB - 100)
  const second = agent.arena()
  second.alloc(MIB)
  agent.setBudget({ budget: MIB })
  t.is(agent.stats().limitBytes, MIB)
  t.true(agent.stats().heldBytes > MIB)
  t.throws(() => agent.arena().alloc(1), { code: 'ERR_BUDGET_EXCEEDED' })
  t.is(first.alloc(10).length, 10, 'what is there can be used')
  first.dispose()
  second.dispose()
  const third = agent.arena()
  t.is(third.alloc(500 * KIB).length, 500 * KIB)
  memory.setBudget({ budget: 64 * KIB })
  t.throws(() => memory.arena().alloc(MIB), { code: 'ERR_BUDGET_EXCEEDED' })
  memory.setBudget({ budget: Infinity })
  const fourth = memory.arena()
  t.is(fourth.alloc(MIB).length, MIB)
  memory.dispose()
})

test.serial('ordinary memory is charged, by the owner and by the process', async (t) => {
  const memory = new Memory()
  const session = memory.agent('a', { budget: MIB }).session('s')
  const before = processStats().heldBytes
  let during = 0
  const primitive = memory.primitive(
    'heap',
    async (ctx) => {
      ctx.allocator.alloc(700 * KIB)
      during = processStats().heldBytes - before
      t.true(memory.agent('a').stats().heldBytes >= 700 * KIB)
      t.throws(() => ctx.allocator.alloc(700 * KIB), { code: 'ERR_BUDGET_EXCEEDED' })
      for (let i = 0; i < 1000; i += 1) ctx.allocator.alloc(100)
    },
    { arena: false },
  )
  await session.run(primitive, undefined)
  t.true(during >= 700 * KIB)
  t.is(memory.agent('a').stats().heldBytes, 0)
  t.is(memory.stats().usedBytes, 0)
  memory.dispose()
  t.is(processStats().heldBytes, before)
})

test.serial('the process has a limit, and asks every Memory for idle bytes when it is reached', (t) => {
  const start = processStats()
  const rich = new Memory({ quarantineMs: 0 })
  const poor = new Memory({ quarantineMs: 0 })
  const arena = rich.arena()
  arena.alloc(4 * MIB)
  arena.dispose()
  t.true(rich.stats().idleBytes >= 4 * MIB)
  setProcessBudget({ budget: start.heldBytes + 6 * MIB, softBudget: start.heldBytes + 5 * MIB })
  t.is(processStats().limitBytes, start.heldBytes + 6 * MIB)
  const wants = poor.arena()
  const error = t.throws(() => wants.alloc(3 * MIB), { code: 'ERR_BUDGET_EXCEEDED' }) as PrimarenaError
  t.is(error.chain!.find((level) => level.refused)!.name, 'process')
  // The other one serves the request at its next grant or tick.
  const tick = rich.arena()
  tick.alloc(1)
  t.is(wants.alloc(3 * MIB).length, 3 * MIB)
  t.throws(() => setProcessBudget(undefined as never), { instanceOf: TypeError })
  t.throws(() => setProcessBudget({ budget: -1 }), { instanceOf: RangeError })
  setProcessBudget({ softBudget: Infinity })
  t.is(processStats().limitBytes, start.heldBytes + 6 * MIB, 'what is left out stays')
  setProcessBudget({ budget: Infinity })
  t.is(processStats().limitBytes, Infinity)
  rich.dispose()
  poor.dispose()
  t.is(processStats().heldBytes, start.heldBytes)
})

test.serial(
  'idle agents leave the tree and come back; arenas opened by hand keep theirs there',
  async (t) => {
    const memory = new Memory()
    const before = processStats().openOwners
    const run = memory.primitive('p', async (ctx: PrimitiveContext) => ctx.arena.alloc(10).length)
    for (let i = 0; i < 1000; i += 1) {
      t.is(await memory.agent(`agent-${i}`, { budget: MIB }).session('s').run(run, undefined), 10)
    }
    const kept = memory.agent('keeps').arena()
    kept.alloc(10)
    t.is(processStats().openOwners - before, 1001)
    memory.trim()
    t.is(processStats().openOwners - before, 1)
    t.is(memory.stats().agents, 1001)
    t.is(kept.alloc(5).length, 5)
    t.true(memory.agent('agent-5').stats().peakBytes > 0, 'its figures stay')
    t.is(await memory.agent('agent-5').session('s').run(run, undefined), 10)
    t.is(processStats().openOwners - before, 2)
    await t.throwsAsync(
      memory
        .agent('agent-5')
        .session('s')
        .run(
          memory.primitive('big', async (ctx) => ctx.arena.alloc(2 * MIB)),
          undefined,
        ),
      { code: 'ERR_BUDGET_EXCEEDED' },
      'and so do its limits',
    )
    // The housekeeping does the same, by itself.
    t.true(await until(() => processStats().openOwners - before === 1))
    kept.dispose()
    memory.dispose()
    t.is(processStats().openOwners, before)
  },
)

test.serial('an id can be used again after its agent has ended, with a clean account', async (t) => {
  const memory = new Memory()
  for (const runs of ['wait', 'abort', 'force'] as const) {
    const agent = memory.agent('tenant', { budget: MIB })
    const session = agent.session('s')
    const open = session.run(slow(memory), 100 * KIB)
    const outcome = open.then(
      () => 'done',
      (error: PrimarenaError) => error.code,
    )
    const ending = agent.dispose({ runs })
    await t.throwsAsync(session.run(slow(memory), 1), { code: 'ERR_CONTEXT_CLOSED' })
    t.throws(() => agent.session('t'), { code: 'ERR_CONTEXT_CLOSED' })
    t.throws(() => agent.arena(), { code: 'ERR_CONTEXT_CLOSED' })
    t.throws(() => memory.context({ agent }), { code: 'ERR_CONTEXT_CLOSED' })
    t.throws(() => memory.context({ session }), { code: 'ERR_CONTEXT_CLOSED' })
    await ending
    t.is(await outcome, runs === 'wait' ? 'done' : 'ERR_ABORTED')
    const again = memory.agent('tenant')
    t.not(again, agent)
    t.is(again.stats().heldBytes, 0)
    t.is(again.stats().limitBytes, Infinity)
    t.is(await again.session('s').run(slow(memory), 2 * MIB), undefined)
    await again.dispose()
  }
  t.is(memory.stats().openHolds, 0)
  t.is(memory.stats().usedBytes, 0)
  memory.dispose()
})

test.serial(
  'force leaves nothing counted, also with holds that never end and arenas that wait for them',
  async (t) => {
    const memory = new Memory()
    const agent = memory.agent('a')
    const session = agent.session('s')
    const controller = new AbortController()
    const stuck = session.run(
      memory.primitive('stuck', async (ctx) => {
        ctx.arena.alloc(1000)
        await ctx.hold(new Promise(() => {}))
      }),
      undefined,
      { signal: controller.signal, timeoutMs: 100_000 },
    )
    const ctx = memory.context({ session })
    ctx.arena.alloc(1000)
    ctx.hold(new Promise(() => {}))
    ctx.resetForNextOperation()
    ctx.arena.alloc(1000)
    t.is(memory.stats().openArenas, 3)
    t.is(memory.stats().openHolds, 2)
    const ended = agent.dispose({ runs: 'force' })
    await t.throwsAsync(stuck, { code: 'ERR_ABORTED' })
    await ended
    const { openArenas, openHolds, openRuns, usedBytes } = memory.stats()
    t.deepEqual(
      { openArenas, openHolds, openRuns, usedBytes },
      { openArenas: 0, openHolds: 0, openRuns: 0, usedBytes: 0 },
    )
    t.is(session.heldBytes, 0)
    memory.dispose()
  },
)

test.serial('what ends after its memory has ended changes nothing', async (t) => {
  const memory = new Memory()
  const before = processStats()
  const releases: (() => void)[] = []
  const session = memory.agent('a').session('s')
  const run = session.run(
    memory.primitive('p', async (ctx) => {
      const view = ctx.arena.alloc(1000)
      await ctx.hold(new Promise<void>((resolve) => releases.push(resolve)))
      return view
    }),
    undefined,
  )
  const ctx = memory.context()
  ctx.arena.alloc(10)
  ctx.hold(new Promise<void>((resolve) => releases.push(resolve)))
  ctx.resetForNextOperation()
  const report = memory.dispose()
  t.is(report.openHolds, 2)
  t.is(report.openRuns, 1)
  await t.throwsAsync(run, { code: 'ERR_ABORTED' })
  for (const release of releases) release()
  await new Promise((resolve) => setImmediate(resolve))
  t.throws(() => ctx.arena.alloc(1))
  await t.throwsAsync(session.run(slow(memory), 1), { code: 'ERR_CONTEXT_CLOSED' })
  t.is(memory.stats().usedBytes, 0)
  t.is(processStats().openLeases, before.openLeases)
})

test.serial('a shared agent has one account in all threads', async (t) => {
  const memory = new Memory()
  const options = { budget: 2 * MIB, sharedAgent: true }
  const agent = memory.agent('shared-tenant', options)
  const arena = agent.arena()
  arena.alloc(600 * KIB)
  const worker = new Worker(new URL('./_workers/shared-agent.js', import.meta.url), {
    workerData: options,
    execArgv: [],
  })
  t.teardown(() => worker.terminate())
  const ask = (bytes: number): Promise<string> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.postMessage(bytes)
    })
  t.is(await ask(300 * KIB), 'ok')
  t.is(await ask(600 * KIB), 'ERR_BUDGET_EXCEEDED')
  t.true(agent.stats().heldBytes >= 900 * KIB, 'both threads are seen here')
  arena.dispose()
  t.is(await ask(600 * KIB), 'ok')
  await worker.terminate()
  t.is(agent.stats().heldBytes, 0, 'what a terminated worker held is given back')
  memory.dispose()
})
