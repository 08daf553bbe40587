// `npm run fuzz:native`: the core's fuzz targets (fuzz/), each for a while, by cargo-fuzz and libFuzzer.
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root, run } from './lib/run.mjs'

const HELP = `npm run fuzz:native -- [--seconds N] [--replay] [target…]

  --seconds N  how long each target runs (60)
  --replay     only run the seeds and the corpus through the targets, without libFuzzer or a C++ compiler`

const targets = (await readdir(join(root, 'fuzz/fuzz_targets')))
  .map((file) => file.replace(/\.rs$/, ''))
  .sort()
const { values: options, positionals } = parse()
const chosen = positionals.length > 0 ? positionals : targets
const seconds = Number(options.seconds)
const unknown = chosen.find((name) => !targets.includes(name))
if (options.help || unknown !== undefined || !(Number.isInteger(seconds) && seconds > 0)) {
  if (unknown !== undefined) console.error(`expected targets of ${targets.join(', ')}, got ${unknown}\n`)
  console.log(`${HELP}\n\ntargets: ${targets.join(', ')}`)
  process.exit(options.help ? 0 : 2)
}
process.exitCode = options.replay ? await replay() : await fuzz()

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '60' },
        replay: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`)
    process.exit(2)
  }
}

/** Runs every seed, and what earlier runs found, through the targets. */
async function replay() {
  await need('cargo', ['--version'], 'Rust', 'https://rustup.rs')
  const args = ['run', '--release', '--quiet', '--manifest-path', 'fuzz/Cargo.toml', '--no-default-features']
  for (const target of chosen) {
    const inputs = ['fuzz/seeds', await corpus(target)]
    const { code, output } = await run('cargo', [...args, '--bin', 'replay', '--', target, ...inputs])
    console.log(code === 0 ? `${target}: ${output.trim().split('\n').at(-1)}` : output)
    if (code !== 0) return code
  }
  return 0
}

/** Fuzzes one target after the other; a failure of one does not keep the others from running. */
async function fuzz() {
  await need('cargo', ['--version'], 'Rust', 'https://rustup.rs')
  await need('cargo', ['fuzz', '--version'], 'cargo-fuzz', 'cargo install cargo-fuzz --locked')
  await need('c++', ['--version'], 'a C++ compiler, which libFuzzer is built with', compiler())
  // libFuzzer wants options that stable compilers only take so.
  const env = { RUSTC_BOOTSTRAP: '1' }
  console.log(`building ${chosen.length} targets`)
  for (const target of chosen) {
    const built = await run('cargo', ['fuzz', 'build', target], { env })
    if (built.code === 0) continue
    console.error(built.output)
    return built.code
  }
  const failed = []
  for (const target of chosen) {
    const limits = [`-max_total_time=${seconds}`, '-timeout=20', '-max_len=4096', '-print_final_stats=1']
    const args = [
      'fuzz',
      'run',
      target,
      await corpus(target),
      'fuzz/seeds',
      '--',
      ...limits,
      '-dict=fuzz/json.dict',
    ]
    const { code, output } = await run('cargo', args, { env })
    if (code === 0) {
      const executions = /number_of_executed_units: (\d+)/.exec(output)?.[1] ?? 'an unknown number of'
      console.log(`${target}: ${executions} inputs in ${seconds} s, nothing found`)
    } else {
      failed.push(target)
      console.error(
        `${output.split('\n').slice(-80).join('\n')}\n${target}: failed (the input is in fuzz/artifacts)`,
      )
    }
  }
  return failed.length > 0 ? 1 : 0
}

/** Where a target's finds are kept: ignored by git, and carried from one run to the next. */
async function corpus(target) {
  const folder = `fuzz/corpus/${target}`
  await mkdir(join(root, folder), { recursive: true })
  return folder
}

/** Ends the script when a program is missing, and says what helps. */
async function need(command, args, what, help) {
  const { code } = await run(command, args)
  if (code === 0) return
  console.error(`npm run fuzz:native needs ${what}:\n\n    ${help}\n`)
  process.exit(1)
}

function compiler() {
  if (process.platform === 'darwin') return 'xcode-select --install'
  if (process.platform === 'win32')
    return 'npm run fuzz:native -- --replay   # libFuzzer runs on Linux and macOS'
  return 'sudo apt-get install g++'
}
