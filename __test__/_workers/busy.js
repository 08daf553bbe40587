// Holds memory of every kind in the middle of operations, says so, and goes on, or ends as it is told to.
import { randomFill } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { Memory } from 'primarena'

const memory = new Memory({ leakDetection: 'off' })
const work = memory.primitive('work', async (ctx, bytes) => {
  const view = ctx.arena.alloc(bytes)
  ctx.hold(new Promise((resolve) => randomFill(view, resolve)))
  const scope = ctx.arena.scope()
  scope.float64(1000)
  await ctx.run(nested, bytes)
  await sleep(1)
  return ctx.arena.alloc(10)
})
const nested = memory.primitive('nested', async (ctx, bytes) => void ctx.allocator.alloc(bytes), {
  arena: false,
})
const heap = memory.primitive(
  'heap',
  async (ctx) => {
    ctx.allocator.alloc(200_000)
    await new Promise(() => {})
  },
  { arena: false },
)
const session = memory.agent(`agent-${workerData.seed}`).session('s')
session.run(heap).catch(() => {})
const kept = memory.agent('by hand').arena()
kept.alloc(100_000)

let rounds = 0
async function loop() {
  for (;;) {
    await session.run(work, 50_000)
    rounds += 1
    if (rounds === 3) {
      parentPort.postMessage('busy')
      if (workerData.how === 'exit') process.exit(7)
      if (workerData.how === 'throw') throw new Error('thrown')
    }
    if (rounds >= 3 && workerData.how === 'end') return
  }
}
for (let i = 0; i < 8; i += 1) loop()
