import { createRequire } from 'node:module'
import test from 'ava'
import { json, t } from 'primarena'
import { Comparison, Documents } from '../scripts/lib/json-fuzz.mjs'

const require = createRequire(import.meta.url)
const payloads = require('@octokit/webhooks-examples/api.github.com/index.json') as { examples: unknown[] }[]
const real = payloads
  .map(({ examples }) => Buffer.from(JSON.stringify(examples[0])))
  .filter((body) => body.length < 16_384)

// The long form is `npm run fuzz`.
test('6,000 random and mutated documents are read as JSON.parse reads them', (t_) => {
  const comparison = new Comparison({ json, t })
  const documents = new Documents(20_261_123, real)
  for (let i = 0; i < 6000; i++) {
    const bytes = documents.next()
    try {
      comparison.document(bytes)
    } catch (error) {
      t_.log(`document ${i}:`, bytes.length < 2000 ? JSON.stringify(bytes.toString('latin1')) : bytes.length)
      throw error
    }
  }
  // Both answers must be looked at, or the comparison says little.
  t_.true(comparison.accepted > 2000)
  t_.true(comparison.rejected > 1500)
})

test('the comparison notices a reader that is wrong', (t_) => {
  const wrong = { ...json, check: () => undefined }
  t_.throws(() => new Comparison({ json: wrong as never, t }).document(Buffer.from('[1,]')), {
    message: /takes what JSON.parse refuses/,
  })
  const fields = (specs: Record<string, string>) => ({
    read: (bytes: Buffer) => ({ ...json.fields(specs).read(bytes), a: 0 }),
  })
  const other = { ...json, fields } as never
  t_.throws(() => new Comparison({ json: other, t }).document(Buffer.from('{"a":1}')), {
    message: /expected 1, got 0/,
  })
})
