import type { AlignOptions } from './allocator.js'

/** The largest allocation: a chunk is below 2 GiB, so that offsets are positive 32-bit integers. */
export const MAX_BYTES = 2 ** 31 - 4096

/** The largest alignment. */
export const MAX_ALIGN = 4096

/** Throws unless `bytes` is a whole number of bytes that fits a chunk. */
export function checkBytes(bytes: unknown, what = 'size'): asserts bytes is number {
  if (typeof bytes !== 'number')
    throw new TypeError(`${what}: expected a number of bytes, got ${typeof bytes}`)
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > MAX_BYTES) {
    throw new RangeError(`${what}: expected a whole number from 0 to ${MAX_BYTES}, got ${bytes}`)
  }
}

/** The alignment that `options` ask for, or `natural`. */
export function alignment(options: AlignOptions | undefined, natural: number): number {
  const align = options?.align
  if (align === undefined) return natural
  if (!Number.isInteger(align) || align < 1 || align > MAX_ALIGN || (align & (align - 1)) !== 0) {
    throw new RangeError(`align: expected a power of two from 1 to ${MAX_ALIGN}, got ${align}`)
  }
  return Math.max(align, natural)
}

/** Throws unless `options` is an object: a size in its place would otherwise be no limit at all. */
export function checkObject(options: unknown, what: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${what}: expected an object, got ${nameOf(options)}`)
  }
}

/** `name` with its article: `a Buffer`, `an Arena`. */
export function withArticle(name: string): string {
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`
}

/** What `value` is, for messages. */
export function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'an object'
}
