/**
 * Measures a case.
 *
 * The loop is our own, because neither mitata nor tinybench interleaves: they run one contender for seconds
 * and then the next, and whatever the machine does meanwhile (another process, a lower clock) becomes a
 * difference between contenders. Here every contender has a process of its own, and in each round each of them
 * runs one batch of about 20 ms, in an order shuffled anew. Ratios are taken within a round and their median is
 * quoted. A process of its own also means that nobody pays for another's garbage or polymorphism, and that
 * "before the first detach" is true for those who never detach.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BenchCase } from './case.ts'
import type { Answer, Batch, MemoryFigures, Question, Setup } from './protocol.ts'
import { shuffle, spread, type Spread } from './statistics.ts'

export interface Effort {
  readonly rounds: number
  readonly batchMs: number
  readonly warmupMs: number
  /** Fresh processes for `counts` and `memory`. */
  readonly processes: number
  /** Of the calls of a case of kind `counts`. */
  readonly shareOfCalls: number
}

export const FULL: Effort = { rounds: 31, batchMs: 20, warmupMs: 400, processes: 3, shareOfCalls: 1 }
export const QUICK: Effort = { rounds: 9, batchMs: 10, warmupMs: 150, processes: 1, shareOfCalls: 0.1 }

/** `before`: no ArrayBuffer was detached by the harness; `after`: one was, first thing. */
export type Phase = 'before' | 'after'

export interface Figures {
  /** Time of one operation. */
  readonly ns?: Spread
  /** How many times as fast as the others, by name: the median over rounds. */
  readonly timesAsFastAs?: Readonly<Record<string, Spread>>
  readonly gigabytesPerSecond?: number
  /** Garbage collections per million operations (time), or in all calls (counts). */
  readonly gcCount?: number
  /** Share of the time that was garbage collection. */
  readonly gcShare?: number
  /** The calls that were made, for `counts`, and how long all of them took. */
  readonly calls?: number
  readonly totalMs?: number
  /** Growth, per operation for `memory`. */
  readonly memory?: MemoryFigures
}

export interface Result {
  readonly input: string
  readonly phase: Phase
  readonly contenders: Readonly<Record<string, Figures>>
  readonly unavailable: Readonly<Record<string, string>>
}

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Measures one input of a case. `note` hears what is being done. */
export async function measure(
  caseName: string,
  definition: BenchCase,
  inputName: string,
  node: string,
  effort: Effort,
  note: (text: string) => void,
): Promise<Result[]> {
  const setup = { caseName, inputName, detach: false }
  note(`${inputName}: checking the answers`)
  const checked = await withWorker(node, (worker) => worker.ask({ ask: 'check', setup }))
  if (!('checked' in checked)) throw new Error('a check answers what it checked')
  const names = checked.checked
  const kind = definition.kind ?? 'time'
  const phases: Phase[] =
    kind === 'time' && definition.afterDetach !== false ? ['before', 'after'] : ['before']
  const results: Result[] = []
  for (const phase of phases) {
    const at = { ...setup, detach: phase === 'after' }
    const contenders =
      kind === 'time'
        ? await timeContenders(names, at, node, effort, (text) =>
            note(`${inputName}, ${phase} a detach: ${text}`),
          )
        : await runContenders(kind, definition, names, at, node, effort, (text) =>
            note(`${inputName}: ${text}`),
          )
    results.push({ input: inputName, phase, contenders, unavailable: checked.unavailable })
  }
  return results
}

async function timeContenders(
  names: readonly string[],
  setup: Setup,
  node: string,
  effort: Effort,
  note: (text: string) => void,
): Promise<Record<string, Figures>> {
  const lanes: {
    name: string
    worker: Worker
    calls: number
    ops: number
    bytes: number
    batches: Batch[]
  }[] = []
  try {
    for (const name of names) {
      note(`warming up ${name}`)
      const worker = new Worker(node)
      const question = { ask: 'prepare', setup: { ...setup, contender: name }, ...effort } as const
      const answer = await worker.ask(question).catch((error: unknown) => {
        worker.end()
        throw error
      })
      if (!('prepared' in answer)) throw new Error('a preparation answers how many calls fill a batch')
      const { prepared, opsPerCall, bytes } = answer
      lanes.push({ name, worker, calls: prepared, ops: prepared * opsPerCall, bytes, batches: [] })
    }
    for (let round = 0; round < effort.rounds; round++) {
      note(`round ${round + 1} of ${effort.rounds}`)
      for (const lane of shuffle([...lanes])) {
        const answer = await lane.worker.ask({ ask: 'batch', calls: lane.calls })
        if (!('batch' in answer)) throw new Error('a batch answers its time')
        lane.batches.push(answer.batch)
      }
    }
  } finally {
    for (const lane of lanes) lane.worker.end()
  }
  const nsOf = (lane: (typeof lanes)[number], round: number): number => lane.batches[round]!.ns / lane.ops
  const figures: Record<string, Figures> = {}
  for (const lane of lanes) {
    const ns = spread(lane.batches.map((batch) => batch.ns / lane.ops))
    const others = lanes.filter((other) => other !== lane)
    const totalNs = lane.batches.reduce((sum, batch) => sum + batch.ns, 0)
    const gcMs = lane.batches.reduce((sum, batch) => sum + batch.gcMs, 0)
    const gcCount = lane.batches.reduce((sum, batch) => sum + batch.gcCount, 0)
    figures[lane.name] = {
      ns,
      timesAsFastAs: Object.fromEntries(
        others.map((other) => [
          other.name,
          spread(lane.batches.map((_, r) => nsOf(other, r) / nsOf(lane, r))),
        ]),
      ),
      ...(lane.bytes ? { gigabytesPerSecond: lane.bytes / ns.median } : {}),
      gcCount: (gcCount * 1e6) / (lane.ops * effort.rounds),
      gcShare: (gcMs * 1e6) / totalNs,
    }
  }
  return figures
}

async function runContenders(
  kind: 'counts' | 'memory',
  definition: BenchCase,
  names: readonly string[],
  setup: Setup,
  node: string,
  effort: Effort,
  note: (text: string) => void,
): Promise<Record<string, Figures>> {
  const samples: Record<string, Figures[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < effort.processes; round++) {
    for (const name of shuffle([...names])) {
      note(`${name}, process ${round + 1} of ${effort.processes}`)
      const at = { ...setup, contender: name }
      const answer = await withWorker(node, (worker) =>
        worker.ask(
          kind === 'memory'
            ? { ask: 'memory', setup: at }
            : {
                ask: 'counts',
                setup: at,
                calls: Math.ceil((definition.calls ?? 200_000) * effort.shareOfCalls),
              },
        ),
      )
      samples[name]!.push(figuresOf(answer))
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, medianFigures(list)]))
}

function figuresOf(answer: Answer): Figures {
  if ('memory' in answer) {
    const { heapBytes, arrayBufferBytes, rssBytes } = answer.memory
    const per = answer.opsPerCall
    return {
      memory: {
        heapBytes: heapBytes / per,
        arrayBufferBytes: arrayBufferBytes / per,
        rssBytes: rssBytes / per,
      },
    }
  }
  if (!('counts' in answer)) throw new Error('counts answer counts')
  const { ns, gcCount, gcMs, ...memory } = answer.counts
  return { calls: answer.calls, totalMs: ns / 1e6, gcCount, gcShare: (gcMs * 1e6) / ns, memory }
}

function medianFigures(list: readonly Figures[]): Figures {
  const median = (pick: (figures: Figures) => number | undefined): number =>
    spread(list.map((figures) => pick(figures) ?? 0)).median
  const memory = {
    heapBytes: median((f) => f.memory?.heapBytes),
    arrayBufferBytes: median((f) => f.memory?.arrayBufferBytes),
    rssBytes: median((f) => f.memory?.rssBytes),
  }
  if (list[0]?.totalMs === undefined) return { memory }
  return {
    calls: list[0].calls!,
    totalMs: median((f) => f.totalMs),
    gcCount: median((f) => f.gcCount),
    gcShare: median((f) => f.gcShare),
    memory,
  }
}

async function withWorker<T>(node: string, work: (worker: Worker) => Promise<T>): Promise<T> {
  const worker = new Worker(node)
  try {
    return await work(worker)
  } finally {
    worker.end()
  }
}

/** A process that answers questions. */
class Worker {
  readonly #child: ChildProcess

  constructor(node: string) {
    this.#child = fork(WORKER, {
      execPath: node,
      execArgv: ['--expose-gc', '--import=@oxc-node/core/register'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(
          new Error(
            `the worker ended (${signal ?? `exit code ${code}`}) while it was asked to ${question.ask}`,
          ),
        )
      }
      this.#child.once('exit', onExit)
      this.#child.once('message', (answer: Answer) => {
        this.#child.off('exit', onExit)
        if ('failed' in answer) reject(new Error(answer.failed))
        else resolve(answer)
      })
      this.#child.send(question)
    })
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
