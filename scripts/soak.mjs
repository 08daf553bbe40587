// `npm run soak`: the same storm for a long time in one process, with a table of what it holds, which must be flat.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Memory, processStats } from 'primarena'
import { slopeOf } from './lib/slope.mjs'
import { leftovers, storm } from './lib/storm.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    agents: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rows: { type: 'string', default: '30' },
    help: { type: 'boolean' },
  },
})
const [seconds, agents, seed, rows] = ['seconds', 'agents', 'seed', 'rows'].map((name) =>
  Number(values[name]),
)
if (values.help || ![seconds, agents, seed, rows].every((number) => number >= 0)) {
  console.log('npm run soak -- [--seconds 600] [--agents 200] [--rows 30] [--seed N]')
  process.exit(values.help ? 0 : 2)
}
// As in stress.mjs: without it glibc's retention is what is measured.
if (process.platform === 'linux' && process.env['MALLOC_MMAP_THRESHOLD_'] === undefined) {
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' },
  })
  process.exit(status ?? 1)
}

const samples = []
const SAMPLES = 240
const began = performance.now()
const memory = new Memory({ name: 'soak', budget: '512 MiB' })
let operations = 0
let round = 0
let failure
console.log(`seed ${seed}, Node ${process.version}, ${seconds} s`)
console.log('     s  operations   RSS MiB  external MiB  heap MiB  leases at rest  bytes at rest')
while (elapsed() < seconds) {
  await storm(memory, { agents, operations: 2000, seed: seed + round })
  round += 1
  operations += 2000
  if (elapsed() < (samples.length * seconds) / SAMPLES) continue
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { rss, external, arrayBuffers, heapUsed } = process.memoryUsage()
  const { openLeases } = processStats()
  const { usedBytes } = memory.stats()
  samples.push({
    s: elapsed(),
    operations,
    rss,
    external: external + arrayBuffers,
    heapUsed,
    openLeases,
    usedBytes,
  })
  if (samples.length % Math.ceil(SAMPLES / rows) === 1 || rows >= SAMPLES) print(samples.at(-1))
}
print(samples.at(-1))
const left = leftovers(memory)
for (const [figure, value] of Object.entries(left)) if (value !== 0) fail(`${figure} is ${value} at the end`)
memory.dispose()

const half = samples.slice(samples.length >> 1)
for (const figure of ['rss', 'external', 'heapUsed']) {
  const { slope, error, differs, correlation } = slopeOf(
    half.map((sample) => sample.s),
    half.map((sample) => sample[figure]),
  )
  const kib = (bytes) => (bytes / 1024).toFixed(2)
  const verdict = differs ? (slope > 0 ? 'grows' : 'falls') : 'not different from 0'
  console.log(
    `${figure}: slope over the last half ${kib(slope)} ± ${kib(2.576 * error)} KiB/s (99 %, ${half.length} samples, ` +
      `autocorrelation ${correlation.toFixed(2)}): ${verdict}`,
  )
  if (figure === 'rss' && differs && slope > 0) fail('RSS grows')
}
for (const sample of samples) {
  if (sample.openLeases !== 0 || sample.usedBytes !== 0)
    fail(`something was open at rest after ${sample.s} s`)
}
console.log(failure === undefined ? `flat over ${operations} operations` : 'FAILED')
process.exitCode = failure === undefined ? 0 : 1

function fail(why) {
  failure ??= why
  console.log(why)
}

function elapsed() {
  return (performance.now() - began) / 1000
}

function print({ s, operations, rss, external, heapUsed, openLeases, usedBytes }) {
  const mib = (bytes, width) => (bytes / 2 ** 20).toFixed(1).padStart(width)
  console.log(
    `${s.toFixed(0).padStart(6)}${String(operations).padStart(12)}${mib(rss, 10)}${mib(external, 14)}` +
      `${mib(heapUsed, 10)}${String(openLeases).padStart(16)}${String(usedBytes).padStart(15)}`,
  )
}
