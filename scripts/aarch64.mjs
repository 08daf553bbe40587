// `npm run test:aarch64`: the core's tests for aarch64, under qemu: what the NEON paths answer, on any Linux machine.
import { existsSync } from 'node:fs'
import { countCargo } from './lib/counts.mjs'
import { run } from './lib/run.mjs'

const TARGET = 'aarch64-unknown-linux-gnu'
const NEEDED = [
  ['rust-std', hasStandardLibrary, `rustup target add ${TARGET}`],
  ['a C compiler', () => runs('aarch64-linux-gnu-gcc'), 'apt-get install gcc-aarch64-linux-gnu'],
  ['qemu', () => runs('qemu-aarch64'), 'apt-get install qemu-user'],
]

for (const [what, isThere, command] of NEEDED) {
  if (await isThere()) continue
  console.error(`the tests for aarch64 need ${what}:\n\n    ${command}\n`)
  process.exit(1)
}
const variable = TARGET.toUpperCase().replaceAll('-', '_')
const args = ['test', '-p', 'primarena-core', '--target', TARGET, '--lib', '--tests', '--no-fail-fast']
const { code, output } = await run('cargo', [...args, '--', ...process.argv.slice(2)], {
  env: {
    CARGO_TERM_COLOR: 'never',
    [`CARGO_TARGET_${variable}_LINKER`]: 'aarch64-linux-gnu-gcc',
    [`CARGO_TARGET_${variable}_RUNNER`]: 'qemu-aarch64 -L /usr/aarch64-linux-gnu',
  },
})
const { passed, failed } = countCargo(output, code)
if (failed > 0) console.log(output)
console.log(`aarch64: ${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function hasStandardLibrary() {
  const { code, stdout } = await run('rustc', ['--print', 'target-libdir', '--target', TARGET])
  return code === 0 && existsSync(stdout.trim())
}

async function runs(command) {
  return (await run(command, ['--version'])).code === 0
}
