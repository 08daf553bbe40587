/** A reply rendered from a template: values in, JSON bytes out. */
import fastJsonStringify from 'fast-json-stringify'
import { json, Memory, t } from 'primarena'
import { defineCase, type Operation } from '../harness/case.ts'
import { compileByteWriter } from '../peers/byte-writer.ts'

interface Rendering {
  /** Several, so that no contender may remember the last one. */
  readonly values: readonly object[]
  readonly shape: object
}

const ROOM_BYTES = 64 * 1024
const RENDERINGS = 16

export default defineCase<Rendering>({
  title: 'a reply rendered from a template',
  goal: 'Against stringify + Buffer.from, fast-json-stringify, and the best plain JS that writes bytes.',
  inputs: {
    '10 short holes': () => rendering(flat, flatShape),
    '50 rows of 6': () => rendering(rows, rowsShape),
    'a string of 2 KB': () => rendering(text, { id: t.string(), text: t.string() }),
    '2 KB with escapes': () => rendering(lines, { id: t.string(), text: t.string() }),
  },
  baseline: 'std',
  contenders: {
    ours: { label: 'template.render, arena', prepare: (input) => ours(input, true) },
    heap: { label: 'template.render, no arena', prepare: (input) => ours(input, false) },
    std: {
      label: 'Buffer.from(JSON.stringify(values))',
      prepare: ({ values }) => operation(values, (value) => Buffer.from(JSON.stringify(value))),
    },
    fast: {
      label: 'fast-json-stringify + Buffer.from',
      prepare: ({ values }) => {
        const stringify = fastJsonStringify(schemaOf(values[0]) as never)
        return operation(values, (value) => Buffer.from(stringify(value)))
      },
    },
    bytes: {
      label: 'the best plain JS that writes bytes',
      prepare: ({ values }) => {
        const write = compileByteWriter(values[0]!)
        const room = Buffer.alloc(ROOM_BYTES)
        let at = 0
        return operation(values, (value) => {
          if (at > ROOM_BYTES / 2) at = 0
          const start = at
          at = write(room, start, value)
          return room.subarray(start, at)
        })
      },
    },
  },
  targets: [
    { contender: 'ours', input: '10 short holes', timesAsFastAs: 'std', least: 2.2, aim: 4 },
    { contender: 'ours', input: '10 short holes', timesAsFastAs: 'fast', least: 2, aim: 3 },
    { contender: 'ours', input: '10 short holes', timesAsFastAs: 'bytes', least: 1, aim: 1.4 },
    { contender: 'ours', input: '50 rows of 6', timesAsFastAs: 'std', least: 1.8, aim: 4 },
    { contender: 'ours', input: '50 rows of 6', timesAsFastAs: 'fast', least: 1.8, aim: 4 },
    { contender: 'ours', input: '50 rows of 6', timesAsFastAs: 'bytes', least: 1.3, aim: 2.5 },
    { contender: 'ours', input: 'a string of 2 KB', timesAsFastAs: 'std', least: 4, aim: 12 },
  ],
})

function ours({ values, shape }: Rendering, inArena: boolean): Operation {
  const template = json.template(shape)
  if (!inArena) return operation(values, (value) => template.render(value))
  const arena = new Memory().arena()
  let count = 0
  const { run, answer } = operation(values, (value) => {
    if (++count % RENDERINGS === 0) arena.reset()
    return template.render(value, arena)
  })
  return { run, answer, close: () => arena.dispose() }
}

/** One rendering a call, of each of the values in turn. */
function operation(values: readonly object[], render: (value: object) => Buffer) {
  let next = 0
  return {
    run: () => render(values[next++ % values.length]!).length,
    answer: () => values.map((value) => render(value).toString()),
  }
}

function rendering(make: (index: number) => object, shape: object): Rendering {
  // As they come from JSON.parse: flat strings, objects of one shape.
  const values = Array.from(
    { length: RENDERINGS },
    (_, index) => JSON.parse(JSON.stringify(make(index))) as object,
  )
  return { values, shape }
}

const flat = (n: number): object => ({
  id: `a1b2c3d4e5f6${n}`,
  repo: 'octo/hello-world',
  ok: n % 2 === 0,
  number: 1234 + n * 7,
  who: 'monalisa',
  at: 1_700_000_000 + n,
  score: n + 0.123,
  message: 'fix the thing now',
  ref: 'refs/heads/main',
  size: 77 + n,
})

const flatShape = {
  id: t.string(),
  repo: t.string(),
  ok: t.boolean(),
  number: t.u32(),
  who: t.string(),
  at: t.u32(),
  score: t.f64(),
  message: t.string(),
  ref: t.string(),
  size: t.u32(),
}

const rows = (n: number): object => ({
  rows: Array.from({ length: 50 }, (_, row) => ({
    sha: `a1b2c3d4e5f6${row}`,
    name: `octo/hello${row}`,
    number: 1234 + row * 17 + n,
    who: 'monalisa',
    ok: row % 3 === 0,
    score: row * 1.37,
  })),
})

const rowsShape = {
  rows: t.each('rows', {
    sha: t.string(),
    name: t.string(),
    number: t.u32(),
    who: t.string(),
    ok: t.boolean(),
    score: t.f64(),
  }),
}

const text = (n: number): object => ({ id: `id${n}`, text: `a text, ${n} `.repeat(2048 / 11) })

const lines = (n: number): object => ({
  id: `id${n}`,
  text: `a "line" of a text of many lines: ${n}\n`.repeat(2048 / 37),
})

function schemaOf(value: unknown): object {
  if (typeof value === 'string') return { type: 'string' }
  if (typeof value === 'number') return { type: 'number' }
  if (typeof value === 'boolean') return { type: 'boolean' }
  if (Array.isArray(value)) return { type: 'array', items: schemaOf(value[0]) }
  const members = Object.entries(value as object)
  return {
    type: 'object',
    properties: Object.fromEntries(members.map(([name, member]) => [name, schemaOf(member)])),
    required: members.map(([name]) => name),
  }
}
