/** What retained records cost every collection. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defineCase } from '../harness/case.ts'
import { columnsOf, literalsOf, poolOf, type RecordColumns } from '../inputs/records.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export default defineCase<RecordColumns>({
  title: 'a full garbage collection with 1,000,000 records alive',
  goal: 'The pause that a service feels: marking is proportional to the objects that live.',
  inputs: { '1,000,000': () => columnsOf(1_000_000) },
  baseline: 'literals',
  afterDetach: false,
  contenders: {
    literals: {
      label: 'literals in an array',
      prepare: (columns) => {
        const rows = literalsOf(columns)
        return () => {
          collect()
          return rows.length
        }
      },
    },
    // What no way to keep records can go below, and what is most of the pool's figure.
    neither: {
      label: 'neither: the process alone',
      prepare:
        ({ length }) =>
        () => {
          collect()
          return length
        },
    },
    pool: {
      label: 'record pool',
      prepare: (columns) => {
        const pool = poolOf(columns)
        return () => {
          collect()
          return pool.openRecords
        }
      },
    },
  },
  targets: [{ contender: 'pool', timesAsFastAs: 'literals', least: 10, aim: 30 }],
})
