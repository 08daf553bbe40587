import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

test('docs/errors.md lists the codes of src/errors.ts, in the same order', (t) => {
  const source = readFileSync(new URL('src/errors.ts', root), 'utf8')
  const type = /export type ErrorCode =([\s\S]*?)\n\n/.exec(source)![1]!
  const codes = [...type.matchAll(/'(ERR_\w+)'/g)].map((match) => match[1]!)
  const page = readFileSync(new URL('docs/errors.md', root), 'utf8')
  const rows = [...page.matchAll(/^\| `(ERR_\w+)`/gm)].map((match) => match[1]!)
  t.true(codes.length > 0)
  t.deepEqual(rows, codes)
})

test('the README links every page, and links lead somewhere', (t) => {
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  for (const page of pages.slice(1)) t.true(readme.includes(`(${page})`), page)
  for (const page of pages) {
    const text = readFileSync(new URL(page, root), 'utf8')
    for (const [, target, anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)) {
      const file = target === '' ? new URL(page, root) : new URL(target!, new URL(page, root))
      t.true(existsSync(file), `${page}: ${target}`)
      if (anchor !== undefined) {
        const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) =>
          match[1]!
            .toLowerCase()
            .replace(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        )
        t.true(headings.includes(anchor), `${page}: ${target}#${anchor}`)
      }
    }
  }
})
