/** Bytes that tell whose they are, at every offset: a stray byte of another seed does not fit in. */
export function fillPattern(bytes: Uint8Array, seed: number): void {
  let state = (seed * 2654435761) >>> 0
  for (let i = 0; i < bytes.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
}

/** The first offset at which `bytes` are not the pattern of `seed`, or −1. */
export function firstForeignByte(bytes: Uint8Array, seed: number, length: number): number {
  if (bytes.length !== length) return Math.min(bytes.length, length)
  const expected = new Uint8Array(length)
  fillPattern(expected, seed)
  for (let i = 0; i < length; i += 1) if (bytes[i] !== expected[i]) return i
  return -1
}

/** Numbers that repeat with their seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
