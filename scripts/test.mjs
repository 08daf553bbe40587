// `npm test`: everything that has to hold before a change lands, with one closing line that adds it all up.
import { parseArgs } from 'node:util'
import { countCargo, countTap, failedTapPoints } from './lib/counts.mjs'
import { Progress } from './lib/progress.mjs'
import { run, runTool } from './lib/run.mjs'
import { setupOrExit } from './setup.mjs'

const HELP = `npm test -- [--only rust|lint|ts] [--match GLOB] [FILE …]

  --only rust   cargo fmt, clippy and the tests of the crates
  --only lint   oxlint, prettier, TypeScript's compiler, generated files
  --only ts     the tests in __test__
  --match GLOB  only tests of __test__ whose title matches
  FILE …        only these files of __test__`

const CLIPPY = ['clippy', '--workspace', '--all-targets', '--quiet', '--', '-D', 'warnings']
// The fuzz targets are a workspace of their own, and libFuzzer needs a C++ compiler: what the targets do is in the
// library there, which does without.
const FUZZ = ['--manifest-path', 'fuzz/Cargo.toml']
const FUZZ_CLIPPY = ['clippy', ...FUZZ, '--no-default-features', '--all-targets', '--locked', '--quiet']

/** A check answers its count, and what to show if something failed. */
const CHECKS = {
  rust: [
    ['cargo fmt', () => pass(run('cargo', ['fmt', '--all', '--check']))],
    ['cargo clippy', () => pass(run('cargo', CLIPPY))],
    ['fuzz targets', fuzzTargets],
    ['cargo test', cargoTest],
  ],
  lint: [
    ['oxlint', () => pass(runTool('oxlint/bin/oxlint', ['--deny-warnings']))],
    ['prettier', () => pass(runTool('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']))],
    ['tsc', () => pass(runTool('typescript/bin/tsc', ['-p', 'tsconfig.tests.json']))],
    ['generated files', generatedFiles],
  ],
  ts: [['ava', ava]],
}

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, match: { type: 'string' }, help: { type: 'boolean' } },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}
const only = options.only ?? (options.match || files.length > 0 ? 'ts' : undefined)
if (only && !CHECKS[only]) {
  console.error(`--only takes rust, lint or ts; got ${only}`)
  process.exit(2)
}

await setupOrExit()
const total = { passed: 0, failed: 0 }
for (const [, checks] of Object.entries(CHECKS).filter(([group]) => !only || group === only)) {
  for (const [title, check] of checks) {
    const progress = new Progress(title)
    const { passed, failed, output } = await check(progress)
    progress.end()
    console.log(`${failed ? '✗' : '✓'} ${title}: ${passed} passed, ${failed} failed (${progress.elapsed})`)
    if (failed) console.log(`\n${output.trim()}\n`)
    total.passed += passed
    total.failed += failed
  }
}
// Always the last line: CI and people look for it there.
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

/** A tool that only says yes or no counts as one. */
async function pass(running) {
  const { code, output } = await running
  return code === 0 ? { passed: 1, failed: 0, output } : { passed: 0, failed: 1, output }
}

/** They are not run here, but have to keep up with what they fuzz. */
async function fuzzTargets() {
  const formatted = await run('cargo', ['fmt', ...FUZZ, '--check'])
  if (formatted.code !== 0) return { passed: 0, failed: 1, output: formatted.output }
  return pass(run('cargo', [...FUZZ_CLIPPY, '--', '-D', 'warnings']))
}

async function cargoTest(progress) {
  let finished = 0
  const { code, output } = await run('cargo', ['test', '--workspace', '--no-fail-fast'], {
    env: { CARGO_TERM_COLOR: 'never' },
    onText(text) {
      finished += [...text.matchAll(/^test .* \.\.\. \w/gm)].length
      progress.update(finished ? `${finished} tests` : 'building')
    },
  })
  const count = countCargo(output, code)
  // What was built and what passed are of no interest when something fails.
  const noise =
    /^(test .* \.\.\. (ok|ignored)|\s*(Compiling|Downloading|Downloaded|Finished|Running|Doc-tests) .*|)\r?\n/gm
  return { ...count, output: output.replaceAll(noise, '') }
}

async function ava(progress) {
  let stream = ''
  const { code, output, stdout } = await runTool(
    'ava/entrypoints/cli.mjs',
    ['--tap', ...(options.match ? ['--match', options.match] : []), ...files],
    {
      env: { FORCE_COLOR: '0' },
      onText(text) {
        stream += text
        progress.update(`${[...stream.matchAll(/^(not )?ok /gm)].length} tests`)
      },
    },
  )
  const failures = failedTapPoints(stdout)
  return { ...countTap(stdout, code), output: failures.length > 0 ? failures.join('\n\n') : output }
}

/** Files that a build writes and that are committed must come out of the build as they were committed. */
async function generatedFiles() {
  const made = ['index.cjs', 'index.d.ts', 'src/generated']
  const tracked = await run('git', ['ls-files', ...made])
  if (tracked.code !== 0 || tracked.output === '') return { passed: 0, failed: 0, output: '' }
  // Against the index, so that a change which belongs to the commit in preparation is fine once it is added.
  const { code, output } = await run('git', ['diff', '--exit-code', '--stat', '--', ...made])
  if (code === 0) return { passed: 1, failed: 0, output }
  return { passed: 0, failed: 1, output: `${output}\nA build made these files anew: add them to the commit.` }
}
