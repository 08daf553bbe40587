import assert from 'node:assert/strict'

/** Whether two texts are the same JSON: members in any order, numbers and escapes written either way. */
export function isEqual(a: string, b: string): boolean {
  if (a === b) return true
  try {
    assert.deepStrictEqual(JSON.parse(a), JSON.parse(b))
    return true
  } catch {
    return false
  }
}
