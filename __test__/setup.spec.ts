import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const SETUP = fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url))

/** Runs the set-up of the addon where the PATH holds only `tools`: shell scripts, by name. */
function setUpWith(tools: Readonly<Record<string, string>>): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'primarena-setup-'))
  try {
    for (const [name, script] of Object.entries(tools)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(folder, name), 0o755)
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [SETUP, '--native', '--force'], {
      env: { ...process.env, PATH: folder },
      encoding: 'utf8',
    })
    return { status, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const onUnix = process.platform === 'win32' ? test.skip : test

test('without cargo it says so, with the command that helps', (t) => {
  const { status, output } = setUpWith({})
  t.is(status, 1)
  t.regex(output, /cargo is not installed/)
  t.regex(output, /rustup/i)
  t.notRegex(output, /\n\s+at /)
})

onUnix('an old Rust is named, with the command that helps', (t) => {
  const { status, output } = setUpWith({ cargo: 'echo cargo 1.95.0', rustc: 'echo rustc 1.70.0' })
  t.is(status, 1)
  t.regex(output, /needs Rust 1\.\d+\.\d+ or newer; rustc is 1\.70\.0/)
  t.regex(output, /rustup update stable/)
})

onUnix('a toolchain that does not answer is shown', (t) => {
  const { status, output } = setUpWith({ cargo: 'echo no default toolchain >&2; exit 1' })
  t.is(status, 1)
  t.regex(output, /no default toolchain/)
  t.regex(output, /rustup default stable/)
})
