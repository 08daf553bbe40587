/** JSON templates: constant bytes with holes, rendered to bytes. */
import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { windowOf, type Allocator, type Window } from '../allocator.js'
import { inputBytes, type BytesInput } from '../bytes.js'
import { HeapAllocator } from '../heap-allocator.js'
import { FAILED, NativeTemplate, callNative, raw, takeLastError } from '../native.js'
import { FieldsProgram, type FieldSpecs } from './fields.js'
import { finish, longStrings, NEEDS_MORE, neededBytes } from './long-strings.js'
import { generate } from './template-codegen.js'
import type { RenderFlat } from './template-flat-source.js'
import { FilledTemplate } from './template-from.js'
import { parseTemplate, templateError, type Step } from './template-parse.js'
import { encodeProgram } from './template-program.js'
import { validate } from './validate.js'
import type { TemplateShape, TemplateValues } from './template-types.js'
import { literalBytes, makeCollect, Values, type Collect } from './template-values.js'
import { makeWrite, type Write } from './template-write.js'
import { LONG_STRING } from './write-string.js'

/**
 * From so many values on the native side writes: handing them over costs about 1.5 µs for 150 strings, and
 * then each is written in 8 ns where JavaScript takes 25 (Node 20, 24 and 26 alike).
 */
const NATIVE_VALUES = 96

/** Up to this, room for the worst case is simply reserved; above it the output is measured. */
const MOST_BOUND_BYTES = 16 * 1024

/** Where plain Buffers come from. */
const heap = new HeapAllocator()

/** What templates share: values are in use by one rendering at a time. */
let spareValues: Values | undefined

/** Constructor argument of templates that `json.template` did not make. */
const internal: unique symbol = Symbol('primarena.template') as never

/** Where the native program of a template lives: in an object of its own, or in a cache. @internal */
export interface ProgramHome {
  /** The number of the program in raw calls. */
  readonly id: number
}

/**
 * A compiled template. Made by `json.template`; it lives as long as it is referred to, and no reset touches
 * it. It may be used by any number of renderings, also by one inside another's getter.
 */
export class Template<V = unknown> {
  readonly #steps: readonly Step[]
  readonly #collect: Collect
  readonly #write: Write
  readonly #flat: RenderFlat | undefined
  readonly #fixedBytes: number
  /** The whole output, when the template has no holes. */
  readonly #constant: Uint8Array | undefined
  /** What the user gave. */
  readonly #shape: unknown
  #home: ProgramHome | undefined

  /** @internal Use `json.template`. */
  constructor(
    key: symbol,
    shape: unknown,
    steps: readonly Step[],
    constant: Uint8Array | undefined,
    generated: boolean,
  ) {
    if (key !== internal) throw new TypeError('a Template is made by json.template')
    this.#shape = shape
    this.#steps = steps
    this.#constant = constant
    const fast = generated ? generate(steps) : undefined
    this.#collect = fast?.collect ?? makeCollect(steps)
    this.#write = fast?.write ?? makeWrite(steps)
    this.#flat = fast?.render
    this.#fixedBytes = literalBytes(steps)
  }

  /**
   * Renders into `allocator`, or into a Buffer of its own. The bytes are those of `JSON.stringify` of the
   * object that the template describes: strings escaped as there, numbers with the same digits, `NaN` and
   * the infinities as `null`.
   *
   * All values are read and checked before any space is taken, so a wrong one leaves nothing behind.
   *
   * The bytes are valid until the allocator is reset or disposed; a Buffer of its own for as long as it is
   * held.
   *
   * @throws PrimarenaError ERR_TEMPLATE for a value that does not fit its hole, with the hole's `path`;
   * what the allocator throws; what a getter of `values` throws.
   */
  render(values: V, allocator?: Allocator): Buffer {
    const window = windowOf(allocator === undefined ? heap : allocator, 'render')
    const flat = this.#flat
    if (flat !== undefined) return flat(values, window)
    const constant = this.#constant
    if (constant !== undefined) {
      window.reserve(constant.length)
      window.bytes.set(constant, window.offset)
      return window.commit(constant.length)
    }
    const collected = spareValues ?? new Values()
    spareValues = undefined
    this.#collect(values, collected)
    const bytes = this.#place(collected, window)
    collected.clear()
    spareValues = collected
    return bytes
  }

  /**
   * This template, filled from documents: its holes take the fields of `program` that have their names.
   * `Answer.from(Push).write(body, ctx.arena)` is bytes in, bytes out, in one native call where every hole
   * takes its field as it is written in the document; else the fields are read and rendered.
   *
   * @throws TypeError for what `json.fields` did not make.
   */
  from<Specs extends FieldSpecs>(program: FieldsProgram<Specs>): FilledTemplate<Specs> {
    if (!(program instanceof FieldsProgram))
      throw new TypeError('template.from: expected a program of json.fields')
    return new FilledTemplate(this as Template, this.#shape, program)
  }

  /** Constant bytes and holes as the native side takes them. @internal */
  encode(): Buffer {
    return encodeProgram(this.#steps)
  }

  /** Lets a cache keep the native program. @internal */
  settle(home: ProgramHome): void {
    this.#home = home
  }

  /** The cache let its program go: the template makes one of its own when it needs it. @internal */
  unsettle(home: ProgramHome): void {
    if (this.#home === home) this.#home = undefined
  }

  /** Renders by one way or the other, whatever would be chosen: for tests. @internal */
  static renderBy(
    way: 'javascript' | 'native',
    template: Template,
    values: unknown,
    allocator?: Allocator,
  ): Buffer {
    const collected = new Values()
    template.#collect(values, collected)
    const window = windowOf(allocator === undefined ? heap : allocator, 'render')
    return way === 'native' && !collected.hasReady
      ? template.#native(collected, window)
      : template.#javascript(collected, window, template.#fixedBytes + collected.boundBytes)
  }

  #place(values: Values, window: Window): Buffer {
    const bound = this.#fixedBytes + values.boundBytes
    if (values.numberCount >= NATIVE_VALUES && !values.hasReady) return this.#native(values, window)
    return this.#javascript(values, window, bound)
  }

  #javascript(values: Values, window: Window, bound: number): Buffer {
    let room = bound <= MOST_BOUND_BYTES ? bound : this.#measured(values, bound)
    for (;;) {
      // Reserve also when there is room: it is the allocator's word that its chunk is still there.
      window.reserve(room)
      const { bytes, view, offset } = window
      longStrings.begin()
      const end = finish(bytes, this.#write(bytes, view, offset, values))
      if (end >= 0) return window.commit(end - offset)
      // Escapes of long strings did not fit; now the size is known.
      room = neededBytes(end) - offset + bound
    }
  }

  /** `bound` with the real size of the strings, where the worst case would be too much to ask for. */
  #measured(values: Values, bound: number): number {
    if (values.longUnits === 0) return bound
    let bytes = bound - values.longUnits * 3
    for (let index = 0; index < values.stringCount; index++) {
      const text = values.strings[index]!
      if (typeof text === 'string' && text.length >= LONG_STRING) bytes += Buffer.byteLength(text)
    }
    return bytes
  }

  #native(values: Values, window: Window): Buffer {
    const home = (this.#home ??= ownHome(this))
    const text = values.joined()
    const { numbers } = values
    // An estimate: what does not fit waits on the native side until there is room.
    window.reserve(
      Math.min(this.#fixedBytes + values.rowBytes + values.units + values.numberCount * 4, MOST_BOUND_BYTES),
    )
    let length = raw.templateRender(home.id, window.bytes, window.offset, window.limit, text, numbers)
    if (length < -NEEDS_MORE) {
      window.reserve(-length - NEEDS_MORE)
      length = raw.templateFetch(window.bytes, window.offset, window.limit)
    }
    if (length === FAILED) throw takeLastError()
    return window.commit(length)
  }
}

/** A program of the template's own; it lives as long as what is given. */
function ownHome(template: Template<never>): ProgramHome {
  const native = callNative(() => new NativeTemplate(template.encode()))
  // Read once: the getter of a native class costs more than rendering a row.
  const home: ProgramHome & { native: NativeTemplate } = { id: native.id, native }
  return home
}

/**
 * Compiles a template: an object or array with holes made by `t`, or constant JSON text or bytes.
 *
 * ```ts
 * const Answer = json.template({ ok: t.boolean('ok'), rows: t.each('rows', { sha: t.string('sha') }) })
 * Answer.render({ ok: true, rows: [{ sha: 'a1' }] }, ctx.arena)
 * ```
 *
 * A hole's argument names the property that its value is read from; without one it is the member's name,
 * or, in `t.each('tags', t.string())`, the row itself. Holes take what they say: `t.string` a string,
 * `t.u8` … `t.i32` whole numbers of that range, `t.u64` and `t.i64` BigInts or safe integers, `t.f64` and
 * `t.f32` any number (NaN and the infinities become `null`), `t.boolean`, `t.timestamp` a Date or
 * milliseconds (written as `toISOString` does, an invalid Date as `null`), `t.json` anything that
 * `JSON.stringify` takes, or ready JSON bytes, which are validated and spliced, `t.each` an array of rows.
 * `t.optional(…)`: the member is left out when the value is `undefined` (an element is `null`), and may be
 * `null`. Names that `Object.prototype` has too (`toString`, `__proto__`) are read from own properties only.
 *
 * @throws PrimarenaError ERR_TEMPLATE for holes that no template takes and constants that are not JSON,
 * ERR_JSON_SYNTAX for text or bytes that are not JSON.
 */
export function template<const S extends TemplateShape>(shape: S): Template<TemplateValues<S>> {
  if (shape === undefined || shape === null || typeof shape === 'function' || typeof shape === 'symbol') {
    throw new TypeError(
      `json.template: expected an object with holes, JSON text or bytes, got ${shape === null ? 'null' : typeof shape}`,
    )
  }
  return compileTemplate(shape, true) as Template<TemplateValues<S>>
}

/** Compiles; `generated: false` keeps to code that walks the steps. @internal */
export function compileTemplate(shape: unknown, generated: boolean): Template {
  const ready =
    typeof shape === 'string'
      ? Buffer.from(shape)
      : ArrayBuffer.isView(shape) || types.isAnyArrayBuffer(shape)
        ? Buffer.from(inputBytes(shape as BytesInput))
        : undefined
  if (ready !== undefined) {
    if (typeof shape === 'string' && !(shape as string & { isWellFormed(): boolean }).isWellFormed()) {
      throw templateError('JSON text may not hold a lone surrogate')
    }
    validate(ready)
    return new Template(internal, shape, [{ step: 'literal', text: ready.toString() }], ready, false)
  }
  const steps = parseTemplate(shape)
  const [first] = steps
  const constant = steps.length === 1 && first?.step === 'literal' ? Buffer.from(first.text) : undefined
  return new Template(internal, shape, steps, constant, generated && constant === undefined)
}
