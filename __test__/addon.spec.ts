import { readdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { runChild } from './_helpers/child.js'
import { copyPackage } from './_helpers/copy.js'

const root = fileURLToPath(new URL('../', import.meta.url))

/** What loading a copy of the package without its addon fails with; `before` runs first. */
async function failure(
  t: ExecutionContext,
  before = '',
  env: Record<string, string> = {},
  prepare = async (_folder: string): Promise<void> => {},
): Promise<{ code: string; name: string; message: string; cause: string }> {
  const folder = await copyPackage({ addon: false })
  t.teardown(() => rm(folder, { recursive: true }))
  await prepare(folder)
  const entry = pathToFileURL(join(folder, 'dist', 'index.js')).href
  const { stdout, stderr, code } = await runChild(
    `${before}
     const { code, name, message, cause } = await import(${JSON.stringify(entry)}).catch((error) => error)
     console.log(JSON.stringify({ code, name, message, cause: String(cause) }))`,
    { env: { PRIMARENA_ADDON: '', ...env } },
  )
  t.is(code, 0, stderr)
  return JSON.parse(stdout) as Awaited<ReturnType<typeof failure>>
}

test('a missing addon is told with the package that is wanted', async (t) => {
  const { code, name, message, cause } = await failure(t)
  t.is(code, 'ERR_ADDON_NOT_LOADED')
  t.is(name, 'PrimarenaError')
  t.true(message.includes(`${process.platform}-${process.arch}`), message)
  t.regex(message, /the optional package primarena-\S+ is not installed.*--include=optional/)
  t.regex(cause, /native binding/)
})

test('an unknown platform is told with those that are known', async (t) => {
  const { code, message } = await failure(t, `Object.defineProperty(process, 'arch', { value: 'mips' })`)
  t.is(code, 'ERR_ADDON_NOT_LOADED')
  t.regex(message, /-mips.*expected one of darwin-arm64, .*npm run build:native/)
})

test('an addon that is there and cannot be loaded says why', async (t) => {
  const [addon] = readdirSync(root).filter((name) => name.endsWith('.node'))
  const { code, message } = await failure(t, '', {}, (folder) => writeFile(join(folder, addon!), 'no addon'))
  t.is(code, 'ERR_ADDON_NOT_LOADED')
  t.true(message.includes(addon!) || process.platform !== 'linux', message)
  t.notRegex(message, /is not installed/)
})

test('an addon that the environment names is told by its path', async (t) => {
  const { code, message } = await failure(t, '', { PRIMARENA_ADDON: '/no/such/file.node' })
  t.is(code, 'ERR_ADDON_NOT_LOADED')
  t.regex(message, /from PRIMARENA_ADDON=\/no\/such\/file\.node: /)
})

test('the platforms that are known are those that are built', (t) => {
  const { napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    napi: { targets: string[] }
  }
  const source = readFileSync(join(root, 'src/addon.ts'), 'utf8')
  const known = [...source.matchAll(/^ {2}'([\w-]+)',$/gm)].map(([, name]) => name)
  const built = napi.targets.map((target) => {
    const [arch, , system, libc] = target.split('-')
    const platform = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[system!]
    return [platform, arch === 'aarch64' ? 'arm64' : 'x64', libc].filter(Boolean).join('-')
  })
  t.deepEqual(known, built.toSorted())
})
