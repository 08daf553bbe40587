/**
 * Each public method in each state, with what must come of it. `ok`, a code, or the name of an error; no cell
 * may crash, hang, leave something open or show another one's bytes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { PassThrough } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import {
  Memory,
  type Agent,
  type Arena,
  type ManualContext,
  type PrimitiveContext,
  type Session,
} from 'primarena'
import { failAfter } from 'primarena/testing'

const KIB = 1024

async function outcome(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'ok'
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name
  }
}

function nothingLeft(t: ExecutionContext, memory: Memory, where: string): void {
  const { openArenas, openRuns, openHolds, usedBytes } = memory.stats()
  t.deepEqual(
    { openArenas, openRuns, openHolds, usedBytes },
    { openArenas: 0, openRuns: 0, openHolds: 0, usedBytes: 0 },
    where,
  )
}

// ---- Arena

interface ArenaCase {
  arena: Arena
  memory: Memory
  end: () => unknown
}

const source = Buffer.from('source')
async function* pieces(): AsyncGenerator<Buffer> {
  yield source
  yield source
}

const arenaMethods: Record<string, (arena: Arena) => unknown> = {
  alloc: (arena) => arena.alloc(100),
  allocUnsafe: (arena) => arena.allocUnsafe(100),
  uint8: (arena) => arena.uint8(100),
  int32: (arena) => arena.int32(100),
  float32: (arena) => arena.float32(100),
  float64: (arena) => arena.float64(100),
  from: (arena) => arena.from(source),
  'from text': (arena) => arena.from('text'),
  concat: (arena) => arena.concat([source, source]),
  collect: (arena) => arena.collect(pieces(), { maxBytes: 1000 }),
  builder: (arena) => arena.builder().write(source).finish(),
  large: (arena) => arena.alloc(200 * KIB),
  scope: (arena) => arena.scope().dispose(),
  reset: (arena) => arena.reset(),
  'reset none': (arena) => arena.reset({ retain: 'none' }),
  dispose: (arena) => arena.dispose(),
  figures: (arena) => arena.usedBytes + arena.capacityBytes,
}

/** Opens an arena in a run that ends as `end` says, and gives it when it is in its state. */
async function inRun(
  memory: Memory,
  options: { abort?: boolean; hold?: boolean; settle?: boolean },
): Promise<ArenaCase> {
  const controller = new AbortController()
  let context!: PrimitiveContext
  let finish!: () => void
  let drain: () => void = () => {}
  const body = new Promise<void>((resolve) => (finish = resolve))
  const run = memory
    .agent('a')
    .session('s')
    .run(
      memory.primitive('p', async (ctx) => {
        context = ctx
        ctx.arena.alloc(10)
        if (options.hold) ctx.hold(new Promise<void>((resolve) => (drain = resolve)))
        await body
      }),
      undefined,
      { signal: controller.signal },
    )
  const settled = run.catch(() => {})
  const { arena } = context
  if (options.abort) controller.abort()
  if (options.settle) {
    finish()
    await settled
    await sleep(0)
  }
  return {
    arena,
    memory,
    end: async () => {
      finish()
      drain()
      await settled
      await sleep(1)
    },
  }
}

function byHand(options: { budget?: number } = {}): ArenaCase {
  const memory = new Memory({ ...options, leakDetection: 'off' })
  const arena = memory.agent('a').arena()
  return { arena, memory, end: () => arena.dispose() }
}

const arenaStates: Record<string, () => ArenaCase | Promise<ArenaCase>> = {
  fresh: () => byHand(),
  'in use': () => {
    const it = byHand()
    it.arena.alloc(50)
    return it
  },
  'several chunks': () => {
    const it = byHand()
    for (let i = 0; i < 5; i += 1) it.arena.alloc(20 * KIB)
    return it
  },
  reset: () => {
    const it = byHand()
    it.arena.alloc(50)
    it.arena.reset()
    return it
  },
  disposed: () => {
    const it = byHand()
    it.arena.alloc(50)
    it.arena.dispose()
    return it
  },
  'scope, parent reset': () => {
    const it = byHand()
    const scope = it.arena.scope()
    scope.alloc(10)
    it.arena.reset()
    return { ...it, arena: scope }
  },
  detached: () => {
    const it = byHand()
    const { buffer } = it.arena.alloc(50)
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
    return it
  },
  held: () => inRun(new Memory({ leakDetection: 'off' }), { hold: true }),
  'closed, held': () => inRun(new Memory({ leakDetection: 'off' }), { hold: true, settle: true }),
  closed: () => inRun(new Memory({ leakDetection: 'off' }), { settle: true }),
  aborted: () => inRun(new Memory({ leakDetection: 'off' }), { abort: true }),
  'aborted, closed': () => inRun(new Memory({ leakDetection: 'off' }), { abort: true, settle: true }),
  'budget exceeded': () => {
    const it = byHand()
    it.arena.alloc(8 * KIB)
    it.memory.agent('a', { budget: 1 })
    return it
  },
  'allocation failing': () => {
    const it = byHand()
    const fault = failAfter(1)
    return {
      ...it,
      end: () => {
        fault.disarm()
        it.arena.dispose()
      },
    }
  },
  'memory disposed': () => {
    const it = byHand()
    it.arena.alloc(10)
    it.memory.dispose()
    return it
  },
}

const allocating = new Set([
  'alloc',
  'allocUnsafe',
  'uint8',
  'int32',
  'float32',
  'float64',
  'from',
  'from text',
  'concat',
  'collect',
  'builder',
  'large',
])

/** What every allocating method answers in a state, and what the others do where that is not `ok`. */
const arenaAnswers: Record<string, { allocating: string; others?: Record<string, string>; large?: string }> =
  {
    fresh: { allocating: 'ok' },
    'in use': { allocating: 'ok' },
    'several chunks': { allocating: 'ok' },
    reset: { allocating: 'ok' },
    disposed: {
      allocating: 'ERR_ARENA_DISPOSED',
      others: {
        scope: 'ERR_ARENA_DISPOSED',
        reset: 'ERR_ARENA_DISPOSED',
        'reset none': 'ERR_ARENA_DISPOSED',
      },
    },
    'scope, parent reset': {
      allocating: 'ERR_ARENA_DISPOSED',
      others: {
        scope: 'ERR_ARENA_DISPOSED',
        reset: 'ERR_ARENA_DISPOSED',
        'reset none': 'ERR_ARENA_DISPOSED',
      },
    },
    // What does not fit the transferred chunk gets another one.
    detached: { allocating: 'ERR_CHUNK_DETACHED', large: 'ok' },
    held: { allocating: 'ok' },
    'closed, held': { allocating: 'ERR_CONTEXT_CLOSED', others: { scope: 'ERR_CONTEXT_CLOSED' } },
    closed: {
      allocating: 'ERR_ARENA_DISPOSED',
      others: {
        scope: 'ERR_ARENA_DISPOSED',
        reset: 'ERR_ARENA_DISPOSED',
        'reset none': 'ERR_ARENA_DISPOSED',
      },
    },
    aborted: { allocating: 'ERR_ABORTED', others: { scope: 'ERR_ABORTED' } },
    'aborted, closed': {
      allocating: 'ERR_ARENA_DISPOSED',
      others: {
        scope: 'ERR_ARENA_DISPOSED',
        reset: 'ERR_ARENA_DISPOSED',
        'reset none': 'ERR_ARENA_DISPOSED',
      },
    },
    'budget exceeded': { allocating: 'ERR_BUDGET_EXCEEDED' },
    'allocation failing': { allocating: 'ERR_BUDGET_EXCEEDED' },
    'memory disposed': {
      allocating: 'ERR_ARENA_DISPOSED',
      others: {
        scope: 'ERR_ARENA_DISPOSED',
        reset: 'ERR_ARENA_DISPOSED',
        'reset none': 'ERR_ARENA_DISPOSED',
      },
    },
  }

test.serial('Arena: each method in each state', async (t) => {
  const wrong: string[] = []
  for (const [state, open] of Object.entries(arenaStates)) {
    for (const [method, call] of Object.entries(arenaMethods)) {
      const it = await open()
      const expected = arenaAnswers[state]!
      const wanted = allocating.has(method)
        ? ((method === 'large' ? expected.large : undefined) ?? expected.allocating)
        : (expected.others?.[method] ?? 'ok')
      const got = await outcome(() => call(it.arena))
      if (got !== wanted) wrong.push(`${method}, ${state}: expected ${wanted}, got ${got}`)
      await it.end()
      nothingLeft(t, it.memory, `${method}, ${state}`)
      it.memory.dispose()
    }
  }
  t.deepEqual(wrong, [])
})

test.serial(
  'an arena that was reset or disposed while its bytes are held keeps them until the holds are over',
  async (t) => {
    for (const [name, act] of Object.entries<(arena: Arena, scope: Arena) => void>({
      reset: (arena) => arena.reset(),
      'reset none': (arena) => arena.reset({ retain: 'none' }),
      dispose: (arena) => arena.dispose(),
      'scope dispose': (_arena, scope) => scope.dispose(),
    })) {
      const memory = new Memory({ quarantineMs: 0 })
      let release!: () => void
      let held!: Buffer
      await memory
        .agent('a')
        .session('s')
        .run(
          memory.primitive('p', async (ctx) => {
            const scope = ctx.arena.scope()
            held = name === 'scope dispose' ? scope.from('mine') : ctx.arena.from('mine')
            ctx.hold(new Promise<void>((resolve) => (release = resolve)))
            act(ctx.arena, scope)
            for (let i = 0; i < 10; i += 1) ctx.arena.allocUnsafe(4 * KIB).fill(1)
          }),
          undefined,
        )
      t.is(held.toString(), 'mine', name)
      t.true(memory.stats().usedBytes > 0)
      release()
      await sleep(1)
      t.is(held.length, 0, name)
      nothingLeft(t, memory, name)
      memory.dispose()
    }
  },
)

// ---- PrimitiveContext

const contextMethods: Record<string, (ctx: ManualContext, memory: Memory) => unknown> = {
  figures: (ctx) => [ctx.agentId, ctx.sessionId, ctx.primitive, ctx.startedAt, ctx.aborted],
  signal: (ctx) => ctx.signal.aborted,
  'arena.alloc': (ctx) => ctx.arena.alloc(10),
  'allocator.alloc': (ctx) => ctx.allocator.alloc(10),
  run: (ctx, memory) =>
    ctx.run(
      memory.primitive('child', async () => 1),
      undefined,
    ),
  hold: (ctx) => ctx.hold(Promise.resolve()),
  'hold, no promise': (ctx) => ctx.hold(5 as never),
  send: (ctx) => ctx.send(new PassThrough(), Buffer.from('x')),
  'send, no stream': (ctx) => ctx.send({} as never, Buffer.from('x')),
  keep: (ctx) => ctx.keep(Buffer.from('x')),
  'keep, no view': (ctx) => ctx.keep('x' as never),
  'take, foreign': (ctx) => ctx.take(Buffer.from('x')),
  'take, no view': (ctx) => ctx.take('x' as never),
  defer: (ctx) => ctx.defer(() => {}),
  'defer, no function': (ctx) => ctx.defer(5 as never),
  resetForNextOperation: (ctx) => ctx.resetForNextOperation(),
  dispose: (ctx) => ctx.dispose(),
}

const contextStates: Record<string, (ctx: ManualContext, memory: Memory) => (() => void) | void> = {
  fresh: () => {},
  'in use': (ctx) => void ctx.arena.alloc(100),
  held: (ctx) => {
    ctx.arena.alloc(100)
    let release!: () => void
    ctx.hold(new Promise<void>((resolve) => (release = resolve)))
    return release
  },
  'next operation': (ctx) => {
    ctx.arena.alloc(100)
    ctx.resetForNextOperation()
  },
  disposed: (ctx) => ctx.dispose(),
  'disposed, held': (ctx) => {
    ctx.arena.alloc(100)
    let release!: () => void
    ctx.hold(new Promise<void>((resolve) => (release = resolve)))
    ctx.dispose()
    return release
  },
  aborted: (ctx) => ctx.abort(new Error('enough')),
  'allocation failing': () => {
    const fault = failAfter(1)
    return () => void fault.disarm()
  },
  'memory disposed': (_ctx, memory) => void memory.dispose(),
}

const usual: Record<string, string> = {
  'hold, no promise': 'TypeError',
  'send, no stream': 'TypeError',
  'keep, no view': 'TypeError',
  'take, foreign': 'ERR_FOREIGN_OBJECT',
  'take, no view': 'TypeError',
  'defer, no function': 'TypeError',
}
const ended: Record<string, string> = {
  ...usual,
  run: 'ERR_CONTEXT_CLOSED',
  hold: 'ERR_CONTEXT_CLOSED',
  send: 'ERR_CONTEXT_CLOSED',
  'send, no stream': 'ERR_CONTEXT_CLOSED',
  defer: 'ERR_CONTEXT_CLOSED',
  resetForNextOperation: 'ERR_CONTEXT_CLOSED',
}
const contextAnswers: Record<string, Record<string, string>> = {
  fresh: usual,
  'in use': usual,
  held: usual,
  'next operation': usual,
  disposed: { ...ended, 'arena.alloc': 'ERR_CONTEXT_CLOSED', 'allocator.alloc': 'ERR_CONTEXT_CLOSED' },
  'disposed, held': {
    ...ended,
    'arena.alloc': 'ERR_CONTEXT_CLOSED',
    'allocator.alloc': 'ERR_CONTEXT_CLOSED',
  },
  aborted: { ...usual, 'arena.alloc': 'ERR_ABORTED', 'allocator.alloc': 'ERR_ABORTED', run: 'ERR_ABORTED' },
  'allocation failing': {
    ...usual,
    'arena.alloc': 'ERR_BUDGET_EXCEEDED',
    'allocator.alloc': 'ERR_BUDGET_EXCEEDED',
  },
  'memory disposed': {
    ...ended,
    run: 'ERR_ABORTED',
    'arena.alloc': 'ERR_ABORTED',
    'allocator.alloc': 'ERR_ABORTED',
  },
}

test.serial('PrimitiveContext: each method in each state, with and without an arena', async (t) => {
  const wrong: string[] = []
  for (const usesArena of [true, false]) {
    for (const [state, enter] of Object.entries(contextStates)) {
      for (const [method, call] of Object.entries(contextMethods)) {
        if (
          !usesArena &&
          (method === 'arena.alloc' || ['in use', 'held', 'next operation', 'disposed, held'].includes(state))
        ) {
          continue
        }
        const memory = new Memory({ leakDetection: 'off' })
        memory.on('hold:rejected', () => {})
        // What needs an arena was left out above.
        const ctx = memory.context({ agent: memory.agent('a'), arena: usesArena as true })
        const leave = enter(ctx, memory)
        const got = await outcome(() => call(ctx, memory))
        const wanted = contextAnswers[state]![method] ?? 'ok'
        const where = `${method}, ${state}, ${usesArena ? 'arena' : 'no arena'}`
        if (got !== wanted) wrong.push(`${where}: expected ${wanted}, got ${got}`)
        leave?.()
        ctx.dispose()
        await sleep(0)
        await new Promise((resolve) => setImmediate(resolve))
        nothingLeft(t, memory, where)
        memory.dispose()
      }
    }
  }
  t.deepEqual(wrong, [])
})

// ---- Memory, Agent, Session

interface Service {
  memory: Memory
  agent: Agent
  session: Session
}

const noop = (memory: Memory) => memory.primitive('noop', async (ctx) => ctx.arena.alloc(10).length)

const serviceMethods: Record<string, (it: Service) => unknown> = {
  'memory.agent': ({ memory }) => memory.agent('b'),
  'memory.agent, no name': ({ memory }) => memory.agent(''),
  'memory.run': ({ memory }) => memory.run(noop(memory), undefined),
  'memory.run, no primitive': ({ memory }) => memory.run({} as never, undefined),
  'memory.arena': ({ memory }) => memory.arena().dispose(),
  'memory.context': ({ memory }) => memory.context().dispose(),
  'memory.primitive': ({ memory }) => memory.primitive('p', () => {}),
  'memory.primitive, no name': ({ memory }) => memory.primitive('', () => {}),
  'memory.primitive, no body': ({ memory }) => memory.primitive('p', {} as never),
  'memory.stats': ({ memory }) => memory.stats(),
  'memory.leaks': ({ memory }) => memory.leaks(),
  'memory.snapshot': ({ memory }) => memory.diff(memory.snapshot(), memory.snapshot()),
  'memory.tree': ({ memory }) => memory.tree(),
  'memory.trim': ({ memory }) => memory.trim(),
  'memory.setBudget': ({ memory }) => memory.setBudget({ budget: '10 MiB' }),
  'memory.setBudget, no size': ({ memory }) => memory.setBudget({ budget: 'much' }),
  'memory.dispose': ({ memory }) => memory.dispose(),
  'agent.session': ({ agent }) => agent.session('t'),
  'agent.session, no name': ({ agent }) => agent.session(5 as never),
  'agent.arena': ({ agent }) => agent.arena().dispose(),
  'agent.stats': ({ agent }) => agent.stats(),
  'agent.setBudget': ({ agent }) => agent.setBudget({ budget: '10 MiB' }),
  'agent.dispose': ({ agent }) => agent.dispose({ runs: 'force' }),
  'agent.dispose, no mode': ({ agent }) => agent.dispose({ runs: 'maybe' as never }),
  'session.run': ({ memory, session }) => session.run(noop(memory), undefined),
  'session.run, no primitive': ({ session }) => session.run(undefined as never, undefined),
  'session.run, no timeout': ({ memory, session }) =>
    session.run(noop(memory), undefined, { timeoutMs: NaN }),
  'session.run, aborted': ({ memory, session }) =>
    session.run(noop(memory), undefined, { signal: AbortSignal.abort() }),
  'session.dispose': ({ session }) => session.dispose({ runs: 'force' }),
  'session.dispose, no mode': ({ session }) => session.dispose({ runs: 'maybe' as never }),
  'memory.context of the session': ({ memory, session }) => memory.context({ session }).dispose(),
  'session figures': ({ session }) => session.openRuns + session.heldBytes,
}

const wrongArguments: Record<string, string> = {
  'memory.agent, no name': 'TypeError',
  'memory.run, no primitive': 'TypeError',
  'memory.primitive, no name': 'TypeError',
  'memory.primitive, no body': 'TypeError',
  'memory.setBudget, no size': 'TypeError',
  'agent.session, no name': 'TypeError',
  'agent.dispose, no mode': 'TypeError',
  'session.run, no primitive': 'TypeError',
  'session.run, no timeout': 'RangeError',
  'session.run, aborted': 'ERR_ABORTED',
  'session.dispose, no mode': 'TypeError',
}
const sessionEnded: Record<string, string> = {
  ...wrongArguments,
  'session.run': 'ERR_CONTEXT_CLOSED',
  'session.run, no primitive': 'ERR_CONTEXT_CLOSED',
  'session.run, no timeout': 'ERR_CONTEXT_CLOSED',
  'session.run, aborted': 'ERR_CONTEXT_CLOSED',
  'memory.context of the session': 'ERR_CONTEXT_CLOSED',
}
const agentEnded: Record<string, string> = {
  ...sessionEnded,
  'agent.session': 'ERR_CONTEXT_CLOSED',
  'agent.session, no name': 'ERR_CONTEXT_CLOSED',
  'agent.arena': 'ERR_CONTEXT_CLOSED',
  'agent.setBudget': 'ERR_CONTEXT_CLOSED',
}
const memoryEnded: Record<string, string> = {
  ...agentEnded,
  'memory.agent': 'ERR_CONTEXT_CLOSED',
  'memory.agent, no name': 'ERR_CONTEXT_CLOSED',
  'memory.run': 'ERR_CONTEXT_CLOSED',
  'memory.run, no primitive': 'ERR_CONTEXT_CLOSED',
  'memory.arena': 'ERR_CONTEXT_CLOSED',
  'memory.context': 'ERR_CONTEXT_CLOSED',
  'memory.trim': 'ERR_CONTEXT_CLOSED',
  'memory.setBudget': 'ERR_CONTEXT_CLOSED',
  'memory.setBudget, no size': 'ERR_CONTEXT_CLOSED',
}
const refused: Record<string, string> = {
  ...wrongArguments,
  'memory.run': 'ERR_BUDGET_EXCEEDED',
  'session.run': 'ERR_BUDGET_EXCEEDED',
}

const serviceStates: Record<string, { enter: (it: Service) => unknown; answers: Record<string, string> }> = {
  fresh: { enter: () => {}, answers: wrongArguments },
  'in use': {
    enter: ({ memory, session }) => session.run(noop(memory), undefined),
    answers: wrongArguments,
  },
  trimmed: {
    enter: async ({ memory, session }) => {
      await session.run(noop(memory), undefined)
      memory.trim()
    },
    answers: wrongArguments,
  },
  'session disposed': { enter: ({ session }) => session.dispose(), answers: sessionEnded },
  'agent disposed': { enter: ({ agent }) => agent.dispose(), answers: agentEnded },
  'memory disposed': { enter: ({ memory }) => memory.dispose(), answers: memoryEnded },
  'budget exceeded': { enter: ({ memory }) => memory.setBudget({ budget: 1 }), answers: refused },
  'allocation failing': {
    enter: () => {
      const fault = failAfter(1)
      return () => fault.disarm()
    },
    answers: refused,
  },
}

test.serial('Memory, Agent and Session: each method in each state', async (t) => {
  const wrong: string[] = []
  for (const [state, { enter, answers }] of Object.entries(serviceStates)) {
    for (const [method, call] of Object.entries(serviceMethods)) {
      const memory = new Memory({ leakDetection: 'off' })
      const agent = memory.agent('a')
      const it = { memory, agent, session: agent.session('s') }
      const leave = await enter(it)
      const got = await outcome(() => call(it))
      if (typeof leave === 'function') leave()
      const wanted = answers[method] ?? 'ok'
      if (got !== wanted) wrong.push(`${method}, ${state}: expected ${wanted}, got ${got}`)
      nothingLeft(t, memory, `${method}, ${state}`)
      memory.dispose()
    }
  }
  t.deepEqual(wrong, [])
})

// ---- Callbacks that throw, and abort points

const failures: Record<string, () => unknown> = {
  sync: () => {
    throw new Error('thrown')
  },
  async: () => Promise.reject(new Error('thrown')),
  late: () => sleep(1).then(() => Promise.reject(new Error('thrown'))),
  'no error': () => Promise.reject(undefined),
}

const bodies: Record<string, (ctx: PrimitiveContext, fail: () => unknown, memory: Memory) => unknown> = {
  body: (_ctx, fail) => fail(),
  'body, after allocating': (ctx, fail) => {
    ctx.arena.alloc(10)
    ctx.arena.scope().alloc(100 * KIB)
    return fail()
  },
  'body, with a pending hold': (ctx, fail) => {
    ctx.arena.alloc(10)
    ctx.hold(sleep(2))
    return fail()
  },
  'a held promise': async (ctx, fail) => {
    ctx.arena.alloc(10)
    ctx.hold(
      (async () => {
        await fail()
      })(),
    )
  },
  defer: async (ctx, fail) => {
    ctx.arena.alloc(10)
    ctx.defer(fail)
    ctx.defer(() => {})
  },
  'defer and body': async (ctx, fail) => {
    ctx.defer(fail)
    return fail()
  },
  child: async (ctx, fail, memory) => {
    ctx.arena.alloc(10)
    return ctx.run(
      memory.primitive('child', (inner) => {
        inner.arena.alloc(10)
        return fail()
      }),
      undefined,
    )
  },
  'child, not awaited': async (ctx, fail, memory) => {
    ctx
      .run(
        memory.primitive('child', () => fail()),
        undefined,
      )
      .catch(() => {})
  },
  'child’s validation': async (ctx, fail, memory) =>
    ctx.run(memory.primitive('child', { validate: fail as () => void, execute: () => {} }), undefined),
  'listener of the signal': async (ctx) => {
    ctx.signal.addEventListener('abort', () => {})
    ctx.arena.alloc(10)
    await sleep(2)
  },
}

test.serial(
  'each callback throwing, at each abort point: nothing stays, and the next run works',
  async (t) => {
    const memory = new Memory({ leakDetection: 'full' })
    memory.on('hold:rejected', () => {})
    memory.on('late-error', () => {})
    const session = memory.agent('a').session('s')
    const abortPoints: Record<string, (controller: AbortController) => unknown> = {
      never: () => {},
      'at once': (controller) => controller.abort(),
      'next microtask': (controller) => queueMicrotask(() => controller.abort()),
      'after a tick': (controller) => setImmediate(() => controller.abort()),
      'when all is over': (controller) => setTimeout(() => controller.abort(), 4),
    }
    for (const [what, body] of Object.entries(bodies)) {
      for (const [how, fail] of Object.entries(failures)) {
        for (const [when, abort] of Object.entries(abortPoints)) {
          const where = `${what}, ${how}, abort ${when}`
          const controller = new AbortController()
          const run = session.run(
            memory.primitive(what, (ctx) => body(ctx, fail, memory)),
            undefined,
            { signal: controller.signal },
          )
          abort(controller)
          const got = await outcome(() => run).catch(() => 'undefined')
          t.true(
            ['ok', 'Error', 'AggregateError', 'ERR_ABORTED', 'TypeError', 'undefined'].includes(got),
            `${where}: ${got}`,
          )
          for (let i = 0; i < 200 && (memory.stats().openHolds > 0 || memory.stats().openRuns > 0); i += 1)
            await sleep(1)
          nothingLeft(t, memory, where)
        }
      }
    }
    t.is(await session.run(noop(memory), undefined), 10)
    t.deepEqual(memory.leaks(), [])
    memory.dispose()
  },
)

test.serial('results that are hostile fail their run and nothing else', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const session = memory.agent('a').session('s')
  const hostile: Record<string, () => unknown> = {
    'a proxy that throws': () =>
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('trap')
          },
        },
      ),
    'a thenable that throws late': () =>
      Object.defineProperty({}, 'then', {
        value: (resolve: (value: number) => void) => {
          resolve(1)
          throw new Error('ignored')
        },
      }),
    'a promise with a `then` of its own': () =>
      Object.defineProperty(Promise.resolve(1), 'then', {
        value: () => {
          throw new Error('then')
        },
      }),
    'a cycle': () => {
      const cycle: Record<string, unknown> = {}
      cycle['self'] = cycle
      return cycle
    },
  }
  for (const [name, make] of Object.entries(hostile)) {
    const got = await outcome(() =>
      session.run(
        memory.primitive(name, (ctx) => {
          ctx.arena.alloc(10)
          return make()
        }),
        undefined,
      ),
    )
    t.true(['ok', 'Error'].includes(got), `${name}: ${got}`)
    nothingLeft(t, memory, name)
  }
  memory.dispose()
})
