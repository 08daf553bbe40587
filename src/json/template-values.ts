/**
 * The values of a rendering, read once and checked: strings in one list, everything else as numbers, in the
 * order of the steps. They are read before any space is taken, so a getter that renders by itself, or
 * throws, does no harm. Both ways of rendering, and the native side, work from here.
 */
import { types } from 'node:util'
import { inputBytes, type BytesInput } from '../bytes.js'
import {
  INDEX,
  isInherited,
  pathText,
  templateError,
  type EachStep,
  type Hole,
  type Step,
  type ValueStep,
} from './template-parse.js'
import { JsonDocument } from './document.js'
import { validate } from './validate.js'
import { LONG_STRING } from './write-string.js'

/** Flag of an optional value. */
export const ABSENT = 0
/** Flag of an optional value. */
export const PRESENT = 1
/** Flag of an optional value. */
export const NULL = 2

/** The most bytes of a number, a flag's literal or a timestamp: `"+275760-09-13T00:00:00.000Z"`. */
const NUMBER_BYTES = 29

/** Strings kept in the list of values between renderings; a longer list is dropped. */
const KEPT_STRINGS = 4096
/** Numbers kept between renderings. */
const KEPT_NUMBERS = 16384

export class Values {
  /** Strings, ready JSON text, ready JSON bytes. */
  strings: (string | Uint8Array)[] = []
  /** Lengths of strings, numbers, flags, row counts. */
  numbers = new Float64Array(256)
  stringCount = 0
  numberCount = 0
  /** UTF-16 units of all strings. */
  units = 0
  /** Bytes of ready JSON; only JavaScript can write those. */
  readyBytes = 0
  hasReady = false
  /** Constant bytes of all rows. */
  rowBytes = 0
  /** UTF-16 units of the strings that have `LONG_STRING` or more. */
  longUnits = 0

  /** Room for `count` more numbers after `used`; gives the numbers. */
  room(used: number, count: number): Float64Array {
    const needed = used + count
    if (needed > this.numbers.length) {
      const grown = new Float64Array(Math.max(needed, this.numbers.length * 2))
      grown.set(this.numbers.subarray(0, used))
      this.numbers = grown
    }
    return this.numbers
  }

  /** Lets go of the values. */
  clear(): void {
    const { strings, stringCount } = this
    if (stringCount > KEPT_STRINGS) this.strings = []
    else for (let index = 0; index < stringCount; index++) strings[index] = ''
    if (this.numbers.length > KEPT_NUMBERS) this.numbers = new Float64Array(256)
    this.stringCount = 0
    this.numberCount = 0
    this.units = 0
    this.readyBytes = 0
    this.hasReady = false
    this.rowBytes = 0
    this.longUnits = 0
  }

  /** Bytes that are surely enough to write these values, escapes of long strings apart. */
  get boundBytes(): number {
    return (
      this.rowBytes +
      this.numberCount * NUMBER_BYTES +
      this.stringCount * 2 +
      this.units * 6 -
      this.longUnits * 3 +
      this.readyBytes
    )
  }

  /** All strings, joined. */
  joined(): string {
    const { strings, stringCount } = this
    let text = ''
    for (let index = 0; index < stringCount; index++) text += strings[index] as string
    return text
  }
}

/** Reads the values of a template out of what the user gives. */
export type Collect = (given: unknown, values: Values) => void

/** A value that does not fit its hole. */
export function wrongValue(hole: Hole, value: unknown, indexes: readonly number[]): never {
  const path = pathText(hole.path, indexes)
  throw templateError(`${path}: expected ${expectation(hole)}, got ${describe(value)}`, path)
}

/** A row, or the whole argument, that has no properties. */
export function wrongRow(hole: Hole | undefined, row: unknown, indexes: readonly number[]): never {
  const path = pathText(hole ? [...hole.path, INDEX] : [], indexes)
  throw templateError(`${path}: expected an object, got ${describe(row)}`, hole ? path : undefined)
}

function expectation(hole: Hole): string {
  switch (hole.kind) {
    case 'string':
      return 'a string'
    case 'boolean':
      return 'a boolean'
    case 'number':
      return 'a number'
    case 'integer':
      return `a whole number from ${hole.least} to ${hole.most}`
    case 'bigint':
      return `a BigInt or a safe integer from ${hole.least} to ${hole.most}`
    case 'timestamp':
      return 'a Date or milliseconds since 1970'
    case 'each':
      return 'an array of rows'
    default:
      return 'a JSON value or ready JSON bytes'
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return `the ${typeof value} ${value}`
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The property `key` of `scope`; names of `Object.prototype` must be its own. */
export function readOwn(scope: object, key: string): unknown {
  return Object.hasOwn(scope, key) ? (scope as Record<string, unknown>)[key] : undefined
}

/** Milliseconds since 1970; NaN for an invalid Date, as which it is written `null`. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return types.isDate(value) ? Date.prototype.getTime.call(value) : undefined
}

/** The digits of an i64 or u64, or `undefined`. */
export function bigintText(hole: Hole, value: unknown): string | undefined {
  const whole =
    typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined
  return whole !== undefined && whole >= hole.least && whole <= hole.most ? String(whole) : undefined
}

/** JSON text of any value, or its ready bytes (checked), or `undefined`. */
export function jsonOf(
  hole: Hole,
  value: unknown,
  indexes: readonly number[],
): string | Uint8Array | undefined {
  if (value instanceof JsonDocument && !value.trusted) return value.raw()
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    const bytes = inputBytes(value as BytesInput)
    try {
      validate(bytes)
    } catch (error) {
      const path = pathText(hole.path, indexes)
      throw templateError(`${path}: expected ready JSON bytes: ${(error as Error).message}`, path, error)
    }
    return bytes
  }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    const path = pathText(hole.path, indexes)
    throw templateError(`${path}: expected a JSON value: ${(error as Error).message}`, path, error)
  }
  return text
}

/** A collector that walks the steps: what is used where code may not be generated. */
export function makeCollect(steps: readonly Step[]): Collect {
  return (given, values) => {
    const indexes: number[] = []
    walk(steps, undefined, given, values, indexes)
  }
}

function walk(
  steps: readonly Step[],
  row: Hole | undefined,
  scope: unknown,
  values: Values,
  indexes: number[],
): void {
  for (const step of steps) {
    switch (step.step) {
      case 'value':
      case 'each':
        take(step, read(step.hole, row, scope, indexes), values, indexes)
        break
      case 'member':
      case 'element': {
        const value = read(step.inner.hole, row, scope, indexes)
        const flag = value === undefined ? ABSENT : value === null ? NULL : PRESENT
        number(values, flag)
        if (flag === PRESENT) take(step.inner, value, values, indexes)
        break
      }
    }
  }
}

function read(hole: Hole, row: Hole | undefined, scope: unknown, indexes: readonly number[]): unknown {
  let value = scope
  if (hole.key !== undefined) {
    if (typeof scope !== 'object' || scope === null) wrongRow(row, scope, indexes)
    value = isInherited(hole.key) ? readOwn(scope, hole.key) : (scope as Record<string, unknown>)[hole.key]
  }
  return value === undefined ? hole.default : value
}

function take(step: ValueStep | EachStep, value: unknown, values: Values, indexes: number[]): void {
  const { hole } = step
  if (step.step === 'each') {
    if (!Array.isArray(value)) wrongValue(hole, value, indexes)
    const count = value.length
    number(values, count)
    values.rowBytes += count * literalBytes(step.body)
    for (let index = 0; index < count; index++) {
      indexes.push(index)
      walk(step.body, hole, value[index], values, indexes)
      indexes.pop()
    }
    return
  }
  switch (hole.kind) {
    case 'string':
      if (typeof value !== 'string') wrongValue(hole, value, indexes)
      return text(values, value)
    case 'boolean':
      if (typeof value !== 'boolean') wrongValue(hole, value, indexes)
      return number(values, value ? 1 : 0)
    case 'number':
      if (typeof value !== 'number') wrongValue(hole, value, indexes)
      return number(values, value)
    case 'integer':
      if (!Number.isInteger(value) || (value as number) < hole.least || (value as number) > hole.most) {
        wrongValue(hole, value, indexes)
      }
      return number(values, value as number)
    case 'timestamp':
      return number(values, timeOf(value) ?? wrongValue(hole, value, indexes))
    case 'bigint':
      return text(values, bigintText(hole, value) ?? wrongValue(hole, value, indexes))
    default:
      addJson(values, jsonOf(hole, value, indexes) ?? wrongValue(hole, value, indexes))
  }
}

function number(values: Values, value: number): void {
  values.room(values.numberCount, 1)[values.numberCount++] = value
}

function text(values: Values, value: string): void {
  values.strings[values.stringCount++] = value
  number(values, value.length)
  values.units += value.length
  if (value.length >= LONG_STRING) values.longUnits += value.length
}

/** Takes in JSON text or ready bytes. */
export function addJson(values: Values, value: string | Uint8Array): void {
  if (typeof value === 'string') return text(values, value)
  values.strings[values.stringCount++] = value
  number(values, value.length)
  values.readyBytes += value.length
  values.hasReady = true
}

/** Constant bytes that a body writes at most, rows within it apart. */
export function literalBytes(steps: readonly Step[]): number {
  let bytes = 0
  for (const step of steps) {
    if (step.step === 'literal') bytes += Buffer.byteLength(step.text)
    else if (step.step === 'comma') bytes += 1
    else if (step.step === 'each') bytes += 2
    else if (step.step === 'member') bytes += literalBytes(step.lead) + 4
    else bytes += 4
  }
  return bytes
}
