/**
 * The generated function of a template without rows: values go from variables straight to bytes, which saves the
 * lists of values that rows need, a quarter of the time of ten short holes.
 */
import type { Window } from '../allocator.js'
import type { Step } from './template-parse.js'
import { hasKeys, holeOf, Source } from './template-source.js'
import { literalBytes } from './template-values.js'
import { NUMBER_ROOM, TIMESTAMP_ROOM } from './write-number.js'
import { LONG_STRING } from './write-string.js'

/** Reads and checks all values, then renders into the window: the same as collecting, writing and committing. */
export type RenderFlat = (given: unknown, window: Window) => Buffer

/** The source of a `RenderFlat`. */
export class FlatSource extends Source {
  source(steps: readonly Step[]): string {
    const strings: string[] = []
    const texts: string[] = []
    let room = literalBytes(steps)
    let holes = 0
    if (hasKeys(steps)) {
      this.add(`if (typeof given !== 'object' || given === null) wrongRow(undefined, given, [])`)
    }
    for (const step of steps) {
      const hole = holeOf(step)
      if (hole === undefined) continue
      const name = `x${holes++}`
      const optional = step.step !== 'value'
      this.read(name, hole, 'given')
      if (optional) this.add(`if (${name} !== undefined && ${name} !== null) {`)
      this.check(name, hole, '[]')
      switch (hole.kind) {
        case 'string':
        case 'json':
        case 'bigint':
          this.add(`units += ${name}.length`)
          ;(hole.kind === 'string' ? strings : texts).push(name)
          room += 2
          break
        default:
          room += hole.kind === 'timestamp' ? TIMESTAMP_ROOM : NUMBER_ROOM
      }
      if (optional) this.add('}')
    }
    const reading = this.lines.splice(0)
    let next = 0
    this.write(steps, {
      flag: () => `x${next} === undefined ? 0 : x${next} === null ? 2 : 1`,
      next: () => `x${next++}`,
    })
    this.flush()
    return `return function render(given, window) {
  let units = 0
${reading.join('\n')}
  const long = units >= ${LONG_STRING}
  let room = ${room} + (long ? measure([${strings.join(', ')}], [${texts.join(', ')}]) : units * 6)
  for (;;) {
    window.reserve(room)
    const { bytes, view, offset } = window
    if (long) longStrings.begin()
    let at = offset
${this.lines.join('\n')}
    if (long) at = finish(bytes, at)
    if (at >= 0) return window.commit(at - offset)
    room += neededBytes(at) - offset
  }
}`
  }
}

/** Above this the real length of a text is counted, instead of asking for the most that it may have. */
const MOST_GUESSED_UNITS = 4096

/** Bytes that are enough for `strings`, escapes of long ones apart, and `texts`, which need none. */
export function measure(
  strings: readonly (string | null | undefined)[],
  texts: readonly (string | Uint8Array | null | undefined)[],
): number {
  let bytes = 0
  for (const text of strings) {
    if (typeof text === 'string') bytes += text.length < LONG_STRING ? text.length * 6 : utf8Room(text)
  }
  for (const text of texts) {
    if (typeof text === 'string') bytes += utf8Room(text)
    else if (text) bytes += text.length
  }
  return bytes
}

function utf8Room(text: string): number {
  return text.length <= MOST_GUESSED_UNITS ? text.length * 3 : Buffer.byteLength(text)
}
