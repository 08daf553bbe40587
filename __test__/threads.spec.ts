import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Piscina } from 'piscina'
import { Memory, processStats, setProcessBudget } from 'primarena'
import { runChild } from './_helpers/child.js'
import { until } from './_helpers/until.js'

const MIB = 1024 * 1024

function start(name: string, workerData: unknown): Worker {
  return new Worker(new URL(`./_workers/${name}.js`, import.meta.url), {
    workerData,
    execArgv: [],
    stderr: true,
  })
}

const figures = () => {
  const { heldBytes, openLeases, openOwners, leasedBytes, idleBytes, chargedBytes } = processStats()
  return { heldBytes, openLeases, openOwners, leasedBytes, idleBytes, chargedBytes }
}

test.serial('terminate in mid-operation gives back all that the worker held', async (t) => {
  const before = figures()
  for (let round = 0; round < 3; round += 1) {
    const workers = Array.from({ length: 3 }, (_, i) => start('busy', { seed: round * 3 + i }))
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    t.true(processStats().openLeases > before.openLeases)
    t.true(processStats().chargedBytes > before.chargedBytes)
    await Promise.all(workers.map((worker) => worker.terminate()))
    t.deepEqual(figures(), before)
  }
})

test.serial('a worker that throws, exits or ends gives back all that it held', async (t) => {
  const before = figures()
  for (const how of ['throw', 'exit', 'end'] as const) {
    const worker = start('busy', { seed: 1, how })
    worker.on('error', () => {})
    // Not `once`: it rejects on `error`, and `exit` may come before anybody listens again.
    const code = await new Promise<number>((resolve) => worker.on('exit', resolve))
    t.is(code, how === 'end' ? 0 : how === 'exit' ? 7 : 1, how)
    t.deepEqual(figures(), before, how)
  }
})

test.serial('workers share the limit of the process', async (t) => {
  const before = processStats().heldBytes
  setProcessBudget({ budget: before + 8 * MIB })
  const workers = Array.from({ length: 4 }, () => start('takes', { bytes: 3 * MIB }))
  const answers = await Promise.all(
    workers.map(async (worker) => ((await once(worker, 'message')) as [string])[0]),
  )
  t.deepEqual(answers.toSorted(), ['ERR_BUDGET_EXCEEDED', 'ERR_BUDGET_EXCEEDED', 'ok', 'ok'])
  t.true(processStats().heldBytes <= before + 8 * MIB)
  await Promise.all(workers.map((worker) => worker.terminate()))
  setProcessBudget({ budget: Infinity })
  t.is(processStats().heldBytes, before)
})

test.serial('piscina: a Memory for each thread, under one budget', async (t) => {
  const before = figures()
  setProcessBudget({ budget: before.heldBytes + 64 * MIB })
  const pool = new Piscina({
    filename: new URL('./_workers/task.js', import.meta.url).href,
    minThreads: 2,
    maxThreads: 2,
    execArgv: [],
  })
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      pool.run({ agent: `agent-${i % 20}`, bytes: 1000 + i * 100, byte: i & 255 }),
    ),
  )
  for (const [i, result] of (results as { sum: number }[]).entries()) {
    t.is(result.sum, (1000 + i * 100) * (i & 255))
  }
  const controller = new AbortController()
  const aborted = pool.run({ agent: 'a', bytes: 1000, byte: 1, forever: true }, { signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  await t.throwsAsync(aborted)
  await pool.destroy()
  t.true(await until(() => processStats().openLeases === before.openLeases))
  t.deepEqual(figures(), before)
  setProcessBudget({ budget: Infinity })
})

test.serial('a native handle of another thread is a coded error, and a Memory does not travel', async (t) => {
  const memory = new Memory()
  const arena = memory.arena()
  arena.alloc(10)
  const worker = start('foreign-handle', { manager: memory.store.id, lease: arena.leaseHandle })
  const [answers] = (await once(worker, 'message')) as [Record<string, { answer: number; code: string }>]
  for (const [call, answer] of Object.entries(answers)) {
    t.deepEqual(answer, { answer: -2, code: 'ERR_STALE_HANDLE' }, call)
  }
  t.is(arena.alloc(10).length, 10, 'nothing happened to it')
  let refused: unknown
  try {
    structuredClone(memory)
  } catch (error) {
    refused = error
  }
  t.is((refused as DOMException).name, 'DataCloneError')
  await worker.terminate()
  memory.dispose()
})

test.serial('process.exit in mid-operation does not crash', async (t) => {
  for (const where of ['main', 'worker', 'both']) {
    const { code, signal, stderr } = await runChild(
      `
      import { Worker } from 'node:worker_threads'
      import { randomFill } from 'node:crypto'
      import { Memory } from 'primarena'
      const where = ${JSON.stringify(where)}
      const busy = ${JSON.stringify(new URL('./_workers/busy.js', import.meta.url).href)}
      if (where !== 'main') {
        const how = where === 'worker' ? 'exit' : undefined
        const worker = new Worker(new URL(busy), { workerData: { seed: 1, how }, execArgv: [] })
        // Both events may come in one turn.
        const exit = new Promise((resolve) => worker.once('exit', resolve))
        await new Promise((resolve) => worker.once('message', resolve))
        if (where === 'worker') await exit
      }
      const memory = new Memory({ leakDetection: 'off' })
      const work = memory.primitive('work', async (ctx) => {
        const view = ctx.arena.alloc(1 << 20)
        ctx.hold(new Promise((resolve) => randomFill(view, resolve)))
        await new Promise((resolve) => setTimeout(resolve, 1000))
      })
      for (let i = 0; i < 50; i++) memory.agent('a' + i).session('s').run(work).catch(() => {})
      setImmediate(() => process.exit(5))
    `,
      {
        env: { PRIMARENA_LEAK_DETECTION: 'off' },
        // A compiler thread of V8 may wait for a collection by the main thread, which waits for that thread to end
        // (Node 26, about one exit in fifty): so V8 without threads of its own.
        nodeArguments: ['--single-threaded'],
      },
    )
    t.is(signal, null, stderr)
    t.is(code, 5, stderr)
  }
})
