/** What the sources of generated template functions have in common. */
import { Buffer } from 'node:buffer'
import { isInherited, type EachStep, type Hole, type Step, type ValueStep } from './template-parse.js'

/** Literals up to this are stored word by word; from there on a copy is faster. */
const MOST_WORD_BYTES = 32

/** The hole whose value a step takes, if any. */
export function holeOf(step: Step): Hole | undefined {
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

/** True when the values of `steps` are properties of something. */
export function hasKeys(steps: readonly Step[]): boolean {
  return steps.some((step) => holeOf(step)?.key !== undefined)
}

/** Lines of source, and the objects that they refer to as `constants[…]`. */
export class Source {
  readonly constants: unknown[] = []
  readonly lines: string[] = []
  /** Constant text that is yet to be written: the quotes of strings join the keys between them. */
  pending = ''

  constant(value: unknown): string {
    return `constants[${this.constants.push(value) - 1}]`
  }

  add(...lines: string[]): void {
    this.lines.push(...lines)
  }

  /** Reads the value of `hole` into the variable `name`. */
  read(name: string, hole: Hole, scope: string): void {
    const key = JSON.stringify(hole.key)
    this.add(
      hole.key === undefined
        ? `let ${name} = ${scope}`
        : isInherited(hole.key)
          ? `let ${name} = readOwn(${scope}, ${key})`
          : `let ${name} = ${scope}[${key}]`,
    )
    if (hole.default !== undefined)
      this.add(`if (${name} === undefined) ${name} = ${this.constant(hole)}.default`)
  }

  /** Checks the value in the variable `name`, and makes of it what is written. */
  check(name: string, hole: Hole, indexes: string): void {
    const wrong = `wrongValue(${this.constant(hole)}, ${name}, ${indexes})`
    const converted = (source: string): void => {
      this.add(`const given_${name} = ${name}`, `${name} = ${source}`)
      this.add(`if (${name} === undefined) wrongValue(${this.constant(hole)}, given_${name}, ${indexes})`)
    }
    switch (hole.kind) {
      case 'string':
      case 'boolean':
      case 'number':
        this.add(`if (typeof ${name} !== '${hole.kind}') ${wrong}`)
        break
      case 'integer':
        this.add(
          `if (typeof ${name} !== 'number' || !(${name} >= ${hole.least} && ${name} <= ${hole.most}) || Math.floor(${name}) !== ${name}) ${wrong}`,
        )
        break
      case 'timestamp':
        converted(`timeOf(${name})`)
        break
      case 'bigint':
        converted(`bigintText(${this.constant(hole)}, ${name})`)
        break
      default:
        converted(`jsonOf(${this.constant(hole)}, ${name}, ${indexes})`)
    }
  }

  /** Writes the steps, their values taken by `values`. */
  write(steps: readonly Step[], values: ValueSource): void {
    for (const step of steps) {
      switch (step.step) {
        case 'literal':
          this.pending += step.text
          break
        case 'comma':
          this.flush()
          this.add('if (bytes[at - 1] !== 0x7b && bytes[at - 1] !== 0x5b) bytes[at++] = 0x2c')
          break
        case 'member':
          this.flush()
          this.add('{', `const flag = ${values.flag()}`, 'if (flag !== 0) {')
          this.write(step.lead, values)
          this.flush()
          this.add('if (flag === 2) at = writeNull(view, at)', 'else {')
          this.#value(step.inner, values)
          this.flush()
          this.add('}', '}', '}')
          break
        case 'element':
          this.flush()
          this.add(`if (${values.flag()} !== 1) at = writeNull(view, at)`, 'else {')
          this.#value(step.inner, values)
          this.flush()
          this.add('}')
          break
        default:
          this.#value(step, values)
      }
    }
  }

  #value(step: ValueStep | EachStep, values: ValueSource): void {
    if (step.step === 'each') {
      this.pending += '['
      this.flush()
      this.add(`for (let rows = ${values.next(step.hole)}; rows > 0; rows--) {`)
      this.write(step.body, values)
      this.flush()
      this.add('}')
      this.pending = ']'
      return
    }
    const { kind } = step.hole
    if (kind === 'string') this.pending += '"'
    this.flush()
    const value = values.next(step.hole)
    switch (kind) {
      case 'string':
        this.add(`at = writeInside(bytes, view, at, ${value})`)
        this.pending = '"'
        break
      case 'json':
      case 'bigint':
        this.add(`at = putJson(bytes, at, ${value})`)
        break
      case 'boolean':
        this.add(`at = writeBoolean(bytes, view, at, ${value})`)
        break
      case 'timestamp':
        this.add(`at = writeTimestamp(bytes, view, at, ${value})`)
        break
      default:
        this.add(`at = writeNumber(bytes, view, at, ${value})`)
    }
  }

  /** Stores the pending text. */
  flush(): void {
    const literal = Buffer.from(this.pending)
    const { length } = literal
    this.pending = ''
    if (length > MOST_WORD_BYTES) {
      this.add(`bytes.set(${this.constant(literal)}, at)`, `at += ${length}`)
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
        this.add(`view.setFloat64(at + ${at}, ${literal.readDoubleLE(at)}, true)`)
        at += 8
      } else if (left >= 4 || (length >= 4 && left > 1)) {
        at = Math.min(at, length - 4)
        this.add(`view.setInt32(at + ${at}, ${literal.readInt32LE(at)}, true)`)
        at += 4
      } else {
        this.add(`bytes[at + ${at}] = ${literal[at]}`)
        at += 1
      }
    }
    if (length > 0) this.add(`at += ${length}`)
  }
}

/** Where the values of holes come from, in their order: expressions of generated source. */
export interface ValueSource {
  /** 0 when the next value is left out, 1 when it is there, 2 when it is null. */
  flag(): string
  /** The next value. */
  next(hole: Hole): string
}
