/** Paths as TypeScript sees them, and what programs have in common. */
import { nameOf, withArticle } from '../checks.js'
import type { Kind, Type } from '../types.js'

/** Takes the names in quotes out of a path, so that what is in them is not mistaken for a selector. */
type Unquoted<P extends string> = P extends `${infer Before}['${string}']${infer After}`
  ? Unquoted<`${Before}${After}`>
  : P extends `${infer Before}["${string}"]${infer After}`
    ? Unquoted<`${Before}${After}`>
    : P

/**
 * Whether a path gives an array: it has a wildcard or a slice. `boolean` if the text is not known to the
 * compiler.
 */
export type IsMany<P extends string> = [P] extends [never]
  ? false
  : string extends P
    ? boolean
    : P extends `/${string}`
      ? false
      : Unquoted<P> extends `${string}*${string}` | `${string}[${string}:${string}]${string}`
        ? true
        : false

/** Options that every program takes. */
export interface ProgramOptions {
  /**
   * Documents are taken to be valid: only what is touched is checked, and reading may stop early (then the
   * first of two members of one name may win). Safe for memory on any input, but not for decisions: never
   * route or authorise by what an unchecked document says.
   */
  trust?: boolean
  /**
   * The most levels of objects and arrays; any number when left out. Not checked in a trusted document, which
   * costs no stack however deep it is.
   */
  maxDepth?: number
  /** The most bytes of a document. */
  maxBytes?: number
}

/** Options of one call. */
export interface ReadOptions {
  /** As in `ProgramOptions`; for this call only. */
  trust?: boolean
}

/** Raw calls ask for n more by answering −(n + 16). */
export const NEEDS = -16

const LONE_SURROGATE = /\p{Surrogate}/u

/** Throws unless `path` is text that can be a path. */
export function checkPath(path: unknown, where: string): asserts path is string {
  if (typeof path !== 'string') throw new TypeError(`${where}: expected a path, got ${typeof path}`)
  if (LONE_SURROGATE.test(path)) throw new TypeError(`${where}: expected a path without lone surrogates`)
}

/** The limits in `options`, checked. */
export function limitsOf(options: ProgramOptions | undefined): { maxDepth?: number; maxBytes?: number } {
  const limits: { maxDepth?: number; maxBytes?: number } = {}
  for (const name of ['maxDepth', 'maxBytes'] as const) {
    const value = options?.[name]
    if (value === undefined || value === Infinity) continue
    if (typeof value !== 'number') throw new TypeError(`${name}: expected a number, got ${typeof value}`)
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`${name}: expected a whole number from 0 to 4294967295, got ${value}`)
    }
    limits[name] = value
  }
  return limits
}

/** Whether `value` was made by `t`. */
export function isType(value: unknown): value is Type {
  return typeof value === 'object' && value !== null && typeof (value as { kind?: unknown }).kind === 'string'
}

/** A path or a type, as the native side takes it. */
export interface NativeField {
  path: string
  kind: Kind | 'any'
  required: boolean
}

/** The field that `spec` describes; without a path it is the member `name`. */
export function nativeField(spec: unknown, name: string, where: string): NativeField {
  if (typeof spec === 'string') {
    checkPath(spec, where)
    return { path: spec, kind: 'any', required: false }
  }
  if (!isType(spec)) throw new TypeError(`${where}: expected a path or a type of t, got ${typeof spec}`)
  if (spec.kind === 'each') throw new TypeError(`${where}: t.each is for transforms and templates`)
  if (spec.length !== undefined) throw new TypeError(`${where}: expected a path, got a length`)
  const path = spec.source ?? `$[${JSON.stringify(name)}]`
  checkPath(path, where)
  return { path, kind: spec.kind, required: spec.required === true && spec.default === undefined }
}

/** The entries of an object of specs. */
export function entriesOf(specs: unknown, where: string): [string, unknown][] {
  if (typeof specs !== 'object' || specs === null || Array.isArray(specs)) {
    throw new TypeError(
      `${where}: expected an object, got ${Array.isArray(specs) ? 'an array' : nameOf(specs)}`,
    )
  }
  if (!isPlain(specs))
    throw new TypeError(`${where}: expected a plain object, got ${withArticle(nameOf(specs))}`)
  return Object.entries(specs)
}

/** What a Map or a Date holds is not in its properties: it would be taken for an empty object. */
function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object | null
  // `Object.prototype` of any realm.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
