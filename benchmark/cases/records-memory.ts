/** What a million retained records hold. */
import { defineCase } from '../harness/case.ts'
import { columnsOf, literalsOf, poolOf, type RecordColumns } from '../inputs/records.ts'

export default defineCase<RecordColumns>({
  title: 'memory of 1,000,000 records (u32, f64, f64, u32)',
  goal: 'Off the heap, and less of it: 32 bytes a record, slot words included.',
  kind: 'memory',
  inputs: { '1,000,000': () => columnsOf(1_000_000) },
  baseline: 'literals',
  contenders: {
    literals: {
      label: 'literals in an array',
      prepare: (columns) => (sample?: () => void) => {
        const rows = literalsOf(columns)
        sample?.()
        return rows.length
      },
    },
    pool: {
      label: 'record pool',
      prepare: (columns) => (sample?: () => void) => {
        const pool = poolOf(columns)
        sample?.()
        return pool.openRecords
      },
    },
  },
  // A literal takes 104 bytes in Node 20 to 26: 56 for the object, 16 for each double, 8 for its place in the array.
  targets: [
    { contender: 'pool', bytesOf: 'arrayBufferBytes', most: 41_600_000, aim: 34_700_000 },
    { contender: 'pool', bytesOf: 'heapBytes', most: 1_000_000, aim: 500_000 },
  ],
})
