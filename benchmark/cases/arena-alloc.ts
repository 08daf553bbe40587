/** Scratch buffers of an operation: taken, written in full, and gone together. */
import { Memory, type OnReset } from 'primarena'
import { MemPool } from '@thi.ng/malloc'
import { defineCase, type Operation } from '../harness/case.ts'

/** What one operation does: `count` buffers of `bytes`, then the end. */
interface Scratch {
  readonly bytes: number
  readonly count: number
}

const MEBIBYTE = 1024 * 1024

export default defineCase<Scratch>({
  title: 'scratch buffers, every byte written, up to 32 for one reset',
  goal: 'An arena with a detaching reset against Buffer.allocUnsafe and the garbage collector.',
  inputs: {
    '256 B': () => ({ bytes: 256, count: 32 }),
    '1 KB': () => ({ bytes: 1024, count: 32 }),
    '4 KB': () => ({ bytes: 4096, count: 32 }),
    '16 KB': () => ({ bytes: 16_384, count: 32 }),
    '64 KB': () => ({ bytes: 65_536, count: 16 }),
    '1 MB': () => ({ bytes: MEBIBYTE, count: 4 }),
  },
  baseline: 'std',
  opsPerCall: ({ count }) => count,
  bytes: ({ bytes }) => bytes,
  contenders: {
    ours: { label: 'arena.allocUnsafe, reset', prepare: (scratch) => inArena(scratch, 'detach') },
    reuse: { label: "the same with onReset: 'reuse'", prepare: (scratch) => inArena(scratch, 'reuse') },
    std: {
      label: 'Buffer.allocUnsafe',
      prepare: (scratch) => () => sumOf(scratch, (bytes) => Buffer.allocUnsafe(bytes)),
    },
    pooled: {
      label: 'Buffer.allocUnsafe, poolSize 1 MiB',
      prepare: (scratch) => {
        Buffer.poolSize = MEBIBYTE
        return () => sumOf(scratch, (bytes) => Buffer.allocUnsafe(bytes))
      },
    },
    slow: {
      label: 'Buffer.allocUnsafeSlow',
      prepare: (scratch) => () => sumOf(scratch, (bytes) => Buffer.allocUnsafeSlow(bytes)),
    },
    slab: {
      // Safe only for code that proves that nobody keeps a view: nothing is detached, wiped or accounted for.
      label: 'a bump over one slab by hand',
      prepare: ({ bytes, count }) => {
        const slab = new ArrayBuffer(count * bytes)
        return () => {
          let sum = 0
          for (let i = 0; i < count; i++) sum += used(Buffer.from(slab, i * bytes, bytes), i)
          return sum
        }
      },
    },
    malloc: {
      label: '@thi.ng/malloc, freeAll',
      prepare: ({ bytes, count }) => {
        const pool = new MemPool({ size: count * (bytes + 64) + 1024 })
        return () => {
          let sum = 0
          for (let i = 0; i < count; i++) sum += used(pool.mallocAs('u8', bytes)!, i)
          pool.freeAll()
          return sum
        }
      },
    },
  },
  targets: [
    { contender: 'ours', timesAsFastAs: 'std', input: '1 KB', least: 1.4, aim: 2.5, sinceNode: 24 },
    { contender: 'ours', timesAsFastAs: 'std', input: '4 KB', least: 2.3, aim: 5, sinceNode: 24 },
    { contender: 'ours', timesAsFastAs: 'std', input: '16 KB', least: 4, aim: 7, sinceNode: 24 },
    { contender: 'ours', timesAsFastAs: 'std', input: '1 MB', least: 4, aim: 7, sinceNode: 24 },
  ],
})

function inArena({ bytes, count }: Scratch, onReset: OnReset): Operation {
  const memory = new Memory()
  const arena = memory.arena({ initialBytes: count * bytes, onReset })
  return {
    run: () => {
      let sum = 0
      for (let i = 0; i < count; i++) sum += used(arena.allocUnsafe(bytes), i)
      arena.reset()
      return sum
    },
    close: () => arena.dispose(),
  }
}

function sumOf({ bytes, count }: Scratch, take: (bytes: number) => Uint8Array): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += used(take(bytes), i)
  return sum
}

/** Writes every byte, and reads the last. */
function used(buffer: Uint8Array, i: number): number {
  buffer.fill(i)
  return buffer[buffer.length - 1]!
}
