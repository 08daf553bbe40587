/** A million records that stay: made, and given back as a whole. */
import { defineCase } from '../harness/case.ts'
import { columnsOf, fill, literalsOf, poolOf, type RecordColumns } from '../inputs/records.ts'

export default defineCase<RecordColumns>({
  title: 'build 1,000,000 records (u32, f64, f64, u32)',
  goal: 'Retained data is where literals hurt: allocation, promotion, marking.',
  inputs: { '1,000,000': () => columnsOf(1_000_000) },
  baseline: 'literals',
  opsPerCall: ({ length }) => length,
  afterDetach: true,
  contenders: {
    literals: { label: 'literals in an array', prepare: (columns) => () => literalsOf(columns).length },
    cursor: {
      label: 'pool, by a cursor',
      prepare: (columns) => () => {
        const pool = poolOf()
        fill(pool, columns)
        return pool.dispose().openRecords
      },
    },
    kept: {
      label: 'pool kept, records released in bulk',
      prepare: (columns) => {
        const pool = poolOf()
        return () => {
          fill(pool, columns)
          return pool.clear()
        }
      },
    },
  },
  targets: [{ contender: 'cursor', timesAsFastAs: 'literals', least: 4, aim: 8 }],
})
