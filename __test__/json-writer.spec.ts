import test from 'ava'
import {
  NO_ROOM,
  NUMBER_ROOM,
  stringRoom,
  writeLiteral,
  writeNumber,
  writeString,
} from '../dist/json/writer.js'
import { random } from './_helpers/random.js'

type Write<T> = (bytes: Uint8Array, at: number, limit: number, value: T) => number

const bytes = Buffer.alloc(8192)

/** `value` at several offsets: the right bytes, nothing outside of them, and no room one byte short. */
function check<T>(write: Write<T>, value: T): string | undefined {
  const expected = Buffer.from(JSON.stringify(value))
  for (const [at, spare] of [
    [0, 4000],
    [1, 0],
    [3, 1],
    [7, 6],
  ] as const) {
    const end = at + expected.length
    const limit = end + spare
    bytes.fill(0xa5)
    const answer = write(bytes, at, limit, value)
    if (answer !== end) return `ends at ${answer} instead of ${end}`
    if (!bytes.subarray(at, end).equals(expected)) return bytes.subarray(at, end).toString()
    for (let index = 0; index < at; index++) if (bytes[index] !== 0xa5) return `writes before ${at}`
    for (let index = limit; index < limit + 32; index++)
      if (bytes[index] !== 0xa5) return `writes past ${limit}`
    bytes.fill(0xa5)
    if (write(bytes, at, end - 1, value) !== NO_ROOM) return 'fits into less than its length'
    for (let index = end - 1; index < end + 32; index++)
      if (bytes[index] !== 0xa5) return `writes past its limit`
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
  for (const value of values) t.is(check(writeNumber, value), undefined, String(value))
  t.true(values.every((value) => JSON.stringify(value).length <= NUMBER_ROOM))
})

test('strings are escaped as JSON.stringify does, lone surrogates too', (t) => {
  for (let code = 0; code < 0x10000; code += code < 0x3000 || (code >= 0xd7f0 && code < 0xe010) ? 1 : 97) {
    const text = String.fromCharCode(code)
    t.is(check(writeString, text), undefined, `U+${code.toString(16)}`)
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
    const length = round < 19_000 ? next() * 10 : 85 + next() * 30
    const plain = next()
    for (let index = 0; index < length; index++) {
      text += next() < plain ? 'x' : pieces[Math.floor(next() * pieces.length)]
    }
    t.is(check(writeString, text), undefined, JSON.stringify(text))
    t.true(stringRoom(text) >= Buffer.byteLength(JSON.stringify(text)))
  }
})

test('literals', (t) => {
  for (const value of [true, false, null]) t.is(check(writeLiteral, value), undefined)
})
