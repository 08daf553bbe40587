const units: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** A size in bytes: a number, or text such as `'256 MiB'`, `'1.5 GB'`, `'4096'`. */
export type ByteSize = number | string

/**
 * `size` in bytes, as a whole number; `Infinity` is allowed.
 *
 * @throws TypeError when it is neither a number nor a size in words; RangeError when it is negative or NaN.
 */
export function byteSize(size: ByteSize, what: string): number {
  let bytes: number
  if (typeof size === 'number') {
    bytes = size
  } else {
    const match = typeof size === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(size) : null
    const unit = match ? units[match[2]!.toLowerCase() || 'b'] : undefined
    if (!match || unit === undefined) {
      throw new TypeError(`${what}: expected bytes or a size such as '256 MiB', got ${String(size)}`)
    }
    bytes = Number(match[1]) * unit
  }
  if (!(bytes >= 0)) throw new RangeError(`${what}: expected a size of 0 or more, got ${size}`)
  return Math.floor(bytes)
}

/** `bytes` for people: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'no limit'
  for (const [name, unit] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (Math.abs(bytes) >= unit) return `${(bytes / unit).toFixed(1).replace(/\.0$/, '')} ${name}`
  }
  return `${bytes} B`
}
