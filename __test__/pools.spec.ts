import { inspect } from 'node:util'
import test from 'ava'
import { Memory, t as type, type LeakReport } from 'primarena'
import { gcUntil } from './_helpers/gc.js'

const schema = { id: type.u32(), score: type.f64(), name: type.string(24) }

test('a record pool is charged to who opened it and gives everything back', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const agent = memory.agent('a', { budget: '1 MiB' })
  const pool = agent.recordPool(schema, { name: 'people' })
  const record = pool.acquire()
  record.id = 7
  t.is(memory.stats().openRecords, 1)
  t.true(agent.stats().heldBytes > 0)
  t.true(memory.stats().usedBytes > 0)
  pool.release(record)
  t.is(memory.stats().openRecords, 0)
  const many = agent.recordPool({ vector: type.f32(384) })
  const error = t.throws(
    () => {
      for (let count = 0; count < 10_000; count += 1) many.acquire()
    },
    { code: 'ERR_BUDGET_EXCEEDED' },
  )
  t.regex(error!.message, /\ba\b/)
  many.clear()
  many.dispose()
  pool.dispose()
  t.is(memory.stats().usedBytes, 0)
  await agent.dispose()
  t.deepEqual(memory.leaks(), [])
})

test('what is open in a pool when its agent or memory ends is reported', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const leaks: LeakReport[] = []
  memory.on('leak', (report) => leaks.push(report))
  const agent = memory.agent('a')
  const records = agent.recordPool(schema, { name: 'people' })
  records.acquire()
  records.acquire()
  const objects = agent.objectPool({ create: () => ({ value: 0 }), name: 'parsers' })
  const out = objects.acquire()
  t.is(memory.stats().openObjects, 1)
  await agent.dispose()
  t.true(
    leaks.some(({ what, name, agentId }) => what === 'record pool' && name === 'people' && agentId === 'a'),
  )
  t.true(
    leaks.some(
      ({ what, name, site }) =>
        what === 'pooled object' && name === 'parsers' && /pools\.spec/.test(site ?? ''),
    ),
  )
  t.is(memory.stats().openRecords, 0)
  t.is(memory.stats().usedBytes, 0)
  t.throws(() => records.acquire(), { code: 'ERR_STALE_HANDLE' })
  t.is(out.value, 0)
  memory.recordPool(schema).acquire()
  t.is(memory.dispose().openRecords, 1)
  t.throws(() => memory.recordPool(schema), { code: 'ERR_CONTEXT_CLOSED' })
  t.throws(() => memory.objectPool({ create: () => ({}) }), { code: 'ERR_CONTEXT_CLOSED' })
})

test('a pool that is collected without being disposed is a leak, and its bytes are given back', async (t) => {
  const memory = new Memory()
  // A function of its own that gives nothing back, so that no register of this one keeps the record.
  const forget = (): void => {
    memory.recordPool(schema).acquire()
  }
  forget()
  t.true(memory.stats().usedBytes > 0)
  t.true(await gcUntil(() => memory.stats().usedBytes === 0))
  t.is(memory.leaks()[0]!.what, 'record pool')
})

test('objects that are out are counted, whether they are watched or not', (t) => {
  for (const [leakDetection, count] of [
    ['full', 1],
    ['off', 3],
  ] as const) {
    const memory = new Memory({ leakDetection })
    const pool = memory.objectPool({ create: () => ({}), name: 'parsers' })
    for (const take of [() => pool.acquire(), () => pool.acquire(), () => pool.acquire()]) take()
    const { leaks, openObjects } = memory.dispose()
    t.is(openObjects, 3)
    t.is(leaks.length, 4 - count, 'by site where that is known')
    for (const leak of leaks)
      t.like(leak, { what: 'pooled object', name: 'parsers', count, found: 'disposed' })
  }
})

test('objects that are out of a pool that was collected are a leak', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const held: object[] = []
  const forget = (): void => {
    const pool = memory.objectPool({ create: () => ({}), name: 'parsers' })
    held.push(pool.acquire())
    pool.release(pool.acquire())
  }
  forget()
  t.true(await gcUntil(() => memory.leaks().length > 0))
  t.like(memory.leaks()[0], { what: 'pooled object', name: 'parsers', count: 1, found: 'collected' })
  t.is(held.length, 1)
  memory.dispose()
})

test('a memory can be logged', (t) => {
  const memory = new Memory({ name: 'mine', budget: '1 MiB' })
  t.deepEqual(JSON.parse(JSON.stringify({ memory })).memory, JSON.parse(JSON.stringify(memory.stats())))
  t.is(inspect(memory), 'Memory mine { openArenas: 0, openRuns: 0, usedBytes: 0, reservedBytes: 0 }')
  memory.dispose()
  t.regex(inspect(memory), /^Memory mine \{ disposed, /)
})

test('JSON containers are returned when their operation ends', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const session = memory.agent('a').session('s')
  let kept: { toJS(): unknown } | undefined
  const build = memory.primitive('build', async (ctx, fail: boolean) => {
    const answer = ctx.json.getObject()
    kept = answer
    answer.set('ok', true).set('text', 'grüße')
    const list = ctx.json.getArray()
    list.push(1)
    ctx.json.returnArray(list)
    t.throws(() => ctx.json.returnArray(list), { code: 'ERR_DOUBLE_RELEASE' })
    t.is(memory.stats().openObjects, 1)
    if (fail) throw new Error('failed')
    return answer.toBytes(ctx.arena)
  })
  t.deepEqual(JSON.parse((await session.run(build, false)).toString()), { ok: true, text: 'grüße' })
  t.is(memory.stats().openObjects, 0)
  t.throws(() => kept!.toJS(), { code: 'ERR_STALE_HANDLE' })
  await t.throwsAsync(session.run(build, true), { message: 'failed' })
  t.is(memory.stats().openObjects, 0)
  const escaping = memory.primitive('escaping', async (ctx) => ctx.json.getObject())
  await t.throwsAsync(session.run(escaping, undefined), { code: 'ERR_ESCAPED_HANDLE' })
  t.deepEqual(memory.leaks(), [])
})

test('the optimizer’s own arena is not the operation’s', async (t) => {
  const memory = new Memory()
  const primitive = memory.primitive('own', async (ctx) => {
    const mine = ctx.arena.from('operation')
    const own = ctx.json.arena.from('optimizer')
    ctx.json.resetArena()
    t.is(own.length, 0)
    t.is(mine.toString(), 'operation')
    ctx.json.arena.alloc(1)
  })
  await memory.run(primitive, undefined)
  t.is(memory.stats().openArenas, 0)
  t.deepEqual(memory.leaks(), [])
})
