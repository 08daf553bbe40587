/**
 * The one vocabulary of types, `t`: for fields, columns, template holes and records.
 *
 * The argument of a type says where the value comes from (a path, a property name) or how long it is (a
 * number: bytes of a string, elements of a vector).
 */

/** The kinds of values that a type can name. */
export type Kind =
  | 'string'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'i8'
  | 'i16'
  | 'i32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'boolean'
  | 'timestamp'
  | 'json'
  | 'bytes'
  | 'each'

/** Whether a value must be there: `plain` when nothing was said. */
export type Presence = 'plain' | 'optional' | 'required' | 'default'

/**
 * A type with its argument.
 *
 * `Value` is what JavaScript gets or gives, `Source` the text of the argument, `Default` the type of the
 * default; they exist for inference.
 */
export interface Type<
  K extends Kind = Kind,
  Value = unknown,
  Source extends string = string,
  P extends Presence = Presence,
  Default = unknown,
> {
  readonly kind: K
  /** A path or a property name. */
  readonly source?: Source
  /** Bytes of an inline string or byte field, elements of a vector. */
  readonly length?: number
  readonly optional?: boolean
  readonly required?: boolean
  readonly default?: Default
  /** Alignment of a vector in bytes. */
  readonly align?: number
  /** The members of each element, for `each`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** Never there at run time: carries `Value` for the compiler. */
  readonly __value?: Value
  /** Never there at run time: carries `P` for the compiler. */
  readonly __presence?: P
}

/** What JavaScript sees of a type. */
export type ValueOf<T> = T extends Type<Kind, infer Value> ? Value : never

/** Options of a type whose value has a source. */
export interface TypeOptions {
  /** A value that is missing is an error. */
  required?: boolean
  /** The value may be left out; this is also the meaning of saying nothing, except in templates. */
  optional?: boolean
  /** What stands for a value that is missing: one of the type, or `null`. Not together with `required`. */
  default?: unknown
}

/** What may stand for a value that is missing; an array for a path that gives many. */
type Fallback<K extends Kind, Value> =
  | Value
  | (K extends 'u64' | 'i64'
      ? number
      : K extends 'timestamp'
        ? Date | string
        : K extends 'bytes'
          ? unknown
          : never)
  | readonly unknown[]
  | null
  | undefined

/** Makes a type whose values come from a source. */
export interface SourceType<K extends Kind, Value> {
  (): Type<K, Value, never, 'plain', never>
  <S extends string>(source: S): Type<K, Value, S, 'plain', never>
  <S extends string>(source: S, options: { required: true }): Type<K, Value, S, 'required', never>
  <S extends string, const D extends Fallback<K, Value>>(
    source: S,
    options: { default: D },
  ): Type<K, Value, S, 'default', D>
  <S extends string>(
    source: S,
    options: TypeOptions & { default?: Fallback<K, Value> },
  ): Type<K, Value, S, 'plain', unknown>
}

/** Makes a type of a value, or of a vector of `length` values. */
export interface ElementType<K extends Kind, Value, Vector> extends SourceType<K, Value> {
  (length: number, options?: { align?: number }): Type<K, Vector, never, 'plain', never>
}

/** A type of rows: each value that the source leads to, with members of its own. */
export interface EachType<S extends string, Members> extends Type<
  'each',
  RowOf<Members>[],
  S,
  'plain',
  never
> {
  readonly source: S
  readonly members: Members & Readonly<Record<string, unknown>>
}

/** What JavaScript sees of the members of a row. */
export type RowOf<Members> = { -readonly [Name in keyof Members]: ValueOf<Members[Name]> }

function make(kind: Kind, argument: unknown, options: unknown): Type {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new TypeError(`t.${kind}: expected an object of options, got ${typeof options}`)
  }
  const given: TypeOptions = { ...(options as object | undefined) }
  checkDefault(kind, given)
  switch (typeof argument) {
    case 'undefined':
      return { ...given, kind }
    case 'string':
      return { ...given, kind, source: argument }
    case 'number':
      if (!Number.isInteger(argument) || argument < 1 || argument > 0x7fffffff) {
        throw new RangeError(`t.${kind}: expected a length of 1 to 2147483647, got ${argument}`)
      }
      return { ...given, kind, length: argument }
    default:
      throw new TypeError(`t.${kind}: expected a path, a property name or a length, got ${typeof argument}`)
  }
}

/** What `typeof` says of the defaults of a kind; all kinds also take `null`, and arrays where a path gives many values. */
const DEFAULTS: Partial<Record<Kind, readonly string[]>> = {
  string: ['string'],
  boolean: ['boolean'],
  u64: ['bigint', 'number'],
  i64: ['bigint', 'number'],
  // As in JSON: an RFC 3339 text or milliseconds.
  timestamp: ['number', 'string'],
}
const NUMERIC: readonly Kind[] = ['u8', 'u16', 'u32', 'i8', 'i16', 'i32', 'f32', 'f64']

/** A default is there when the value is missing, so it has to be of the type, and a required value has none. */
function checkDefault(kind: Kind, options: TypeOptions): void {
  const value = options.default
  if (value === undefined) return
  if (options.required === true) {
    throw new TypeError(`t.${kind}: expected either required or a default, got both`)
  }
  if (value === null || Array.isArray(value) || (kind === 'timestamp' && value instanceof Date)) return
  const expected = NUMERIC.includes(kind) ? ['number'] : DEFAULTS[kind]
  if (expected !== undefined && !expected.includes(typeof value)) {
    throw new TypeError(
      `t.${kind}: expected a default that is a ${expected.join(' or a ')}, got ${typeof value}`,
    )
  }
}

/** Every type made here: what tells a hole of a template from a constant of the same shape. */
const made = new WeakSet<object>()

function keep<T extends object>(type: T): Readonly<T> {
  made.add(type)
  return Object.freeze(type)
}

/** True for what `t` made. @internal */
export function isType(value: unknown): value is Type {
  return typeof value === 'object' && value !== null && made.has(value)
}

const of =
  (kind: Kind) =>
  (argument?: unknown, options?: unknown): Type =>
    keep(make(kind, argument, options))

/** A value that may be left out. */
function optional<K extends Kind, Value, S extends string>(
  type: Type<K, Value, S>,
): Type<K, Value, S, 'optional', never> {
  return keep({ ...type, optional: true, required: false }) as Type<K, Value, S, 'optional', never>
}

/** Rows: `source` leads to them, `members` says what each of them holds. */
function each<S extends string, const Members extends object>(
  source: S,
  members: Members,
): EachType<S, Members> {
  if (typeof source !== 'string')
    throw new TypeError(`t.each: expected a path or a name, got ${typeof source}`)
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new TypeError('t.each: expected an object of members')
  }
  return keep({ kind: 'each', source, members }) as never
}

/** The types. Each is made by a call: `t.u32('$.size')`, `t.string(24)`, `t.f32(384)`. */
export const t = Object.freeze({
  /** Text. */
  string: of('string') as ElementType<'string', string, string>,
  /** A whole number, 0 to 255. */
  u8: of('u8') as ElementType<'u8', number, Uint8Array>,
  /** A whole number, 0 to 65,535. */
  u16: of('u16') as ElementType<'u16', number, Uint16Array>,
  /** A whole number, 0 to 2^32 - 1. */
  u32: of('u32') as ElementType<'u32', number, Uint32Array>,
  /** A whole number, 0 to 2^64 - 1, as a BigInt. */
  u64: of('u64') as ElementType<'u64', bigint, BigUint64Array>,
  /** A whole number, -128 to 127. */
  i8: of('i8') as ElementType<'i8', number, Int8Array>,
  /** A whole number, -32,768 to 32,767. */
  i16: of('i16') as ElementType<'i16', number, Int16Array>,
  /** A whole number, -2^31 to 2^31 - 1. */
  i32: of('i32') as ElementType<'i32', number, Int32Array>,
  /** A whole number, -2^63 to 2^63 - 1, as a BigInt. */
  i64: of('i64') as ElementType<'i64', bigint, BigInt64Array>,
  /** Another name of `i64`. */
  bigint64: of('i64') as ElementType<'i64', bigint, BigInt64Array>,
  /** A number of single precision. */
  f32: of('f32') as ElementType<'f32', number, Float32Array>,
  /** A number, as JavaScript has them. */
  f64: of('f64') as ElementType<'f64', number, Float64Array>,
  /** `true` or `false`. */
  boolean: of('boolean') as SourceType<'boolean', boolean>,
  /** A point in time: milliseconds since 1970. In JSON an RFC 3339 text or that number. */
  timestamp: of('timestamp') as SourceType<'timestamp', number>,
  /** Any JSON value. */
  json: of('json') as SourceType<'json', JsonValue>,
  /** Bytes: of a field, the raw text of any JSON value, copied. */
  bytes: of('bytes') as ElementType<'bytes', Uint8Array, Uint8Array>,
  each,
  optional,
})

/** What `JSON.parse` can give. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }

/** A typed array of any element type that a column or a record field can have. */
export type NumberArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
