import test from 'ava'
import { finish, longStrings, neededBytes } from '../dist/json/long-strings.js'
import {
  NUMBER_ROOM,
  TIMESTAMP_ROOM,
  writeBoolean,
  writeNull,
  writeNumber,
  writeTimestamp,
} from '../dist/json/write-number.js'
import { COPIED_STRING, LONG_STRING, writeInside, writeString } from '../dist/json/write-string.js'
import { random } from './_helpers/random.js'

type Write<T> = (bytes: Uint8Array, view: DataView, at: number, value: T) => number

const FILL = 0xa5
const chunk = new Uint8Array(16384)

/**
 * `value` at offsets of every alignment, in a chunk that ends with the room that the writer may ask for: the right
 * bytes, nothing before them, and no more than that room.
 */
function check<T>(write: Write<T>, value: T, roomBytes: number): string | undefined {
  const expected = Buffer.from(JSON.stringify(value))
  for (let at = 0; at < 8; at++) {
    const bytes = new Uint8Array(chunk.buffer, 0, at + roomBytes)
    const view = new DataView(chunk.buffer, 0, at + roomBytes)
    chunk.fill(FILL, 0, at + roomBytes + 16)
    const end = write(bytes, view, at, value)
    if (end !== at + expected.length) return `ends at ${end} instead of ${at + expected.length}`
    if (expected.compare(bytes, at, end) !== 0) return Buffer.from(bytes.subarray(at, end)).toString()
    for (let index = 0; index < at; index++) if (bytes[index] !== FILL) return `writes before ${at}`
    for (let index = 0; index < 16; index++)
      if (chunk[at + roomBytes + index] !== FILL) return `writes past ${at + roomBytes}`
  }
  return undefined
}

const checkString = (text: string): string | undefined =>
  text.length < LONG_STRING ? check(writeString, text, text.length * 6 + 2) : checkLong(text)

/** A long string, with its escapes put in at the end; once with as little room as it may get. */
function checkLong(text: string): string | undefined {
  const expected = JSON.stringify(text)
  for (const roomBytes of [Math.max(text.length * 3, Buffer.byteLength(expected)) + 2, text.length * 3 + 2]) {
    const bytes = new Uint8Array(chunk.buffer, 3, roomBytes)
    longStrings.begin()
    bytes[0] = 0x22
    const written = writeInside(bytes, new DataView(chunk.buffer, 3, roomBytes), 1, text)
    bytes[written] = 0x22
    const end = finish(bytes, written + 1)
    if (end < 0) {
      if (neededBytes(end) <= roomBytes) return `${neededBytes(end)} bytes fit into ${roomBytes}`
      continue
    }
    const found = Buffer.from(bytes.subarray(0, end)).toString()
    if (found !== expected) return found
  }
  return undefined
}

test('numbers have the digits of JSON.stringify', (t) => {
  const values = [0, -0, NaN, Infinity, -Infinity, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 0.1, -1.5]
  for (let exponent = 0; exponent <= 53; exponent++) {
    for (const near of [-2, -1, 0, 1, 2]) values.push(2 ** exponent + near, -(2 ** exponent) + near)
  }
  for (let exponent = 0; exponent <= 22; exponent++) {
    for (const near of [-1, 0, 1]) values.push(10 ** exponent + near, -(10 ** exponent) + near)
  }
  const next = random(1)
  for (let round = 0; round < 20_000; round++) {
    values.push(Math.round((next() - 0.5) * 2 ** (next() * 56)), (next() - 0.5) * 10 ** (next() * 600 - 300))
  }
  for (let round = 0; round < 5_000; round++) {
    // Decimals: what is written as two integers, and what looks as if it could be.
    values.push(Math.round((next() - 0.5) * 2e9) / 10 ** Math.floor(next() * 9))
  }
  for (const value of values) t.is(check(writeNumber, value, NUMBER_ROOM), undefined, String(value))
  t.true(values.every((value) => JSON.stringify(value).length <= NUMBER_ROOM))
})

test('strings are escaped as JSON.stringify does, lone surrogates too', (t) => {
  for (let code = 0; code < 0x10000; code += code < 0x3000 || (code >= 0xd7f0 && code < 0xe010) ? 1 : 97) {
    const text = String.fromCharCode(code)
    t.is(checkString(text), undefined, `U+${code.toString(16)}`)
  }
  const pieces = [
    'a',
    '"',
    '\\',
    '\n',
    '\0',
    '\x1f',
    '\x7f',
    '\x80',
    'é',
    '\u07ff',
    '\u0800',
    '\ud800',
    '\udc00',
    '😀',
  ]
  const next = random(2)
  for (let round = 0; round < 20_000; round++) {
    let text = ''
    const length = round < 19_000 ? next() * 60 : LONG_STRING - 30 + next() * 60
    const plain = next() ** 0.2
    for (let index = 0; index < length; index++) {
      text += next() < plain ? 'x' : pieces[Math.floor(next() * pieces.length)]
    }
    t.is(checkString(text), undefined, JSON.stringify(text))
  }
})

test('a special character at every place of strings around the change of ways', (t) => {
  for (const border of [4, COPIED_STRING, LONG_STRING]) {
    for (let length = border - 4; length < border + 6; length++) {
      for (const special of ['"', '\\', '\x1f', '\0', ' ', '\x7f', 'é', '€', '\ud800', '\udc00']) {
        const step = border === LONG_STRING ? 37 : 1
        for (let place = 0; place < length; place += step) {
          const text = 'x'.repeat(place) + special + 'y'.repeat(length - place - 1)
          const found = checkString(text)
          if (found !== undefined) t.fail(`${JSON.stringify(text)}: ${found}`)
        }
      }
    }
  }
  t.pass()
})

test('every kind of string that V8 has', (t) => {
  const long = 'a string of which there are slices '.repeat(3)
  const joined = `${long.slice(3, 33)}${[1, 2, 3].join('-')}`
  const wide = `€${long}`.slice(1)
  for (const text of [
    long.slice(5, 40),
    joined,
    joined + long.slice(40),
    wide,
    wide.slice(7, 20),
    'x'.repeat(50),
  ]) {
    t.is(checkString(text), undefined, text)
  }
})

test('literals and times', (t) => {
  for (const value of [true, false]) t.is(check(writeBoolean, value, NUMBER_ROOM), undefined)
  t.is(
    check((_bytes, view, at) => writeNull(view, at), null, NUMBER_ROOM),
    undefined,
  )
  const next = random(3)
  const times = [0, -1, 253402300799999, 253402300800000, 8.64e15, -8.64e15, 8.64e15 + 1, NaN, 0.5]
  for (let round = 0; round < 2000; round++) times.push((next() - 0.3) * 10 ** (next() * 16))
  for (const time of times) {
    const write: Write<Date> = (bytes, view, at) => writeTimestamp(bytes, view, at, time)
    t.is(check(write, new Date(time), TIMESTAMP_ROOM), undefined, String(time))
  }
})
