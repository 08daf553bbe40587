import { windowOf, type Allocator } from '../allocator.js'
import { inputBytes, type BytesInput } from '../bytes.js'
import { FLAG_LINE, FLAG_MINIFY, FLAG_TRUST } from '../generated/layout.js'
import { HeapAllocator } from '../heap-allocator.js'
import { callNative, FAILED, NativeProgram, raw, takeLastError } from '../native.js'
import type { Type } from '../types.js'
import { JsonLiteral } from './literal.js'
import {
  checkPath,
  entriesOf,
  isType,
  limitsOf,
  nativeField,
  NEEDS,
  type ProgramOptions,
  type ReadOptions,
} from './paths.js'

/**
 * The shape of an outgoing document: a string is a path; a type of `t` a path whose value is checked;
 * numbers, booleans, `null` and `json.literal(…)` are constants; objects and arrays hold shapes;
 * `t.each(rows, shape)` is an array with an element for each row, its paths relative to the row.
 */
export type Shape =
  | string
  | number
  | boolean
  | null
  | Type
  | JsonLiteral
  | readonly Shape[]
  | { readonly [name: string]: Shape }

/** Options of `write`. */
export interface WriteOptions extends ReadOptions {
  /** Take white space out of the slices that are spliced. */
  minify?: boolean
}

/** A node of a shape as the native side takes it; nodes come in pre-order. */
interface NativeNode {
  op: 'value' | 'literal' | 'object' | 'array' | 'each'
  name?: string
  path?: string
  kind?: string
  required?: boolean
  json?: string
  count?: number
}

const MAX_LEVELS = 128

function flatten(
  shape: unknown,
  name: string | undefined,
  where: string,
  level: number,
  out: NativeNode[],
): void {
  if (level > MAX_LEVELS) throw new RangeError(`json.transform: expected at most ${MAX_LEVELS} levels`)
  const place = name === undefined ? {} : { name: JSON.stringify(name) }
  if (typeof shape === 'number' || typeof shape === 'boolean' || shape === null) {
    out.push({ op: 'literal', json: JSON.stringify(shape), ...place })
  } else if (shape instanceof JsonLiteral) {
    out.push({ op: 'literal', json: shape.json, ...place })
  } else if (Array.isArray(shape)) {
    out.push({ op: 'array', count: shape.length, ...place })
    shape.forEach((element, index) => flatten(element, undefined, `${where}[${index}]`, level + 1, out))
  } else if (isType(shape) && shape.kind === 'each') {
    checkPath(shape.source, where)
    out.push({ op: 'each', path: shape.source, ...place })
    flatten(shape.members, undefined, where, level + 1, out)
  } else if (typeof shape === 'string' || isType(shape)) {
    const { path, kind, required } = nativeField(shape, name ?? '', where)
    const node: NativeNode = { op: 'value', path, kind, required, ...place }
    if (typeof shape === 'object' && shape.default !== undefined) {
      const json = JSON.stringify(shape.default) as string | undefined
      if (json === undefined) throw new TypeError(`${where}: expected a default that is a JSON value`)
      node.json = json
    }
    out.push(node)
  } else if (typeof shape !== 'object') {
    throw new TypeError(
      `${where}: expected a path, a type of t, a literal, an array or an object, got ${typeof shape}`,
    )
  } else {
    const members = entriesOf(shape, where)
    out.push({ op: 'object', count: members.length, ...place })
    for (const [key, member] of members) flatten(member, key, `${where}.${key}`, level + 1, out)
  }
}

// Without an allocator, results are ordinary Buffers, which nobody is charged for.
const heap = new HeapAllocator()

/** The first reservation; then it follows the sizes that come. */
const FIRST_BYTES = 1024

/**
 * A compiled program that reshapes documents, bytes in and bytes out.
 *
 * Values are spliced as they are written: numbers keep their digits, strings their escapes. Made by
 * `json.transform`; frozen for good, so it may be shared by everything on its thread.
 */
export class TransformProgram {
  readonly #native: NativeProgram
  readonly #id: number
  readonly #flags: number
  #hintBytes = FIRST_BYTES

  /** @internal Use `json.transform`. */
  constructor(shape: Shape, options: ProgramOptions | undefined) {
    const nodes: NativeNode[] = []
    flatten(shape, undefined, 'json.transform', 0, nodes)
    this.#native = callNative(() => NativeProgram.transform(nodes, limitsOf(options)))
    this.#id = this.#native.id
    this.#flags = options?.trust === true ? FLAG_TRUST : 0
  }

  /**
   * The reshaped document. Members whose value is missing are left out (`null` in arrays), unless they
   * have a default; paths with wildcards or slices give arrays. Valid until `allocator` is reset or
   * disposed; without one it is an ordinary Buffer.
   *
   * @throws PrimarenaError ERR_JSON_SYNTAX (with offset, line, column, expected), ERR_JSON_TYPE and
   * ERR_JSON_MISSING (with the path), ERR_JSON_LIMIT, and what the allocator throws; nothing is taken then.
   */
  write(input: BytesInput, allocator?: Allocator, options?: WriteOptions): Buffer {
    return this.#write(input, allocator, options, options?.minify === true ? FLAG_MINIFY : 0)
  }

  /** As `write`, as a line of NDJSON: no white space in what is spliced, and a line feed at the end. */
  writeLine(input: BytesInput, allocator?: Allocator, options?: ReadOptions): Buffer {
    return this.#write(input, allocator, options, FLAG_LINE)
  }

  #write(
    input: BytesInput,
    allocator: Allocator | undefined,
    options: ReadOptions | undefined,
    format: number,
  ): Buffer {
    const bytes = inputBytes(input)
    const target = windowOf(allocator === undefined ? heap : allocator, 'write')
    const trust = options?.trust
    const flags = (trust === undefined ? this.#flags : trust ? FLAG_TRUST : 0) | format
    target.reserve(this.#hintBytes)
    let written = raw.jsonTransform(this.#id, bytes, target.bytes, target.offset, target.limit, flags)
    if (written < 0) {
      if (written === FAILED) throw takeLastError()
      const needed = NEEDS - written
      // Some more than needed: the next result is rarely of the very same length.
      this.#hintBytes = Math.min(Math.max(this.#hintBytes, needed + (needed >> 2)), 1 << 20)
      target.reserve(needed)
      written = raw.jsonTakeOutput(target.bytes, target.offset, target.limit)
      if (written === FAILED) throw takeLastError()
    }
    // One large result must not make all that follow ask for as much.
    if (written * 4 < this.#hintBytes) this.#hintBytes = Math.max(FIRST_BYTES, this.#hintBytes >> 1)
    return target.commit(written)
  }
}
