/**
 * Numbers, times and literals as JSON bytes, exactly as `JSON.stringify` writes them. As in `write-string.ts`,
 * writers check no limit.
 */
import { writeAscii } from './write-string.js'

/** Enough for every number: `-1.2345678901234567e-308` has 24 characters. */
export const NUMBER_ROOM = 25

/** Enough for every time: `"+275760-09-13T00:00:00.000Z"`. */
export const TIMESTAMP_ROOM = 29

const MINUS = 0x2d
const POINT = 0x2e
const QUOTE = 0x22
const ZERO = 0x30

/** The digits of 0 to 99, two bytes each, the first of them low. */
const PAIRS = Uint16Array.from(
  { length: 100 },
  (_, value) => (ZERO + Math.floor(value / 10)) | ((ZERO + (value % 10)) << 8),
)

/** 10^6, and the most that is written by way of it: below it `value * SCALE` has at most 15 digits. */
const SCALE = 1e6
const MOST_SCALED = 1e9

/**
 * Writes a number with the digits of `JSON.stringify`; `NaN` and the infinities become `null`.
 *
 * A decimal of at most six places and fifteen digits is the only such decimal that reads as that double, so
 * when it does, its digits are the shortest: two integers to write, where the engine's digits cost 50–70 ns.
 */
export function writeNumber(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  if ((value | 0) === value) {
    if (value >= 0) return writePositive(bytes, view, at, value)
    bytes[at++] = MINUS
    // −2^31 has no positive twin in int32.
    return value === -0x80000000
      ? writeEight(view, writePositive(bytes, view, at, 21), 47483648)
      : writePositive(bytes, view, at, -value)
  }
  const magnitude = value < 0 ? -value : value
  if (magnitude < MOST_SCALED && magnitude >= 1e-6) {
    const scaled = Math.round(magnitude * SCALE)
    if (scaled / SCALE === magnitude) {
      if (value < 0) bytes[at++] = MINUS
      // As int32s: divisions by constants are then multiplications.
      const whole = magnitude | 0
      return writePlaces(bytes, view, writePositive(bytes, view, at, whole), (scaled - whole * SCALE) | 0)
    }
  }
  // Beyond int32 an integer (a time in ms, an id) is written as two numbers below it, so that no text is made.
  if (Number.isSafeInteger(value)) {
    if (value < 0) bytes[at++] = MINUS
    const high = Math.floor(magnitude / 1e8)
    return writeEight(view, writePositive(bytes, view, at, high), (magnitude - high * 1e8) | 0)
  }
  return writeAscii(bytes, at, Number.isFinite(value) ? String(value) : 'null')
}

/** Writes a whole number from 0 to 2^31 − 1. */
function writePositive(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = ZERO + value
    return at + 1
  }
  const end = at + digitCount(value)
  let position = end
  while (value >= 100) {
    const rest = (value / 100) | 0
    position -= 2
    view.setUint16(position, PAIRS[value - rest * 100]!, true)
    value = rest
  }
  if (value >= 10) view.setUint16(position - 2, PAIRS[value]!, true)
  else bytes[position - 1] = ZERO + value
  return end
}

/** Digits of a number from 10 to 2^31 − 1. */
function digitCount(value: number): number {
  if (value < 100) return 2
  if (value < 100_000) return value < 1_000 ? 3 : value < 10_000 ? 4 : 5
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7
  return value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10
}

function writeEight(view: DataView, at: number, value: number): number {
  for (let position = at + 6; position >= at; position -= 2) {
    const rest = (value / 100) | 0
    view.setUint16(position, PAIRS[value - rest * 100]!, true)
    value = rest
  }
  return at + 8
}

/** A point and six places, without the zeros at their end. */
function writePlaces(bytes: Uint8Array, view: DataView, at: number, places: number): number {
  bytes[at] = POINT
  const high = (places / 10000) | 0
  const rest = places - high * 10000
  const middle = (rest / 100) | 0
  view.setUint16(at + 1, PAIRS[high]!, true)
  view.setUint16(at + 3, PAIRS[middle]!, true)
  view.setUint16(at + 5, PAIRS[rest - middle * 100]!, true)
  let end = at + 7
  while (bytes[end - 1] === ZERO) end--
  return end
}

/** Writes `true` or `false`. */
export function writeBoolean(bytes: Uint8Array, view: DataView, at: number, value: boolean): number {
  if (value) {
    view.setInt32(at, 0x65757274, true)
    return at + 4
  }
  view.setInt32(at, 0x736c6166, true)
  bytes[at + 4] = 0x65
  return at + 5
}

/** Writes `null`. */
export function writeNull(view: DataView, at: number): number {
  view.setInt32(at, 0x6c6c756e, true)
  return at + 4
}

/** The year 10000: from here on years have six digits and a sign, as before year 0. */
const MOST_SIMPLE_TIME = 253402300800000

/** Writes milliseconds since 1970 as `toISOString` does, quoted; `null` for what is not a time. */
export function writeTimestamp(bytes: Uint8Array, view: DataView, at: number, time: number): number {
  if (!(time >= 0 && time < MOST_SIMPLE_TIME)) {
    const date = new Date(time)
    return writeAscii(bytes, at, Number.isNaN(date.getTime()) ? 'null' : `"${date.toISOString()}"`)
  }
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
  bytes[at] = QUOTE
  view.setUint16(at + 1, PAIRS[(year / 100) | 0]!, true)
  view.setUint16(at + 3, PAIRS[year % 100]!, true)
  bytes[at + 5] = MINUS
  view.setUint16(at + 6, PAIRS[month]!, true)
  bytes[at + 8] = MINUS
  view.setUint16(at + 9, PAIRS[ofYear - (((153 * fromMarch + 2) / 5) | 0) + 1]!, true)
  bytes[at + 11] = 0x54
  view.setUint16(at + 12, PAIRS[(seconds / 3600) | 0]!, true)
  bytes[at + 14] = 0x3a
  view.setUint16(at + 15, PAIRS[((seconds / 60) | 0) % 60]!, true)
  bytes[at + 17] = 0x3a
  view.setUint16(at + 18, PAIRS[seconds % 60]!, true)
  bytes[at + 20] = POINT
  bytes[at + 21] = ZERO + ((ms / 100) | 0)
  view.setUint16(at + 22, PAIRS[ms % 100]!, true)
  view.setUint16(at + 24, 0x225a, true)
  return at + 26
}
