// `npm run fuzz`: random and mutated documents through every JSON reader, each answer compared with JSON.parse.
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Comparison, Documents } from './lib/json-fuzz.mjs'
import { Progress } from './lib/progress.mjs'
import { setupOrExit } from './setup.mjs'

const HELP = `npm run fuzz -- [--documents N] [--seconds N] [--seed N]

  --documents N  stop after so many documents (1000000)
  --seconds N    stop after so many seconds, whatever came first
  --seed N       where to start (the time); a failure prints the seed that repeats it`

const { values: options } = parseArgs({
  options: {
    documents: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: 'Infinity' },
    seed: { type: 'string' },
    help: { type: 'boolean' },
  },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}
const most = Number(options.documents)
const seconds = Number(options.seconds)
const firstSeed = Number(options.seed ?? Date.now() % 1e9)
if (![most, seconds, firstSeed].every((number) => number >= 0)) {
  console.error(HELP)
  process.exit(2)
}

await setupOrExit()
const library = await import('primarena')
const require = createRequire(import.meta.url)
const real = require('@octokit/webhooks-examples/api.github.com/index.json')
  .flatMap(({ examples }) => examples.map((example) => Buffer.from(JSON.stringify(example))))
  .filter((body) => body.length < 16_384)

const ROUND = 500
const comparison = new Comparison(library)
const progress = new Progress('fuzz')
const started = performance.now()
let done = 0
for (let seed = firstSeed; done < most && performance.now() - started < seconds * 1000; seed++) {
  const documents = new Documents(seed, real)
  for (let i = 0; i < ROUND && done < most; i++, done++) {
    const bytes = documents.next()
    try {
      comparison.document(bytes)
    } catch (error) {
      progress.end()
      console.error(`document ${i} of seed ${seed} (npm run fuzz -- --seed ${seed} --documents ${i + 1}):`)
      console.error(bytes.length < 4096 ? JSON.stringify(bytes.toString('latin1')) : `${bytes.length} bytes`)
      console.error(error)
      process.exit(1)
    }
  }
  progress.update(`${done} documents`)
  await setImmediate()
}
progress.end()
const { accepted, rejected } = comparison
console.log(
  `${done} documents from seed ${firstSeed}: ${accepted} accepted, ${rejected} refused, all as JSON.parse`,
)
