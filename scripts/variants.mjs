// The TypeScript suite once more: `npm run test:paranoid`, `npm run test:checked`, `npm run test:asan`.
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { countTap, failedTapPoints } from './lib/counts.mjs'
import { root, run, runTool } from './lib/run.mjs'

const VARIANTS = {
  /** Everything that is released is poisoned and rests, for its last owner too. */
  paranoid: async () => ({ env: { PRIMARENA_LEAK_DETECTION: 'paranoid' } }),
  /** Against an addon with debug assertions and overflow checks. */
  checked: async () => ({ addon: await build('checked', ['--profile', 'checked'], {}) }),
  /** Against an addon with AddressSanitizer, whose runtime is loaded before Node. */
  asan: async () => {
    const runtime = (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim()
    if (!existsSync(runtime)) throw new Error('expected gcc with its libasan.so')
    const addon = await build('asan', ['--target', 'x86_64-unknown-linux-gnu'], {
      RUSTC_BOOTSTRAP: '1',
      RUSTFLAGS: '-Zsanitizer=address -Copt-level=1',
    })
    // V8 keeps what it allocates until its end, and reserves far more address space than it uses.
    const options = 'detect_leaks=0:allocator_may_return_null=1:handle_segv=0'
    return { addon, env: { LD_PRELOAD: runtime, ASAN_OPTIONS: options } }
  },
}

const [name, ...files] = process.argv.slice(2)
if (!Object.hasOwn(VARIANTS, name ?? '')) {
  console.error(`expected one of ${Object.keys(VARIANTS).join(', ')}, got ${name ?? 'nothing'}`)
  process.exit(2)
}
const { addon, env } = await VARIANTS[name]()
const variables = { FORCE_COLOR: '0', ...env, ...(addon ? { PRIMARENA_ADDON: addon } : {}) }
const { code, output, stdout } = await runTool('ava/entrypoints/cli.mjs', ['--tap', ...files], {
  env: variables,
})
const failures = failedTapPoints(stdout)
const { passed, failed } = countTap(stdout, code)
if (failed > 0) console.log(failures.length > 0 ? failures.join('\n\n') : output)
if (output.includes('ERROR: AddressSanitizer')) console.log(output)
console.log(`${name}: ${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** Builds the addon in a target folder of its own and answers where it is. */
async function build(variant, args, env) {
  const target = join(root, 'target', variant)
  console.log(`building the addon (${variant})`)
  const { code, output } = await run('cargo', ['build', '--quiet', '-p', 'primarena-node', ...args], {
    env: { ...env, CARGO_TARGET_DIR: target },
  })
  if (code !== 0) throw new Error(output)
  const built = (await readdir(target, { recursive: true })).filter(
    (file) => /(^|[\\/])(lib)?primarena_node\.(so|dylib|dll)$/.test(file) && !/[\\/]deps[\\/]/.test(file),
  )
  if (built.length === 0) throw new Error(`expected an addon in ${target}`)
  const addon = join(target, 'addon', 'primarena.node')
  await mkdir(join(target, 'addon'), { recursive: true })
  await rm(addon, { force: true })
  await copyFile(join(target, built[0]), addon)
  return addon
}
