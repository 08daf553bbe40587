import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Memory, currentContext, type PrimitiveContext } from 'primarena'

function setUp(options: ConstructorParameters<typeof Memory>[0] = {}) {
  // The environment may ask for more.
  const leakDetection = process.env['PRIMARENA_LEAK_DETECTION'] === 'paranoid' ? 'paranoid' : 'full'
  const memory = new Memory({ leakDetection, ...options })
  const session = memory.agent('agent-7').session('s-1')
  return { memory, session }
}

test('a run knows who it is, and its arena goes with its promise', async (t) => {
  const { memory, session } = setUp()
  let view!: Buffer
  let context!: PrimitiveContext
  const store = memory.primitive('store', async (ctx, input: string) => {
    context = ctx
    t.is(ctx.agentId, 'agent-7')
    t.is(ctx.sessionId, 's-1')
    t.is(ctx.primitive, 'store')
    t.true(Math.abs(Date.now() - ctx.startedAt) < 10_000)
    view = ctx.arena.from(input)
    t.is(memory.stats().openArenas, 1)
    t.is(memory.stats().openRuns, 1)
    await sleep(1)
    return view.toString().toUpperCase()
  })
  t.is(await session.run(store, 'abc'), 'ABC')
  t.is(view.length, 0)
  t.is(memory.stats().openArenas, 0)
  t.is(memory.stats().openRuns, 0)
  t.throws(() => context.arena.alloc(1), { code: 'ERR_ARENA_DISPOSED' })
  t.throws(() => context.defer(() => {}), { code: 'ERR_CONTEXT_CLOSED' })
  t.throws(() => context.hold(Promise.resolve()), { code: 'ERR_CONTEXT_CLOSED' })
  await t.throwsAsync(context.run(store, 'x'), { code: 'ERR_CONTEXT_CLOSED' })
  t.deepEqual(memory.leaks(), [])
})

test('results are copied out: views, and views among the members of plain objects and arrays', async (t) => {
  const { memory, session } = setUp()
  const numbers = memory.primitive('numbers', async (ctx) => {
    const result = ctx.arena.float64(3)
    result.set([1, 2, 3])
    return result
  })
  t.deepEqual(await session.run(numbers, undefined), new Float64Array([1, 2, 3]))
  const bytes = memory.primitive('bytes', async (ctx) => ctx.arena.from('bytes'))
  const copy = await session.run(bytes, undefined)
  t.deepEqual(copy, Buffer.from('bytes'))
  let calls = 0
  const members = memory.primitive('members', async (ctx) => {
    const own = {
      head: ctx.arena.from('head'),
      other: Buffer.from('heap'),
      n: 1,
      get lazy() {
        calls += 1
        return 5
      },
    }
    return Object.freeze(own)
  })
  const result = await session.run(members, undefined)
  t.is(calls, 0)
  t.is(result.head.toString(), 'head')
  t.is(result.lazy, 5)
  const list = memory.primitive('list', async (ctx) => [ctx.arena.from('a'), 2, ctx.arena.int32(1)] as const)
  const [first, second, third] = await session.run(list, undefined)
  t.is(first.toString(), 'a')
  t.is(second, 2)
  t.deepEqual(third, new Int32Array(1))
  const view = memory.primitive('dataview', async (ctx) => new DataView(ctx.arena.from('xyz').buffer, 0, 1))
  t.is((await session.run(view, undefined)).byteLength, 1)
})

test('a handle or a deep view that escapes is refused', async (t) => {
  const { memory, session } = setUp()
  const escaping: [string, (ctx: PrimitiveContext) => unknown][] = [
    ['arena', (ctx) => (ctx.arena.alloc(1), ctx.arena)],
    ['scope', (ctx) => ctx.arena.scope()],
    ['context', (ctx) => (ctx.arena.alloc(1), ctx)],
    ['buffer', (ctx) => ctx.arena.alloc(1).buffer],
    ['member', (ctx) => (ctx.arena.alloc(1), { arena: ctx.arena })],
    ['deep view', (ctx) => ({ a: [{ b: ctx.arena.alloc(1) }] })],
    ['map', (ctx) => new Map([['k', ctx.arena.alloc(1)]])],
  ]
  for (const [name, body] of escaping) {
    await t.throwsAsync(
      session.run(
        memory.primitive(name, async (ctx) => body(ctx)),
        undefined,
      ),
      {
        code: 'ERR_ESCAPED_HANDLE',
      },
    )
  }
  const error = await t.throwsAsync(
    session.run(
      memory.primitive('path', async (ctx) => ({ a: [{ b: ctx.arena.alloc(1) }] })),
      undefined,
    ),
  )
  t.is((error as { path?: string }).path, '$.a[0].b')
  await t.throwsAsync(
    session.run(
      memory.primitive('deep arena', async (ctx) => ({ a: [{ b: ctx.arena }] })),
      undefined,
    ),
    { message: /holds an Arena of/ },
  )
  t.is(memory.stats().openArenas, 0)
  // Without the deep search the result and its members are looked at.
  const shallow = new Memory({ leakDetection: 'off' })
  for (const [body, message] of [
    [(ctx) => (ctx.arena.alloc(1), ctx.arena), /^the result is an Arena that ends/],
    [(ctx) => ctx.arena.alloc(1).buffer, /^the result is an ArrayBuffer that ends/],
  ] as [(ctx: PrimitiveContext) => unknown, RegExp][]) {
    const primitive = shallow.primitive('shallow', async (ctx) => body(ctx))
    await t.throwsAsync(shallow.run(primitive, undefined), { code: 'ERR_ESCAPED_HANDLE', message })
  }
  shallow.dispose()
})

test('keep copies, take hands the chunk over once', async (t) => {
  const { memory, session } = setUp()
  const primitive = memory.primitive('take', async (ctx) => {
    const big = ctx.arena.allocUnsafe(100_000).fill(7)
    const kept = ctx.keep(big.subarray(0, 4))
    const taken = ctx.take(big)
    t.is(big.length, 0)
    t.throws(() => ctx.take(taken), { code: 'ERR_FOREIGN_OBJECT' })
    t.throws(() => ctx.take(Buffer.from('heap')), { code: 'ERR_FOREIGN_OBJECT' })
    t.is(ctx.arena.alloc(10).length, 10)
    return { kept, taken }
  })
  const { kept, taken } = await session.run(primitive, undefined)
  t.is(kept.length, 4)
  t.is(taken.length, 100_000)
  t.true(taken.every((byte) => byte === 7))
  t.is(memory.stats().usedBytes, 0)
})

test('the order at the end: body, children, defers last first, result, caller, holds, arena', async (t) => {
  const { memory, session } = setUp()
  const order: string[] = []
  let release!: () => void
  const child = memory.primitive('child', async () => {
    await sleep(20)
    order.push('child')
  })
  let view!: Buffer
  const primitive = memory.primitive('ordered', async (ctx) => {
    view = ctx.arena.from('result')
    ctx.defer(() => void order.push('defer 1'))
    ctx.defer(async () => {
      await sleep(1)
      order.push('defer 2')
      t.is(ctx.arena.alloc(1).length, 1, 'a deferred callback may still allocate')
    })
    ctx.hold(
      new Promise<void>((resolve) => {
        release = resolve
      }),
    )
    void ctx.run(child, undefined)
    order.push('body')
    return view
  })
  const result = await session.run(primitive, undefined)
  order.push('caller')
  t.is(result.toString(), 'result')
  t.deepEqual(order, ['body', 'child', 'defer 2', 'defer 1', 'caller'])
  t.is(view.length, 6, 'held')
  t.is(memory.stats().openHolds, 1)
  release()
  await sleep(1)
  t.is(view.length, 0)
  t.is(memory.stats().openHolds, 0)
  t.is(memory.stats().openArenas, 0)
})

const thenable = (then: (resolve: (value: number) => void) => void) =>
  // oxlint-disable-next-line unicorn/no-thenable -- a body may answer with any thenable
  Object.defineProperty({}, 'then', { value: then })

test('every way to fail gives the arena back', async (t) => {
  const { memory, session } = setUp()
  const failing: Record<string, (ctx: PrimitiveContext) => unknown> = {
    sync: (ctx) => {
      ctx.arena.alloc(100)
      throw new Error('sync')
    },
    async: async (ctx) => {
      ctx.arena.alloc(100)
      await sleep(1)
      throw new Error('async')
    },
    'not a promise': (ctx) => (ctx.arena.alloc(100), 5),
    thenable: (ctx) => {
      ctx.arena.alloc(100)
      return thenable((resolve) => resolve(5))
    },
    'throwing thenable': (ctx) => {
      ctx.arena.alloc(100)
      return thenable(() => {
        throw new Error('thenable')
      })
    },
  }
  for (const [name, body] of Object.entries(failing)) {
    const run = session.run(memory.primitive(name, body), undefined)
    if (name === 'not a promise' || name === 'thenable') t.is(await run, 5)
    else await t.throwsAsync(run)
    t.is(memory.stats().openArenas, 0, name)
    t.is(memory.stats().openRuns, 0, name)
  }
})

test('an error in a defer becomes an AggregateError with the body’s', async (t) => {
  const { memory, session } = setUp()
  const both = memory.primitive('both', async (ctx) => {
    ctx.arena.alloc(1)
    ctx.defer(() => {
      throw new Error('deferred')
    })
    throw new Error('body')
  })
  const error = (await t.throwsAsync(session.run(both, undefined), { instanceOf: AggregateError }))!
  t.deepEqual(
    (error as AggregateError).errors.map((inner: Error) => inner.message),
    ['body', 'deferred'],
  )
  t.is(memory.stats().openArenas, 0)
})

test('abort rejects at once; the body is a hold; allocating and running throw ERR_ABORTED', async (t) => {
  const { memory, session } = setUp()
  const controller = new AbortController()
  const seen: unknown[] = []
  let go!: () => void
  let view!: Buffer
  const slow = memory.primitive('slow', async (ctx) => {
    view = ctx.arena.alloc(8)
    ctx.signal.addEventListener('abort', () => seen.push(ctx.signal.reason))
    await new Promise<void>((resolve) => {
      go = resolve
    })
    for (const attempt of [
      () => ctx.arena.alloc(1),
      () => ctx.arena.allocUnsafe(1),
      () => ctx.allocator.float64(1),
    ]) {
      t.throws(attempt, { code: 'ERR_ABORTED' })
    }
    await t.throwsAsync(ctx.run(slow, undefined), { code: 'ERR_ABORTED' })
    ctx.arena.reset()
    t.throws(() => ctx.arena.alloc(1), { code: 'ERR_ABORTED' })
    return 'late'
  })
  const run = session.run(slow, undefined, { signal: controller.signal })
  controller.abort(new Error('enough'))
  const error = await t.throwsAsync(run, { code: 'ERR_ABORTED', message: /enough/ })
  t.is((error!.cause as Error).message, 'enough')
  t.is((seen[0] as Error).message, 'enough')
  t.is(view.length, 8, 'the body still runs')
  t.is(memory.stats().openArenas, 1)
  t.is(memory.stats().openHolds, 1)
  go()
  await sleep(1)
  t.is(view.length, 0)
  t.is(memory.stats().openArenas, 0)
  t.is(memory.stats().openHolds, 0)
  await t.throwsAsync(session.run(slow, undefined, { signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' })
})

test('timeouts abort, and leave no timer behind', async (t) => {
  const { memory, session } = setUp()
  const slow = memory.primitive('slow', async (_ctx, ms: number) => sleep(ms, 'done'))
  const error = await t.throwsAsync(session.run(slow, 60, { timeoutMs: 5 }), { code: 'ERR_ABORTED' })
  t.is((error!.cause as Error).name, 'TimeoutError')
  t.is(await session.run(slow, 1, { timeoutMs: 5_000 }), 'done')
  await t.throwsAsync(async () => session.run(slow, 1, { timeoutMs: -1 }), { instanceOf: RangeError })
  await sleep(80)
  t.is(memory.stats().openRuns, 0)
})

test('nested runs inherit, are awaited, and their results land in the parent’s arena', async (t) => {
  const { memory, session } = setUp()
  const child = memory.primitive('child', async (ctx, text: string) => {
    t.is(ctx.agentId, 'agent-7')
    return ctx.arena.from(text)
  })
  let inner!: Buffer
  const parent = memory.primitive('parent', async (ctx) => {
    inner = await ctx.run(child, 'inner')
    t.is(inner.toString(), 'inner')
    void ctx.run(child, 'not awaited')
    return Buffer.concat([inner, ctx.arena.from('!')])
  })
  t.is((await session.run(parent, undefined)).toString(), 'inner!')
  t.is(inner.length, 0, 'it was the parent’s')
  t.is(memory.stats().openArenas, 0)
  const controller = new AbortController()
  let aborted = 0
  const waiting = memory.primitive('waiting', async (ctx) => {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
    aborted += 1
    throw new Error('ended')
  })
  const both = memory.primitive('both', async (ctx) => ctx.run(waiting, undefined))
  const run = session.run(both, undefined, { signal: controller.signal })
  await sleep(1)
  controller.abort()
  await t.throwsAsync(run, { code: 'ERR_ABORTED' })
  await sleep(1)
  t.is(aborted, 1)
  t.is(memory.stats().openRuns, 0)
})

test('two runs at once have an arena each', async (t) => {
  const { memory, session } = setUp()
  const primitive = memory.primitive('parallel', async (ctx, byte: number) => {
    const view = ctx.arena.allocUnsafe(5000).fill(byte)
    await sleep(byte % 3)
    t.true(view.every((each) => each === byte))
    return view
  })
  const results = await Promise.all(Array.from({ length: 100 }, (_, byte) => session.run(primitive, byte)))
  for (const [byte, result] of results.entries()) t.true(result.every((each) => each === byte))
  t.is(memory.stats().openArenas, 0)
})

test('without an arena there is ordinary memory, charged and given back', async (t) => {
  const { memory, session } = setUp({ budget: '1 MiB' })
  const primitive = memory.primitive(
    'heap',
    async (ctx, bytes: number) => {
      t.is(ctx.arena as unknown, undefined)
      const view = ctx.allocator.alloc(bytes)
      t.true(memory.stats().usedBytes >= bytes)
      return view
    },
    { arena: false },
  )
  t.is((await session.run(primitive, 100_000)).length, 100_000)
  t.is(memory.stats().usedBytes, 0)
  await t.throwsAsync(session.run(primitive, 2_000_000), { code: 'ERR_BUDGET_EXCEEDED' })
  t.is(memory.stats().usedBytes, 0)
})

test('validation comes before anything is opened', async (t) => {
  const { memory, session } = setUp()
  const primitive = memory.primitive('checked', {
    validate: (input: number) => {
      if (input < 0) throw new RangeError('negative')
      return input < 10
    },
    execute: async (_ctx, input) => input * 2,
  })
  t.is(await session.run(primitive, 4), 8)
  await t.throwsAsync(session.run(primitive, -1), { instanceOf: RangeError })
  await t.throwsAsync(session.run(primitive, 11), { instanceOf: TypeError })
})

test('a rejected hold is an event', async (t) => {
  const { memory, session } = setUp({ holdTimeoutMs: 20 })
  const rejected: unknown[] = []
  const late: { what: string; label: string }[] = []
  memory.on('hold:rejected', (event) => rejected.push(event.error))
  memory.on('hold:timeout', (event) => late.push(event))
  let release!: () => void
  const primitive = memory.primitive('held', async (ctx) => {
    ctx.hold(Promise.reject(new Error('lost')))
    ctx.hold(new Promise<void>((resolve) => (release = resolve)))
    return ctx.arena.from('x')
  })
  await session.run(primitive, undefined)
  await sleep(150)
  t.is((rejected[0] as Error).message, 'lost')
  t.is(late.length, 1)
  t.is(late[0]!.label, 'agent-7/s-1/held')
  release()
  await sleep(1)
  t.is(memory.stats().openArenas, 0)
})

test('currentContext finds the operation with ambient, and nothing without', async (t) => {
  const { memory, session } = setUp({ ambient: true })
  let stray: ReturnType<typeof currentContext>
  const done = new Promise<void>((resolve) => {
    const primitive = memory.primitive('ambient', async (ctx) => {
      t.is(currentContext(), ctx)
      await sleep(1)
      t.is(currentContext(), ctx)
      setTimeout(() => {
        stray = currentContext()
        resolve()
      }, 20)
    })
    void session.run(primitive, undefined)
  })
  await done
  t.is(stray, undefined, 'a stray timer does not keep a closed context')
  t.is(currentContext(), undefined)
})

test('a manual context goes from one operation to the next', async (t) => {
  const { memory } = setUp()
  const ctx = memory.context({ agent: memory.agent('loop') })
  let deferred = 0
  const first = ctx.arena.from('first')
  ctx.defer(() => (deferred += 1))
  ctx.resetForNextOperation()
  t.is(deferred, 1)
  t.is(first.length, 0)
  const held = ctx.arena.from('held')
  let release!: () => void
  ctx.hold(new Promise<void>((resolve) => (release = resolve)))
  ctx.resetForNextOperation()
  t.is(held.toString(), 'held', 'held bytes stay where they are')
  const next = ctx.arena.from('next')
  t.not(next.buffer, held.buffer)
  release()
  await sleep(1)
  t.is(held.length, 0)
  t.is(next.toString(), 'next')
  ctx.dispose()
  ctx.dispose()
  t.is(next.length, 0)
  t.throws(() => ctx.resetForNextOperation(), { code: 'ERR_CONTEXT_CLOSED' })
  t.is(memory.stats().openArenas, 0)
})

test('sessions and agents end: waiting, aborting, by force', async (t) => {
  const { memory } = setUp()
  let view!: Buffer
  const slow = memory.primitive('slow', async (ctx, ms: number) => {
    view = ctx.arena.from('x')
    await sleep(ms)
    return 'done'
  })
  const waited = memory.agent('a').session('one')
  const first = waited.run(slow, 20)
  await waited.dispose()
  t.is(await first, 'done')
  await t.throwsAsync(waited.run(slow, 1), { code: 'ERR_CONTEXT_CLOSED' })
  t.not(memory.agent('a').session('one'), waited, 'the name can be used again')

  const second = memory.agent('b').session('one').run(slow, 50)
  const ended = memory.agent('b').dispose({ runs: 'abort' })
  await t.throwsAsync(second, { code: 'ERR_ABORTED' })
  t.is(view.length, 1)
  await ended
  t.is(view.length, 0)

  const third = memory.agent('c').session('one').run(slow, 50)
  const forced = memory.agent('c').dispose({ runs: 'force' })
  t.is(view.length, 0)
  await t.throwsAsync(third, { code: 'ERR_ABORTED' })
  await forced
  t.is(memory.stats().openArenas, 0)
  t.is(memory.stats().openRuns, 0)
  await sleep(80)
  t.is(memory.stats().openRuns, 0, 'a body that ends after the force changes nothing')
  await t.throwsAsync(async () => memory.agent('d').dispose({ runs: 'perhaps' as never }), {
    instanceOf: TypeError,
  })
})

test('what is still open when an agent or a memory ends is reported', async (t) => {
  const { memory } = setUp()
  const leaks: string[] = []
  memory.on('leak', (report) => leaks.push(report.what))
  const agent = memory.agent('leaky')
  const arena = agent.arena()
  arena.alloc(100)
  await agent.dispose()
  t.deepEqual(leaks, ['arena'])
  t.true(arena.disposed)
  t.regex(memory.leaks()[0]!.site!, /run\.spec/)
  memory.context().arena.alloc(1)
  const report = memory.dispose()
  t.is(report.openArenas, 1)
  t.is(report.leaks.length, 2)
  t.throws(() => memory.arena(), { code: 'ERR_CONTEXT_CLOSED' })
  t.is(memory.dispose().openArenas, 0, 'a second call does nothing')
})
