import { NUMBERS, type NumberKind } from '../number-arrays.js'
import type { Kind, NumberArray, Type, ValueOf } from '../types.js'

export { ARRAYS, NUMBERS, type NumberKind } from '../number-arrays.js'
export type { NumberArray }

/** Kinds that a record field can have. */
export type RecordKind = Exclude<Kind, 'json' | 'each'>

/** The fields of a record: `{ id: t.u32(), name: t.string(24), vector: t.f32(384) }`. */
export type RecordSchema = Readonly<Record<string, Type<RecordKind>>>

/** The values of a record, by field. */
export type RecordValues<S extends RecordSchema> = { -readonly [Name in keyof S & string]: ValueOf<S[Name]> }

/**
 * A record: an accessor for each field. Numbers, text and booleans are values; bytes and vectors are copied out
 * and in. Valid until it is released; after that every access throws `ERR_STALE_HANDLE`.
 *
 * `JSON.stringify` writes its values: vectors as arrays, bytes as base64, 64-bit integers as decimal strings.
 */
export type PoolRecord<S extends RecordSchema> = RecordValues<S> & Disposable

/** Names of the fields that are vectors or bytes. */
export type BlockField<S extends RecordSchema> = {
  [Name in keyof S & string]: ValueOf<S[Name]> extends ArrayBufferView ? Name : never
}[keyof S & string]

/** Names of the fields that have one value to order by. */
export type OrderedField<S extends RecordSchema> = {
  [Name in keyof S & string]: ValueOf<S[Name]> extends ArrayBufferView
    ? S[Name] extends Type<'bytes'>
      ? Name
      : never
    : Name
}[keyof S & string]

/** Names of the fields that are one number, a boolean or a timestamp. */
export type NumericField<S extends RecordSchema> = {
  [Name in keyof S & string]: ValueOf<S[Name]> extends number | bigint | boolean ? Name : never
}[keyof S & string]

/** The bounds of each integer type. */
export const BOUNDS: Partial<Record<NumberKind, readonly [least: number, most: number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  i8: [-0x80, 0x7f],
  i16: [-0x8000, 0x7fff],
  i32: [-0x8000_0000, 0x7fff_ffff],
}

/** How a field is stored. */
export type Shape = 'number' | 'boolean' | 'timestamp' | 'string' | 'bytes' | 'vector'

/** One field as both sides understand it. */
export interface Field {
  readonly name: string
  readonly index: number
  readonly shape: Shape
  /** The element type of a number or vector; `u8` of a boolean, `f64` of a timestamp. */
  readonly number: NumberKind
  /** Elements of a vector, most bytes of text or bytes; 1 otherwise. */
  readonly length: number
  readonly align: number
}

const BOOLEAN = 10
const TIMESTAMP = 11
const STRING = 12
const BYTES = 13
const VECTOR = 16

/**
 * Checks a schema and gives its fields.
 *
 * @throws TypeError when a field is not a type that a record can hold
 */
export function fieldsOf(schema: RecordSchema): Field[] {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw new TypeError('schema: expected an object of fields, such as { id: t.u32(), name: t.string(24) }')
  }
  return Object.entries(schema).map(([name, type], index) => fieldOf(name, index, type))
}

function fieldOf(name: string, index: number, type: Type): Field {
  const wrong = (what: string): never => {
    throw new TypeError(`field ${JSON.stringify(name)}: ${what}`)
  }
  if (typeof type !== 'object' || type === null) wrong('expected a type, such as t.u32()')
  const { kind, length, align, source } = type
  if (source !== undefined) wrong(`a record's field has no source; t.${kind} takes a length at most`)
  if (type.optional === true || type.default !== undefined) {
    wrong('a fixed-layout record always has all of its fields: neither optional nor default')
  }
  if (align !== undefined && length === undefined) wrong('only vectors take an alignment')
  const field = (shape: Shape, number: NumberKind, count = 1, alignment = 0): Field => {
    return { name, index, shape, number, length: count, align: alignment }
  }
  switch (kind) {
    case 'boolean':
    case 'timestamp':
      if (length !== undefined) wrong(`t.${kind} has no length`)
      return field(kind, kind === 'boolean' ? 'u8' : 'f64')
    case 'string':
    case 'bytes':
      if (length === undefined)
        wrong(`t.${kind} needs the most bytes that it may hold, such as t.${kind}(24)`)
      if (align !== undefined) wrong('only vectors take an alignment')
      return field(kind, 'u8', length)
    case 'json':
    case 'each':
      return wrong(`a record cannot hold t.${kind}`)
    default:
      if (!(NUMBERS as readonly string[]).includes(kind)) wrong(`a record cannot hold t.${String(kind)}`)
      if (length === undefined) return field('number', kind)
      return field('vector', kind, length, align ?? 32)
  }
}

/** Three words a field, as `NativeRecordPool` takes them: kind, length, alignment. */
export function describe(fields: readonly Field[]): Uint32Array {
  const words = fields.flatMap(({ shape, number, length, align }) => {
    const code = NUMBERS.indexOf(number)
    const kind = {
      number: code,
      boolean: BOOLEAN,
      timestamp: TIMESTAMP,
      string: STRING,
      bytes: BYTES,
      vector: VECTOR + code,
    }[shape]
    return [kind, length, align]
  })
  return Uint32Array.from(words)
}
