/** JSON rows into records. */
import { defineCase } from '../harness/case.ts'
import { columnsOf, literalsOf, poolOf, type Literal } from '../inputs/records.ts'

export default defineCase<Buffer>({
  title: '100,000 JSON rows into records',
  goal: 'Into the process without a JavaScript object in between; the document is validated.',
  inputs: { '100,000 rows': () => Buffer.from(JSON.stringify(literalsOf(columnsOf(100_000)))) },
  baseline: 'literals',
  bytes: (document) => document.length,
  contenders: {
    literals: {
      label: 'JSON.parse and a loop into literals',
      prepare: (document) => () => {
        const rows: Literal[] = []
        for (const { id, score, price, count } of JSON.parse(document.toString()) as Literal[]) {
          rows.push({ id, score, price, count })
        }
        return rows.length
      },
    },
    cursor: {
      label: 'JSON.parse and a loop into a pool',
      prepare: (document) => {
        const pool = poolOf()
        const cursor = pool.cursor()
        const { record } = cursor
        return () => {
          for (const { id, score, price, count } of JSON.parse(document.toString()) as Literal[]) {
            cursor.acquire()
            record.id = id
            record.score = score
            record.price = price
            record.count = count
          }
          return pool.clear()
        }
      },
    },
    pool: {
      label: 'pool.fromJSON',
      prepare: (document) => {
        const pool = poolOf()
        return () => {
          pool.fromJSON(document)
          return pool.clear()
        }
      },
    },
  },
  targets: [{ contender: 'pool', timesAsFastAs: 'literals', least: 3, aim: 8 }],
})
