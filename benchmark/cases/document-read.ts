/** A document of which a tenth is read. */
import { json, Memory, type JsonDocument, type PathStep } from 'primarena'
import { defineCase, type Operation } from '../harness/case.ts'
import { bigPush } from '../inputs/big.ts'
import { webhookOf } from '../inputs/webhooks.ts'

interface Reading {
  readonly body: Buffer
  /** What is read: every tenth value that is no container, or one container that has a tenth of the bytes. */
  readonly paths: readonly (readonly PathStep[])[]
  readonly whole: boolean
}

export default defineCase<Reading>({
  title: 'parse a document and read a tenth of it',
  goal: 'Against JSON.parse(buf.toString()) and the same reads; the document is copied into an arena and validated.',
  inputs: {
    '1 KB, scattered values': () => scattered(webhookOf(900).body),
    '24 KB, scattered values': () => scattered(webhookOf(24_000, 'pull_request').body),
    '1 MB, scattered values': () => scattered(bigPush(1_000_000)),
    '24 KB, one part': () => onePart(webhookOf(24_000, 'pull_request').body),
    '1 MB, one part': () => onePart(bigPush(1_000_000)),
  },
  baseline: 'std',
  bytes: ({ body }) => body.length,
  contenders: {
    ours: { label: 'json.parse(bytes, arena)', prepare: (input) => ours(input, {}) },
    trusted: {
      label: 'json.parse, { trust, borrow }',
      prepare: (input) => ours(input, { trust: true, borrow: true }),
    },
    std: {
      label: 'JSON.parse(buf.toString())',
      prepare: ({ body, paths }) => {
        return () => {
          const root: unknown = JSON.parse(body.toString())
          return paths.map((path) =>
            path.reduce((value, step) => (value as Record<PathStep, unknown>)[step], root),
          )
        }
      },
    },
  },
  targets: [
    { contender: 'ours', input: '24 KB, scattered values', timesAsFastAs: 'std', least: 3, aim: 8 },
    { contender: 'ours', input: '1 MB, scattered values', timesAsFastAs: 'std', least: 3, aim: 8 },
    { contender: 'ours', input: '24 KB, one part', timesAsFastAs: 'std', least: 3, aim: 8 },
    { contender: 'ours', input: '1 MB, one part', timesAsFastAs: 'std', least: 3, aim: 8 },
  ],
})

function ours({ body, paths, whole }: Reading, options: { trust?: boolean; borrow?: boolean }): Operation {
  const arena = new Memory().arena()
  const run = (): unknown[] => {
    const doc: JsonDocument = json.parse(body, arena, options)
    const values = paths.map((path) => (whole ? doc.toJS(...path) : doc.get(...path)))
    arena.reset()
    return values
  }
  return { run, close: () => arena.dispose() }
}

/** Every tenth value that is no container: the worst there is, as every container has to be entered. */
function scattered(body: Buffer): Reading {
  const paths: PathStep[][] = []
  walk(JSON.parse(body.toString()), [], (value, path) => {
    if (typeof value !== 'object' || value === null) paths.push(path)
  })
  return { body, paths: paths.filter((_, index) => index % 10 === 5), whole: false }
}

/** The container that is nearest to a tenth of the bytes; of an array, the first tenth of its elements. */
function onePart(body: Buffer): Reading {
  const root: unknown = JSON.parse(body.toString())
  let best = { path: [] as PathStep[], off: Infinity }
  walk(root, [], (value, path) => {
    if (typeof value !== 'object') return
    const off = Math.abs(JSON.stringify(value).length - body.length / 10)
    if (off < best.off) best = { path, off }
  })
  const { commits } = root as { commits?: unknown[] }
  const paths = commits
    ? commits.slice(0, commits.length / 10).map((_, index) => ['commits', index])
    : [best.path]
  return { body, paths, whole: true }
}

function walk(value: unknown, path: PathStep[], visit: (value: unknown, path: PathStep[]) => void): void {
  visit(value, path)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) value.forEach((element, index) => walk(element, [...path, index], visit))
  else for (const [name, member] of Object.entries(value)) walk(member, [...path, name], visit)
}
