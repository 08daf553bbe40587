/**
 * Strings of some length are written as plain UTF-8 by one engine call, and the native side puts in the escapes
 * when all is written: it finds them at 20 GB/s where JavaScript takes 0.3 ns a byte.
 */
import { FAILED, raw, takeLastError } from '../native.js'

/** Added by the native side to a size that it needs (`NEEDS_MORE` in `template.rs`). */
export const NEEDS_MORE = 16

/** The insides of long strings of a rendering, as pairs of offsets. */
class LongStrings {
  ranges = new Uint32Array(64)
  count = 0
  /** Bytes that a string needed and did not find: the rendering is to be done again with more room. */
  missingBytes = 0

  /** Forgets those of the last rendering. */
  begin(): void {
    this.count = 0
    this.missingBytes = 0
  }

  /** The string of which `end - start` bytes of UTF-8 were written. */
  add(start: number, end: number): void {
    if (this.count === this.ranges.length) {
      const grown = new Uint32Array(this.count * 2)
      grown.set(this.ranges)
      this.ranges = grown
    }
    this.ranges[this.count] = start
    this.ranges[this.count + 1] = end
    this.count += 2
  }

  /** What was written moved by `distance` bytes. */
  move(distance: number): void {
    for (let index = 0; index < this.count; index++) this.ranges[index]! += distance
  }
}

/** Those of the current rendering; while it writes, no code of the user runs, so there is one. */
export const longStrings = new LongStrings()

/** Escapes the long strings; gives the new end, or a negative number when that is behind the chunk's end. */
export function finish(bytes: Uint8Array, end: number): number {
  const { count, missingBytes, ranges } = longStrings
  if (missingBytes > 0) return -(end + missingBytes + NEEDS_MORE)
  if (count === 0) return end
  const result =
    count === 2
      ? raw.templateEscapeOne(bytes, bytes.length, ranges[0]!, ranges[1]!, end)
      : raw.templateEscape(bytes, bytes.length, ranges, count, end)
  if (result === FAILED) throw takeLastError()
  return result
}

/** The end that there has to be room for, from a negative answer of `finish`. */
export function neededBytes(answer: number): number {
  return -answer - NEEDS_MORE
}
