/**
 * The best plain JavaScript that we could write for reading few values out of much JSON: a walker over the
 * bytes, generated for its paths, that skips what nobody asked for and stops when it has everything.
 *
 * It does not validate: given what is not JSON, it answers something. That makes it the honest baseline of what
 * trusts its input, and a generous one of what does not.
 */

/** Where a value starts and ends, by path in the order given: `ranges[2 * i]`, `ranges[2 * i + 1]`; 0, 0 if missing. */
export type Walker = (bytes: Uint8Array, ranges: Int32Array) => void

interface Branch {
  leaf: number
  members: Map<string, Branch>
}

/** Compiles paths like `['sender', 'login']`. No path may lead through another's value. */
export function compileWalker(paths: readonly (readonly string[])[]): Walker {
  const root: Branch = { leaf: -1, members: new Map() }
  for (const [leaf, path] of paths.entries()) {
    let branch = root
    for (const name of path) {
      let next = branch.members.get(name)
      if (!next) branch.members.set(name, (next = { leaf: -1, members: new Map() }))
      branch = next
    }
    branch.leaf = leaf
  }
  const functions: string[] = []
  const entry = generate(root, functions)
  const source = `
    let left = 0
    function skip(b, p) {
      let c = b[p]
      if (c === 34) {
        while ((c = b[++p]) !== 34) if (c === 92) p++
        return p + 1
      }
      if (c === 123 || c === 91) {
        let depth = 1
        while (depth > 0) {
          c = b[++p]
          if (c === 34) { while ((c = b[++p]) !== 34) if (c === 92) p++ }
          else if (c === 123 || c === 91) depth++
          else if (c === 125 || c === 93) depth--
          else if (c === undefined) return p
        }
        return p + 1
      }
      while (c !== 44 && c !== 125 && c !== 93 && c > 32) c = b[++p]
      return p
    }
    ${functions.join('\n')}
    return function walk(b, r) {
      left = ${paths.length}
      r.fill(0)
      let p = 0
      while (b[p] <= 32) p++
      if (b[p] === 123) ${entry}(b, p + 1, r)
    }`
  // Generated, as schema compilers do: one function for each object, keys compared byte by byte.
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
  return new Function(source)() as Walker
}

/** Writes the function of one object; answers its name. It gives the position after the object, or −1 to stop. */
function generate(branch: Branch, functions: string[]): string {
  const cases = new Map<number, string[]>()
  for (const [name, member] of branch.members) {
    const key = Buffer.from(name)
    const test = [...key].map((byte, i) => `b[s + ${i}] === ${byte}`).join(' && ')
    const body =
      member.leaf >= 0
        ? `r[${2 * member.leaf}] = p; p = skip(b, p); r[${2 * member.leaf + 1}] = p; if (--left === 0) return -1; continue`
        : `if (b[p] === 123) { p = ${generate(member, functions)}(b, p + 1, r); if (p < 0) return -1; continue }`
    cases.set(key.length, [...(cases.get(key.length) ?? []), `if (${test}) { ${body} }`])
  }
  const name = `object${functions.length}`
  functions.push(`
    function ${name}(b, p, r) {
      for (;;) {
        let c = b[p]
        while (c <= 32 || c === 44) c = b[++p]
        if (c !== 34) return p + 1
        const s = ++p
        while ((c = b[p]) !== 34) p += c === 92 ? 2 : 1
        const length = p - s
        p++
        while (b[p] !== 58) p++
        p++
        while (b[p] <= 32) p++
        switch (length) {
          ${[...cases].map(([length, tests]) => `case ${length}: ${tests.join('\n')} break`).join('\n')}
        }
        p = skip(b, p)
      }
    }`)
  return name
}

/** The value in a range, as JavaScript has it. */
export function valueIn(body: Buffer, start: number, end: number): unknown {
  if (end === 0) return undefined
  const first = body[start]
  if (first === 0x22) {
    const text = body.toString('utf8', start + 1, end - 1)
    return text.includes('\\') ? JSON.parse(`"${text}"`) : text
  }
  if (first === 0x7b || first === 0x5b) return JSON.parse(body.toString('utf8', start, end))
  if (first === 0x74) return true
  if (first === 0x66) return false
  if (first === 0x6e) return null
  return Number(body.toString('latin1', start, end))
}
