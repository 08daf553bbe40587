/** A million records in the order of a double. */
import assert from 'node:assert/strict'
import { defineCase } from '../harness/case.ts'
import { columnsOf, literalsOf, poolOf, type RecordColumns } from '../inputs/records.ts'
import { radixSortIndexes } from '../peers/radix-sort.ts'

export default defineCase<RecordColumns>({
  title: 'sort 1,000,000 records by an f64',
  goal: 'A bulk call against what plain JavaScript can do, with literals and with typed arrays.',
  inputs: { '1,000,000': () => columnsOf(1_000_000) },
  baseline: 'typed',
  opsPerCall: ({ length }) => length,
  check: (answers, { score }) => {
    const first = answers['pool'] as Uint32Array
    for (let at = 1; at < first.length; at++)
      assert.ok(score[first[at - 1]!]! <= score[first[at]!]!, `at ${at}`)
    for (const [name, answer] of Object.entries(answers)) {
      assert.deepEqual(
        Buffer.from(Uint32Array.from(answer as Uint32Array).buffer),
        Buffer.from(first.buffer),
        name,
      )
    }
  },
  contenders: {
    literals: {
      label: 'a copy of the array of literals, .sort()',
      prepare: (columns) => {
        const rows = literalsOf(columns)
        const sorted = () => rows.slice().sort((a, b) => a.score - b.score)
        return { run: () => sorted().length, answer: () => sorted().map((row) => row.id) }
      },
    },
    indexes: {
      label: 'indexes of a Float64Array, .sort()',
      prepare: ({ length, score }) => {
        return () => Uint32Array.from({ length }, (_, index) => index).sort((a, b) => score[a]! - score[b]!)
      },
    },
    typed: {
      label: 'radix sort over typed arrays',
      prepare: ({ score }) => {
        return () => radixSortIndexes(score)
      },
    },
    pool: {
      label: 'pool.sort',
      prepare: (columns) => {
        const pool = poolOf(columns)
        return () => pool.sort('score')
      },
    },
  },
  targets: [
    { contender: 'pool', timesAsFastAs: 'literals', least: 10, aim: 40 },
    { contender: 'pool', timesAsFastAs: 'typed', least: 1.5, aim: 3 },
  ],
})
