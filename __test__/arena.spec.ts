import test from 'ava'
import { until } from './_helpers/until.js'
import { Memory } from 'primarena'

const open = () => new Memory({ leakDetection: 'full' })

test('an arena that is not used takes nothing', (t) => {
  const memory = open()
  const arena = memory.arena()
  t.is(arena.capacityBytes, 0)
  t.is(memory.stats().openArenas, 0)
  arena.dispose()
  t.is(memory.stats().reservedBytes, 0)
})

test('reset kills every view and keeps the chunk', (t) => {
  const memory = open()
  const arena = memory.arena()
  const view = arena.alloc(100)
  const numbers = arena.float64(4)
  const { capacityBytes } = arena
  t.true(capacityBytes >= 8192)
  t.is(memory.stats().usedBytes, capacityBytes)
  arena.reset()
  t.is(view.length, 0)
  t.is(view[0], undefined)
  t.is(numbers.length, 0)
  t.is(arena.usedBytes, 0)
  t.is(arena.capacityBytes, capacityBytes)
  t.true(arena.alloc(100).every((byte) => byte === 0))
  arena.dispose()
  t.is(memory.stats().usedBytes, 0)
  t.is(memory.stats().openArenas, 0)
  t.is(memory.dispose().openArenas, 0)
})

test('alloc zeroes what an earlier cycle wrote', (t) => {
  const memory = open()
  const arena = memory.arena()
  for (let cycle = 0; cycle < 5; cycle += 1) {
    t.true(arena.alloc(1000).every((byte) => byte === 0))
    arena.allocUnsafe(3000).fill(0xee)
    t.true(arena.float64(100).every((number) => number === 0))
    const builder = arena.builder({ sizeHintBytes: 2000 })
    builder.write(Buffer.alloc(1500, 0xdd))
    builder.finish().subarray(0, 10)
    t.true(arena.alloc(900).every((byte) => byte === 0))
    arena.reset()
  }
  arena.dispose()
})

test('onReset: poison, reuse', (t) => {
  const memory = open()
  const poisoned = memory.arena({ onReset: 'poison' })
  poisoned.alloc(64)
  poisoned.reset()
  t.true(poisoned.allocUnsafe(64).every((byte) => byte === 0xa5))
  poisoned.dispose()
  const reused = memory.arena({ onReset: 'reuse' })
  const view = reused.alloc(64).fill(1)
  reused.reset()
  t.is(view.length, 64)
  t.is(reused.allocUnsafe(64).buffer, view.buffer)
  reused.dispose()
  t.is(view.length, 0, 'disposing detaches all the same')
})

test('retain: all converges to one chunk, none gives everything back, a limit cuts', async (t) => {
  const memory = open()
  const arena = memory.arena()
  const fill = (): void => {
    for (let index = 0; index < 40; index += 1) arena.allocUnsafe(10_000).fill(index)
  }
  fill()
  const several = arena.capacityBytes
  t.true(several >= 400_000)
  arena.reset()
  const converged = arena.capacityBytes
  t.true(converged >= 400_000)
  const { grants } = memory.stats()
  fill()
  t.is(memory.stats().grants, grants, 'the largest cycle fits without another grant')
  arena.reset({ retain: '64 KiB' })
  t.true(arena.capacityBytes <= 64 * 1024)
  arena.reset({ retain: 'none' })
  t.is(arena.capacityBytes, 0)
  t.is(arena.alloc(10).length, 10)
  t.throws(() => arena.reset({ retain: 'much' }), { instanceOf: TypeError })
  t.throws(() => arena.reset({ retain: -1 }), { instanceOf: RangeError })
  arena.dispose()
  memory.trim()
  t.true(
    await until(() => memory.stats().reservedBytes === 0),
    'what rests in quarantine goes a little later',
  )
})

test('scopes have chunks of their own and end with their parent', (t) => {
  const memory = open()
  const arena = memory.arena()
  const outer = arena.from('outer')
  const scope = arena.scope()
  const inner = scope.from('inner')
  const nested = scope.scope()
  const deepest = nested.from('deepest')
  t.not(inner.buffer, outer.buffer)
  scope.dispose()
  t.is(inner.length, 0)
  t.is(deepest.length, 0)
  t.true(nested.disposed)
  t.is(outer.toString(), 'outer')
  const second = arena.scope()
  const gone = second.from('x')
  arena.reset()
  t.is(gone.length, 0)
  t.true(second.disposed)
  t.throws(() => second.alloc(1), { code: 'ERR_ARENA_DISPOSED' })
  arena.dispose()
  t.is(memory.stats().openArenas, 0)
})

test('a disposed arena refuses everything, and disposing twice is nothing', (t) => {
  const arena = open().arena()
  arena.alloc(1)
  arena.dispose()
  arena.dispose()
  arena[Symbol.dispose]()
  const expected = { code: 'ERR_ARENA_DISPOSED' }
  t.throws(() => arena.alloc(1), expected)
  t.throws(() => arena.alloc(0), expected)
  t.throws(() => arena.allocUnsafe(1), expected)
  t.throws(() => arena.float64(1), expected)
  t.throws(() => arena.from('x'), expected)
  t.throws(() => arena.builder(), expected)
  t.throws(() => arena.scope(), expected)
  t.throws(() => arena.reset(), expected)
})

test('a chunk that somebody transferred is a coded error, and the arena goes on after a reset', (t) => {
  const memory = open()
  const arena = memory.arena()
  const view = arena.alloc(16)
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
  t.throws(() => arena.allocUnsafe(16), { code: 'ERR_CHUNK_DETACHED' })
  t.throws(() => arena.float64(16), { code: 'ERR_CHUNK_DETACHED' })
  t.throws(() => arena.from('x'), { code: 'ERR_CHUNK_DETACHED' })
  arena.reset()
  t.is(arena.alloc(16).length, 16)
  structuredClone(arena.alloc(1).buffer, { transfer: [arena.alloc(1).buffer as ArrayBuffer] })
  arena.dispose()
  const next = memory.arena()
  t.true(next.alloc(8192).every((byte) => byte === 0))
  next.dispose()
  t.is(memory.stats().usedBytes, 0)
})

test('what one agent wrote is never seen by another', (t) => {
  const memory = new Memory({ quarantineMs: 0 })
  const one = memory.agent('one')
  const two = memory.agent('two')
  for (let round = 0; round < 20; round += 1) {
    const mine = one.arena()
    mine.allocUnsafe(8000).fill(0x77)
    mine.builder({ sizeHintBytes: 3000 }).write(Buffer.alloc(2000, 0x77))
    mine.dispose()
    const theirs = two.arena()
    t.false(theirs.allocUnsafe(8000).includes(0x77))
    t.false(theirs.allocUnsafe(8000).includes(0x77))
    theirs.dispose()
  }
})

test('a budget refuses with the chain of owners, and gives again when something came back', (t) => {
  const memory = new Memory({ budget: '1 MiB' })
  const agent = memory.agent('small', { budget: '128 KiB' })
  const arena = agent.arena()
  arena.alloc(60_000)
  const error = t.throws(() => arena.alloc(120_000), { code: 'ERR_BUDGET_EXCEEDED' }) as Error & {
    chain: unknown[]
  }
  t.regex(error.message, /small/)
  t.is(arena.alloc(100).length, 100, 'what fits is still given')
  arena.dispose()
  const again = agent.arena()
  t.is(again.alloc(120_000).length, 120_000)
  again.dispose()
  agent.setBudget({ budget: 0 })
  t.throws(() => agent.arena().alloc(1), { code: 'ERR_BUDGET_EXCEEDED' })
})
