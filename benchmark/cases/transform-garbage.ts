/** What the garbage collector has to do with 200,000 transforms of a 24 KB webhook. */
import { json, Memory } from 'primarena'
import { defineCase } from '../harness/case.ts'
import { webhookOf } from '../inputs/webhooks.ts'
import { compileSplice, OUTGOING_SHAPE, transformByParse } from '../peers/outgoing.ts'

export default defineCase<Buffer>({
  title: 'garbage of 200,000 transforms of 24 KB',
  goal: 'JSON bytes in, JSON bytes out: garbage collections, as a share of what parse + stringify causes.',
  kind: 'counts',
  inputs: { '24 KB': () => webhookOf(24_000, 'pull_request').body },
  baseline: 'std',
  calls: 200_000,
  contenders: {
    validated: {
      label: 'json.transform into an arena',
      prepare: (body) => {
        const transform = json.transform(OUTGOING_SHAPE)
        const arena = new Memory().arena()
        return {
          run: () => {
            transform.write(body, arena)
            arena.reset()
          },
          answer: () => JSON.parse(transform.write(body, arena).toString()) as unknown,
          close: () => arena.dispose(),
        }
      },
    },
    std: {
      label: 'parse, stringify, Buffer.from',
      prepare: (body) => ({
        run: () => transformByParse(body),
        answer: () => JSON.parse(transformByParse(body).toString()) as unknown,
      }),
    },
    splice: {
      label: 'the best plain JS: a walker and splices',
      prepare: (body) => {
        const transform = compileSplice()
        return { run: () => transform(body), answer: () => JSON.parse(transform(body).toString()) as unknown }
      },
    },
  },
  targets: [{ contender: 'validated', gcShareOf: 'std', most: 0.05, aim: 0.01 }],
})
