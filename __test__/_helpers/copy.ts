import { copyFile, cp, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What an installation of the package holds, in a folder of its own; without its addon on demand. */
export async function copyPackage({ addon = true } = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'primarena-'))
  await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  await copyFile(join(root, 'index.cjs'), join(folder, 'index.cjs'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of await readdir(root)) {
    if (addon && name.endsWith('.node')) await symlink(join(root, name), join(folder, name))
  }
  return folder
}
