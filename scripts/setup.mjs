// Makes a checkout ready to run: npm dependencies, the addon, the JavaScript. Every command calls it first,
// so it must be quick when there is nothing to do (about 50 ms), and say what is missing when it cannot.
//
// node scripts/setup.mjs [--native] [--force]
//   --native  the addon only
//   --force   builds again what is up to date
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Progress } from './lib/progress.mjs'
import { root, run, runScript } from './lib/run.mjs'
import { hashSources, readStamp, writeStamp } from './lib/stamps.mjs'

const NODE_FLOOR = '20.19.0'
const INSTALL_RUST =
  process.platform === 'win32'
    ? 'winget install Rustlang.Rustup'
    : "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"

/** Something is missing on this machine; `command` is what helps. */
class SetupError extends Error {
  constructor(message, command) {
    super(command ? `${message}\n\n    ${command}\n` : message)
  }
}

/**
 * @param {{ native?: boolean, force?: boolean }} [options]
 */
export async function setup({ native = false, force = false } = {}) {
  checkNode()
  await installPackages()
  await buildAddon(force)
  if (!native) await buildTypeScript(force)
}

function checkNode() {
  const version = process.versions.node
  if (older(version, NODE_FLOOR)) {
    throw new SetupError(
      `primarena needs Node ${NODE_FLOOR} or newer; this is Node ${version}.`,
      'nvm install 24   # or take it from https://nodejs.org/en/download',
    )
  }
}

async function installPackages() {
  const reason = packagesReason()
  if (!reason) return
  // Not `npm ci`: it refuses a lock file in which binaries for other platforms are missing, as npm itself writes
  // one where it cannot fetch them (npm/cli#4828). This takes the locked versions too, checks their hashes, and
  // leaves the lock file alone.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  await build(`npm packages (${reason})`, `npm ${args.slice(0, 2).join(' ')}`, () => run('npm', args))
}

/** Why npm has to run, or nothing. The lock file is compared with the one npm keeps of what it installed. */
function packagesReason() {
  const folder = join(root, 'node_modules')
  if (!existsSync(folder)) return 'not installed'
  // A link belongs to another checkout; npm would empty that one.
  if (lstatSync(folder).isSymbolicLink()) return undefined
  let installed
  try {
    installed = JSON.parse(readFileSync(join(folder, '.package-lock.json'), 'utf8')).packages
  } catch {
    return 'not complete'
  }
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue
    const have = installed[path]
    if (have ? have.version !== entry.version : !entry.optional) return 'the lock file changed'
  }
  return undefined
}

async function buildAddon(force) {
  // Tests and benchmarks of the crates are not part of the addon.
  const { name, version, napi, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const hash = hashSources(
    ['crates', 'Cargo.toml', 'Cargo.lock', '.cargo/config.toml'],
    (path) => !/^crates\/[^/]+\/(tests|benches|examples|fuzz)\//.test(path),
    JSON.stringify([name, version, napi, scripts['build:native']]),
  )
  const products = [addonFile(), 'index.cjs', 'index.d.ts'].map((name) => join(root, name))
  if (!force && readStamp('native') === hash && products.every((file) => existsSync(file))) return
  await checkRust()
  const title = products.some((file) => existsSync(file))
    ? 'addon'
    : 'addon (the first time takes a minute or two)'
  await build(title, 'npm run build:native', (onText) =>
    runScript('build:native', {
      onText,
      // cargo's own bar, made to appear in a pipe: that is where the "12/57" comes from.
      env: {
        CARGO_TERM_PROGRESS_WHEN: 'always',
        CARGO_TERM_PROGRESS_WIDTH: '120',
        CARGO_TERM_COLOR: 'never',
      },
    }),
  )
  writeStamp('native', hash)
}

/** The file name that napi gives the addon here. */
function addonFile() {
  const { platform, arch } = process
  if (platform === 'win32') return `primarena.win32-${arch}-msvc.node`
  if (platform !== 'linux') return `primarena.${platform}-${arch}.node`
  const musl = !process.report.getReport().header.glibcVersionRuntime
  return `primarena.linux-${arch}-${musl ? 'musl' : 'gnu'}.node`
}

async function checkRust() {
  const floor = `${/rust-version = "([\d.]+)"/.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]}.0`
  for (const tool of ['cargo', 'rustc']) {
    const answer = await run(tool, ['--version'])
    if (answer.missing) {
      throw new SetupError(
        `The addon is built by cargo, and ${tool} is not installed (or not on the PATH).`,
        INSTALL_RUST,
      )
    }
    const version = /\d+\.\d+\.\d+/.exec(answer.output)?.[0]
    if (answer.code !== 0 || !version) {
      throw new SetupError(`${tool} --version failed:\n${answer.output.trim()}`, 'rustup default stable')
    }
    if (older(version, floor)) {
      throw new SetupError(
        `primarena needs Rust ${floor} or newer; ${tool} is ${version}.`,
        'rustup update stable',
      )
    }
  }
}

async function buildTypeScript(force) {
  const hash = hashSources(['src', 'tsconfig.json', 'index.d.ts'])
  if (!force && readStamp('typescript') === hash && existsSync(join(root, 'dist/index.js'))) return
  // An output of a source that is gone must not stay importable; all of it takes half a second.
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  await build('TypeScript', 'npm run build:ts', (onText) => runScript('build:ts', { onText }))
  writeStamp('typescript', hash)
}

/** Runs one step with a progress line; what it printed is shown only if it fails. */
async function build(title, command, work) {
  const progress = new Progress(`setup: ${title}`)
  const result = await work((text) => {
    const [, done, all] = [...text.matchAll(/\] (\d+)\/(\d+)/g)].at(-1) ?? []
    if (done) progress.update(`${done} of ${all} crates`)
  })
  if (result.code === 0) {
    progress.end(`setup: ${title} … done in ${progress.elapsed}`)
    return
  }
  progress.end()
  const output = result.output.replaceAll(/^.*Building \[.*$/gm, '').replaceAll(/(\r?\n){3,}/g, '\n\n')
  throw new SetupError(
    `${output.trim()}\n\n${title}: the command failed (exit code ${result.code}). To see it alone:`,
    command,
  )
}

function older(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number))
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] < b[i]
  return false
}

/** `setup` for the start of a command: an error that explains itself, and exit code 1. */
export async function setupOrExit(options) {
  try {
    await setup(options)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`\n${error.message}`)
    process.exit(1)
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const startedAt = performance.now()
  await setupOrExit({ native: process.argv.includes('--native'), force: process.argv.includes('--force') })
  console.error(`setup: ready (${Math.round(performance.now() - startedAt)} ms)`)
}
