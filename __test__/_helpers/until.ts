import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `condition` holds; false when it did not within the time. */
export async function until(condition: () => boolean, timeoutMs = 10_000): Promise<boolean> {
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) return false
    await sleep(5)
  }
  return true
}
