// Documents for fuzzing the JSON readers, and the comparison of every answer with JSON.parse.
import { isDeepStrictEqual } from 'node:util'

/** What `JSON.parse` says of bytes: the oracle. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let word = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296
  }
}

const NAMES = ['a', 'b', 'c', '', '0', '1', '__proto__', 'constructor', 'toString', 'é', '€😀', 'a.b', "it's"]
const SPELLINGS = ['"\\u0061"', '"\\u00e9"', '"__proto\\u005f_"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\/"']
const SCALARS = [
  ...[
    '0',
    '-0',
    '1',
    '-1',
    '1.5',
    '1e3',
    '1E-3',
    '0.1e+2',
    '1e400',
    '-1e400',
    '1e-400',
    '5e-324',
    '0e99999999999',
  ],
  ...['9007199254740993', '18446744073709551616', '123456789012345678901234567890', '0.30000000000000004'],
  ...[
    '2.2250738585072011e-308',
    '1.7976931348623157e308',
    '9.5367431640625e-7',
    '4.35',
    '8.41e21',
    '179e305',
  ],
  ...[
    'true',
    'false',
    'null',
    '""',
    '"a"',
    '"\\n\\t\\b\\f\\r\\"\\\\\\/"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
  ],
  ...[
    '"\\ud83d\\ude00"',
    '"é"',
    '"€😀"',
    '"ÿ"',
    '"Ā"',
    '"}]{[,:"',
    '"\\\\"',
    '"\\\\\\""',
    '{}',
    '[]',
    '[[]]',
    '"\u2028"',
  ],
  `"${'long '.repeat(20)}"`,
  `"${'x'.repeat(2047)}"`,
  `"${'é'.repeat(1500)}"`,
  `"${'y'.repeat(2100)}\\n"`,
]
const WHITE = ['', '', '', '', ' ', '\n', '\t ', '\r\n', '  '.repeat(20)]
/** What a mutation puts in: tokens, halves of tokens, bytes that are no UTF-8. */
const PIECES = [
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '\n',
    '0',
    '-',
    '.',
    'e',
    'E+',
    'true',
    'nul',
    '\\u12',
    '\\ud800',
  ],
  ...[
    '01',
    '1.',
    '.5',
    '+1',
    '--1',
    '1e',
    'NaN',
    'Infinity',
    '//',
    '/**/',
    "'",
    '\u0000',
    '\u0001',
    '\u001f',
    '\u007f',
  ],
  ...['\ufeff', '\u00a0', '\u2028', '",', '"}', '],[', '{"a":', '{"a":1,"a":', '[1,', ',]', ',}', '"a":'],
].map((text) => Buffer.from(text))
const BROKEN = [
  '80',
  'ff',
  'c0af',
  'c1bf',
  'e080af',
  'eda080',
  'edbfbf',
  'f0808080',
  'f4908080',
  'f5',
  'e2',
  'e282',
  'f09f98',
]
PIECES.push(...BROKEN.map((hex) => Buffer.from(hex, 'hex')))

/** Gives documents: random ones, real ones, and both mutated. */
export class Documents {
  #random
  #real

  /** `real` are payloads to mutate. */
  constructor(seed, real) {
    this.#random = random(seed)
    this.#real = real
  }

  below(n) {
    return Math.floor(this.#random() * n)
  }

  pick(list) {
    return list[this.below(list.length)]
  }

  next() {
    const real = this.below(32) === 0 && this.#real.length > 0
    const bytes = real ? this.pick(this.#real) : Buffer.from(this.#text(1 + this.below(4)))
    const mutations = this.pick([0, 0, 0, 1, 1, 1, 2, 3])
    let mutated = bytes
    for (let i = 0; i < mutations; i++) mutated = this.#mutate(mutated)
    return mutated
  }

  #text(depth) {
    const white = () => this.pick(WHITE)
    const kind = depth === 0 ? 0 : this.below(4)
    if (kind < 1) return white() + this.pick(SCALARS) + white()
    const count = this.below(5)
    const parts = []
    for (let i = 0; i < count; i++) {
      const name = this.below(6) === 0 ? this.pick(SPELLINGS) : JSON.stringify(this.pick(NAMES))
      const value = this.#text(depth - 1)
      parts.push(kind === 1 ? value : `${white()}${name}${white()}:${value}`)
    }
    const inner = parts.join(',') || white()
    return kind === 1 ? `${white()}[${inner}]${white()}` : `${white()}{${inner}}${white()}`
  }

  #mutate(bytes) {
    const at = this.below(bytes.length + 1)
    const length = this.below(8)
    switch (this.below(6)) {
      case 0: {
        const copy = Buffer.from(bytes)
        if (at < copy.length) copy[at] ^= 1 << this.below(8)
        return copy
      }
      case 1:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + length)])
      case 2:
        return bytes.subarray(0, at)
      case 3:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length * 8))])
      case 4: {
        const copy = Buffer.from(bytes)
        if (at < copy.length) copy[at] = this.below(256)
        return copy
      }
      default:
        return Buffer.concat([bytes.subarray(0, at), this.pick(PIECES), bytes.subarray(at + this.below(2))])
    }
  }
}

const own = (value, name) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? value[name] : undefined
const member = (value, name) => (Array.isArray(value) ? undefined : own(value, name))
const element = (value, index) => (Array.isArray(value) ? value.at(index) : undefined)
const values = (value) => (typeof value === 'object' && value !== null ? Object.values(value) : [])
const defined = (list) => list.filter((value) => value !== undefined)

/** Paths, and the same in JavaScript. */
const PATHS = {
  root: ['$', (v) => v],
  a: ['$.a', (v) => member(v, 'a')],
  proto: ['$.__proto__', (v) => member(v, '__proto__')],
  deep: ["$.a.b['']", (v) => member(member(member(v, 'a'), 'b'), '')],
  accent: ["$['é']", (v) => member(v, 'é')],
  first: ['$[0]', (v) => element(v, 0)],
  nested: ['$[1][0]', (v) => element(element(v, 1), 0)],
  last: ['$[-1]', (v) => element(v, -1)],
  pointer: ['/0', (v) => (Array.isArray(v) ? v[0] : own(v, '0'))],
  repo: ['$.repository.full_name', (v) => member(member(v, 'repository'), 'full_name')],
  login: ['$.sender.login', (v) => member(member(v, 'sender'), 'login')],
}
/** Paths that give arrays. Those through objects are in document order, which JavaScript does not keep. */
const LISTS = {
  all: ['$.*', (v) => values(v)],
  grand: ['$.*.*', (v) => values(v).flatMap(values)],
  named: ['$[*].a', (v) => defined(values(v).map((e) => member(e, 'a')))],
  reverse: ['$[::-1]', (v) => (Array.isArray(v) ? v.toReversed() : []), 'ordered'],
  tail: ['$.a[1:]', (v) => (Array.isArray(member(v, 'a')) ? member(v, 'a').slice(1) : []), 'ordered'],
  added: [
    '$.commits[*].added[*]',
    (v) => values(member(v, 'commits')).flatMap((c) => values(member(c, 'added'))),
  ],
}

const byText = (list) => list.map((value) => JSON.stringify(value) ?? '').toSorted()

/**
 * Compares every reader with `JSON.parse` on one document after the other; throws at the first difference.
 * `Infinity` (1e400) is nothing that `JSON.stringify` could write, so those are compared as values.
 */
export class Comparison {
  accepted = 0
  rejected = 0
  #json
  #single
  #forward
  #lists
  #transform
  #rows

  constructor({ json, t }) {
    this.#json = json
    const paths = (table) => Object.fromEntries(Object.entries(table).map(([name, [path]]) => [name, path]))
    const { last: _last, ...forward } = paths(PATHS)
    const { reverse: _reverse, tail: _tail, ...lists } = paths(LISTS)
    this.#single = json.fields(paths(PATHS))
    this.#forward = json.fields({ ...forward, ...lists })
    this.#lists = json.fields(paths(LISTS))
    this.#transform = json.transform({
      root: '$',
      inner: { a: '$.a', proto: '$.__proto__', fixed: ['$.b', '$.a'] },
      all: '$[*]',
      rows: t.each('$[*]', { a: 'a', first: '$[0]' }),
      one: json.literal({ x: 1 }),
    })
    this.#rows = json.columns('$.*', { row: '$', a: 'a', text: t.bytes('$') })
  }

  document(bytes) {
    let value
    let valid = true
    try {
      value = JSON.parse(decoder.decode(bytes))
    } catch {
      valid = false
    }
    if (valid) {
      this.accepted++
      this.#accept(bytes, value)
    } else {
      this.rejected++
      this.#reject(bytes)
    }
    this.#trust(bytes, valid)
  }

  #accept(bytes, value) {
    const fault = this.#json.check(bytes)
    if (fault) throw new Error(`check refuses what JSON.parse takes: ${fault.message}`)
    const single = this.#single.read(bytes)
    const forward = this.#forward.read(bytes)
    for (const [name, [path, evaluate]] of Object.entries(PATHS)) {
      const expected = evaluate(value)
      this.#same(path, single[name], expected)
      if (name in forward) this.#same(path, forward[name], expected)
    }
    const lists = this.#lists.read(bytes)
    for (const [name, [path, evaluate, ordered]] of Object.entries(LISTS)) {
      const expected = evaluate(value)
      if (ordered) this.#same(path, lists[name], expected)
      else {
        this.#same(path, byText(lists[name]), byText(expected))
        this.#same(path, byText(forward[name]), byText(expected))
      }
    }
    const expected = { root: value, inner: {} }
    if (PATHS.a[1](value) !== undefined) expected.inner.a = PATHS.a[1](value)
    if (PATHS.proto[1](value) !== undefined) expected.inner.proto = PATHS.proto[1](value)
    expected.inner.fixed = [member(value, 'b') ?? null, member(value, 'a') ?? null]
    for (const line of [this.#transform.write(bytes), this.#transform.writeLine(bytes)]) {
      const { rows, all, one, ...rest } = JSON.parse(decoder.decode(line))
      this.#same('transform', rest, expected)
      this.#same('transform', byText(all), byText(values(value)))
      const row = (v) => ({ ...this.#present('a', member(v, 'a')), ...this.#present('first', element(v, 0)) })
      this.#same('rows', byText(rows), byText(values(value).map(row)))
      this.#same('literal', one, { x: 1 })
    }
    const table = this.#rows.read(bytes)
    this.#same('columns', table.length, values(value).length)
    this.#same('columns', byText(table.columns.row.toArray()), byText(values(value)))
    this.#same(
      'columns',
      byText(table.columns.a.toArray()),
      byText(values(value).map((v) => member(v, 'a') ?? null)),
    )
    this.#same(
      'columns',
      byText(table.columns.text.toArray().map((b) => JSON.parse(b.toString()))),
      byText(values(value)),
    )
  }

  #present(name, value) {
    return value === undefined ? {} : { [name]: value }
  }

  #reject(bytes) {
    const fault = this.#json.check(bytes)
    if (!fault) throw new Error('check takes what JSON.parse refuses')
    if (!(fault.offset >= 0 && fault.offset <= bytes.length && fault.line >= 1 && fault.column >= 1)) {
      throw new Error(`a fault has no place: ${JSON.stringify(fault)}`)
    }
    for (const read of [
      () => this.#single.read(bytes),
      () => this.#forward.read(bytes),
      () => this.#transform.write(bytes),
      () => this.#rows.read(bytes),
    ]) {
      const error = thrownBy(read)
      if (error?.code !== 'ERR_JSON_SYNTAX' || error.offset !== fault.offset) {
        throw new Error(`expected ERR_JSON_SYNTAX at ${fault.offset}, got ${error?.stack ?? 'a result'}`)
      }
    }
  }

  /** Trusted, a document gives a result or a coded error; a valid one always a result. */
  #trust(bytes, valid) {
    const trust = { trust: true }
    for (const read of [
      () => this.#single.read(bytes, trust),
      () => this.#forward.read(bytes, trust),
      () => this.#lists.read(bytes, trust),
      () => this.#transform.write(bytes, undefined, trust),
      () => this.#rows.read(bytes, undefined, trust).columns.a.toArray(),
    ]) {
      const error = thrownBy(read)
      if (error && (valid || !/^ERR_JSON_(SYNTAX|TYPE)$/.test(error.code ?? ''))) throw error
    }
  }

  #same(what, got, expected) {
    if (!Object.is(got, expected) && !isDeepStrictEqual(got, expected)) {
      throw new Error(`${what}: expected ${show(expected)}, got ${show(got)}`)
    }
  }
}

const show = (value) => (JSON.stringify(value) ?? String(value)).slice(0, 300)

function thrownBy(read) {
  try {
    read()
    return undefined
  } catch (error) {
    return error
  }
}
