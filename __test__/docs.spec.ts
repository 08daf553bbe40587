import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// Every `js` block of the README and the docs is a whole program: it is run as it stands, and each line that it
// prints must be the comment behind or below its `console.log`.

const root = new URL('../', import.meta.url)
const pages = ['README.md', ...readdirSync(new URL('docs', root)).map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith('.md'),
)
const folder = new URL(`.cache/docs-${process.pid}/`, root)

test.before(() => {
  mkdirSync(folder, { recursive: true })
})

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true })
})

for (const page of pages) {
  const text = readFileSync(new URL(page, root), 'utf8')
  const programs = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)
  for (const [index, program] of programs.entries()) {
    test(`${page}: example ${index + 1} runs`, (t) => {
      const file = new URL(`${page.replace(/\W/g, '-')}-${index}.mjs`, folder)
      writeFileSync(file, program)
      const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(file)], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      t.is(status, 0, stderr)
      const promised = [...program.matchAll(/console\.log\(.*\)\s+\/\/ (.*)$/gm)].map((match) => match[1]!)
      t.deepEqual(stdout.split('\n').filter(Boolean), promised)
    })
  }
}
