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

/** A type with its argument. `Value` is what JavaScript gets or gives; it exists for inference only. */
export interface Type<K extends Kind = Kind, Value = unknown> {
  readonly kind: K
  /** A path or a property name. */
  readonly source?: string
  /** Bytes of an inline string or byte field, elements of a vector. */
  readonly length?: number
  readonly optional?: boolean
  readonly required?: boolean
  readonly default?: unknown
  /** Alignment of a vector in bytes. */
  readonly align?: number
  /** The members of each element, for `each`. */
  readonly members?: Readonly<Record<string, Type>>
  /** Never there at run time: carries `Value` for the compiler. */
  readonly __value?: Value
}

/** What JavaScript sees of a type. */
export type ValueOf<T> = T extends Type<Kind, infer Value> ? Value : never
