/**
 * One field out of a webhook, in plain JavaScript only: the case to copy when you add one.
 *
 * A case names the job (`title`, `goal`), makes its `inputs`, and lists `contenders`. Each of these gets the
 * input in `prepare`, where everything that is done once happens, and returns the function that is timed.
 * Before that, all of them are called and their answers compared.
 */
import { defineCase } from '../harness/case.ts'
import { webhookOf } from '../inputs/webhooks.ts'

export default defineCase<Buffer>({
  title: 'one field out of a webhook (the example case)',
  goal: 'Shows what a case looks like: how much of JSON.parse is spent on what nobody reads?',
  inputs: {
    '1 KB': () => webhookOf(1_000).body,
    '24 KB': () => webhookOf(24_000).body,
  },
  baseline: 'parse',
  bytes: (body) => body.length,
  contenders: {
    parse: {
      label: 'JSON.parse(buf.toString())',
      prepare: (body) => () => (JSON.parse(body.toString()) as { sender: { login: string } }).sender.login,
    },
    search: {
      // Right only where the last "sender" is the one at the top: good enough to show a contender that wins.
      label: 'lastIndexOf over the bytes',
      prepare: (body) => {
        const sender = Buffer.from('"sender":{"login":"')
        return () => {
          const start = body.lastIndexOf(sender) + sender.length
          return body.toString('latin1', start, body.indexOf(0x22, start))
        }
      },
    },
  },
})
