import { withArticle } from './checks.js'
import { Arena } from './arena.js'
import { PrimarenaError } from './errors.js'
import type { Lessee } from './lessee.js'
import { livesIn } from './results.js'

/**
 * Searches a result for what would outlive its arena and is not copied: views, handles and chunks below the
 * first level, in arrays, objects, maps and sets. Only at leak detection `full`: it visits everything.
 *
 * @throws PrimarenaError ERR_ESCAPED_HANDLE with the path.
 * @internal
 */
export function checkDeep(value: unknown, lessee: Lessee): void {
  const seen = new Set<object>()
  const pending: { value: unknown; path: string; depth: number }[] = [{ value, path: '$', depth: 0 }]
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    const { value: current, path, depth } = item
    if (typeof current !== 'object' || current === null || seen.has(current)) continue
    seen.add(current)
    if (ArrayBuffer.isView(current)) {
      // Views of the first two levels are copied; only deeper ones escape.
      if (depth > 1 && Arena.of(current.buffer)?.lessee === lessee) throw escaped(path, 'a view')
      continue
    }
    if (current instanceof Arena ? current.lessee === lessee : handleOf(current)?.lessee === lessee) {
      throw escaped(path, withArticle(current.constructor.name))
    }
    if (current instanceof Map) {
      let index = 0
      for (const [key, member] of current) {
        pending.push({ value: key, path: `${path}<key ${index}>`, depth: depth + 2 })
        pending.push({ value: member, path: `${path}<${String(key)}>`, depth: depth + 2 })
        index += 1
      }
    } else if (current instanceof Set) {
      for (const member of current) pending.push({ value: member, path: `${path}<member>`, depth: depth + 2 })
    }
    // Class instances are passed as they are, so what they hold directly escapes already at the first level.
    const copied = isPlain(current)
    for (const key of Reflect.ownKeys(current)) {
      const member: unknown = Object.getOwnPropertyDescriptor(current, key)?.value
      if (typeof member !== 'object' || member === null) continue
      const name = Array.isArray(current) ? `[${String(key)}]` : `.${String(key)}`
      pending.push({ value: member, path: path + name, depth: copied ? depth + 1 : depth + 2 })
    }
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || prototype === Array.prototype
}

function handleOf(value: object): { lessee?: unknown } | undefined {
  return livesIn in value ? ((value as { [livesIn]: unknown })[livesIn] as { lessee?: unknown }) : undefined
}

function escaped(path: string, what: string): PrimarenaError {
  return new PrimarenaError(
    'ERR_ESCAPED_HANDLE',
    `the result holds ${what} of the operation's arena at ${path}`,
    {
      path,
    },
  )
}
