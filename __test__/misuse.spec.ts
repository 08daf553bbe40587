import { PassThrough, Writable } from 'node:stream'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Arena, Memory, json } from 'primarena'

// What people do by mistake: each gets a clear error, and nothing is lost.

const open = () => new Memory({ leakDetection: 'full' })

test('sending to a stream that cannot take it rejects, and is no uncaught error', async (t) => {
  const memory = open()
  const streams: (() => Writable)[] = [
    () => createWriteStream('/nonexistent/folder/file'),
    () => {
      const ended = new PassThrough()
      ended.end()
      return ended
    },
    () => {
      const ended = new Writable({ write: (_chunk, _encoding, done) => done() })
      ended.end('x')
      return ended
    },
    () => new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) }),
    () => new PassThrough().destroy(),
  ]
  for (const stream of streams) {
    const send = memory.primitive('send', async (ctx) => ctx.send(stream(), ctx.arena.from('hi')))
    await t.throwsAsync(memory.run(send))
    await sleep(5)
  }
  t.is(memory.stats().openHolds, 0)
  t.is(memory.stats().openArenas, 0)
})

test('wrong options of a run reject before anything is opened', async (t) => {
  const memory = open()
  const agent = memory.agent('a')
  const session = agent.session('s')
  let ran = 0
  const primitive = memory.primitive('p', async () => (ran += 1))
  for (const options of [5, 'x', null, { signal: null }, { signal: {} }, { timeoutMs: '5' }]) {
    await t.throwsAsync(session.run(primitive, undefined, options as never), { instanceOf: TypeError })
  }
  await t.throwsAsync(session.run(primitive, undefined, { timeoutMs: -1 }), { instanceOf: RangeError })
  t.is(ran, 0)
  t.is(memory.stats().openRuns, 0)
  await agent.dispose()
})

test('a size where options are meant is an error, not a missing limit', (t) => {
  const memory = open()
  const type = { instanceOf: TypeError }
  t.throws(() => new Memory('1 MiB' as never), type)
  t.throws(() => new Memory(null as never), type)
  t.throws(() => memory.agent('a', '1 MiB' as never), type)
  t.throws(() => memory.agent('a').session('s', '1 KiB' as never), type)
  t.throws(() => memory.setBudget('5 MiB' as never), type)
  t.throws(() => memory.agent('a').setBudget(5 as never), type)
  t.throws(() => new Memory({ budget: 10n as never }), { ...type, message: /got 10/ })
  t.throws(() => new Memory({ quarantineMs: '1' as never }), type)
  t.throws(() => memory.context({ agent: open().agent('b') }), type)
  t.throws(() => new (Arena as unknown as new () => Arena)(), type)
  const arena = memory.arena()
  t.throws(() => arena.alloc(5n as never), type)
  t.throws(() => arena.concat(null as never), type)
  arena.dispose()
})

test('bytes whose arena has ended are named as such, not read as an empty document', async (t) => {
  const memory = open()
  const arena = memory.arena()
  const view = arena.from('{"a":1}')
  arena.reset()
  const gone = { code: 'ERR_STALE_HANDLE' }
  t.throws(() => json.fields({ a: '$.a' }).read(view), gone)
  t.throws(() => json.validate(view), gone)
  t.throws(() => json.transform({ a: '$.a' }).write(view, arena), gone)
  t.throws(() => json.validate(Buffer.alloc(0)), { code: 'ERR_JSON_SYNTAX' })
  const send = memory.primitive('send', async (ctx) => ctx.send(new PassThrough(), view))
  await t.throwsAsync(memory.run(send), gone)
  arena.dispose()
})

test('a context does not leave its operation', async (t) => {
  const memory = open()
  await t.throwsAsync(memory.run(memory.primitive('escape', async (ctx) => ctx)), {
    code: 'ERR_ESCAPED_HANDLE',
  })
  t.is(memory.stats().openRuns, 0)
})
