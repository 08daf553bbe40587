/**
 * Steps as JavaScript of their own: property reads and stores with nothing to look up, three to ten times
 * faster than walking the steps. Only names and constants of the template get into the source, each as the
 * JSON string or the number that it is.
 */
import { Buffer } from 'node:buffer'
import { isInherited, type EachStep, type Hole, type Step, type ValueStep } from './template-parse.js'
import {
  bigintText,
  jsonOf,
  literalBytes,
  LONG_STRING,
  readOwn,
  timeOf,
  wrongRow,
  wrongValue,
  type Collect,
} from './template-values.js'
import {
  putBoolean,
  putJson,
  putNull,
  putNumber,
  putString,
  putTimestamp,
  type Write,
} from './template-write.js'

/** Above this the engine would not optimise the function anyway. */
const MOST_STEPS = 500

/** Literals up to this are stored word by word; from there on a copy is faster. */
const MOST_WORD_BYTES = 32

/** What the generated source refers to by name. */
const HELPERS = {
  bigintText,
  jsonOf,
  putBoolean,
  putJson,
  putNull,
  putNumber,
  putString,
  putTimestamp,
  readOwn,
  timeOf,
  wrongRow,
  wrongValue,
}

let allowed: boolean | undefined

/** False where the process forbids to make code from text (`--disallow-code-generation-from-strings`). */
export function mayGenerate(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function('return true')() === true
    } catch {
      allowed = false
    }
  }
  return allowed
}

/** Collector and writer for `steps`, or nothing when they are too many, or code may not be generated. */
export function generate(steps: readonly Step[]): { collect: Collect; write: Write } | undefined {
  if (!mayGenerate() || countSteps(steps) > MOST_STEPS) return undefined
  const collect = new CollectSource()
  const write = new WriteSource()
  return {
    collect: build(collect.source(steps), collect.holes),
    write: build(write.source(steps), write.literals),
  }
}

function build<T>(source: string, constants: readonly unknown[]): T {
  const names = Object.keys(HELPERS)
  const make = new Function('constants', ...names, `'use strict'\n${source}`) as (...values: unknown[]) => T
  return make(constants, ...names.map((name) => HELPERS[name as keyof typeof HELPERS]))
}

function countSteps(steps: readonly Step[]): number {
  let count = 0
  for (const step of steps) {
    count += 1
    if (step.step === 'each') count += countSteps(step.body)
    else if (step.step === 'member') count += countSteps(step.lead) + countSteps([step.inner])
    else if (step.step === 'element') count += countSteps([step.inner])
  }
  return count
}

class CollectSource {
  readonly holes: Hole[] = []
  #lines: string[] = []
  /** How many numbers all steps give, rows counted once: what every stretch without a loop has room for. */
  #stretch = 0
  #depth = 0

  source(steps: readonly Step[]): string {
    this.#stretch = countSteps(steps) * 2 + 1
    this.#steps(steps, 'given', undefined)
    return `return function collect(given, values) {
  const strings = values.strings
  let numbers = values.room(0, ${this.#stretch})
  let s = 0, n = 0, units = 0, rowBytes = 0, readyBytes = 0, long = false, ready = false
${this.#lines.join('\n')}
  values.stringCount = s
  values.numberCount = n
  values.units = units
  values.rowBytes = rowBytes
  values.readyBytes = readyBytes
  values.hasReady = ready
  values.hasLong = long
}`
  }

  #hole(hole: Hole): string {
    return `constants[${this.holes.push(hole) - 1}]`
  }

  /** The indexes of the rows around, as source. */
  #indexes(): string {
    return `[${Array.from({ length: this.#depth }, (_, depth) => `i${depth}`).join(', ')}]`
  }

  #steps(steps: readonly Step[], scope: string, row: Hole | undefined): void {
    const keyed = steps.some((step) => holeOf(step)?.key !== undefined)
    if (keyed) {
      this.#lines.push(
        `if (typeof ${scope} !== 'object' || ${scope} === null) wrongRow(${row ? this.#hole(row) : 'undefined'}, ${scope}, ${this.#indexes()})`,
      )
    }
    for (const step of steps) {
      const hole = holeOf(step)
      if (hole === undefined) continue
      this.#lines.push('{', `let x = ${this.#read(hole, scope)}`)
      if (hole.default !== undefined) this.#lines.push(`if (x === undefined) x = ${this.#hole(hole)}.default`)
      if (step.step === 'member' || step.step === 'element') {
        this.#lines.push(
          'numbers[n++] = x === undefined ? 0 : x === null ? 2 : 1',
          'if (x !== undefined && x !== null) {',
        )
        this.#take(step.inner)
        this.#lines.push('}')
      } else {
        this.#take(step as ValueStep | EachStep)
      }
      this.#lines.push('}')
    }
  }

  #read(hole: Hole, scope: string): string {
    if (hole.key === undefined) return scope
    const key = JSON.stringify(hole.key)
    return isInherited(hole.key) ? `readOwn(${scope}, ${key})` : `${scope}[${key}]`
  }

  #take(step: ValueStep | EachStep): void {
    if (step.step === 'each') return this.#rows(step)
    const { hole } = step
    const wrong = `wrongValue(${this.#hole(hole)}, x, ${this.#indexes()})`
    const text = `strings[s++] = y; const l = y.length; numbers[n++] = l; units += l; if (l >= ${LONG_STRING}) long = true`
    switch (hole.kind) {
      case 'string':
        this.#lines.push(`if (typeof x !== 'string') ${wrong}`, 'const y = x', text)
        break
      case 'boolean':
        this.#lines.push(`if (typeof x !== 'boolean') ${wrong}`, 'numbers[n++] = x ? 1 : 0')
        break
      case 'number':
        this.#lines.push(`if (typeof x !== 'number') ${wrong}`, 'numbers[n++] = x')
        break
      case 'integer':
        this.#lines.push(
          `if (typeof x !== 'number' || !(x >= ${hole.least} && x <= ${hole.most}) || Math.floor(x) !== x) ${wrong}`,
          'numbers[n++] = x',
        )
        break
      case 'timestamp':
        this.#lines.push('const y = timeOf(x)', `if (y === undefined) ${wrong}`, 'numbers[n++] = y')
        break
      case 'bigint':
        this.#lines.push(
          `const y = bigintText(${this.#hole(hole)}, x)`,
          `if (y === undefined) ${wrong}`,
          text,
        )
        break
      default:
        this.#lines.push(
          `const y = jsonOf(${this.#hole(hole)}, x, ${this.#indexes()})`,
          `if (y === undefined) ${wrong}`,
          `if (typeof y === 'string') { ${text} }`,
          'else { strings[s++] = y; const l = y.length; numbers[n++] = l; readyBytes += l; ready = true }',
        )
    }
  }

  #rows({ hole, body }: EachStep): void {
    const depth = this.#depth
    this.#lines.push(
      `if (!Array.isArray(x)) wrongValue(${this.#hole(hole)}, x, ${this.#indexes()})`,
      `const rows${depth} = x`,
      `const count${depth} = rows${depth}.length`,
      `numbers[n++] = count${depth}`,
      `rowBytes += count${depth} * ${literalBytes(body)}`,
      `for (let i${depth} = 0; i${depth} < count${depth}; i${depth}++) {`,
      `const row${depth} = rows${depth}[i${depth}]`,
      `if (n + ${this.#stretch} > numbers.length) numbers = values.room(n, ${this.#stretch})`,
    )
    this.#depth += 1
    this.#steps(body, `row${depth}`, hole)
    this.#depth -= 1
    this.#lines.push(
      '}',
      `if (n + ${this.#stretch} > numbers.length) numbers = values.room(n, ${this.#stretch})`,
    )
  }
}

function holeOf(step: Step): Hole | undefined {
  switch (step.step) {
    case 'value':
    case 'each':
      return step.hole
    case 'member':
    case 'element':
      return step.inner.hole
    default:
      return undefined
  }
}

class WriteSource {
  readonly literals: Uint8Array[] = []
  #lines: string[] = []
  /** Constant text that is yet to be written: the quotes of strings join the keys between them. */
  #pending = ''

  source(steps: readonly Step[]): string {
    this.#steps(steps)
    this.#flush()
    return `return function write(target, at, values) {
  const { bytes, view } = target
  const { strings, numbers } = values
  let s = 0, n = 0
${this.#lines.join('\n')}
  return at
}`
  }

  #steps(steps: readonly Step[]): void {
    for (const step of steps) {
      switch (step.step) {
        case 'literal':
          this.#pending += step.text
          break
        case 'comma':
          this.#flush()
          this.#lines.push('if (bytes[at - 1] !== 0x7b && bytes[at - 1] !== 0x5b) bytes[at++] = 0x2c')
          break
        case 'member':
          this.#flush()
          this.#lines.push('{', 'const flag = numbers[n++]', 'if (flag !== 0) {')
          this.#steps(step.lead)
          this.#flush()
          this.#lines.push('if (flag === 2) at = putNull(target, at)', 'else {')
          this.#inner(step.inner)
          this.#flush()
          this.#lines.push('}', '}', '}')
          break
        case 'element':
          this.#flush()
          this.#lines.push('if (numbers[n++] !== 1) at = putNull(target, at)', 'else {')
          this.#inner(step.inner)
          this.#flush()
          this.#lines.push('}')
          break
        default:
          this.#inner(step)
      }
    }
  }

  #inner(step: ValueStep | EachStep): void {
    if (step.step === 'each') {
      this.#pending += '['
      this.#flush()
      this.#lines.push('for (let rows = numbers[n++]; rows > 0; rows--) {')
      this.#steps(step.body)
      this.#flush()
      this.#lines.push('}')
      this.#pending = ']'
      return
    }
    if (step.hole.kind === 'string') this.#pending += '"'
    this.#flush()
    switch (step.hole.kind) {
      case 'string':
        this.#lines.push('n++', 'at = putString(target, at, strings[s++])')
        this.#pending = '"'
        break
      case 'json':
      case 'bigint':
        this.#lines.push('n++', 'at = putJson(target, at, strings[s++])')
        break
      case 'boolean':
        this.#lines.push('at = putBoolean(target, at, numbers[n++])')
        break
      case 'timestamp':
        this.#lines.push('at = putTimestamp(target, at, numbers[n++])')
        break
      default:
        this.#lines.push('at = putNumber(target, at, numbers[n++])')
    }
  }

  #flush(): void {
    const literal = Buffer.from(this.#pending)
    const { length } = literal
    this.#pending = ''
    if (length > MOST_WORD_BYTES) {
      this.#lines.push(`bytes.set(constants[${this.literals.push(literal) - 1}], at)`, `at += ${length}`)
      return
    }
    // Eight bytes a store; the last one may go over bytes that are there already.
    const ascii = literal.every((byte) => byte < 0x80)
    let at = 0
    while (at < length) {
      const left = length - at
      if (ascii && (left >= 8 || (length >= 8 && left > 4))) {
        at = Math.min(at, length - 8)
        // As a double: the exponent of ASCII bytes is never that of a NaN, so the bits survive.
        this.#lines.push(`view.setFloat64(at + ${at}, ${literal.readDoubleLE(at)}, true)`)
        at += 8
      } else if (left >= 4 || (length >= 4 && left > 1)) {
        at = Math.min(at, length - 4)
        this.#lines.push(`view.setInt32(at + ${at}, ${literal.readInt32LE(at)}, true)`)
        at += 4
      } else {
        this.#lines.push(`bytes[at + ${at}] = ${literal[at]}`)
        at += 1
      }
    }
    if (length > 0) this.#lines.push(`at += ${length}`)
  }
}
