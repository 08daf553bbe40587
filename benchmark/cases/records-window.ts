/** Short-lived records: acquired, written and released, 64 of them alive at a time. */
import { defineCase } from '../harness/case.ts'
import { poolOf, type Literal } from '../inputs/records.ts'

const WINDOW = 64
const TURNS = 256

export default defineCase<number>({
  title: 'acquire + write 4 fields + release, 64 alive',
  goal: 'A record must not cost much more than the literal that V8 is so good at; a cursor as much.',
  inputs: { '16,384 records': () => WINDOW * TURNS },
  baseline: 'literal',
  opsPerCall: (count) => count,
  contenders: {
    literal: {
      label: 'object literal',
      prepare: (count) => {
        const alive = Array.from({ length: WINDOW }, (): Literal | undefined => undefined)
        return () => {
          let sum = 0
          for (let n = 0; n < count; n++) {
            const place = n % WINDOW
            const old = alive[place]
            if (old !== undefined) sum += old.score
            alive[place] = { id: n, score: n * 0.5, price: n * 0.25, count: 7 }
          }
          for (let place = 0; place < WINDOW; place++) {
            sum += alive[place]!.score
            alive[place] = undefined
          }
          return sum
        }
      },
    },
    record: {
      label: 'record object',
      prepare: (count) => {
        const pool = poolOf()
        const alive = Array.from(
          { length: WINDOW },
          (): ReturnType<typeof pool.acquire> | undefined => undefined,
        )
        return () => {
          let sum = 0
          for (let n = 0; n < count; n++) {
            const place = n % WINDOW
            const old = alive[place]
            if (old !== undefined) {
              sum += old.score
              pool.release(old)
            }
            const record = pool.acquire()
            record.id = n
            record.score = n * 0.5
            record.price = n * 0.25
            record.count = 7
            alive[place] = record
          }
          for (let place = 0; place < WINDOW; place++) {
            sum += alive[place]!.score
            pool.release(alive[place]!)
            alive[place] = undefined
          }
          return sum
        }
      },
    },
    cursor: {
      label: 'cursor',
      prepare: (count) => {
        const pool = poolOf()
        const cursor = pool.cursor()
        const { record } = cursor
        const alive = new Int32Array(WINDOW).fill(-1)
        return () => {
          let sum = 0
          for (let n = 0; n < count; n++) {
            const place = n % WINDOW
            const old = alive[place]!
            if (old >= 0) {
              cursor.moveTo(old)
              sum += record.score
              cursor.release()
            }
            alive[place] = cursor.acquire()
            record.id = n
            record.score = n * 0.5
            record.price = n * 0.25
            record.count = 7
          }
          for (let place = 0; place < WINDOW; place++) {
            sum += cursor.moveTo(alive[place]!).record.score
            cursor.release()
            alive[place] = -1
          }
          return sum
        }
      },
    },
  },
  targets: [
    { contender: 'cursor', timesAsFastAs: 'literal', least: 1, aim: 1.5 },
    { contender: 'record', timesAsFastAs: 'literal', least: 0.7, aim: 1 },
  ],
})
