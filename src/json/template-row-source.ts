/** Generated functions for templates with rows: values are collected into lists, and written from there. */
import type { EachStep, Hole, Step, ValueStep } from './template-parse.js'
import { hasKeys, holeOf, Source } from './template-source.js'
import { literalBytes } from './template-values.js'
import { LONG_STRING } from './write-string.js'

/** The source of a `Collect`. */
export class CollectSource extends Source {
  /** How many numbers all steps give, rows counted once: what every stretch without a loop has room for. */
  #stretch = 0
  #depth = 0

  source(steps: readonly Step[], stepCount: number): string {
    this.#stretch = stepCount * 2 + 1
    this.#steps(steps, 'given', undefined)
    return `return function collect(given, values) {
  const strings = values.strings
  let numbers = values.room(0, ${this.#stretch})
  let s = 0, n = 0, units = 0, longUnits = 0, rowBytes = 0, readyBytes = 0, ready = false
${this.lines.join('\n')}
  values.stringCount = s
  values.numberCount = n
  values.units = units
  values.longUnits = longUnits
  values.rowBytes = rowBytes
  values.readyBytes = readyBytes
  values.hasReady = ready
}`
  }

  /** The indexes of the rows around, as source. */
  #indexes(): string {
    return `[${Array.from({ length: this.#depth }, (_, depth) => `i${depth}`).join(', ')}]`
  }

  #steps(steps: readonly Step[], scope: string, row: Hole | undefined): void {
    if (hasKeys(steps)) {
      const hole = row === undefined ? 'undefined' : this.constant(row)
      this.add(
        `if (typeof ${scope} !== 'object' || ${scope} === null) wrongRow(${hole}, ${scope}, ${this.#indexes()})`,
      )
    }
    for (const step of steps) {
      const hole = holeOf(step)
      if (hole === undefined) continue
      this.add('{')
      this.read('x', hole, scope)
      if (step.step === 'member' || step.step === 'element') {
        this.add(
          'numbers[n++] = x === undefined ? 0 : x === null ? 2 : 1',
          'if (x !== undefined && x !== null) {',
        )
        this.#take(step.inner)
        this.add('}')
      } else {
        this.#take(step as ValueStep | EachStep)
      }
      this.add('}')
    }
  }

  #take(step: ValueStep | EachStep): void {
    if (step.step === 'each') return this.#rows(step)
    const { hole } = step
    this.check('x', hole, this.#indexes())
    const text = `strings[s++] = x; const l = x.length; numbers[n++] = l; units += l; if (l >= ${LONG_STRING}) longUnits += l`
    switch (hole.kind) {
      case 'string':
      case 'bigint':
        this.add(text)
        break
      case 'boolean':
        this.add('numbers[n++] = x ? 1 : 0')
        break
      case 'json':
        this.add(
          `if (typeof x === 'string') { ${text} }`,
          'else { strings[s++] = x; const l = x.length; numbers[n++] = l; readyBytes += l; ready = true }',
        )
        break
      default:
        this.add('numbers[n++] = x')
    }
  }

  #rows({ hole, body }: EachStep): void {
    const depth = this.#depth
    this.add(
      `if (!Array.isArray(x)) wrongValue(${this.constant(hole)}, x, ${this.#indexes()})`,
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
    this.add('}', `if (n + ${this.#stretch} > numbers.length) numbers = values.room(n, ${this.#stretch})`)
  }
}

/** The source of a `Write`. */
export class WriteSource extends Source {
  source(steps: readonly Step[]): string {
    this.write(steps, {
      flag: () => 'numbers[n++]',
      next({ kind }) {
        if (kind === 'boolean') return 'numbers[n++] !== 0'
        // The length of a string stands among the numbers, for the native side.
        return kind === 'string' || kind === 'json' || kind === 'bigint'
          ? '(n++, strings[s++])'
          : 'numbers[n++]'
      },
    })
    this.flush()
    return `return function write(bytes, view, at, values) {
  const { strings, numbers } = values
  let s = 0, n = 0
${this.lines.join('\n')}
  return at
}`
  }
}
