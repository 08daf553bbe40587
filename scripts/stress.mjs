// `npm run stress`: the storm of threads and agents, and 10,000 requests in flight at once.
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Memory, processStats } from 'primarena'
import { requestStorm } from './lib/requests.mjs'
import { seeded } from './lib/seeded.mjs'
import { leftovers } from './lib/storm.mjs'

const HELP = `npm run stress -- [options]

  --workers N      worker threads (2)
  --agents M       agents of each worker (1000)
  --operations N   operations of all workers together (1000000)
  --kills N        workers that are terminated in the middle of their work, besides those (6)
  --requests N     requests in flight at once, checked byte by byte (10000; 0 leaves them out)
  --rss-mib N      how much more the process may hold at its end (192)
  --seed N         repeats a run (the time of day)`

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    agents: { type: 'string', default: '1000' },
    operations: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '6' },
    requests: { type: 'string', default: '10000' },
    'rss-mib': { type: 'string', default: '192' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const [workers, agents, operations, kills, requests, rssMib, seed] = [
  'workers',
  'agents',
  'operations',
  'kills',
  'requests',
  'rss-mib',
  'seed',
].map((name) => {
  const number = Number(values[name])
  if (!Number.isInteger(number) || number < 0) {
    console.error(`--${name}: expected a whole number, got ${values[name]}`)
    process.exit(2)
  }
  return number
})
// glibc keeps what threads freed below its threshold for mmap, and raises that as it goes: plain ArrayBuffers of these
// sizes in two workers leave 175 MiB behind. With a fixed threshold RSS says what is held.
if (process.platform === 'linux' && process.env['MALLOC_MMAP_THRESHOLD_'] === undefined) {
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' },
  })
  process.exit(status ?? 1)
}
const failures = []
const random = seeded(seed)
console.log(`seed ${seed}, Node ${process.version}`)

const before = await settledFigures()

if (requests > 0) {
  const memory = new Memory({ name: 'requests', quarantineMs: 0 })
  const began = performance.now()
  const { wrong, bytes, inFlight } = await requestStorm(memory, { requests, connections: 200, seed })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(
    `requests: ${requests} (${(bytes / 2 ** 20).toFixed(0)} MiB), ${inFlight} in flight at once, ` +
      `${wrong.length} wrong, ${seconds} s`,
  )
  if (wrong.length > 0) failures.push(`wrong answers: ${wrong.slice(0, 10).join(', ')}`)
  for (let i = 0; i < 500 && memory.stats().openHolds > 0; i += 1) await sleep(10)
  expectNothing('requests', leftovers(memory))
  memory.dispose()
}

// The first threads, sockets and code cost memory of their own once: what they leave is the start for RSS.
if (operations > 0) await whole(seed + 500, Math.ceil(operations / 20), {})
before.rss = (await settledFigures()).rss

if (operations > 0) {
  const began = performance.now()
  const outcomes = {}
  await Promise.all([
    ...Array.from({ length: workers }, (_, i) => whole(seed + i, Math.ceil(operations / workers), outcomes)),
    killing(),
  ])
  const seconds = (performance.now() - began) / 1000
  console.log(
    `storm: ${workers} workers × ${agents} agents, ${operations} operations and ${kills} terminated workers, ` +
      `${seconds.toFixed(1)} s (${Math.round(operations / seconds)}/s)`,
  )
  for (const [outcome, count] of Object.entries(outcomes))
    console.log(`  ${String(count).padStart(9)} ${outcome}`)
}

const after = await settledFigures()
for (const figure of Object.keys(before)) {
  if (figure === 'rss') continue
  if (after[figure] !== before[figure])
    failures.push(`${figure}: ${before[figure]} before, ${after[figure]} after`)
}
const grownMib = (after.rss - before.rss) / 2 ** 20
console.log(`RSS: ${mib(before.rss)} before, ${mib(after.rss)} after; at most ${rssMib} MiB more allowed`)
if (grownMib > rssMib) failures.push(`RSS grew by ${grownMib.toFixed(1)} MiB`)
console.log(failures.length === 0 ? 'every counter is back at its start' : `FAILED\n${failures.join('\n')}`)
process.exitCode = failures.length > 0 ? 1 : 0

/** A worker that works to its end. */
async function whole(workerSeed, share, outcomes) {
  const worker = start(workerSeed, share)
  const report = await new Promise((resolve, reject) => {
    worker.on('message', (message) => message.outcomes && resolve(message))
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`worker ${workerSeed} ended with ${code}`)))
  }).catch((error) => {
    failures.push(`worker ${workerSeed}: ${error.stack}`)
  })
  if (!report) return
  for (const [outcome, count] of Object.entries(report.outcomes))
    outcomes[outcome] = (outcomes[outcome] ?? 0) + count
  expectNothing(`worker ${workerSeed}`, report.left)
  for (const leak of report.leaks) failures.push(`worker ${workerSeed}: ${JSON.stringify(leak)}`)
  await new Promise((resolve) => worker.once('exit', resolve))
}

/** Workers that are terminated somewhere in their work, one after the other. */
async function killing() {
  for (let i = 0; i < kills; i += 1) {
    const worker = start(seed + 1000 + i, 1e9)
    worker.on('error', (error) => failures.push(`terminated worker: ${error.stack}`))
    await new Promise((resolve) => worker.once('online', resolve))
    await sleep(50 + random() * 300)
    await worker.terminate()
  }
}

function start(workerSeed, share) {
  return new Worker(new URL('./lib/storm-worker.mjs', import.meta.url), {
    workerData: { seed: workerSeed, agents, operations: share },
  })
}

function expectNothing(what, left) {
  for (const [figure, value] of Object.entries(left)) {
    if (value !== 0) failures.push(`${what}: ${figure} is ${value} at the end`)
  }
}

async function settledFigures() {
  for (let i = 0; i < 5; i += 1) {
    globalThis.gc?.()
    await sleep(20)
  }
  const { heldBytes, openLeases, openOwners, leasedBytes, idleBytes, chargedBytes, pendingFreeBytes } =
    processStats()
  const { rss } = process.memoryUsage()
  return { heldBytes, openLeases, openOwners, leasedBytes, idleBytes, chargedBytes, pendingFreeBytes, rss }
}

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
