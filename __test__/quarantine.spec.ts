import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Memory, type Agent } from 'primarena'

const KIB = 1024
const SIZE = 64 * KIB

/** Takes a chunk, marks it, and gives it back; what was in it before. */
function use(agent: Agent, mark: number): Set<number> {
  const arena = agent.arena()
  const view = arena.allocUnsafe(SIZE)
  const found = new Set(view)
  view.fill(mark)
  arena.dispose()
  return found
}

const zeros = new Set([0])

test('the same agent gets its chunk at once, another one only after the quarantine, wiped', async (t) => {
  const memory = new Memory({ quarantineMs: 1000, leakDetection: 'off' })
  const [a, b] = [memory.agent('a'), memory.agent('b')]
  use(a, 1)
  t.is(memory.stats().quarantinedBytes, SIZE)
  t.deepEqual(use(a, 1), new Set([1]), 'its own bytes: allocUnsafe')
  t.deepEqual(use(b, 2), zeros)
  t.is(memory.stats().reservedBytes, 2 * SIZE, 'fresh memory, not the other one’s')
  await sleep(1100)
  t.is(memory.stats().quarantinedBytes, 0)
  const { reuses } = memory.stats()
  t.deepEqual(use(memory.agent('c'), 3), zeros, 'wiped')
  t.is(memory.stats().reuses, reuses + 1)
  t.is(memory.stats().reservedBytes, 2 * SIZE)
  memory.dispose()
})

test('at its cap the quarantine takes fresh memory, and with a budget refuses: never early reuse', async (t) => {
  const memory = new Memory({
    quarantineMs: 60_000,
    quarantineLimit: 2 * SIZE,
    budget: 8 * SIZE,
    leakDetection: 'off',
  })
  for (let i = 0; i < 8; i += 1) t.deepEqual(use(memory.agent(`a${i}`), 1), zeros)
  t.is(memory.stats().reservedBytes, 8 * SIZE)
  const late = memory.agent('late').arena()
  t.throws(() => late.allocUnsafe(SIZE), { code: 'ERR_BUDGET_EXCEEDED' })
  t.deepEqual(use(memory.agent('a3'), 1), new Set([1]), 'who had it may have it')
  memory.trim()
  t.throws(() => late.allocUnsafe(SIZE), { code: 'ERR_BUDGET_EXCEEDED' }, 'nor is it freed early')
  late.dispose()
  memory.dispose()
})

test('what is beyond the cap is freed after its time, not kept', async (t) => {
  const memory = new Memory({ quarantineMs: 1000, quarantineLimit: 2 * SIZE, leakDetection: 'off' })
  const agents = Array.from({ length: 6 }, (_, i) => memory.agent(`a${i}`))
  const arenas = agents.map((agent) => agent.arena())
  for (const arena of arenas) arena.allocUnsafe(SIZE)
  for (const arena of arenas) arena.dispose()
  t.is(memory.stats().quarantinedBytes, 6 * SIZE)
  await sleep(1100)
  // The next look lets go of what was over the cap.
  use(memory.agent('a0'), 1)
  memory.store.drain()
  t.true(memory.stats().reservedBytes <= 3 * SIZE, `${memory.stats().reservedBytes}`)
  memory.dispose()
})

test('paranoid: nobody gets a chunk early, not even who had it, and released bytes are poisoned', async (t) => {
  const memory = new Memory({ quarantineMs: 300, leakDetection: 'paranoid' })
  const agent = memory.agent('a')
  t.is(memory.onReset, 'poison')
  use(agent, 1)
  t.deepEqual(use(agent, 1), zeros, 'a fresh one')
  t.is(memory.stats().reservedBytes, 2 * SIZE)
  await sleep(350)
  t.deepEqual(use(agent, 1), new Set([0xa5]), 'its own, poisoned')
  t.deepEqual(use(memory.agent('b'), 1), zeros)
  memory.dispose()
})
