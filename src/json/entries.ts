/** Reads the entries that `jsonFields` writes, and makes the objects of their values. */
import { Buffer } from 'node:buffer'
import { BufferView } from '../buffer-view.js'
import { PrimarenaError } from '../errors.js'
import {
  TAG_ASCII,
  TAG_BIG,
  TAG_FALSE,
  TAG_MISSING,
  TAG_NULL,
  TAG_NUMBER,
  TAG_RAW,
  TAG_TEXT,
  TAG_TRUE,
  TAG_UTF8,
  WIDTH_ENTRY,
} from '../generated/layout.js'
import type { Kind } from '../types.js'

/** A field as the reader of its entry needs it. */
export interface EntryField {
  readonly name: string
  readonly kind: Kind | 'any'
  readonly path: string
  readonly many: boolean
  readonly fallback: unknown
}

/** Makes the object of one document. */
export type MakeObject = (scratch: Float64Array, text: string, input: Uint8Array<ArrayBuffer>) => object

/** Reads what is not the common case, and arrays; `at` is where the text of the next entry starts. */
class EntryReader {
  at = 0
  readonly #fields: readonly EntryField[]

  constructor(fields: readonly EntryField[]) {
    this.#fields = fields
  }

  /** The value of an entry that is no text. */
  other(scratch: Float64Array, entry: number, field: number, input: Uint8Array<ArrayBuffer>): unknown {
    const first = scratch[entry + 1]!
    const second = scratch[entry + 2]!
    switch (scratch[entry]) {
      case TAG_MISSING:
        return this.#fields[field]!.fallback
      case TAG_NULL:
        return null
      case TAG_TRUE:
        return true
      case TAG_FALSE:
        return false
      case TAG_NUMBER:
        return first
      case TAG_RAW:
        return this.#raw(this.#fields[field]!, input, first, second)
      case TAG_UTF8:
        return bytesOf(input, first, second).toString('utf8')
      case TAG_ASCII:
        return bytesOf(input, first, second).toString('latin1')
      case TAG_BIG:
        return (BigInt(first) << 32n) | BigInt(second)
      default:
        throw new PrimarenaError('ERR_INTERNAL', `an entry has the tag ${scratch[entry]}`)
    }
  }

  /** The array of a field; moves `at` behind its texts. */
  array(
    scratch: Float64Array,
    entry: number,
    field: number,
    text: string,
    at: number,
    input: Uint8Array<ArrayBuffer>,
  ): unknown {
    const length = scratch[entry + 1]!
    const { fallback } = this.#fields[field]!
    this.at = at
    if (length === 0 && fallback !== undefined) return fallback
    const values: unknown[] = []
    let element = scratch[entry + 2]! * WIDTH_ENTRY
    for (let index = 0; index < length; index++, element += WIDTH_ENTRY) {
      if (scratch[element] === TAG_TEXT) {
        values.push(text.substring(this.at, (this.at += scratch[element + 1]!)))
      } else {
        values.push(this.other(scratch, element, field, input))
      }
    }
    return values
  }

  #raw(field: EntryField, input: Uint8Array<ArrayBuffer>, start: number, end: number): unknown {
    const bytes = bytesOf(input, start, end)
    if (field.kind === 'bytes') return Buffer.from(bytes)
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      // Only a trusted document gets here.
      throw new PrimarenaError('ERR_JSON_SYNTAX', `${field.path}: expected a JSON value`, {
        cause,
        offset: start,
        path: field.path,
      })
    }
  }
}

function bytesOf(input: Uint8Array<ArrayBuffer>, start: number, end: number): Buffer {
  return new BufferView(input.buffer, input.byteOffset + start, end - start)
}

/** What makes the objects: generated for these fields where code may be generated, else a loop. */
export function objectMaker(fields: readonly EntryField[]): MakeObject {
  try {
    return compiledMaker(fields)
  } catch (error) {
    // `--disallow-code-generation-from-strings` and its like in other runtimes.
    if (error instanceof EvalError) return loopMaker(fields)
    throw error
  }
}

/**
 * A function whose only statement is an object literal: all results have one shape, and its members are
 * read in the order of the packed text. Nothing of the user is in the code but names, quoted as JSON; a
 * name in brackets is an own property also if it is `__proto__`.
 */
function compiledMaker(fields: readonly EntryField[]): MakeObject {
  const members = fields.map(({ name, many }, field) => {
    const entry = field * WIDTH_ENTRY
    const other = `r.other(s,${entry},${field},i)`
    const value = many
      ? `(v=r.array(s,${entry},${field},x,p,i),p=r.at,v)`
      : `(g=s[${entry}])===${TAG_TEXT}?x.substring(p,p+=s[${entry + 1}]):g===${TAG_NUMBER}?s[${entry + 1}]:${other}`
    return `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}:${value}`
  })
  const make = new Function('r', 's', 'x', 'i', `let p=0,g,v;return{${members.join(',')}}`) as (
    reader: EntryReader,
    scratch: Float64Array,
    text: string,
    input: Uint8Array,
  ) => object
  const reader = new EntryReader(fields)
  return (scratch, text, input) => make(reader, scratch, text, input)
}

function loopMaker(fields: readonly EntryField[]): MakeObject {
  const reader = new EntryReader(fields)
  return (scratch, text, input) => {
    const object: Record<string, unknown> = {}
    let at = 0
    for (let field = 0; field < fields.length; field++) {
      const { name, many } = fields[field]!
      const entry = field * WIDTH_ENTRY
      let value: unknown
      if (many) {
        value = reader.array(scratch, entry, field, text, at, input)
        at = reader.at
      } else if (scratch[entry] === TAG_TEXT) {
        value = text.substring(at, (at += scratch[entry + 1]!))
      } else {
        value = reader.other(scratch, entry, field, input)
      }
      if (name === '__proto__') {
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
      } else object[name] = value
    }
    return object
  }
}
