/** What the compiler knows of a template: from its holes to the values that `render` takes. */
import type { BytesInput } from '../bytes.js'
import type { Kind, Presence, Type } from '../types.js'

/** An object or array with holes, JSON text or bytes. */
export type TemplateShape = string | number | boolean | object

/** What a hole of kind `K` takes. */
type Taken<K extends Kind, Value> = K extends 'timestamp'
  ? number | Date
  : K extends 'u64' | 'i64'
    ? bigint | number
    : K extends 'json'
      ? unknown
      : Value

/** What a type takes when its presence is `P`. */
type Present<P extends Presence, Value> = P extends 'optional'
  ? Value | null | undefined
  : P extends 'default'
    ? Value | undefined
    : Value

/** Names of `Record`s whose values may be left out become optional. */
type Soften<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: T[Name]
}

type Flat<T> = { [Name in keyof T]: T[Name] }

type Union<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never

/** A row of `t.each`: what its members take, or the row itself. */
type Row<Members> = Members extends Type
  ? Members['source'] extends string
    ? TemplateValues<[Members]>
    : ValueIn<Members>
  : TemplateValues<Known<Members>>

/** Without the index signature that every object of members has: it would let any row through. */
type Known<Members> = { [Name in keyof Members as string extends Name ? never : Name]: Members[Name] }

/** What a single hole takes. */
type ValueIn<T> = T extends { readonly kind: 'each'; readonly members: infer Members }
  ? T extends Type<'each', unknown, string, infer P>
    ? Present<P, readonly Row<Members>[]>
    : never
  : T extends Type<infer K, infer Value, string, infer P>
    ? Present<P, Taken<K, Value>>
    : never

/** One hole as `{ name: value }`; `Name` is its member's name. */
type Named<T, Name> =
  T extends Type<Kind, unknown, infer Source>
    ? [Source] extends [never]
      ? Name extends string
        ? { [N in Name]: ValueIn<T> }
        : ValueIn<T>
      : { [N in Source & string]: ValueIn<T> }
    : never

type Members<T> = {
  [Name in keyof T]: T[Name] extends Type
    ? Named<T[Name], Name>
    : T[Name] extends readonly unknown[] | object
      ? Holes<T[Name]>
      : unknown
}[keyof T]

type Holes<T> = T extends BytesInput | string | number | boolean | bigint | null | undefined
  ? unknown
  : T extends Type
    ? Named<T, undefined>
    : T extends readonly unknown[]
      ? Members<{ [Index in keyof T & `${number}`]: T[Index] }>
      : T extends object
        ? Members<T>
        : unknown

/** What `render` takes for the shape `S`. */
export type TemplateValues<S> = S extends Type ? Holes<S> : Flat<Soften<Union<Holes<S>>>>
