/** What the agents send: real webhooks, or lines of NDJSON that the user gives. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { json } from 'primarena'
import type { Request } from './service.ts'

/** An input that cannot be used; the message says where and why. */
export class InputError extends Error {}

/** All payloads of @octokit/webhooks-examples, as the bytes that GitHub would send. */
export function exampleWebhooks(): Request[] {
  const require = createRequire(import.meta.url)
  const kinds = require('@octokit/webhooks-examples/api.github.com/index.json') as {
    name: string
    examples: unknown[]
  }[]
  return kinds.flatMap(({ name, examples }) =>
    examples.map((example) => ({ event: name, body: Buffer.from(JSON.stringify(example)) })),
  )
}

/**
 * The lines of a file of NDJSON (`-` is standard input), each a body.
 *
 * @throws InputError for a line that is not JSON, with its line and column.
 */
export function readLines(file: string): Request[] {
  let bytes: Buffer
  try {
    bytes = readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new InputError(`cannot read ${file}: ${(error as Error).message}`)
  }
  const name = file === '-' ? 'standard input' : file
  const requests: Request[] = []
  let line = 0
  for (let start = 0; start < bytes.length;) {
    line += 1
    const newline = bytes.indexOf(0x0a, start)
    const end = newline < 0 ? bytes.length : newline
    const body = bytes.subarray(start, end)
    start = end + 1
    if (isBlank(body)) continue
    const wrong = json.check(body)
    if (wrong) {
      // The message has the place in the body, which is line 1 of itself.
      const what = wrong.message.replace(/ at offset \d+ \(line \d+, column \d+\)/, '')
      throw new InputError(`${name}, line ${line}, column ${wrong.column}: ${what}`)
    }
    requests.push({ event: 'line', body })
  }
  if (requests.length === 0) throw new InputError(`${name}: expected at least one line of JSON, got none`)
  return requests
}

function isBlank(body: Buffer): boolean {
  return body.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
