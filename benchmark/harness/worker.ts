/**
 * The process of one contender. It does what the parent asks and nothing else, so that its heap, its garbage
 * collections, what its functions were optimised for and V8's protectors are its own.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { loadCase, partsOf, type BenchCase, type Contender } from './case.ts'
import { checkAnswers } from './check.ts'
import type { Answer, Batch, MemoryFigures, Question, Setup } from './protocol.ts'

type Run = (sample: () => void) => unknown

const nothing = (): void => {}
const collections: { startTime: number; duration: number }[] = []
const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()))
observer.observe({ entryTypes: ['gc'] })

let closeAtEnd: (() => void) | undefined
let prepared: { run: Run; async: boolean } | undefined

/** Where every answer goes, so that no call can be optimised away. */
export let sink: unknown

function runBatch(run: Run, calls: number): void {
  for (let i = 0; i < calls; i++) sink = run(nothing)
}

async function runAsyncBatch(run: Run, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) sink = await run(nothing)
}

async function timeBatch(run: Run, async: boolean, calls: number): Promise<Batch> {
  const start = performance.now()
  const from = process.hrtime.bigint()
  if (async) await runAsyncBatch(run, calls)
  else runBatch(run, calls)
  const ns = Number(process.hrtime.bigint() - from)
  const end = performance.now()
  // The entries reach the observer a turn of the event loop later.
  await setImmediate()
  await setImmediate()
  const mine = collections.splice(0).filter((gc) => gc.startTime >= start && gc.startTime <= end)
  return { ns, gcCount: mine.length, gcMs: mine.reduce((sum, gc) => sum + gc.duration, 0) }
}

/** Trips the protector that every typed array access of the process depends on (see docs/decisions.md). */
function detachOnce(): void {
  const buffer = new ArrayBuffer(8)
  structuredClone(buffer, { transfer: [buffer] })
}

async function begin(
  setup: Setup,
): Promise<{ definition: BenchCase; input: unknown; contender: Contender; run: Run }> {
  if (setup.detach) detachOnce()
  const definition = await loadCase(setup.caseName)
  const input = definition.inputs[setup.inputName]!()
  const contender = definition.contenders[setup.contender!]!
  const { run, close } = partsOf(await contender.prepare(input))
  closeAtEnd = close
  return { definition, input, contender, run }
}

async function prepare(setup: Setup, warmupMs: number, batchMs: number): Promise<Answer> {
  const { definition, input, contender, run } = await begin(setup)
  const async = contender.async ?? false
  prepared = { run, async }
  let calls = 1
  let spentMs = 0
  let batch = await timeBatch(run, async, calls)
  // Doubled until a batch is long enough to time, then for as long as the optimiser needs.
  while (batch.ns < batchMs * 1e6 || spentMs < warmupMs) {
    if (batch.ns < batchMs * 1e6) calls *= 2
    batch = await timeBatch(run, async, calls)
    spentMs += batch.ns / 1e6
  }
  const perBatch = Math.max(1, Math.round((calls * batchMs * 1e6) / batch.ns))
  return {
    prepared: perBatch,
    opsPerCall: definition.opsPerCall?.(input) ?? 1,
    bytes: definition.bytes?.(input) ?? 0,
  }
}

async function counts(setup: Setup, calls: number): Promise<Answer> {
  const { contender, run } = await begin(setup)
  const async = contender.async ?? false
  await timeBatch(run, async, Math.ceil(calls / 100))
  const before = await settledMemory()
  const batch = await timeBatch(run, async, calls)
  return { counts: { ...batch, ...growth(before, process.memoryUsage()) }, calls }
}

async function memory(setup: Setup): Promise<Answer> {
  const { definition, input, run } = await begin(setup)
  const before = await settledMemory()
  let after: NodeJS.MemoryUsage | undefined
  sink = await run(() => {
    // RSS first: a collection would give back what was needed a moment ago.
    const { rss } = process.memoryUsage()
    globalThis.gc!()
    after = { ...process.memoryUsage(), rss }
  })
  if (!after) throw new Error(`${setup.caseName}: ${setup.contender} never called sample()`)
  return { memory: growth(before, after), opsPerCall: definition.opsPerCall?.(input) ?? 1 }
}

async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await setImmediate()
  }
  return process.memoryUsage()
}

function growth(before: NodeJS.MemoryUsage, after: NodeJS.MemoryUsage): MemoryFigures {
  return {
    heapBytes: after.heapUsed - before.heapUsed,
    arrayBufferBytes: after.arrayBuffers - before.arrayBuffers,
    rssBytes: after.rss - before.rss,
  }
}

async function answerTo(question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'check':
      return checkAnswers(await loadCase(question.setup.caseName), question.setup.inputName)
    case 'prepare':
      return prepare(question.setup, question.warmupMs, question.batchMs)
    case 'batch':
      return { batch: await timeBatch(prepared!.run, prepared!.async, question.calls) }
    case 'counts':
      return counts(question.setup, question.calls)
    case 'memory':
      return memory(question.setup)
  }
}

process.on('message', (question: Question) => {
  answerTo(question).then(
    (answer) => process.send!(answer),
    (error: unknown) =>
      process.send!({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => {
  closeAtEnd?.()
  process.exit()
})
