import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { cases } from './_runners/cases.js'

const root = fileURLToPath(new URL('../', import.meta.url))

for (const [title, body] of Object.entries(cases)) {
  test.serial(`ava: ${title}`, async (t) => {
    await body()
    t.pass()
  })
}

test.serial('node:test', async (t) => {
  const { code, output } = await node(['--test', '--test-reporter=tap', '__test__/_runners/node-test.js'])
  t.is(code, 0, output)
  t.regex(output, new RegExp(`# pass ${Object.keys(cases).length}\\b`))
})

test.serial('vitest', async (t) => {
  const { code, output } = await node([
    'node_modules/vitest/vitest.mjs',
    'run',
    '--no-file-parallelism',
    '--dir=__test__/_runners',
    '--reporter=tap-flat',
  ])
  t.is(code, 0, output)
  t.is([...output.matchAll(/^ok /gm)].length, Object.keys(cases).length + 1, output)
})

function node(args: string[]): Promise<{ code: number | null; output: string }> {
  // Inherited marks of the test runner would make a nested one report to its parent.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: root, env, timeout: 60_000, killSignal: 'SIGKILL' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
