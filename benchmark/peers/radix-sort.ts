/** The best plain JavaScript for sorting by a column of doubles: radix passes over typed arrays. */

const DIGIT_BITS = 11
const BUCKETS = 1 << DIGIT_BITS

/**
 * The indexes of `values` in ascending order: three passes over the upper 32 bits of the order-preserving keys,
 * with the smallest subtracted, then comparisons where those are equal.
 */
export function radixSortIndexes(values: Float64Array): Uint32Array {
  const { length } = values
  const words = new Uint32Array(values.buffer, values.byteOffset, length * 2)
  let keys = new Uint32Array(length)
  let otherKeys = new Uint32Array(length)
  let order = new Uint32Array(length)
  let otherOrder = new Uint32Array(length)
  const counts = [new Uint32Array(BUCKETS), new Uint32Array(BUCKETS), new Uint32Array(BUCKETS)] as const

  let least = 0xffff_ffff
  let most = 0
  for (let index = 0; index < length; index++) {
    const high = words[2 * index + 1]!
    const key = (high ^ ((high >> 31) | 0x8000_0000)) >>> 0
    keys[index] = key
    if (key < least) least = key
    if (key > most) most = key
  }
  // The bits in which keys differ, moved up, and filled from below with bits of the lower word.
  const shift = Math.clz32(most - least)
  for (let index = 0; index < length; index++) {
    const high = words[2 * index + 1]!
    const low = (words[2 * index]! ^ (high >> 31)) >>> 0
    const key =
      shift === 0 ? keys[index]! - least : ((keys[index]! - least) << shift) | (low >>> (32 - shift))
    keys[index] = key
    order[index] = index
    counts[0][key & (BUCKETS - 1)]! += 1
    counts[1][(key >>> DIGIT_BITS) & (BUCKETS - 1)]! += 1
    counts[2][key >>> (2 * DIGIT_BITS)]! += 1
  }
  counts.forEach((places, pass) => {
    let start = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = places[bucket]!
      places[bucket] = start
      start += count
    }
    scatter(keys, order, otherKeys, otherOrder, places, pass * DIGIT_BITS)
    ;[keys, otherKeys] = [otherKeys, keys]
    ;[order, otherOrder] = [otherOrder, order]
  })
  for (let start = 0, end = 1; start < length; start = end++) {
    const key = keys[start]!
    while (end < length && keys[end] === key) end += 1
    if (end - start > 1) order.subarray(start, end).sort((a, b) => values[a]! - values[b]! || a - b)
  }
  return order
}

function scatter(
  keys: Uint32Array,
  order: Uint32Array,
  toKeys: Uint32Array,
  toOrder: Uint32Array,
  places: Uint32Array,
  shift: number,
): void {
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const digit = (key >>> shift) & (BUCKETS - 1)
    const place = places[digit]!
    places[digit] = place + 1
    toKeys[place] = key
    toOrder[place] = order[index]!
  }
}
