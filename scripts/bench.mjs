// `npm run bench`: set-up, then benchmark/run.ts with the options given.
import { spawnSync } from 'node:child_process'
import { root } from './lib/run.mjs'
import { setupOrExit } from './setup.mjs'

await setupOrExit()
const { status } = spawnSync(
  process.execPath,
  ['--import=@oxc-node/core/register', 'benchmark/run.ts', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
)
process.exitCode = status ?? 1
