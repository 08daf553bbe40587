import { setTimeout as sleep } from 'node:timers/promises'

const collect = (globalThis as { gc?: () => void }).gc

/** Collects garbage until `condition` holds; false when it did not within the time. */
export async function gcUntil(condition: () => boolean, timeoutMs = 10_000): Promise<boolean> {
  if (!collect) throw new Error('run with --expose-gc')
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) return false
    // In a turn of its own: what `condition` reached through a WeakRef is kept until its turn is over.
    await sleep(5)
    collect()
    await sleep(5)
  }
  return true
}
