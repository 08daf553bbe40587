import { Buffer } from 'node:buffer'
import type { Type, ValueOf } from '../types.js'
import type { Field, RecordSchema } from './record-schema.js'

/** Operation codes and relations: `crates/core/src/pool/filter.rs` has the same. */
const AND = 1
const OR = 2
const NOT = 3
const NUMBER = 4
const TEXT = 5
const RELATIONS = ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'startsWith', 'endsWith', 'contains'] as const
type Relation = (typeof RELATIONS)[number]

/**
 * A condition on records, made by `pool.filter((r) => r.score.gt(0.5))` or `pool.where(…)`. It does not change and
 * can be used any number of times, with pools of the same schema.
 */
export class Predicate {
  /** @internal */
  readonly fields: readonly Field[]
  /** @internal */
  readonly program: Uint8Array

  /** @internal */
  constructor(fields: readonly Field[], program: Uint8Array) {
    this.fields = fields
    this.program = program
  }

  /** Records that also match all of `others`. */
  and(...others: readonly Predicate[]): Predicate {
    return this.#join(AND, others)
  }

  /** Records that match this or one of `others`. */
  or(...others: readonly Predicate[]): Predicate {
    return this.#join(OR, others)
  }

  /** Records that do not match. */
  not(): Predicate {
    return new Predicate(this.fields, Buffer.concat([this.program, Uint8Array.of(NOT)]))
  }

  #join(code: number, others: readonly Predicate[]): Predicate {
    const parts = [this.program]
    for (const other of others) {
      if (!(other instanceof Predicate) || other.fields !== this.fields) {
        throw new TypeError('expected a condition on the same pool')
      }
      parts.push(other.program, Uint8Array.of(code))
    }
    return new Predicate(this.fields, Buffer.concat(parts))
  }
}

/** Comparisons that every field has but vectors. Text and bytes are ordered by their bytes. */
export interface Comparisons<Value> {
  /** Equal; NaN equals nothing. */
  eq(value: Value): Predicate
  ne(value: Value): Predicate
  lt(value: Value): Predicate
  le(value: Value): Predicate
  gt(value: Value): Predicate
  ge(value: Value): Predicate
  /** From `least` to `most`, both included. */
  between(least: Value, most: Value): Predicate
  /** One of at least one value. */
  oneOf(values: readonly Value[]): Predicate
}

/** What text and bytes have besides. */
export interface TextComparisons<Value> extends Comparisons<Value> {
  startsWith(value: Value): Predicate
  endsWith(value: Value): Predicate
  contains(value: Value): Predicate
}

/** The comparisons of each field. */
export type Conditions<S extends RecordSchema> = {
  readonly [Name in keyof S & string]: ConditionsOf<S[Name]>
}

type ConditionsOf<T> =
  T extends Type<'bytes'>
    ? TextComparisons<Uint8Array>
    : ValueOf<T> extends ArrayBufferView
      ? never
      : ValueOf<T> extends string
        ? TextComparisons<string>
        : Comparisons<ValueOf<T>>

/** The comparisons of all fields of a pool. */
export function conditionsOf(fields: readonly Field[]): Readonly<Record<string, object>> {
  const own = fields.filter((field) => field.shape !== 'vector')
  const known = Object.fromEntries(own.map((field) => [field.name, comparisons(fields, field)]))
  // Without a prototype, so that `r.toString` is no field either.
  Object.setPrototypeOf(known, null)
  return new Proxy(Object.freeze(known), {
    get(target, name, receiver) {
      if (typeof name === 'symbol' || Object.hasOwn(target, name)) return Reflect.get(target, name, receiver)
      const vector = fields.some((field) => field.name === name)
      const names = own.map((field) => field.name).join(', ')
      throw new TypeError(
        `${vector ? `${name} is a vector and cannot be compared` : `there is no field ${JSON.stringify(name)}`}; expected one of ${names}`,
      )
    },
  })
}

function comparisons(fields: readonly Field[], field: Field): object {
  const encode = field.shape === 'string' || field.shape === 'bytes' ? textStep : numberStep
  const compare = (relation: Relation, value: unknown): Predicate =>
    new Predicate(fields, encode(field, RELATIONS.indexOf(relation), value))
  const inline = encode === textStep
  const named = RELATIONS.filter(
    (relation) => inline || RELATIONS.indexOf(relation) < RELATIONS.indexOf('startsWith'),
  )
  return Object.freeze({
    ...Object.fromEntries(named.map((relation) => [relation, (value: unknown) => compare(relation, value)])),
    between: (least: unknown, most: unknown) => compare('ge', least).and(compare('le', most)),
    oneOf: (values: readonly unknown[]) => {
      const [first, ...others] = values.map((value) => compare('eq', value))
      if (first === undefined) throw new TypeError(`${field.name}: expected at least one value, got none`)
      return first.or(...others)
    },
  })
}

function numberStep(field: Field, relation: number, value: unknown): Uint8Array {
  const step = new DataView(new ArrayBuffer(12))
  step.setUint8(0, NUMBER)
  step.setUint8(1, relation)
  step.setUint16(2, field.index, true)
  const { number, shape } = field
  if (number === 'u64' || number === 'i64') {
    const narrow = number === 'u64' ? BigInt.asUintN : BigInt.asIntN
    if (typeof value !== 'bigint') throw wrong(field, 'a BigInt', value)
    if (narrow(64, value) !== value)
      throw new RangeError(`${field.name}: ${value} is beyond every value of the field`)
    step.setBigUint64(4, BigInt.asUintN(64, value), true)
  } else if (shape === 'boolean') {
    if (typeof value !== 'boolean') throw wrong(field, 'a boolean', value)
    step.setFloat64(4, value ? 1 : 0, true)
  } else {
    const plain = shape === 'timestamp' && value instanceof Date ? value.getTime() : value
    if (typeof plain !== 'number') throw wrong(field, 'a number', value)
    step.setFloat64(4, plain, true)
  }
  return new Uint8Array(step.buffer)
}

function textStep(field: Field, relation: number, value: unknown): Uint8Array {
  const text = field.shape === 'string'
  if (text ? typeof value !== 'string' : !(value instanceof Uint8Array)) {
    throw wrong(field, text ? 'a string' : 'a Uint8Array', value)
  }
  const bytes = text ? Buffer.from(value as string) : (value as Uint8Array)
  const step = Buffer.alloc(8 + bytes.length)
  step[0] = TEXT
  step[1] = relation
  step.writeUInt16LE(field.index, 2)
  step.writeUInt32LE(bytes.length, 4)
  step.set(bytes, 8)
  return step
}

function wrong(field: Field, expected: string, value: unknown): TypeError {
  return new TypeError(`${field.name}: expected ${expected}, got ${value === null ? 'null' : typeof value}`)
}
