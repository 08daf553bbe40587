/** What a context costs around an asynchronous function. */
import { Memory } from 'primarena'
import { AsyncLocalStorage } from 'node:async_hooks'
import { defineCase } from '../harness/case.ts'

export default defineCase<number>({
  title: 'running a primitive, against calling an async function',
  goal: 'The price of a context of one’s own, and of an arena that is gone when the promise settles.',
  inputs: { 'a number': () => 41 },
  baseline: 'plain',
  contenders: {
    plain: {
      label: 'await an async function',
      async: true,
      prepare: (input) => {
        const body = async (value: number): Promise<number> => value + 1
        return () => body(input)
      },
    },
    noArena: {
      label: 'session.run, { arena: false }',
      async: true,
      prepare: (input) => {
        const memory = new Memory()
        const session = memory.agent('bench').session('s')
        const body = memory.primitive('p', async (_ctx, value: number) => value + 1, { arena: false })
        return () => session.run(body, input)
      },
    },
    unused: {
      label: 'session.run, arena not used',
      async: true,
      prepare: (input) => {
        const memory = new Memory()
        const session = memory.agent('bench').session('s')
        const body = memory.primitive('p', async (_ctx, value: number) => value + 1)
        return () => session.run(body, input)
      },
    },
    arena: {
      label: 'session.run, one allocation',
      async: true,
      prepare: (input) => {
        const memory = new Memory()
        const session = memory.agent('bench').session('s')
        const body = memory.primitive('p', async (ctx, value: number) => {
          const scratch = ctx.arena.allocUnsafe(256)
          scratch[0] = value
          return scratch[0]! + 1
        })
        return () => session.run(body, input)
      },
    },
    plainBuffer: {
      label: 'await an async function with a Buffer',
      async: true,
      prepare: (input) => {
        const body = async (value: number): Promise<number> => {
          const scratch = Buffer.allocUnsafe(256)
          scratch[0] = value
          return scratch[0]! + 1
        }
        return () => body(input)
      },
    },
    als: {
      label: 'AsyncLocalStorage.run around it',
      async: true,
      prepare: (input) => {
        const storage = new AsyncLocalStorage<object>()
        const body = async (value: number): Promise<number> => value + 1
        return () => storage.run({}, body, input)
      },
    },
  },
  targets: [
    { contender: 'noArena', nsOver: 'plain', most: 350, aim: 120 },
    { contender: 'unused', nsOver: 'plain', most: 350, aim: 120 },
    { contender: 'arena', nsOver: 'plain', most: 1_100, aim: 750, sinceNode: 22 },
  ],
})
