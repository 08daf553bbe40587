// What was built from what: a content hash of the sources for each product, kept in `.cache/`.
// Contents, not times: a checkout or a rebase touches every file without changing it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const folder = join(root, '.cache')

/**
 * A hash over files, and over folders with everything below them that `keep` accepts.
 *
 * @param {readonly string[]} paths relative to the root; what does not exist counts as absent
 * @param {(path: string) => boolean} [keep]
 * @param {string} [extra] settings that matter as much as the files
 */
export function hashSources(paths, keep = () => true, extra = '') {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n${extra}\n`)
  const visit = (path) => {
    const absolute = join(root, path)
    if (!existsSync(absolute)) return
    if (statSync(absolute).isDirectory()) {
      for (const name of readdirSync(absolute).toSorted()) visit(`${path}/${name}`)
    } else if (keep(path)) {
      hash.update(`${path}\n`).update(readFileSync(absolute)).update('\0')
    }
  }
  for (const path of paths) visit(path)
  return hash.digest('hex')
}

/** The hash that `product` was last built from, if any. */
export function readStamp(product) {
  try {
    return readFileSync(join(folder, `${product}.stamp`), 'utf8').trim()
  } catch {
    return undefined
  }
}

export function writeStamp(product, hash) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${product}.stamp`), `${hash}\n`)
}
