import { setTimeout as sleep } from 'node:timers/promises'

const collect = (globalThis as { gc?: () => void }).gc

/** Collects garbage until `condition` holds; false when it did not within the time. */
export async function gcUntil(condition: () => boolean, timeoutMs = 10_000): Promise<boolean> {
  if (!collect) throw new Error('run with --expose-gc')
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) return false
    collect()
    await sleep(10)
  }
  return true
}
