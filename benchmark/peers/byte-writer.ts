/**
 * Plain JavaScript that writes JSON bytes, generated for one shape of object: no string of the whole is made,
 * and nothing is validated. The best that was found without native code: constants byte by byte, short strings
 * through a table of characters, long ones by `utf8Write` after a regular expression found nothing to escape.
 */
const PLAIN = new Uint8Array(0x10000).fill(1, 0x20, 0x80)
PLAIN[0x22] = 0
PLAIN[0x5c] = 0

// oxlint-disable-next-line no-control-regex -- they are what is looked for.
const SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/

/** A writer of objects like `sample`, into `target` from `at` on. It gives the end. */
export function compileByteWriter(sample: object): (target: Buffer, at: number, value: unknown) => number {
  const source = `return function write(b, o, v) {\n${writeCode(sample, 'v', 0)}\nreturn o\n}`
  // oxlint-disable-next-line no-new-func -- what fast-json-stringify does too.
  return new Function('string', 'number', source)(writeString, writeNumber) as never
}

function writeCode(sample: unknown, name: string, depth: number): string {
  if (typeof sample === 'string') return `o = string(b, o, ${name})`
  if (typeof sample === 'number') return `o = number(b, o, ${name})`
  if (typeof sample === 'boolean') return `if (${name}) { ${constant('true')} } else { ${constant('false')} }`
  if (Array.isArray(sample)) {
    const [index, row] = [`i${depth}`, `r${depth}`]
    return `${constant('[')}
      for (let ${index} = 0; ${index} < ${name}.length; ${index}++) {
        if (${index} > 0) b[o++] = 44
        const ${row} = ${name}[${index}]
        ${writeCode(sample[0], row, depth + 1)}
      }
      ${constant(']')}`
  }
  const members = Object.entries(sample as object).map(
    ([key, value], index) =>
      `${constant(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`)}\n${writeCode(value, `${name}[${JSON.stringify(key)}]`, depth + 1)}`,
  )
  return `${members.join('\n')}\n${constant('}')}`
}

function constant(text: string): string {
  return `${[...Buffer.from(text)].map((byte, index) => `b[o + ${index}] = ${byte}`).join(';')};o += ${text.length}`
}

function writeString(b: Buffer, o: number, text: string): number {
  const { length } = text
  if (length >= 48) {
    if (SPECIAL.test(text)) return o + b.write(JSON.stringify(text), o)
    b[o] = 0x22
    const end = o + 1 + b.write(text, o + 1)
    b[end] = 0x22
    return end + 1
  }
  const start = o
  b[o++] = 0x22
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (PLAIN[code] === 0) return start + b.write(JSON.stringify(text), start)
    b[o++] = code
  }
  b[o] = 0x22
  return o + 1
}

function writeNumber(b: Buffer, o: number, value: number): number {
  if (!Number.isFinite(value)) return o + b.write('null', o, 'latin1')
  if ((value | 0) === value && value >= 0) {
    let digits = 1
    for (let limit = 10; value >= limit && digits < 10; limit *= 10) digits++
    let rest = value
    for (let place = o + digits - 1; place >= o; place--) {
      const tens = (rest / 10) | 0
      b[place] = 0x30 + rest - tens * 10
      rest = tens
    }
    return o + digits
  }
  const text = String(value)
  for (let index = 0; index < text.length; index++) b[o++] = text.charCodeAt(index)
  return o
}
