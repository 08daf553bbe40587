import test from 'ava'
import { runChild } from './_helpers/child.js'

/**
 * In a process of its own, where the n-th ArrayBuffer that is asked for cannot be made: each job has to fail with a
 * code, leave nothing charged or open, and succeed once there is memory again.
 */
const SOURCE = `
let left = Infinity
const refuse = (bytes) => {
  // Small ones are V8's own, or of Buffer's pool.
  if (bytes < 256 || --left > 0) return
  left = Infinity
  throw new RangeError('Array buffer allocation failed')
}
globalThis.ArrayBuffer = new Proxy(ArrayBuffer, {
  construct(target, args, newTarget) {
    refuse(args[0])
    return Reflect.construct(target, args, newTarget === globalThis.ArrayBuffer ? target : newTarget)
  },
})
for (const method of ['alloc', 'allocUnsafe']) {
  const allocate = Buffer[method]
  Buffer[method] = (...args) => {
    refuse(args[0])
    return allocate.apply(Buffer, args)
  }
}
const { Memory, json, processStats, t } = await import('primarena')
const { strict: assert } = await import('node:assert')

const memory = new Memory({ idleLimit: 0 })
const agent = memory.agent('a')
const session = agent.session('s', { budget: '64 MiB' })
const body = Buffer.from(JSON.stringify({ rows: Array.from({ length: 2000 }, (_, id) => ({ id, name: 'n' + id })) }))
const columns = json.columns('$.rows[*]', { id: t.u32('id'), name: t.string('name') })
const transform = json.transform({ all: '$.rows' })
const template = json.template({ text: t.string('text') })

const take = memory.primitive('take', async (ctx, sizes) => {
  const views = sizes.map((size) => ctx.allocator.alloc(size))
  await null
  return views.at(-1)
})
const bare = memory.primitive('bare', async (ctx, sizes) => {
  ctx.allocator.float64(100)
  ctx.allocator.allocUnsafe(1000)
  ctx.allocator.from('x'.repeat(5000))
  for (const size of sizes) ctx.allocator.alloc(size)
}, { arena: false })
const parse = memory.primitive('parse', async (ctx) => ctx.json.parse(body).get('rows', 1999, 'name'))
const parent = memory.primitive('parent', async (ctx) => (await ctx.run(take, [100, 100_000])).length)

/** Everything that a job opens it closes, also when it fails. */
const withArena = (work) => () => {
  const arena = agent.arena()
  try {
    return work(arena)
  } finally {
    arena.dispose()
  }
}
const jobs = {
  run: () => session.run(take, [100, 100_000, 3_000_000]),
  'run without an arena': () => session.run(bare, [100, 100_000]),
  'run in a run': () => session.run(parent),
  document: () => session.run(parse),
  arena: withArena((arena) => {
    for (let cycle = 0; cycle < 3; cycle += 1) {
      arena.float64(5000, { align: 64 })
      arena.alloc(200_000)
      arena.scope().alloc(10)
      arena.reset({ retain: cycle === 1 ? 'none' : 'all' })
    }
  }),
  builder: withArena((arena) => {
    const builder = arena.builder()
    for (let index = 0; index < 2000; index += 1) builder.write('0123456789'.repeat(10))
    return builder.finish()
  }),
  columns: withArena((arena) => columns.read(body, arena).columns.name.at(1999)),
  transform: withArena((arena) => transform.write(body, arena).length),
  template: withArena((arena) => template.render({ text: 'x'.repeat(100_000) }, arena).length),
  'record pool': () => {
    const pool = agent.recordPool({ id: t.u32(), name: t.string(24) })
    try {
      for (let index = 0; index < 200_000; index += 1) pool.acquire()
      return pool.stats().openRecords
    } finally {
      pool.clear?.()
      pool.dispose()
    }
  },
  'JSON container': () => session.run(memory.primitive('answer', async (ctx) =>
    ctx.json.getObject().set('text', 'x'.repeat(50_000)).toBytes(ctx.arena))),
}

const before = processStats()
const settled = () => {
  memory.trim()
  const { openArenas, openRuns, openHolds, usedBytes, reservedBytes, quarantinedBytes } = memory.stats()
  return { openArenas, openRuns, openHolds, usedBytes, atRest: reservedBytes - quarantinedBytes,
    agent: agent.stats().heldBytes, session: session.heldBytes, leased: processStats().leasedBytes }
}
const nothing = { openArenas: 0, openRuns: 0, openHolds: 0, usedBytes: 0, atRest: 0, agent: 0, session: 0,
  leased: before.leasedBytes }
const outcomes = {}
for (const [name, job] of Object.entries(jobs)) {
  let failures = 0
  for (let n = 1; n < 100; n += 1) {
    left = n
    let error
    try {
      await job()
    } catch (caught) {
      error = caught
    }
    const fired = left === Infinity
    left = Infinity
    assert.deepEqual(settled(), nothing, name + ', failure ' + n + ': ' + error)
    if (!fired) break
    if (error !== undefined) {
      assert.equal(error.code, 'ERR_OUT_OF_MEMORY', name + ', failure ' + n + ': ' + error.stack)
      assert.equal(error.cause?.message, 'Array buffer allocation failed')
      failures += 1
    }
    await job()
    assert.deepEqual(settled(), nothing, name + ' after failure ' + n)
  }
  outcomes[name] = failures
}
assert.equal(memory.leaks().length, 0, JSON.stringify(memory.leaks()))
memory.dispose()
console.log(JSON.stringify(outcomes))
`

test('where memory cannot be had, every job says so with a code and leaves nothing behind', async (t) => {
  const { code, stdout, stderr } = await runChild(SOURCE)
  t.is(code, 0, stderr)
  const outcomes = JSON.parse(stdout) as Record<string, number>
  for (const [job, failures] of Object.entries(outcomes)) t.true(failures > 0, `${job}: nothing failed`)
  t.log(stdout.trim())
})
