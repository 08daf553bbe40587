/**
 * Steps as JavaScript of their own: property reads and stores with nothing to look up, three to ten times
 * faster than walking the steps. Only names and constants of the template get into the source, each as the
 * JSON string or the number that it is.
 */
import { finish, longStrings, neededBytes } from './long-strings.js'
import { FlatSource, measure, type RenderFlat } from './template-flat-source.js'
import type { Step } from './template-parse.js'
import { CollectSource, WriteSource } from './template-row-source.js'
import type { Source } from './template-source.js'
import { bigintText, jsonOf, readOwn, timeOf, wrongRow, wrongValue, type Collect } from './template-values.js'
import { putJson, type Write } from './template-write.js'
import { writeBoolean, writeNull, writeNumber, writeTimestamp } from './write-number.js'
import { writeInside } from './write-string.js'

/** Above this the engine would not optimise the function anyway. */
const MOST_STEPS = 500

/** What the generated source refers to by name. */
const HELPERS = {
  bigintText,
  finish,
  jsonOf,
  longStrings,
  measure,
  neededBytes,
  putJson,
  readOwn,
  timeOf,
  writeBoolean,
  writeInside,
  writeNull,
  writeNumber,
  writeTimestamp,
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

/** What is made of steps. */
export interface Generated {
  readonly collect: Collect
  readonly write: Write
  /** Both in one, where there are no rows. */
  readonly render: RenderFlat | undefined
}

/** The functions for `steps`, or nothing when they are too many, or code may not be generated. */
export function generate(steps: readonly Step[]): Generated | undefined {
  const count = countSteps(steps)
  if (!mayGenerate() || count > MOST_STEPS) return undefined
  const [collect, write, flat] = [new CollectSource(), new WriteSource(), new FlatSource()]
  return {
    collect: build(collect.source(steps, count), collect),
    write: build(write.source(steps), write),
    render: steps.some(hasRows) ? undefined : build(flat.source(steps), flat),
  }
}

function build<T>(text: string, { constants }: Source): T {
  const names = Object.keys(HELPERS)
  const make = new Function('constants', ...names, `'use strict'\n${text}`) as (...values: unknown[]) => T
  return make(constants, ...names.map((name) => HELPERS[name as keyof typeof HELPERS]))
}

function hasRows(step: Step): boolean {
  return step.step === 'each' || ('inner' in step && step.inner.step === 'each')
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
