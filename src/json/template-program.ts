/** Steps as the bytes that the native side decodes (`crates/core/src/template/program.rs`). */
import { Buffer } from 'node:buffer'
import type { EachStep, HoleKind, Step, ValueStep } from './template-parse.js'

const LITERAL = 0
const COMMA = 6
const EACH = 7
const MAYBE = 8
const NULL_IF_KEPT = 9
const NULL_OR = 10
const END = 11

const VALUES: Record<Exclude<HoleKind, 'each'>, number> = {
  string: 1,
  number: 2,
  integer: 2,
  boolean: 3,
  bigint: 4,
  json: 4,
  timestamp: 5,
}

/** The encoded program of `steps`. */
export function encodeProgram(steps: readonly Step[]): Buffer {
  const pieces: Uint8Array[] = []
  const code = (...codes: number[]): void => void pieces.push(Uint8Array.from(codes))
  const literal = (text: string): void => {
    const bytes = Buffer.from(text)
    const head = Buffer.alloc(5)
    head[0] = LITERAL
    head.writeUInt32LE(bytes.length, 1)
    pieces.push(head, bytes)
  }
  const inner = (step: ValueStep | EachStep): void => {
    if (step.step === 'value') return code(VALUES[step.hole.kind as keyof typeof VALUES])
    literal('[')
    code(EACH)
    step.body.forEach(encode)
    code(END)
    literal(']')
  }
  const encode = (step: Step): void => {
    switch (step.step) {
      case 'literal':
        return literal(step.text)
      case 'comma':
        return code(COMMA)
      case 'member':
        code(MAYBE)
        step.lead.forEach(encode)
        code(NULL_IF_KEPT)
        inner(step.inner)
        return code(END, END)
      case 'element':
        code(NULL_OR)
        inner(step.inner)
        return code(END)
      default:
        inner(step)
    }
  }
  steps.forEach(encode)
  return Buffer.concat(pieces)
}
