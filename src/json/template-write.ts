/** From collected values to bytes, in room known to be enough. */
import { Buffer } from 'node:buffer'
import type { EachStep, Step, ValueStep } from './template-parse.js'
import { ABSENT, NULL, PRESENT, type Values } from './template-values.js'
import { writeBoolean, writeNull, writeNumber, writeTimestamp } from './write-number.js'
import { writeInside, writeText } from './write-string.js'

/** Writes collected values from `at` on; gives the offset after them. There is room for them. */
export type Write = (bytes: Uint8Array, view: DataView, at: number, values: Values) => number

/** Writes JSON text or ready JSON bytes. */
export function putJson(bytes: Uint8Array, at: number, value: string | Uint8Array): number {
  if (typeof value === 'string') return writeText(bytes, at, value)
  bytes.set(value, at)
  return at + value.length
}

interface Cursor {
  string: number
  number: number
}

/** A writer that walks the steps: what is used where code may not be generated. */
export function makeWrite(steps: readonly Step[]): Write {
  const literals = new Map<string, Uint8Array>()
  return (bytes, view, at, values) => put(steps, bytes, view, at, values, { string: 0, number: 0 }, literals)
}

function put(
  steps: readonly Step[],
  bytes: Uint8Array,
  view: DataView,
  at: number,
  values: Values,
  cursor: Cursor,
  literals: Map<string, Uint8Array>,
): number {
  const inner = (step: ValueStep | EachStep): number => {
    if (step.step === 'value') return putValue(step, bytes, view, at, values, cursor)
    bytes[at++] = 0x5b
    for (let rows = values.numbers[cursor.number++]!; rows > 0; rows--) {
      at = put(step.body, bytes, view, at, values, cursor, literals)
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
        at = put(step.lead, bytes, view, at, values, cursor, literals)
        at = flag === NULL ? writeNull(view, at) : inner(step.inner)
        break
      }
      case 'element':
        at = values.numbers[cursor.number++] === PRESENT ? inner(step.inner) : writeNull(view, at)
        break
      default:
        at = inner(step)
    }
  }
  return at
}

function putValue(
  step: ValueStep,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  values: Values,
  cursor: Cursor,
): number {
  const value = values.numbers[cursor.number++]!
  switch (step.hole.kind) {
    case 'string': {
      bytes[at] = 0x22
      const end = writeInside(bytes, view, at + 1, values.strings[cursor.string++] as string)
      bytes[end] = 0x22
      return end + 1
    }
    case 'json':
    case 'bigint':
      return putJson(bytes, at, values.strings[cursor.string++]!)
    case 'boolean':
      return writeBoolean(bytes, view, at, value !== 0)
    case 'timestamp':
      return writeTimestamp(bytes, view, at, value)
    default:
      return writeNumber(bytes, view, at, value)
  }
}
