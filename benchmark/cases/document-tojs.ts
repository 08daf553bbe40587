/** A document of which everything becomes JavaScript objects: where plain JSON.parse is right. */
import { json, Memory } from 'primarena'
import { defineCase } from '../harness/case.ts'
import { bigPush } from '../inputs/big.ts'
import { webhookOf } from '../inputs/webhooks.ts'

export default defineCase<Buffer>({
  title: 'toJS() of a whole document',
  goal: 'No slower than JSON.parse(buf.toString()) by more than 3 %; opening the document (which validates) comes on top.',
  inputs: {
    '24 KB': () => webhookOf(24_000, 'pull_request').body,
    '1 MB': () => bigPush(1_000_000),
  },
  baseline: 'std',
  bytes: (body) => body.length,
  contenders: {
    ours: {
      label: 'doc.toJS()',
      prepare: (body) => {
        const arena = new Memory().arena()
        const doc = json.parse(body, arena)
        return { run: () => doc.toJS(), close: () => arena.dispose() }
      },
    },
    opened: {
      label: 'json.parse(bytes, arena).toJS()',
      prepare: (body) => {
        const arena = new Memory().arena()
        const run = (): unknown => {
          const value = json.parse(body, arena).toJS()
          arena.reset()
          return value
        }
        return { run, close: () => arena.dispose() }
      },
    },
    std: {
      label: 'JSON.parse(buf.toString())',
      prepare: (body) => () => JSON.parse(body.toString()) as unknown,
    },
  },
  targets: [{ contender: 'ours', timesAsFastAs: 'std', least: 0.97, aim: 1.1 }],
})
