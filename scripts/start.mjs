// `npm start`: set-up, then the comparison in examples/service with the options given.
import { spawnSync } from 'node:child_process'
import { root } from './lib/run.mjs'
import { setupOrExit } from './setup.mjs'

await setupOrExit()
const { status } = spawnSync(
  process.execPath,
  ['--import=@oxc-node/core/register', 'examples/service/main.ts', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
)
process.exitCode = status ?? 1
