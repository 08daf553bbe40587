/** Loads the native addon, or says what is missing. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type * as Addon from '../index.js'
import { PrimarenaError } from './errors.js'

/** What there is a prebuilt addon for: `napi.targets` in package.json. */
const PREBUILT = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

/**
 * The addon: the file that the environment's PRIMARENA_ADDON names, or else what the generated loader finds. By
 * `require`, since a failing `import` could not be caught here without a top-level await, which would keep
 * `require('primarena')` from working. The loader is `index.cjs`, its types are `index.d.ts`.
 *
 * @throws PrimarenaError ERR_ADDON_NOT_LOADED, with what the loader tried as its cause.
 */
export function loadAddon(): typeof Addon {
  const require = createRequire(import.meta.url)
  const path = process.env['PRIMARENA_ADDON']
  try {
    return require(path ? resolve(path) : '../index.cjs') as typeof Addon
  } catch (cause) {
    throw new PrimarenaError('ERR_ADDON_NOT_LOADED', explain(cause, path), { cause })
  }
}

function explain(cause: unknown, path: string | undefined): string {
  const target = targetName()
  const what = `no native addon could be loaded for ${target} (Node ${process.versions.node})`
  if (path) return `${what} from PRIMARENA_ADDON=${path}: ${String((cause as Error).message)}`
  const broken = failureOf(cause)
  if (broken !== undefined) return `${what}: ${broken}`
  if (!PREBUILT.includes(target)) {
    return `${what}: expected one of ${PREBUILT.join(', ')}; elsewhere build it from a checkout with npm run build:native`
  }
  return (
    `${what}: the optional package primarena-${target} is not installed. Install without --omit=optional and on ` +
    'this platform (npm install --include=optional), or in a checkout run npm run build:native'
  )
}

/** Why the addon that is there could not be loaded; nothing if none is there. */
function failureOf(cause: unknown): string | undefined {
  // The loader's own error, and below it one for each place, the last one first, of which only the messages are kept.
  if (!(cause instanceof Error)) return String(cause)
  let found = cause.cause === undefined ? cause.message : undefined
  for (let error = cause.cause; error instanceof Error; error = error.cause) {
    if (!/^(Cannot find module|Unsupported) /.test(error.message)) found = error.message
  }
  return found
}

/** Platform, architecture and C library, as the packages are named. */
function targetName(): string {
  const { platform, arch } = process
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return `${platform}-${arch}-${report?.header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
}
