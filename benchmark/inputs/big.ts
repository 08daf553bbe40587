/** Large documents of the kind that services meet. */
import { webhookOf } from './webhooks.ts'

interface Push {
  commits: object[]
  head_commit: object
}

/** A push of so many commits that its body has about `bytes`. */
export function bigPush(bytes: number): Buffer {
  const push = JSON.parse(webhookOf(7_000, 'push').body.toString()) as Push
  const commit = JSON.stringify(push.head_commit)
  const count = Math.max(1, Math.round(bytes / (commit.length + 1)))
  push.commits = Array.from({ length: count }, (_, i) => ({ ...push.head_commit, distinct: i % 3 === 0 }))
  return Buffer.from(JSON.stringify(push))
}
