/** What ten thousand operations hold that are all open at once. */
import { Memory } from 'primarena'
import { defineCase } from '../harness/case.ts'

const RUNS = 10_000
const MEBIBYTE = 1024 * 1024

export default defineCase<number>({
  title: '10,000 concurrent runs, each with one small allocation',
  goal: 'Every run waits on the same promise with 100 bytes in its arena; figures are for all of them together.',
  kind: 'memory',
  inputs: { '100 bytes each': () => RUNS },
  baseline: 'plain',
  contenders: {
    ours: {
      label: 'session.run, 100 bytes of arena',
      prepare: (runs) => {
        const memory = new Memory({ budget: '2 GiB' })
        const session = memory.agent('bench').session('s')
        const work = memory.primitive('p', async (ctx, gate: Promise<void>) => {
          const scratch = ctx.arena.alloc(100)
          await gate
          return scratch.length
        })
        return {
          answer: async () => {
            const results = await Promise.all(
              Array.from({ length: 10 }, () => session.run(work, Promise.resolve())),
            )
            return results
          },
          run: async (sample) => holdOpen(runs, (gate) => session.run(work, gate), sample),
        }
      },
    },
    plain: {
      label: 'async function, Buffer.alloc(100)',
      prepare: (runs) => {
        const work = async (gate: Promise<void>): Promise<number> => {
          const scratch = Buffer.alloc(100)
          await gate
          return scratch.length
        }
        return {
          answer: () => Promise.all(Array.from({ length: 10 }, () => work(Promise.resolve()))),
          run: async (sample) => holdOpen(runs, work, sample),
        }
      },
    },
  },
  targets: [{ contender: 'ours', bytesOf: 'rssBytes', most: 200 * MEBIBYTE, aim: 100 * MEBIBYTE }],
})

/** Starts `runs` operations that wait for one gate, samples, and lets them go. */
async function holdOpen(
  runs: number,
  start: (gate: Promise<void>) => Promise<number>,
  sample: () => void,
): Promise<number[]> {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const running = Array.from({ length: runs }, () => start(gate))
  await Promise.resolve()
  sample()
  open()
  return Promise.all(running)
}
