/** From what a user writes (an object with holes in it) to the steps that write it. */
import { types } from 'node:util'
import { PrimarenaError } from '../errors.js'
import { isType, type Kind, type Type } from '../types.js'

/** What a hole takes, as far as writing goes. */
export type HoleKind = 'string' | 'number' | 'integer' | 'bigint' | 'boolean' | 'timestamp' | 'json' | 'each'

/** A place for a value. */
export interface Hole {
  readonly kind: HoleKind
  /** The name of `t`, for messages. */
  readonly type: Kind
  /** The property that holds the value; `undefined`: the row (or the whole argument) itself. */
  readonly key: string | undefined
  /** The least and the most that an integer may be. */
  readonly least: number | bigint
  readonly most: number | bigint
  readonly optional: boolean
  /** What stands for `undefined`. */
  readonly default: unknown
  /** Names on the way to the value; `INDEX` stands for the index of a row. */
  readonly path: readonly string[]
}

/** In a path: the index of a row. */
export const INDEX = '[]'

/** Writes the value of its hole. */
export interface ValueStep {
  readonly step: 'value'
  readonly hole: Hole
}

/** Writes its body for each row. */
export interface EachStep {
  readonly step: 'each'
  readonly hole: Hole
  readonly body: readonly Step[]
}

export type Step =
  /** Constant bytes. */
  | { readonly step: 'literal'; readonly text: string }
  /** A comma, unless the last byte opened an object or an array. */
  | { readonly step: 'comma' }
  | ValueStep
  | EachStep
  /** A member that is left out when its value is `undefined`: `lead` is its comma and key. */
  | { readonly step: 'member'; readonly lead: readonly Step[]; readonly inner: ValueStep | EachStep }
  /** An element that is `null` when its value is `undefined`. */
  | { readonly step: 'element'; readonly inner: ValueStep | EachStep }

/** The deepest that rows and optional values nest: what the native side takes (`MAX_BLOCK_DEPTH`), halved. */
const MAX_BLOCKS = 30
/** The deepest that constants and members nest. */
const MAX_DEPTH = 512

const INTEGERS: Partial<Record<Kind, readonly [number, number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  i8: [-0x80, 0x7f],
  i16: [-0x8000, 0x7fff],
  i32: [-0x80000000, 0x7fffffff],
}

/** What every property chain of plain objects ends in: such names are taken from own properties only. */
export function isInherited(key: string): boolean {
  return key in Object.prototype
}

export function templateError(message: string, path?: string, cause?: unknown): PrimarenaError {
  return new PrimarenaError('ERR_TEMPLATE', message, { path, cause })
}

/** A path as people write it: `rows[3].sha`. */
export function pathText(path: readonly string[], indexes: readonly number[] = []): string {
  let text = ''
  let row = 0
  for (const piece of path) {
    if (piece === INDEX) text += `[${indexes[row++] ?? ''}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(piece)) text += text === '' ? piece : `.${piece}`
    else text += `[${JSON.stringify(piece)}]`
  }
  return text === '' ? '(the value itself)' : text
}

interface Scope {
  readonly path: readonly string[]
  readonly depth: number
  readonly blocks: number
}

/** A name to use for a hole without one: a member's, `null` for the row itself, `undefined` for none. */
type Fallback = string | null | undefined

/** The steps that write `spec`. */
export function parseTemplate(spec: unknown): readonly Step[] {
  return merge(value(spec, null, { path: [], depth: 0, blocks: 0 }))
}

function value(spec: unknown, fallback: Fallback, scope: Scope): Step[] {
  if (scope.depth > MAX_DEPTH) {
    throw templateError(`a template nests at most ${MAX_DEPTH} deep, and not into itself`)
  }
  if (isType(spec)) {
    const inner = holeStep(spec, fallback, scope)
    return inner.hole.optional ? [{ step: 'element', inner }] : [inner]
  }
  if (
    typeof spec === 'object' &&
    spec !== null &&
    typeof (spec as { toJSON?: unknown }).toJSON !== 'function'
  ) {
    const deeper = { ...scope, depth: scope.depth + 1 }
    if (Array.isArray(spec)) return array(spec, fallback, deeper)
    // `new String('x')` and the like are what JSON.stringify unwraps.
    if (!types.isBoxedPrimitive(spec)) return object(spec as Record<string, unknown>, deeper)
  }
  return [{ step: 'literal', text: constant(spec, scope) ?? 'null' }]
}

function constant(spec: unknown, scope: Scope): string | undefined {
  try {
    return JSON.stringify(spec)
  } catch (error) {
    throw templateError(
      `a constant of the template is not JSON: ${(error as Error).message}`,
      pathText(scope.path),
      error,
    )
  }
}

function array(spec: readonly unknown[], fallback: Fallback, scope: Scope): Step[] {
  const steps: Step[] = [{ step: 'literal', text: '[' }]
  for (let index = 0; index < spec.length; index++) {
    if (index > 0) steps.push({ step: 'literal', text: ',' })
    // The row itself may be an element; a member's name belongs to the array, not to what is in it.
    steps.push(...value(spec[index], fallback === null ? null : undefined, scope))
  }
  steps.push({ step: 'literal', text: ']' })
  return steps
}

function object(spec: Record<string, unknown>, scope: Scope): Step[] {
  const steps: Step[] = [{ step: 'literal', text: '{' }]
  /** Whether a member surely, or perhaps, stands before the next one. */
  let before: 'none' | 'perhaps' | 'surely' = 'none'
  for (const key of Object.keys(spec)) {
    const member = spec[key]
    const lead: Step[] = before === 'perhaps' ? [{ step: 'comma' }] : []
    lead.push({ step: 'literal', text: `${before === 'surely' ? ',' : ''}${JSON.stringify(key)}:` })
    if (isType(member)) {
      const inner = holeStep(member, key, scope)
      if (inner.hole.optional) {
        steps.push({ step: 'member', lead: merge(lead), inner })
        if (before === 'none') before = 'perhaps'
        continue
      }
      steps.push(...lead, inner)
    } else if (member === undefined || typeof member === 'function' || typeof member === 'symbol') {
      continue
    } else if (
      typeof member === 'object' &&
      member !== null &&
      typeof (member as { toJSON?: unknown }).toJSON === 'function'
    ) {
      // `toJSON` may say that the member is left out.
      const text = constant({ [key]: member }, scope)
      if (text === undefined || text === '{}') continue
      steps.push(...lead, { step: 'literal', text: constant(JSON.parse(text)[key], scope)! })
    } else {
      steps.push(...lead, ...value(member, undefined, scope))
    }
    before = 'surely'
  }
  steps.push({ step: 'literal', text: '}' })
  return steps
}

function holeStep(type: Type, fallback: Fallback, scope: Scope): ValueStep | EachStep {
  const key = type.source ?? fallback
  if (key === undefined) {
    throw templateError(
      `t.${type.kind}: a hole in an array needs the name of its property, as in t.${type.kind}('name')`,
      pathText(scope.path),
    )
  }
  if (type.length !== undefined) {
    throw templateError(
      `t.${type.kind}: a hole of a template takes no length, got ${type.length}`,
      key ?? undefined,
    )
  }
  if (type.source !== undefined && /^(\$[.[]|\/)/.test(type.source)) {
    throw templateError(
      `t.${type.kind}: holes of a template take names of properties, not paths; got ${JSON.stringify(type.source)}`,
      pathText([...scope.path, type.source]),
    )
  }
  const path = key === null ? scope.path : [...scope.path, key]
  const hole: Hole = {
    kind: holeKind(type, path),
    type: type.kind,
    key: key ?? undefined,
    least: INTEGERS[type.kind]?.[0] ?? (type.kind === 'i64' ? -(2n ** 63n) : 0n),
    most: INTEGERS[type.kind]?.[1] ?? (type.kind === 'i64' ? 2n ** 63n - 1n : 2n ** 64n - 1n),
    optional: type.optional === true,
    default: type.default,
    path,
  }
  if (hole.kind !== 'each') return { step: 'value', hole }
  const blocks = scope.blocks + (hole.optional ? 2 : 1)
  if (blocks > MAX_BLOCKS) throw templateError(`rows nest at most ${MAX_BLOCKS} deep`, pathText(path))
  const row = { path: [...path, INDEX], depth: scope.depth + 1, blocks }
  const body: Step[] = [{ step: 'comma' }, ...value(type.members, null, row)]
  return { step: 'each', hole, body: merge(body) }
}

function holeKind(type: Type, path: readonly string[]): HoleKind {
  switch (type.kind) {
    case 'string':
    case 'boolean':
    case 'timestamp':
    case 'json':
    case 'each':
      return type.kind
    case 'f32':
    case 'f64':
      return 'number'
    case 'u64':
    case 'i64':
      return 'bigint'
    case 'bytes':
      throw templateError('t.bytes is no hole of a template; t.json takes ready JSON bytes', pathText(path))
    default:
      return 'integer'
  }
}

/** Joins literals that stand side by side. */
function merge(steps: readonly Step[]): Step[] {
  const merged: Step[] = []
  for (const step of steps) {
    const last = merged.at(-1)
    if (step.step === 'literal' && last?.step === 'literal') {
      merged[merged.length - 1] = { step: 'literal', text: last.text + step.text }
    } else {
      merged.push(step)
    }
  }
  return merged
}
