/** A megabyte of NDJSON in chunks of 64 KB: two fields of each record. */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { json, t } from 'primarena'
import { defineCase } from '../harness/case.ts'

interface Stream {
  readonly chunks: readonly Buffer[]
  readonly records: number
}

const CHUNK_BYTES = 64 * 1024

export default defineCase<Stream>({
  title: 'NDJSON: 2 fields of each record',
  goal: 'Against readline and JSON.parse, and against collecting, splitting and JSON.parse.',
  inputs: {
    '1 MB, 200 bytes a record': () => stream(5000, 2),
    '1 MB, 2 KB a record': () => stream(500, 40),
  },
  baseline: 'readline',
  opsPerCall: ({ records }) => records,
  bytes: ({ chunks, records }) => chunks.reduce((sum, { length }) => sum + length, 0) / records,
  contenders: {
    batches: {
      label: 'json.lines(…).readBatches(fields)',
      async: true,
      prepare: ({ chunks }) => {
        const Row = fields()
        return async () => {
          let sum = 0
          for await (const rows of json.lines(chunks).readBatches(Row)) {
            for (const { id, user } of rows) sum += id + user.length
          }
          return sum
        }
      },
    },
    read: {
      label: 'json.lines(…).read(fields)',
      async: true,
      prepare: ({ chunks }) => {
        const Row = fields()
        return async () => {
          let sum = 0
          for await (const { id, user } of json.lines(chunks).read(Row)) sum += id + user.length
          return sum
        }
      },
    },
    readline: {
      label: 'readline and JSON.parse',
      async: true,
      prepare:
        ({ chunks }) =>
        async () => {
          let sum = 0
          for await (const line of createInterface({ input: Readable.from(chunks), crlfDelay: Infinity })) {
            sum += count(line)
          }
          return sum
        },
    },
    split: {
      label: "all of it, split('\\n'), JSON.parse",
      prepare:
        ({ chunks }) =>
        () => {
          let sum = 0
          for (const line of Buffer.concat(chunks).toString().split('\n')) if (line !== '') sum += count(line)
          return sum
        },
    },
  },
  targets: [{ contender: 'batches', timesAsFastAs: 'readline', least: 2, aim: 4 }],
})

function fields() {
  return json.fields({
    id: t.u32('$.id', { required: true }),
    user: t.string('$.user.login', { required: true }),
  })
}

function count(line: string): number {
  const { id, user } = JSON.parse(line) as { id: number; user: { login: string } }
  return id + user.login.length
}

function stream(records: number, tags: number): Stream {
  const lines = Array.from({ length: records }, (_, id) => {
    const user = { login: `user-${id % 1000}`, id: id * 7, site: 'https://example.org/users/some' }
    const list = Array.from({ length: tags }, (__, index) => ({ tag: `tag ${index}`, weight: index / 8 }))
    return JSON.stringify({ type: 'page.viewed', id, ok: true, user, tags: list, note: null })
  })
  const bytes = Buffer.from(`${lines.join('\n')}\n`)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES))
  return { chunks, records }
}
