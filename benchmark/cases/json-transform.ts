/** A webhook reshaped to ten fields: JSON bytes in, JSON bytes out. */
import { json, Memory } from 'primarena'
import assert from 'node:assert/strict'
import { defineCase, type Operation } from '../harness/case.ts'
import { webhookOf } from '../inputs/webhooks.ts'
import { compileFastStringify, compileSplice, OUTGOING_SHAPE, transformByParse } from '../peers/outgoing.ts'

export default defineCase<Buffer>({
  title: '10 fields of a webhook, reshaped to a new JSON document',
  goal: 'Against parse + object + stringify + Buffer.from; ours with an arena that is reset after each document.',
  inputs: { '24 KB': () => webhookOf(24_000, 'pull_request').body },
  baseline: 'std',
  bytes: (body) => body.length,
  check: (answers) => {
    for (const [name, answer] of Object.entries(answers)) {
      assert.deepEqual(JSON.parse(String(answer)), JSON.parse(String(answers.std)), name)
    }
  },
  contenders: {
    validated: { label: 'json.transform', prepare: (body) => ours(body, false) },
    trusted: { label: 'json.transform, { trust: true }', prepare: (body) => ours(body, true) },
    std: { label: 'parse, stringify, Buffer.from', prepare: (body) => () => transformByParse(body) },
    fast: {
      label: 'parse, fast-json-stringify, Buffer.from',
      prepare: (body) => {
        const transform = compileFastStringify()
        return () => transform(body)
      },
    },
    splice: {
      label: 'the best plain JS: a walker and splices',
      prepare: (body) => {
        const transform = compileSplice()
        return () => transform(body)
      },
    },
  },
  targets: [
    { contender: 'trusted', timesAsFastAs: 'std', least: 7, aim: 12 },
    { contender: 'validated', timesAsFastAs: 'std', least: 2.2, aim: 5 },
  ],
})

function ours(body: Buffer, trust: boolean): Operation {
  const transform = json.transform(OUTGOING_SHAPE, { trust })
  const arena = new Memory().arena()
  return {
    run: () => {
      const { length } = transform.write(body, arena)
      arena.reset()
      return length
    },
    answer: () => transform.write(body, arena).toString(),
    close: () => arena.dispose(),
  }
}
