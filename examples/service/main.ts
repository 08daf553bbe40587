/**
 * `npm start`: a day in the life of a service, written twice, side by side.
 *
 * Both halves get the same requests in the same order; they take turns, a stretch each, so that both see the same machine.
 */
import { parseArgs } from 'node:util'
import { Child } from './child.ts'
import type { HalfFigures } from './gauges.ts'
import { isEqual } from './equal.ts'
import { exampleWebhooks, InputError, readLines } from './payloads.ts'
import { ProgressBar } from './progress-bar.ts'
import type { Remains, Request } from './service.ts'
import { summary } from './summary.ts'

const HELP = `npm start -- [options]

Agents store, retrieve, search, link and transform GitHub webhooks: once with primarena, once in plain Node.
The table compares both; every answer of a first pass and one in 97 of the measured ones is compared too.

  --agents N      agents, each with a session and records of its own (default 8)
  --seconds N     how long to measure, both halves together (default 10)
  --input FILE|-  lines of JSON to serve instead of the example webhooks; - is standard input
  --json          the figures as one JSON object on the last line of stdout, instead of the table
  --help`

/** Requests of the first pass, in which every answer is compared. */
const CHECKED = 4_000
/** How long a turn of a half is. */
const TURN_MS = 120

export interface Comparison {
  readonly equal: boolean
  readonly comparedAnswers: number
  readonly openArenas: number
  readonly arenaBytes: number
  readonly leaks: number
  readonly agents: number
  readonly seconds: number
  readonly native: HalfFigures
  readonly plain: HalfFigures
}

try {
  process.exitCode = await main()
} catch (error) {
  // What the user gave explains itself; anything else is a bug, and shows where.
  console.error(error instanceof InputError ? `primarena: ${error.message}` : error)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const payloads = options.input === undefined ? exampleWebhooks() : readLines(options.input)
  const bar = new ProgressBar()
  try {
    bar.show(0, 'comparing the answers of a first pass')
    const difference = await firstPass(payloads, options.agents)
    if (difference) {
      bar.end()
      console.error(`primarena: the halves answer differently\n${difference}`)
      return 1
    }
    const comparison = await measure(payloads, options.agents, options.seconds, bar)
    bar.end()
    console.log(options.json ? JSON.stringify(comparison) : summary(comparison))
    const { equal, openArenas, arenaBytes, leaks } = comparison
    return equal && openArenas === 0 && arenaBytes === 0 && leaks === 0 ? 0 : 1
  } finally {
    bar.end()
  }
}

/** Serves a pass on both halves; what differs, if anything does. */
async function firstPass(payloads: readonly Request[], agents: number): Promise<string | undefined> {
  const child = new Child()
  try {
    const told = await child.ask({ ask: 'check', payloads, agents, operations: CHECKED })
    return 'equal' in told ? told.difference : undefined
  } finally {
    child.end()
  }
}

async function measure(
  payloads: readonly Request[],
  agents: number,
  seconds: number,
  bar: ProgressBar,
): Promise<Comparison> {
  const halves = { native: new Child(), plain: new Child() }
  try {
    const { native, plain } = halves
    await Promise.all([
      native.ask({ ask: 'begin', half: 'native', payloads, agents }),
      plain.ask({ ask: 'begin', half: 'plain', payloads, agents }),
    ])
    // The first stretch is not measured: code gets compiled, caches get filled.
    let stretch = 1_000
    const warmed = await serve(halves, stretch, true)
    let equal = warmed.equal
    let compared = CHECKED + warmed.compared
    stretch = Math.max(50, Math.round((stretch * TURN_MS) / Math.max(warmed.nativeMs, warmed.plainMs)))
    let spentMs = 0
    for (let turn = 0; turn === 0 || spentMs < seconds * 1000; turn++) {
      const served = await serve(halves, stretch, turn % 2 === 0)
      spentMs += served.nativeMs + served.plainMs
      equal &&= served.equal
      compared += served.compared
      const rate = (ms: number): string => Math.round((stretch * 1000) / ms).toLocaleString('en')
      bar.show(
        Math.min(1, spentMs / (seconds * 1000)),
        `native ${rate(served.nativeMs)}/s · plain ${rate(served.plainMs)}/s`,
      )
    }
    const ended = { native: await end(native), plain: await end(plain) }
    return {
      equal,
      comparedAnswers: compared,
      ...ended.native.remains,
      agents,
      seconds,
      native: ended.native.figures,
      plain: ended.plain.figures,
    }
  } finally {
    halves.native.end()
    halves.plain.end()
  }
}

/** The same requests for both, one half after the other. */
async function serve(
  { native, plain }: { native: Child; plain: Child },
  operations: number,
  nativeFirst: boolean,
): Promise<{ nativeMs: number; plainMs: number; equal: boolean; compared: number }> {
  const first = await (nativeFirst ? native : plain).ask({ ask: 'serve', operations })
  const second = await (nativeFirst ? plain : native).ask({ ask: 'serve', operations })
  if (!('servedMs' in first && 'servedMs' in second)) throw new Error('a turn tells how long it took')
  const compared = first.answers.length
  const equal =
    compared === second.answers.length &&
    first.answers.every((answer, i) => isEqual(answer, second.answers[i]!))
  const [ours, theirs] = nativeFirst ? [first, second] : [second, first]
  return { nativeMs: ours.servedMs, plainMs: theirs.servedMs, equal, compared }
}

async function end(child: Child): Promise<{ figures: HalfFigures; remains: Remains }> {
  const told = await child.ask({ ask: 'end' })
  if (!('figures' in told)) throw new Error('the end tells the figures')
  return told
}

function readOptions(): {
  agents: number
  seconds: number
  input: string | undefined
  json: boolean
  help: boolean
} {
  let values
  try {
    values = parseArgs({
      options: {
        agents: { type: 'string', default: '8' },
        seconds: { type: 'string', default: '10' },
        input: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new InputError(`${(error as Error).message}\n\n${HELP}`)
  }
  const agents = Number(values.agents)
  const seconds = Number(values.seconds)
  if (!Number.isInteger(agents) || agents < 1 || agents > 10_000) {
    throw new InputError(`--agents: expected a whole number from 1 to 10000, got ${values.agents}`)
  }
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new InputError(`--seconds: expected a number above 0, at most 86400, got ${values.seconds}`)
  }
  return { agents, seconds, input: values.input, json: values.json, help: values.help }
}
