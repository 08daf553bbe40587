/** `npm run bench`: finds the cases, measures them, prints tables or JSON. See README.md. */
import { existsSync, readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Progress } from '../scripts/lib/progress.mjs'
import { loadCase } from './harness/case.ts'
import { environmentOf } from './harness/environment.ts'
import { FULL, QUICK, measure, type Result } from './harness/measure.ts'
import { caseText, environmentText, verdicts } from './harness/report.ts'

const HELP = `npm run bench -- [NAME …] [--node PATH|MAJOR]… [--quick] [--json] [--list]

  NAME     cases whose file name contains it (benchmark/cases/NAME.ts); all when left out
  --input  only inputs whose name contains it
  --node   a node binary, or 22, 24, 26 as fetched by scripts/nodes.mjs; may be repeated
  --quick  fewer and shorter rounds: for a look, not for a figure that is quoted
  --json   one JSON object on the last line of stdout, instead of tables
  --list   the names and titles of the cases`

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true },
    input: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const names = readdirSync(new URL('cases', import.meta.url))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))

if (options.help) {
  console.log(HELP)
} else if (options.list) {
  for (const name of names) console.log(`${name}: ${(await loadCase(name)).title}`)
} else if (names.length === 0) {
  console.error(`no case is called like ${wanted.join(', ')}; --list shows them`)
  process.exitCode = 2
} else {
  await benchmark()
}

async function benchmark(): Promise<void> {
  const reports = []
  for (const node of (options.node ?? [process.execPath]).map(nodeBinary)) {
    const environment = environmentOf(node)
    const nodeMajor = Number(environment.node.split('.')[0])
    if (!options.json) console.log(environmentText(environment))
    for (const name of names) {
      const definition = await loadCase(name)
      const results: Result[] = []
      const progress = new Progress(`bench: ${name}`)
      try {
        for (const input of Object.keys(definition.inputs)) {
          if (!input.includes(options.input)) continue
          const effort = options.quick ? QUICK : FULL
          results.push(
            ...(await measure(name, definition, input, node, effort, (text) => progress.update(text))),
          )
        }
        progress.end()
        if (!options.json) console.log(caseText(definition, results, nodeMajor))
        const targets = verdicts(definition, results, nodeMajor)
        reports.push({
          case: name,
          title: definition.title,
          environment,
          quick: options.quick,
          results,
          targets,
        })
      } catch (error) {
        progress.end()
        process.exitCode = 1
        console.error(`\n${name} failed: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  if (options.json) console.log(JSON.stringify(reports))
}

/** The binary that `--node` means. */
function nodeBinary(value: string): string {
  if (!/^\d+$/.test(value)) return value
  const fetched = `.nodes/${value}/node_modules/node-${process.platform}-${process.arch}/bin/node`
  if (!existsSync(fetched)) throw new Error(`Node ${value} is not here yet: node scripts/nodes.mjs ${value}`)
  return fetched
}
