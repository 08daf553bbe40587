/** Rows of a document as columns: a typed array for each number, offsets and bytes for text. */
import { json, Memory, t } from 'primarena'
import assert from 'node:assert/strict'
import { defineCase, type Operation } from '../harness/case.ts'

interface Row {
  id: number
  at: number
  who: string
  size: number
}

/** What is compared: each column as an ordinary array. */
type Answer = [ids: number[], at: number[], who: string[], sizes: number[]]

export default defineCase<Buffer>({
  title: '4 columns of the rows of a document',
  goal: 'Two integers, a double and a name of each row, of six members a row.',
  inputs: { '1,000 rows': () => rows(1000), '100 rows': () => rows(100) },
  baseline: 'std',
  bytes: (body) => body.length,
  check: (answers) => {
    for (const [name, answer] of Object.entries(answers)) assert.deepEqual(answer, answers.std, name)
  },
  contenders: {
    validated: { label: 'json.columns', prepare: (body) => ours(body, false) },
    trusted: { label: 'json.columns, { trust: true }', prepare: (body) => ours(body, true) },
    std: {
      label: 'JSON.parse + loop into arrays',
      prepare: (body) => ({ run: () => byArrays(body)[0].length, answer: () => byArrays(body) }),
    },
    typed: {
      label: 'JSON.parse + loop into typed arrays',
      prepare: (body) => ({
        run: () => byTypedArrays(body)[0].length,
        answer: () => byTypedArrays(body).map((column) => [...column]),
      }),
    },
  },
  targets: [
    { contender: 'validated', input: '1,000 rows', timesAsFastAs: 'std', least: 5, aim: 12 },
    { contender: 'trusted', input: '1,000 rows', timesAsFastAs: 'std', least: 5, aim: 12 },
  ],
})

function rows(count: number): Buffer {
  const items = Array.from({ length: count }, (_, index) => ({
    id: index * 7,
    url: `https://example.org/commits/${index.toString(16).padStart(40, '0')}`,
    at: 1_700_000_000 + index * 1.25,
    author: { name: `author ${index % 97}`, email: `a${index % 97}@example.org` },
    size: (index * 7919) % 10_007,
    distinct: index % 2 === 0,
  }))
  return Buffer.from(JSON.stringify({ items }))
}

function ours(body: Buffer, trust: boolean): Operation {
  const columns = json.columns(
    '$.items[*]',
    { id: t.u32('id'), at: t.f64('at'), who: t.string('author.name'), size: t.u32('size') },
    { trust },
  )
  const arena = new Memory().arena()
  return {
    run: () => {
      const { length } = columns.read(body, arena)
      arena.reset()
      return length
    },
    answer: (): Answer => {
      const { id, at, who, size } = columns.read(body, arena).columns
      return [[...id.values], [...at.values], who.toArray() as string[], [...size.values]]
    },
    close: () => arena.dispose(),
  }
}

function parse(body: Buffer): (Row & { author: { name: string } })[] {
  return (JSON.parse(body.toString()) as { items: (Row & { author: { name: string } })[] }).items
}

function byArrays(body: Buffer): Answer {
  const answer: Answer = [[], [], [], []]
  for (const row of parse(body)) {
    answer[0].push(row.id)
    answer[1].push(row.at)
    answer[2].push(row.author.name)
    answer[3].push(row.size)
  }
  return answer
}

function byTypedArrays(body: Buffer): [Uint32Array, Float64Array, string[], Uint32Array] {
  const items = parse(body)
  const [ids, at, sizes] = [
    new Uint32Array(items.length),
    new Float64Array(items.length),
    new Uint32Array(items.length),
  ]
  const who: string[] = []
  for (const [index, row] of items.entries()) {
    ids[index] = row.id
    at[index] = row.at
    who.push(row.author.name)
    sizes[index] = row.size
  }
  return [ids, at, who, sizes]
}
