/** What the garbage collector has to do with 200,000 documents, in every job whose result is bytes or numbers. */
import { json, Memory, t, type Arena } from 'primarena'
import assert from 'node:assert/strict'
import { defineCase, type BenchCase, type Contender, type Operation } from '../harness/case.ts'
import { webhookOf } from '../inputs/webhooks.ts'
import jsonColumns from './json-columns.ts'
import jsonPool from './json-pool.ts'
import jsonTransform from './json-transform.ts'
import templateRender from './template-render.ts'

/** A job: what does it for us, and what one writes without us. */
interface Job {
  readonly ours: Contender['prepare']
  readonly std: Contender['prepare']
  readonly input?: unknown
}

interface PullRequest {
  readonly number: number
  readonly pull_request: { readonly id: number; readonly commits: number }
  readonly repository: { readonly id: number; readonly size: number }
  readonly sender: { readonly id: number }
}

const body = webhookOf(24_000, 'pull_request').body
const parse = (): PullRequest => JSON.parse(body.toString()) as PullRequest

const jobs = {
  'transform, 24 KB': () => timed(jsonTransform, 'validated', '24 KB'),
  'fields, 5 numbers of 24 KB': () => {
    const fields = json.fields({
      number: t.u32('$.number'),
      pull: t.f64('$.pull_request.id'),
      commits: t.u32('$.pull_request.commits'),
      repository: t.f64('$.repository.id'),
      sender: t.f64('$.sender.id'),
    })
    return { ours: () => () => fields.read(body), std: () => fiveNumbers }
  },
  'fields, 2 parts of 24 KB as bytes': () => {
    const fields = json.fields({ who: t.bytes('$.sender'), where: t.bytes('$.repository') })
    return {
      ours: () => () => fields.read(body),
      std: () => () => {
        const { sender, repository } = parse()
        return { who: bytesOf(sender), where: bytesOf(repository) }
      },
    }
  },
  'columns, 4 of 100 rows': () => timed(jsonColumns, 'validated', '100 rows'),
  'document, 5 numbers of 24 KB': () => ({
    ours: () =>
      inArena((arena) => {
        const doc = json.parse(body, arena)
        return {
          number: doc.number('number'),
          pull: doc.number('pull_request', 'id'),
          commits: doc.number('pull_request', 'commits'),
          repository: doc.number('repository', 'id'),
          sender: doc.number('sender', 'id'),
        }
      }),
    std: () => fiveNumbers,
  }),
  'document, a part of 24 KB as bytes': () => ({
    ours: () =>
      inArena(
        (arena) => json.parse(body, arena).raw('repository'),
        (bytes) => Buffer.from(bytes!),
      ),
    std: () => () => bytesOf(parse().repository),
  }),
  'template, 10 short holes': () => timed(templateRender, 'ours', '10 short holes'),
  'template, 50 rows of 6': () => timed(templateRender, 'ours', '50 rows of 6'),
  'template, a string of 2 KB': () => timed(templateRender, 'ours', 'a string of 2 KB'),
  'JSON pool, 8 members to bytes': () => timed(jsonPool, 'ours', 'short strings'),
} satisfies Record<string, () => Job>

export default defineCase<Job>({
  title: 'garbage of 200,000 documents',
  goal: 'Results that are bytes or numbers: garbage collections, as a share of what plain JavaScript causes.',
  kind: 'counts',
  inputs: jobs,
  baseline: 'std',
  calls: 200_000,
  // Some of the jobs answer with bytes on one side and with their text on the other.
  check: ({ ours, std }) => assert.deepEqual(textOf(ours), textOf(std)),
  contenders: {
    ours: { label: 'primarena, bytes in an arena', prepare: ({ ours, input }) => ours(input) },
    std: { label: 'JSON.parse, JSON.stringify, Buffer.from', prepare: ({ std, input }) => std(input) },
  },
  targets: [{ contender: 'ours', gcShareOf: 'std', most: 0.05, aim: 0.01 }],
})

/** The job of a case that is timed as well. */
function timed({ inputs, contenders, baseline }: BenchCase, name: string, input: string): Job {
  return {
    input: inputs[input]!(),
    ours: contenders[name]!.prepare,
    std: contenders[baseline]!.prepare,
  }
}

/** Reads with an arena that is reset after each reading. `keep` copies what ends with the arena. */
function inArena<T>(read: (arena: Arena) => T, keep: (value: T) => unknown = (value) => value): Operation {
  const arena = new Memory().arena()
  return {
    run: () => {
      const value = read(arena)
      arena.reset()
      return value
    },
    answer: () => keep(read(arena)),
    close: () => arena.dispose(),
  }
}

function fiveNumbers(): Record<string, number> {
  const { number, pull_request: pull, repository, sender } = parse()
  return { number, pull: pull.id, commits: pull.commits, repository: repository.id, sender: sender.id }
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function textOf(answer: unknown): unknown {
  return answer instanceof Uint8Array ? answer.toString() : answer
}
