/** A webhook reshaped to ten fields, written in plain JavaScript three ways. */
import fastJsonStringify from 'fast-json-stringify'
import { compileWalker } from './walker.ts'

interface PullRequestEvent {
  action: string
  number: number
  pull_request: { title: string; html_url: string; state: string; user: { login: string } }
  repository: { id: number; full_name: string }
  sender: { id: number; login: string }
}

/** The shape, as `json.transform` takes it. */
export const OUTGOING_SHAPE = {
  action: '$.action',
  number: '$.number',
  pull: {
    title: '$.pull_request.title',
    url: '$.pull_request.html_url',
    state: '$.pull_request.state',
    author: '$.pull_request.user.login',
  },
  repository: { id: '$.repository.id', name: '$.repository.full_name' },
  sender: { id: '$.sender.id', login: '$.sender.login' },
} as const

function outgoing(event: PullRequestEvent): object {
  const { action, number, pull_request: pull, repository, sender } = event
  return {
    action,
    number,
    pull: { title: pull.title, url: pull.html_url, state: pull.state, author: pull.user.login },
    repository: { id: repository.id, name: repository.full_name },
    sender: { id: sender.id, login: sender.login },
  }
}

/** Parse, pick, stringify, encode. */
export function transformByParse(body: Buffer): Buffer {
  return Buffer.from(JSON.stringify(outgoing(JSON.parse(body.toString()) as PullRequestEvent)))
}

/** The same with a compiled serializer. */
export function compileFastStringify(): (body: Buffer) => Buffer {
  const text = { type: 'string' } as const
  const integer = { type: 'integer' } as const
  const stringify = fastJsonStringify({
    type: 'object',
    properties: {
      action: text,
      number: integer,
      pull: { type: 'object', properties: { title: text, url: text, state: text, author: text } },
      repository: { type: 'object', properties: { id: integer, name: text } },
      sender: { type: 'object', properties: { id: integer, login: text } },
    },
  })
  return (body) => Buffer.from(stringify(outgoing(JSON.parse(body.toString()) as PullRequestEvent)))
}

const SLICES = [
  ['{"action":', 'action'],
  [',"number":', 'number'],
  [',"pull":{"title":', 'pull_request.title'],
  [',"url":', 'pull_request.html_url'],
  [',"state":', 'pull_request.state'],
  [',"author":', 'pull_request.user.login'],
  ['},"repository":{"id":', 'repository.id'],
  [',"name":', 'repository.full_name'],
  ['},"sender":{"id":', 'sender.id'],
  [',"login":', 'sender.login'],
] as const

/** The best plain JavaScript: a generated walker finds the slices, which are spliced. Nothing is validated. */
export function compileSplice(): (body: Buffer) => Buffer {
  const walk = compileWalker(SLICES.map(([, path]) => path.split('.')))
  const ranges = new Int32Array(2 * SLICES.length)
  const constants = SLICES.map(([text]) => Buffer.from(text))
  const end = Buffer.from('}}')
  const constantBytes = constants.reduce((sum, { length }) => sum + length, end.length)
  return (body) => {
    walk(body, ranges)
    let bytes = constantBytes
    for (let i = 0; i < ranges.length; i += 2) bytes += ranges[i + 1]! - ranges[i]!
    const out = Buffer.allocUnsafe(bytes)
    let at = 0
    for (let i = 0; i < constants.length; i++) {
      const constant = constants[i]!
      for (let k = 0; k < constant.length; k++) out[at++] = constant[k]!
      for (let k = ranges[2 * i]!, stop = ranges[2 * i + 1]!; k < stop; k++) out[at++] = body[k]!
    }
    for (let k = 0; k < end.length; k++) out[at++] = end[k]!
    return out
  }
}
