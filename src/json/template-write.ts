/**
 * Writing values as JSON bytes, with room known to be enough: no check of the limit in the loops.
 *
 * Four characters become one store, a key of up to four bytes is one store: that is what a DataView is for.
 * It makes a string of 13 characters cost 24 ns instead of 36 (Node 20 and 26).
 */
import { Buffer } from 'node:buffer'
import { FAILED, raw, takeLastError } from '../native.js'
import { writeLiteral, writeNumber, writeString, writeText } from './writer.js'
import type { EachStep, Step, ValueStep } from './template-parse.js'
import { ABSENT, LONG_STRING, NULL, PRESENT, type Values } from './template-values.js'

/** The insides of long strings, as pairs of offsets: written as plain UTF-8, not yet escaped. */
export class LongStrings {
  ranges = new Uint32Array(64)
  count = 0

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
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))

/** Where a rendering writes: the chunk, a DataView of the same bytes, and what native code has yet to escape. */
export class Target {
  bytes = NO_BYTES
  view = NO_VIEW
  readonly long = new LongStrings()
  /** Bytes that a string needed and did not find: the rendering is to be done again with more room. */
  missingBytes = 0

  aim(bytes: Uint8Array): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes
      this.view = dataView(bytes)
    }
    this.long.count = 0
    this.missingBytes = 0
  }

  /** Lets go of the chunk: what points at it would keep its arena alive. */
  drop(): void {
    this.bytes = NO_BYTES
    this.view = NO_VIEW
  }
}

/** Writes collected values from `at` on; gives the offset after them. The target has room for them. */
export type Write = (target: Target, at: number, values: Values) => number

const viewOf: unique symbol = Symbol('primarena.dataView') as never

/** A DataView of a whole chunk. It is kept on the buffer, so it lives exactly as long. */
export function dataView(bytes: Uint8Array): DataView {
  const buffer = bytes.buffer as ArrayBuffer & { [viewOf]?: DataView }
  return (buffer[viewOf] ??= new DataView(buffer))
}

const { utf8Write } = Buffer.prototype as unknown as {
  utf8Write(this: Uint8Array, text: string, offset: number, length: number): number
}

/** Through a constant, not as a method: see `writer.ts`. */
const charCodeAt = String.prototype.charCodeAt

/** For each UTF-16 unit: 1 when it stands for itself in a JSON string. A table of all, so no range check. */
const PLAIN = new Uint8Array(0x10000).fill(1, 0x20, 0x80)
PLAIN[0x22] = 0
PLAIN[0x5c] = 0

/** Writes the inside of a JSON string; its quotes are part of the constants around it. */
export function putString(target: Target, at: number, text: string): number {
  const length = text.length
  if (length >= LONG_STRING) return putLongString(target, at, text)
  const { bytes, view } = target
  const start = at
  let index = 0
  for (; index + 4 <= length; index += 4) {
    const a = charCodeAt.call(text, index)
    const b = charCodeAt.call(text, index + 1)
    const c = charCodeAt.call(text, index + 2)
    const d = charCodeAt.call(text, index + 3)
    if ((PLAIN[a]! & PLAIN[b]! & PLAIN[c]! & PLAIN[d]!) === 0) return putSpecial(target, start, text)
    view.setInt32(at, a | (b << 8) | (c << 16) | (d << 24), true)
    at += 4
  }
  for (; index < length; index++) {
    const code = charCodeAt.call(text, index)
    if (PLAIN[code] === 0) return putSpecial(target, start, text)
    bytes[at++] = code
  }
  return at
}

/** The same for a string with escapes or other than ASCII. The byte before is its opening quote. */
function putSpecial({ bytes }: Target, at: number, text: string): number {
  return writeString(bytes, at - 1, bytes.length, text) - 1
}

/** One engine call, 35 to 100 ns for 2 KB; what it does not do, escapes, is done natively at the end. */
function putLongString(target: Target, at: number, text: string): number {
  const { bytes } = target
  const end = at + utf8Write.call(bytes, text, at, bytes.length - at)
  if (end - at !== text.length && !(text as string & { isWellFormed(): boolean }).isWellFormed()) {
    // A lone surrogate: as UTF-8 it is a U+FFFD, as JSON an escape, which may need more than there is.
    const escaped = JSON.stringify(text)
    const after = putText(target, at - 1, escaped)
    if (after >= 0) return after - 1
    target.missingBytes += Buffer.byteLength(escaped)
    return at
  }
  target.long.add(at, end)
  return end
}

/** Writes text that is JSON already. */
export function putText(target: Target, at: number, text: string): number {
  return writeText(target.bytes, at, target.bytes.length, text)
}

/** Writes JSON text or ready JSON bytes. */
export function putJson(target: Target, at: number, value: string | Uint8Array): number {
  if (typeof value === 'string') return putText(target, at, value)
  target.bytes.set(value, at)
  return at + value.length
}

/** 10^6, and the most that is written by way of it: below it `value * SCALE` has at most 15 digits. */
const SCALE = 1e6
const MOST_SCALED = 1e9

/**
 * Writes a number with the digits of `JSON.stringify`.
 *
 * A decimal of at most six places and fifteen digits is the only such decimal that reads as that double, so
 * when it does, its digits are the shortest: two integers to write, where the engine's digits cost 50–70 ns.
 */
export function putNumber(target: Target, at: number, value: number): number {
  const { bytes } = target
  if ((value | 0) === value) return putInt(target, at, value)
  const magnitude = value < 0 ? -value : value
  if (magnitude < MOST_SCALED && magnitude >= 1e-6) {
    const scaled = Math.round(magnitude * SCALE)
    if (scaled / SCALE === magnitude) {
      if (value < 0) bytes[at++] = 0x2d
      // As int32s: divisions by constants are then multiplications.
      const whole = magnitude | 0
      return putPlaces(target, putInt(target, at, whole), (scaled - whole * SCALE) | 0)
    }
  }
  return writeNumber(bytes, at, bytes.length, value)
}

/** A point and six places, without the zeros at their end. */
function putPlaces({ bytes, view }: Target, at: number, places: number): number {
  bytes[at] = 0x2e
  const high = (places / 10000) | 0
  const rest = places - high * 10000
  const middle = (rest / 100) | 0
  view.setUint16(at + 1, PAIRS[high]!, true)
  view.setUint16(at + 3, PAIRS[middle]!, true)
  view.setUint16(at + 5, PAIRS[rest - middle * 100]!, true)
  let end = at + 7
  while (bytes[end - 1] === 0x30) end--
  return end
}

/** The digits of 0 to 99, two bytes each, the first of them low. */
const PAIRS = Uint16Array.from(
  { length: 100 },
  (_, value) => (0x30 + Math.floor(value / 10)) | ((0x30 + (value % 10)) << 8),
)

/** Writes an int32. */
function putInt({ bytes, view }: Target, at: number, value: number): number {
  if (value < 0) {
    if (value === -0x80000000) return writeNumber(bytes, at, bytes.length, value)
    bytes[at++] = 0x2d
    value = -value
  }
  if (value < 10) {
    bytes[at] = 0x30 + value
    return at + 1
  }
  let digits = 2
  if (value >= 100) {
    if (value < 100000) digits = value < 1000 ? 3 : value < 10000 ? 4 : 5
    else if (value < 10000000) digits = value < 1000000 ? 6 : 7
    else digits = value < 100000000 ? 8 : value < 1000000000 ? 9 : 10
  }
  const end = at + digits
  let position = end
  while (value >= 100) {
    const rest = (value / 100) | 0
    position -= 2
    view.setUint16(position, PAIRS[value - rest * 100]!, true)
    value = rest
  }
  if (value >= 10) view.setUint16(position - 2, PAIRS[value]!, true)
  else bytes[position - 1] = 0x30 + value
  return end
}

/** Writes `true` or `false`. */
export function putBoolean({ bytes }: Target, at: number, value: number): number {
  return writeLiteral(bytes, at, bytes.length, value !== 0)
}

/** Writes `null`. */
export function putNull({ bytes }: Target, at: number): number {
  return writeLiteral(bytes, at, bytes.length, null)
}

const MOST_SIMPLE_TIME = 253402300800000 // The year 10000.

/** Writes milliseconds since 1970 as `toISOString` does, quoted; `null` for what is not a time. */
export function putTimestamp(target: Target, at: number, time: number): number {
  if (time >= 0 && time < MOST_SIMPLE_TIME) {
    const { bytes, view } = target
    const whole = Math.floor(time)
    const days = Math.floor(whole / 86400000)
    const inDay = whole - days * 86400000
    // Howard Hinnant, civil_from_days: https://howardhinnant.github.io/date_algorithms.html
    const shifted = days + 719468
    const era = (shifted / 146097) | 0
    const ofEra = shifted - era * 146097
    const yearOfEra =
      ((ofEra - ((ofEra / 1460) | 0) + ((ofEra / 36524) | 0) - ((ofEra / 146096) | 0)) / 365) | 0
    const ofYear = ofEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0))
    const fromMarch = ((5 * ofYear + 2) / 153) | 0
    const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    const seconds = (inDay / 1000) | 0
    const ms = inDay - seconds * 1000
    bytes[at] = 0x22
    view.setUint16(at + 1, PAIRS[(year / 100) | 0]!, true)
    view.setUint16(at + 3, PAIRS[year % 100]!, true)
    bytes[at + 5] = 0x2d
    view.setUint16(at + 6, PAIRS[month]!, true)
    bytes[at + 8] = 0x2d
    view.setUint16(at + 9, PAIRS[ofYear - (((153 * fromMarch + 2) / 5) | 0) + 1]!, true)
    bytes[at + 11] = 0x54
    view.setUint16(at + 12, PAIRS[(seconds / 3600) | 0]!, true)
    bytes[at + 14] = 0x3a
    view.setUint16(at + 15, PAIRS[((seconds / 60) | 0) % 60]!, true)
    bytes[at + 17] = 0x3a
    view.setUint16(at + 18, PAIRS[seconds % 60]!, true)
    bytes[at + 20] = 0x2e
    bytes[at + 21] = 0x30 + ((ms / 100) | 0)
    view.setUint16(at + 22, PAIRS[ms % 100]!, true)
    view.setUint16(at + 24, 0x225a, true)
    return at + 26
  }
  const date = new Date(time)
  return putText(target, at, Number.isNaN(date.getTime()) ? 'null' : `"${date.toISOString()}"`)
}

/** Escapes the long strings; gives the new end, or −(end needed + 16) when that is behind the target. */
export function finish({ bytes, long, missingBytes }: Target, end: number): number {
  if (missingBytes > 0) return -(end + missingBytes + 16)
  if (long.count === 0) return end
  const result = raw.templateEscape(bytes, bytes.length, long.ranges, long.count, end)
  if (result === FAILED) throw takeLastError()
  return result
}

interface Cursor {
  string: number
  number: number
}

/** A writer that walks the steps: what is used where code may not be generated. */
export function makeWrite(steps: readonly Step[]): Write {
  const literals = new Map<string, Uint8Array>()
  return (target, at, values) => put(steps, target, at, values, { string: 0, number: 0 }, literals)
}

function put(
  steps: readonly Step[],
  target: Target,
  at: number,
  values: Values,
  cursor: Cursor,
  literals: Map<string, Uint8Array>,
): number {
  const { bytes } = target
  const inner = (step: ValueStep | EachStep): number => {
    if (step.step === 'value') return putValue(step, target, at, values, cursor)
    bytes[at++] = 0x5b
    for (let rows = values.numbers[cursor.number++]!; rows > 0; rows--) {
      at = put(step.body, target, at, values, cursor, literals)
    }
    bytes[at] = 0x5d
    return at + 1
  }
  for (const step of steps) {
    switch (step.step) {
      case 'literal': {
        let constant = literals.get(step.text)
        if (!constant) literals.set(step.text, (constant = Buffer.from(step.text)))
        bytes.set(constant, at)
        at += constant.length
        break
      }
      case 'comma':
        if (bytes[at - 1] !== 0x7b && bytes[at - 1] !== 0x5b) bytes[at++] = 0x2c
        break
      case 'member': {
        const flag = values.numbers[cursor.number++]
        if (flag === ABSENT) break
        at = put(step.lead, target, at, values, cursor, literals)
        at = flag === NULL ? putNull(target, at) : inner(step.inner)
        break
      }
      case 'element':
        at = values.numbers[cursor.number++] === PRESENT ? inner(step.inner) : putNull(target, at)
        break
      default:
        at = inner(step)
    }
  }
  return at
}

function putValue(step: ValueStep, target: Target, at: number, values: Values, cursor: Cursor): number {
  const value = values.numbers[cursor.number++]!
  switch (step.hole.kind) {
    case 'string': {
      target.bytes[at] = 0x22
      const end = putString(target, at + 1, values.strings[cursor.string++] as string)
      target.bytes[end] = 0x22
      return end + 1
    }
    case 'json':
    case 'bigint':
      return putJson(target, at, values.strings[cursor.string++]!)
    case 'boolean':
      return putBoolean(target, at, value)
    case 'timestamp':
      return putTimestamp(target, at, value)
    default:
      return putNumber(target, at, value)
  }
}
