import { inputBytes, type BytesInput } from '../bytes.js'
import { FLAG_TRUST, WIDTH_ENTRY } from '../generated/layout.js'
import { callNative, FAILED, NativeProgram, raw, takeLastError } from '../native.js'
import type { JsonValue, Kind, Presence, Type } from '../types.js'
import { objectMaker, type EntryField, type MakeObject } from './entries.js'
import {
  entriesOf,
  isType,
  limitsOf,
  nativeField,
  NEEDS,
  type IsMany,
  type ProgramOptions,
  type ReadOptions,
} from './paths.js'

/** A field: a path to any JSON value, or a type of `t` with its path. */
export type FieldSpec = string | Type

/** Names of fields, and what each is. */
export type FieldSpecs = Readonly<Record<string, FieldSpec>>

type Single<Value, P extends Presence, Default> = P extends 'required'
  ? Value
  : P extends 'default'
    ? Value | null | Default
    : Value | null | undefined

type Many<Value, P extends Presence, Default> = P extends 'required'
  ? Value[]
  : P extends 'default'
    ? (Value | null)[] | Default
    : (Value | null)[]

type Choose<M extends boolean, Yes, No> = M extends true ? Yes : No

/** Fields of bytes are Buffers. */
type FieldValue<K extends Kind, Value> = K extends 'bytes' ? Buffer : Value

/** What a field gives. */
export type FieldOf<Spec> = Spec extends string
  ? Choose<IsMany<Spec>, JsonValue[], JsonValue | undefined>
  : Spec extends Type<infer K, infer Value, infer Source, infer P, infer Default>
    ? Choose<IsMany<Source>, Many<FieldValue<K, Value>, P, Default>, Single<FieldValue<K, Value>, P, Default>>
    : never

/** What a program of fields gives: an object with one constant shape. */
export type FieldsOf<Specs> = { -readonly [Name in keyof Specs]: FieldOf<Specs[Name]> }

/** Scratch of this many numbers is kept for the next read; a larger one is dropped. */
const KEPT_NUMBERS = 1 << 15

// One for all programs: nothing else runs between the native call and the reading of its entries.
let sharedScratch = new Float64Array(64 * WIDTH_ENTRY)

/**
 * A compiled program that reads some values of a document, without building the rest.
 *
 * Made by `json.fields`; frozen for good, so it may be shared by everything on its thread.
 */
export class FieldsProgram<Specs extends FieldSpecs> {
  readonly #native: NativeProgram
  readonly #id: number
  readonly #flags: number
  readonly #make: MakeObject
  /** These, and what each field is and where it comes from: for templates that are filled. @internal */
  readonly options: ProgramOptions | undefined
  /** @internal */
  readonly outline: readonly (EntryField & { readonly required: boolean })[]

  /** @internal Use `json.fields`. */
  constructor(specs: Specs, options: ProgramOptions | undefined) {
    const entries = entriesOf(specs, 'json.fields')
    const fields = entries.map(([name, spec]) => nativeField(spec, name, `json.fields: ${name}`))
    this.#native = callNative(() => NativeProgram.fields(fields, limitsOf(options)))
    this.#id = this.#native.id
    this.#flags = options?.trust === true ? FLAG_TRUST : 0
    this.options = options && { ...options }
    const many = this.#native.many()
    this.outline = entries.map(([name, spec], index) => ({
      name,
      kind: fields[index]!.kind,
      path: fields[index]!.path,
      required: fields[index]!.required,
      many: many[index]!,
      fallback: isType(spec) ? spec.default : undefined,
    }))
    this.#make = objectMaker(this.outline)
  }

  /** The number of the native program. @internal */
  get id(): number {
    return this.#id
  }

  /**
   * The fields of the document `input`. The values are JavaScript's own: they stay when the bytes go.
   *
   * What is missing is `undefined` (or its default), `null` is `null`. Of two members of one name the last
   * counts, as for `JSON.parse`. Paths with wildcards or slices give arrays, in document order (of a slice
   * with a negative step: in its order; of an object also its integer-like names stay where they are).
   *
   * @throws PrimarenaError ERR_JSON_SYNTAX (with offset, line, column, expected), ERR_JSON_TYPE and
   * ERR_JSON_MISSING (with the path), ERR_JSON_LIMIT; TypeError if `input` is no bytes.
   */
  read(input: BytesInput, options?: ReadOptions): FieldsOf<Specs> {
    const bytes = inputBytes(input)
    const trust = options?.trust
    const flags = trust === undefined ? this.#flags : trust ? FLAG_TRUST : 0
    let scratch = sharedScratch
    let text = raw.jsonFields(this.#id, bytes, scratch, flags)
    while (typeof text === 'number') {
      if (text === FAILED) throw takeLastError()
      if (text === 0) {
        text = ''
        break
      }
      scratch = new Float64Array(NEEDS - text)
      if (scratch.length <= KEPT_NUMBERS) sharedScratch = scratch
      text = raw.jsonFields(this.#id, bytes, scratch, flags)
    }
    return this.#make(scratch, text, bytes) as FieldsOf<Specs>
  }
}
