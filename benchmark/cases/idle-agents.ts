/** What a thousand agents hold that do nothing just now. */
import { Memory } from 'primarena'
import { defineCase } from '../harness/case.ts'

const AGENTS = 1_000

export default defineCase<number>({
  title: '1,000 idle agents',
  goal: 'Each has a session and has run once: what stays, per agent.',
  kind: 'memory',
  inputs: { 'after one run each': () => AGENTS },
  baseline: 'plain',
  opsPerCall: (agents) => agents,
  contenders: {
    ours: {
      label: 'agent + session, one run with 4 KB of scratch',
      prepare: (agents) => {
        const memory = new Memory()
        const work = memory.primitive('p', async (ctx, seed: number) => ctx.arena.alloc(4096).fill(seed)[0])
        return {
          answer: () => agents,
          run: async (sample) => {
            const sessions = Array.from({ length: agents }, (_, i) => memory.agent(`agent-${i}`).session('s'))
            await Promise.all(sessions.map((session, i) => session.run(work, i & 0xff)))
            sample()
            return sessions
          },
        }
      },
    },
    plain: {
      label: 'an object and a Map, one run with a 4 KB Buffer',
      prepare: (agents) => {
        const work = async (seed: number): Promise<number | undefined> => Buffer.alloc(4096).fill(seed)[0]
        return {
          answer: () => agents,
          run: async (sample) => {
            const list = Array.from({ length: agents }, (_, i) => ({ id: `agent-${i}`, sessions: new Map() }))
            await Promise.all(list.map((_, i) => work(i & 0xff)))
            sample()
            return list
          },
        }
      },
    },
  },
  targets: [
    { contender: 'ours', bytesOf: 'heapBytes', most: 4 * 1024, aim: 1024 },
    { contender: 'ours', bytesOf: 'rssBytes', most: 1024 * 1024, aim: 64 * 1024 },
  ],
})
