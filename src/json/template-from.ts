/**
 * Templates that are filled from documents: bytes in, bytes out.
 *
 * Where every hole takes a field as it is written, template and fields become one transform, which splices:
 * no value is made. Otherwise the fields are read and rendered.
 */
import type { Allocator } from '../allocator.js'
import type { BytesInput } from '../bytes.js'
import { isType, type Kind, type Type } from '../types.js'
import type { FieldsProgram, FieldSpecs } from './fields.js'
import { JsonLiteral } from './literal.js'
import type { ReadOptions } from './paths.js'
import { parseTemplate } from './template-parse.js'
import { encodeProgram } from './template-program.js'
import { TransformProgram, type Shape } from './transform.js'

type Fields = FieldsProgram<FieldSpecs>['outline']

/** There is no transform that does the same. */
const NONE = Symbol('none')

/** Holes whose value is written in a document as the hole writes it. */
const AS_WRITTEN: readonly Kind[] = [
  'string',
  'u8',
  'u16',
  'u32',
  'i8',
  'i16',
  'i32',
  'f64',
  'boolean',
  'json',
]

/** What is needed of a template. */
interface Renderer {
  render(values: unknown, allocator?: Allocator): Buffer
  encode(): Buffer
}

/** A template and the fields that fill it. Made by `template.from`; it may be shared by all of its thread. */
export class FilledTemplate<Specs extends FieldSpecs> {
  readonly #template: Renderer
  readonly #fields: FieldsProgram<Specs>
  readonly #transform: TransformProgram | undefined

  /** @internal Use `template.from`. */
  constructor(template: Renderer, shape: unknown, fields: FieldsProgram<Specs>) {
    this.#template = template
    this.#fields = fields
    this.#transform = transformOf(template, shape, fields)
  }

  /** True when values are spliced from the document, false when they are read and rendered. */
  get splices(): boolean {
    return this.#transform !== undefined
  }

  /**
   * The template, filled from the document `input`. What is spliced keeps the digits and escapes of the
   * document. Valid until `allocator` is reset or disposed; without one it is an ordinary Buffer.
   *
   * @throws PrimarenaError ERR_JSON_SYNTAX and ERR_JSON_LIMIT; ERR_JSON_TYPE, ERR_JSON_MISSING or
   * ERR_TEMPLATE for a value that does not fit its hole; what the allocator throws. Nothing is taken then.
   */
  write(input: BytesInput, allocator?: Allocator, options?: ReadOptions): Buffer {
    if (this.#transform !== undefined) return this.#transform.write(input, allocator, options)
    return this.#template.render(this.#fields.read(input, options), allocator)
  }
}

function transformOf<Specs extends FieldSpecs>(
  template: Renderer,
  shape: unknown,
  fields: FieldsProgram<Specs>,
): TransformProgram | undefined {
  // The user's object may have changed since the template was made of it; text and bytes have no holes.
  if (typeof shape !== 'object' || shape === null || ArrayBuffer.isView(shape)) return undefined
  const reshape = transformShape(shape, undefined, fields.outline)
  if (reshape === NONE || reshape === undefined) return undefined
  if (!encodeProgram(parseTemplate(shape)).equals(template.encode())) return undefined
  return new TransformProgram(reshape as Shape, fields.options)
}

/** The shape of a transform that writes the same as the template; `undefined` for a member that is left out. */
function transformShape(spec: unknown, name: string | undefined, fields: Fields): unknown {
  if (isType(spec)) return spec.kind === 'each' ? rows(spec, name, fields) : field(spec, name, fields)
  if (
    typeof spec !== 'object' ||
    spec === null ||
    typeof (spec as { toJSON?: unknown }).toJSON === 'function'
  ) {
    return literal(spec)
  }
  return container(spec, (inner, key) => transformShape(inner, key, fields))
}

function container(spec: object, inside: (inner: unknown, key: string | undefined) => unknown): unknown {
  if (Array.isArray(spec)) {
    const elements = spec.map((element) => inside(element ?? null, undefined) ?? null)
    return elements.includes(NONE) ? NONE : elements
  }
  const prototype: unknown = Object.getPrototypeOf(spec)
  if (prototype !== Object.prototype && prototype !== null) return NONE
  const members: [string, unknown][] = []
  for (const [key, member] of Object.entries(spec)) {
    const shape = inside(member, key)
    if (shape === NONE) return NONE
    if (shape !== undefined) members.push([key, shape])
  }
  return Object.fromEntries(members)
}

function literal(spec: unknown): unknown {
  const text = JSON.stringify(spec) as string | undefined
  return text === undefined ? undefined : new JsonLiteral(JSON.parse(text))
}

function field(hole: Type, name: string | undefined, fields: Fields): unknown {
  const found = fields.find((entry) => entry.name === (hole.source ?? name))
  if (found === undefined || found.many || found.fallback !== undefined) return NONE
  return take(hole, found.kind, found.path, found.required)
}

/** A hole filled from `path`, whose value was asked for as `kind`. */
function take(hole: Type, kind: Kind | 'any', path: string, required: boolean): unknown {
  const any = kind === 'any' || kind === 'json'
  if (!AS_WRITTEN.includes(hole.kind) || hole.default !== undefined) return NONE
  if (!any && kind !== hole.kind && hole.kind !== 'json') return NONE
  // What a field gives as something else than the document has.
  if (!any && !AS_WRITTEN.includes(kind)) return NONE
  // `null` is a JSON value, but not for a transform that requires one.
  if (hole.kind === 'json') return hole.optional === true && !required ? path : NONE
  const must = required || hole.optional !== true
  return { ...hole, source: path, optional: !must, required: must }
}

/** Rows from a field that gives many values: from one that gives an array, an object would give rows too. */
function rows(hole: Type, name: string | undefined, fields: Fields): unknown {
  const found = fields.find((entry) => entry.name === (hole.source ?? name))
  if (found === undefined || !found.many || (found.kind !== 'any' && found.kind !== 'json')) return NONE
  const members = row(hole.members, undefined)
  return members === NONE ? NONE : { kind: 'each', source: found.path, members }
}

function row(spec: unknown, name: string | undefined): unknown {
  if (isType(spec)) {
    if (spec.kind === 'each') return NONE
    const key = spec.source ?? name
    return take(spec, 'any', key === undefined ? '$' : `$[${JSON.stringify(key)}]`, false)
  }
  if (
    typeof spec !== 'object' ||
    spec === null ||
    typeof (spec as { toJSON?: unknown }).toJSON === 'function'
  ) {
    return literal(spec)
  }
  return container(spec, row)
}
