import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runRecordProgram } from './_helpers/record-model.js'

test('random programs behave as a map, and the accounts are exact', (t) => {
  const sum: Record<string, number> = {}
  for (let seed = 1; seed <= 80; seed++) {
    for (const [what, count] of Object.entries(runRecordProgram(seed, 300)))
      sum[what] = (sum[what] ?? 0) + count
  }
  for (const what of ['acquired', 'refused', 'released', 'bulk', 'json', 'kernels'])
    t.true(sum[what]! > 50, what)
})

test('the same without generated code', (t) => {
  const main = fileURLToPath(new URL('./_helpers/record-programs-main.ts', import.meta.url))
  const flags = ['--disallow-code-generation-from-strings', '--import=@oxc-node/core/register']
  const output = execFileSync(process.execPath, [...flags, main, '1', '40', '300'], { encoding: 'utf8' })
  const { generates, done } = JSON.parse(output) as { generates: boolean; done: Record<string, number> }
  t.false(generates)
  for (const what of ['acquired', 'refused', 'released', 'bulk', 'json', 'kernels'])
    t.true(done[what]! > 20, what)
})
