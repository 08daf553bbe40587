/** An answer of eight members, built in a pooled JSON object and written as bytes. */
import { Memory } from 'primarena'
import { JsonPool } from '../../dist/pool/json-pool.js'
import { defineCase, type Contender } from '../harness/case.ts'

interface Answer {
  readonly id: number
  readonly ok: boolean
  readonly status: string
  readonly size: number
  readonly user: string
  readonly attempts: number
  readonly cursor: null
  readonly note: string
}

/** Different ones in turn, so that no string is made of the same pieces twice in a row. */
interface Answers {
  readonly list: readonly Answer[]
}

const ANSWERS = 64

function answers(note: (index: number) => string): Answers {
  return {
    list: Array.from({ length: ANSWERS }, (_, index) => ({
      id: index * 7919,
      ok: index % 5 !== 0,
      status: index % 3 === 0 ? 'queued' : 'open',
      size: index * 131,
      user: `user-${index}`,
      attempts: index & 3,
      cursor: null,
      note: note(index),
    })),
  }
}

function ours(label: string, answersPerReset: number): Contender<Answers> {
  return {
    label,
    prepare: ({ list }) => {
      const scope = new JsonPool().scope()
      const arena = new Memory().arena({ initialBytes: 256 * 1024 })
      let turn = 0
      const run = (): Buffer => {
        // At the beginning, so that the answer of this call can still be read.
        if (turn % answersPerReset === 0) arena.reset()
        const answer = list[turn++ % ANSWERS]!
        const object = scope
          .getObject()
          .set('id', answer.id)
          .set('ok', answer.ok)
          .set('status', answer.status)
          .set('size', answer.size)
          .set('user', answer.user)
          .set('attempts', answer.attempts)
          .set('cursor', answer.cursor)
          .set('note', answer.note)
        const bytes = object.toBytes(arena)
        scope.returnObject(object)
        return bytes
      }
      return { run, close: () => arena.dispose() }
    },
  }
}

export default defineCase<Answers>({
  title: 'getObject, 8 members, toBytes, return',
  goal: 'Against a literal, JSON.stringify and Buffer.from.',
  inputs: {
    'short strings': () => answers((index) => `n${index}`),
    'a note of 40 characters': () => answers((index) => `${index}`.padEnd(40, 'note ')),
    'a note of 400, not ASCII': () => answers((index) => `${index}`.padEnd(400, 'größe ')),
  },
  baseline: 'std',
  contenders: {
    ours: ours('JSON pool, 64 answers for one reset', 64),
    each: ours('JSON pool, a reset for each answer', 1),
    std: {
      label: 'literal, JSON.stringify, Buffer.from',
      prepare: ({ list }) => {
        let turn = 0
        return () => {
          const { id, ok, status, size, user, attempts, cursor, note } = list[turn++ % ANSWERS]!
          return Buffer.from(JSON.stringify({ id, ok, status, size, user, attempts, cursor, note }))
        }
      },
    },
  },
  targets: [{ contender: 'ours', timesAsFastAs: 'std', least: 1.2, aim: 2 }],
})
