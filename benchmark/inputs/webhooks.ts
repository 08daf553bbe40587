/** Real webhook payloads: those of @octokit/webhooks-examples, as the bytes that GitHub would send. */
import { createRequire } from 'node:module'

export interface Webhook {
  /** `push`, `pull_request`, … */
  readonly event: string
  readonly body: Buffer
}

interface Definition {
  readonly name: string
  readonly examples: readonly unknown[]
}

let loaded: readonly Webhook[] | undefined

/** All payloads, compact as on the wire. */
export function webhooks(): readonly Webhook[] {
  loaded ??= definitions().flatMap(({ name, examples }) =>
    examples.map((example) => ({ event: name, body: Buffer.from(JSON.stringify(example)) })),
  )
  return loaded
}

/** The payload of `event` (of any, when left out) whose size is nearest to `bytes`. */
export function webhookOf(bytes: number, event?: string): Webhook {
  return webhooks()
    .filter((hook) => !event || hook.event === event)
    .reduce((best, hook) =>
      Math.abs(hook.body.length - bytes) < Math.abs(best.body.length - bytes) ? hook : best,
    )
}

function definitions(): readonly Definition[] {
  const require = createRequire(import.meta.url)
  return require('@octokit/webhooks-examples/api.github.com/index.json') as readonly Definition[]
}
