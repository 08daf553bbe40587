/** A million records as JSON bytes. */
import { HeapAllocator } from 'primarena'
import { defineCase } from '../harness/case.ts'
import { columnsOf, literalsOf, poolOf, type RecordColumns } from '../inputs/records.ts'

const ROWS_A_PIECE = 1000

export default defineCase<RecordColumns>({
  title: '1,000,000 records to JSON bytes',
  goal: 'Out of the process without a JavaScript object or string in between.',
  inputs: { '1,000,000': () => columnsOf(1_000_000), '1,000': () => columnsOf(1000) },
  baseline: 'stringify',
  opsPerCall: ({ length }) => length,
  check: (answers) => {
    const expected = answers['stringify'] as Buffer
    for (const [name, answer] of Object.entries(answers)) {
      if (!expected.equals(answer as Buffer)) throw new Error(`${name} wrote something else`)
    }
  },
  contenders: {
    stringify: {
      label: 'Buffer.from(JSON.stringify(literals))',
      prepare: (columns) => {
        const rows = literalsOf(columns)
        return () => Buffer.from(JSON.stringify(rows))
      },
    },
    typed: {
      label: 'text from typed arrays, a thousand rows at a time',
      prepare:
        ({ length, id, score, price, count }) =>
        () => {
          let bytes = Buffer.allocUnsafe(96 * length + 2)
          let at = bytes.write('[', 0, 'latin1')
          let text = ''
          for (let row = 0; row < length; row++) {
            text += `{"id":${id[row]!},"score":${score[row]!},"price":${price[row]!},"count":${count[row]!}},`
            if (row % ROWS_A_PIECE === ROWS_A_PIECE - 1 || row === length - 1) {
              at += bytes.write(text, at, 'latin1')
              text = ''
            }
          }
          bytes[at - 1] = 0x5d
          bytes = bytes.subarray(0, at)
          return bytes
        },
    },
    pool: {
      label: 'pool.toJSON',
      prepare: (columns) => {
        const pool = poolOf(columns)
        const heap = new HeapAllocator()
        return () => pool.toJSON(heap)
      },
    },
  },
  targets: [
    { contender: 'pool', input: '1,000,000', timesAsFastAs: 'stringify', least: 3, aim: 10 },
    { contender: 'pool', input: '1,000,000', timesAsFastAs: 'typed', least: 1.5, aim: 3 },
  ],
})
