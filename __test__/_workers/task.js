import { Memory } from 'primarena'

const memory = new Memory()
const sum = memory.primitive('sum', async (ctx, { bytes, byte, forever }) => {
  const view = ctx.arena.allocUnsafe(bytes).fill(byte)
  if (forever) await new Promise(() => {})
  await new Promise((resolve) => setImmediate(resolve))
  let total = 0
  for (const each of view) total += each
  return { sum: total }
})

export default (task) => memory.agent(task.agent).session('s').run(sum, task)
