/**
 * A process of the comparison: one half of it, or the check of both. `main.ts` starts it and asks; it answers.
 * A process each, so that heap, garbage collections and resident memory are one half's own.
 */
import assert from 'node:assert/strict'
import { isEqual } from './equal.ts'
import { Gauges, type HalfFigures } from './gauges.ts'
import { NativeService } from './native.ts'
import { PlainService } from './plain.ts'
import type { Operation, Remains, Request, Service } from './service.ts'
import { Workload } from './workload.ts'

export type Ask =
  | {
      readonly ask: 'begin'
      readonly half: 'native' | 'plain'
      readonly payloads: readonly Request[]
      readonly agents: number
    }
  | { readonly ask: 'serve'; readonly operations: number }
  | { readonly ask: 'end' }
  | {
      readonly ask: 'check'
      readonly payloads: readonly Request[]
      readonly agents: number
      readonly operations: number
    }

export type Told =
  | { readonly failed: string }
  | { readonly begun: true }
  /** How long it took, and some of the answers, for the other half to compare. */
  | { readonly servedMs: number; readonly answers: readonly string[] }
  | { readonly figures: HalfFigures; readonly remains: Remains }
  /** How many answers were equal; the first pair that was not. */
  | { readonly equal: number; readonly difference: string | undefined }

/** Requests between two looks at the heap. */
const HEAP_SAMPLE = 64
/** Of so many answers one is compared with the other half's. */
const ANSWER_SAMPLE = 97

class Half {
  readonly #service: Service
  readonly #workload: Workload
  #gauges: Gauges | undefined
  #served = 0

  constructor(half: 'native' | 'plain', payloads: readonly Request[], agents: number) {
    this.#service = makeService(half, agents)
    this.#workload = new Workload(payloads, agents)
  }

  /** Serves the next requests of the day, one after the other, and times each. The first call warms up. */
  async serve(count: number): Promise<Told> {
    const operations = this.#workload.take(count)
    const answers: string[] = []
    const startMs = performance.now()
    for (const operation of operations) {
      const fromMs = performance.now()
      const answer = await this.#service.serve(operation)
      this.#gauges?.operation(operation.primitive, performance.now() - fromMs)
      this.#served += 1
      if (this.#served % HEAP_SAMPLE === 0) this.#gauges?.sampleHeap()
      if (this.#served % ANSWER_SAMPLE === 0) answers.push(answer.toString())
    }
    const endMs = performance.now()
    if (this.#gauges) {
      await this.#gauges.stretch(startMs, endMs)
    } else {
      globalThis.gc?.()
      this.#gauges = new Gauges()
    }
    return { servedMs: endMs - startMs, answers }
  }

  async end(): Promise<Told> {
    const figures = this.#gauges!.figures()
    return { figures, remains: await this.#service.close() }
  }
}

/**
 * Both halves on the same requests, every answer compared as the JSON that it is. Here all agents are busy at
 * the same time, each with one request after the other.
 */
async function check(payloads: readonly Request[], agents: number, count: number): Promise<Told> {
  const operations = new Workload(payloads, agents, 2).take(count)
  const native = await serveAll(makeService('native', agents), operations, agents)
  const plain = await serveAll(makeService('plain', agents), operations, agents)
  let equal = 0
  let difference: string | undefined
  for (const [i, { primitive, request }] of operations.entries()) {
    if (isEqual(native[i]!, plain[i]!)) equal += 1
    else {
      difference ??= `${primitive} of ${clip(request.body.toString())}\n  native: ${clip(native[i]!)}\n  plain:  ${clip(plain[i]!)}`
    }
  }
  return { equal, difference }
}

async function serveAll(
  service: Service,
  operations: readonly Operation[],
  agents: number,
): Promise<string[]> {
  const answers: string[] = []
  const serveAgent = async (agent: number): Promise<void> => {
    for (const [i, operation] of operations.entries()) {
      if (operation.agent === agent) answers[i] = (await service.serve(operation)).toString()
    }
  }
  await Promise.all(Array.from({ length: agents }, (_, agent) => serveAgent(agent)))
  const { openArenas, arenaBytes, leaks } = await service.close()
  assert.deepEqual({ openArenas, arenaBytes, leaks }, { openArenas: 0, arenaBytes: 0, leaks: 0 })
  return answers
}

function makeService(half: 'native' | 'plain', agents: number): Service {
  return half === 'native' ? new NativeService(agents) : new PlainService(agents)
}

function clip(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)} … (${text.length} characters)` : text
}

const tell = process.send!.bind(process)
let half: Half | undefined

async function answer(message: Ask): Promise<Told> {
  switch (message.ask) {
    case 'begin':
      half = new Half(message.half, message.payloads, message.agents)
      return { begun: true }
    case 'serve':
      return half!.serve(message.operations)
    case 'end':
      return half!.end()
    case 'check':
      return check(message.payloads, message.agents, message.operations)
  }
}

process.on('message', (message: Ask) => {
  answer(message).then(tell, (error: unknown) =>
    tell({ failed: error instanceof Error ? error.stack : String(error) }),
  )
})
process.on('disconnect', () => process.exit())
