import test from 'ava'
import * as fc from 'fast-check'
import { HeapAllocator, json, Memory, PrimarenaError, t } from 'primarena'
import { compileTemplate, Template } from '../dist/json/template.js'
import { generate } from '../dist/json/template-codegen.js'
import { parseTemplate } from '../dist/json/template-parse.js'
import { LONG_STRING } from '../dist/json/write-string.js'
import { random } from './_helpers/random.js'

/** Renders by all ways there are, checks that they agree, gives the text. */
function renderAll(shape: unknown, values: unknown): string {
  const generated = compileTemplate(shape, true)
  const walking = compileTemplate(shape, false)
  const texts = [
    generated.render(values),
    walking.render(values),
    ...(['javascript', 'native'] as const).flatMap((way) => [
      Template.renderBy(way, generated, values),
      Template.renderBy(way, walking, values, new HeapAllocator()),
    ]),
  ].map((bytes) => bytes.toString())
  for (const text of texts) if (text !== texts[0]) throw new Error(`${text}\n!==\n${texts[0]}`)
  return texts[0]!
}

const failure = (call: () => unknown): PrimarenaError => {
  try {
    call()
  } catch (error) {
    if (error instanceof PrimarenaError) return error
    throw error
  }
  throw new Error('expected an error')
}

const units = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xd7f0, max: 0xe010 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  ),
  { maxLength: 130 },
)
const text = units.map((codes) => String.fromCharCode(...codes))
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.integer({ min: -1e9, max: 1e9 }).map((whole) => whole / 1000),
  fc.constantFrom(-0, 1e21, 5e-324, 2 ** 53, -(2 ** 31), 2 ** 31, 1e-6, 1e-7, 0.1 + 0.2, NaN, Infinity),
)

test('a template renders what JSON.stringify gives, by every way', (t_) => {
  const shape = {
    ok: t.boolean('ok'),
    fixed: { a: [1, 'x"y', null, true], 'ké\u2028y': {} },
    name: t.string('name'),
    n: t.f64('n'),
    rows: t.each('rows', { sha: t.string('sha'), by: { n: t.f64('n') }, tags: t.each('tags', t.string()) }),
    any: t.json('any'),
    end: 1,
  }
  fc.assert(
    fc.property(
      fc.record({
        ok: fc.boolean(),
        name: text,
        n: number,
        rows: fc.array(fc.record({ sha: text, n: number, tags: fc.array(text, { maxLength: 3 }) }), {
          maxLength: 40,
        }),
        any: fc.jsonValue(),
      }),
      (values) => {
        const expected = JSON.stringify({
          ok: values.ok,
          fixed: shape.fixed,
          name: values.name,
          n: values.n,
          rows: values.rows.map((row) => ({ sha: row.sha, by: { n: row.n }, tags: row.tags })),
          any: values.any,
          end: 1,
        })
        return renderAll(shape, values) === expected
      },
    ),
    { numRuns: 400 },
  )
  t_.pass()
})

test('strings of every length around the change of ways', (t_) => {
  const shape = { a: t.string(), b: t.string() }
  const lengths = Array.from({ length: 60 }, (_, index) => index)
  for (let near = -6; near <= 4; near++) lengths.push(100 + near, LONG_STRING + near)
  for (const length of lengths) {
    for (const tail of ['', '"', '\n', 'é', '€', '😀', '\ud800', '\udc00x', '\0']) {
      const value = { a: 'x'.repeat(length) + tail, b: tail + 'y'.repeat(length) }
      t_.is(renderAll(shape, value), JSON.stringify(value))
    }
  }
})

test('renderings side by side leave each other alone, up to the ends of chunks', (t_) => {
  const arena = new Memory().arena({ initialBytes: 64 })
  const next = random(7)
  const Answer = json.template({ a: t.string(), n: t.f64(), b: t.optional(t.string()) })
  const Rows = json.template({ rows: t.each('rows', { a: t.string(), ok: t.boolean() }) })
  const text = (): string => {
    const length = next() < 0.9 ? next() * 50 : next() * 2 * LONG_STRING
    return Array.from(
      { length },
      () => (next() < 0.98 ? 'x' : '"é€\ud83d')[Math.floor(next() * 4)] ?? '',
    ).join('')
  }
  const rendered: { bytes: Buffer; expected: string }[] = []
  for (let round = 0; round < 3000; round++) {
    if (round % 300 === 0) {
      for (const { bytes, expected } of rendered) t_.is(bytes.toString(), expected)
      rendered.length = 0
      arena.reset({ retain: 'none' })
    }
    const values = { a: text(), n: (next() - 0.5) * 1e6, b: next() < 0.5 ? undefined : text() }
    rendered.push({ bytes: Answer.render(values, arena), expected: JSON.stringify(values) })
    const rows = { rows: Array.from({ length: next() * 4 }, () => ({ a: text(), ok: next() < 0.5 })) }
    rendered.push({ bytes: Rows.render(rows, arena), expected: JSON.stringify(rows) })
    if (next() < 0.3) arena.allocUnsafe(Math.floor(next() * 40)).fill(0xa5)
  }
  arena.dispose()
})

test('every escape in a long string, and strings that are nothing but escapes', (t_) => {
  const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')
  for (const value of [
    all,
    all.repeat(40),
    '"'.repeat(5000),
    '\u0001'.repeat(20000),
    '\ud800'.repeat(9000),
    '€'.repeat(9000),
    '\u0001\ud800"'.repeat(3000),
  ]) {
    t_.is(
      renderAll({ v: t.string(), w: t.string() }, { v: value, w: value }),
      JSON.stringify({ v: value, w: value }),
    )
  }
})

test('members in any mix of constant, plain and optional', (t_) => {
  const kinds = ['constant', 'plain', 'optional'] as const
  for (let mix = 0; mix < 81; mix++) {
    const chosen = [0, 1, 2, 3].map((place) => kinds[Math.floor(mix / 3 ** place) % 3]!)
    const shape = Object.fromEntries(
      chosen.map((kind, place) => [
        `m${place}`,
        kind === 'constant' ? place : kind === 'plain' ? t.u8(`m${place}`) : t.optional(t.u8(`m${place}`)),
      ]),
    )
    for (let given = 0; given < 16; given++) {
      const values: Record<string, unknown> = {}
      chosen.forEach((kind, place) => {
        if (kind !== 'optional') values[`m${place}`] = place
        else if ((given >> place) & 1) values[`m${place}`] = place % 2 ? null : 7
      })
      t_.is(
        renderAll(shape, values),
        JSON.stringify(
          Object.fromEntries(
            Object.keys(shape)
              .filter((key) => key in values)
              .map((key) => [key, values[key]]),
          ),
        ),
      )
    }
  }
})

test('optional rows, elements and their nulls', (t_) => {
  const row = { v: [t.optional(t.string('a')), t.optional(t.each('b', t.optional(t.u8())))] }
  const shape = { rows: t.optional(t.each('rows', row)) }
  t_.is(renderAll(shape, {}), '{}')
  t_.is(renderAll(shape, { rows: null }), '{"rows":null}')
  t_.is(renderAll(shape, { rows: [] }), '{"rows":[]}')
  t_.is(
    renderAll(shape, { rows: [{}, { a: null, b: null }, { a: 'x', b: [1, undefined, null] }] }),
    '{"rows":[{"v":[null,null]},{"v":[null,null]},{"v":["x",[1,null,null]]}]}',
  )
})

test('defaults stand for undefined only', (t_) => {
  const shape = { a: t.string('a', { default: 'none' }), n: t.u8('n', { default: 7 }) }
  t_.is(renderAll(shape, {}), '{"a":"none","n":7}')
  t_.is(renderAll(shape, { a: 'x', n: 1 }), '{"a":"x","n":1}')
  t_.is(failure(() => renderAll(shape, { a: null })).path, 'a')
})

test('names that are hostile to generated code or to lookups', (t_) => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '"]; process.exit(1); //',
    "'\\`${1}",
    '\u2028\u2029\n',
    '',
    '0',
    '-1',
    'a b',
    '\ud800',
    '*/',
    '</script>',
  ]
  const shape = Object.fromEntries(names.map((name) => [name, t.optional(t.string(name))]))
  const values = Object.fromEntries(names.map((name, index) => [name, `v${index}`]))
  t_.is(renderAll(shape, values), JSON.stringify(values))
  // Nothing inherited is taken for a value.
  t_.is(renderAll(shape, {}), '{}')
  t_.is(renderAll(shape, { ['toString']: 'own' }), '{"toString":"own"}')
})

test('numbers of each type, and what is out of their range', (t_) => {
  const ranges = {
    u8: [0, 255],
    u16: [0, 65535],
    u32: [0, 4294967295],
    i8: [-128, 127],
    i16: [-32768, 32767],
    i32: [-2147483648, 2147483647],
  } as const
  for (const [kind, [least, most]] of Object.entries(ranges)) {
    const shape = { v: t[kind as 'u8']('v') }
    for (const value of [least, most, 0, -0])
      t_.is(renderAll(shape, { v: value }), JSON.stringify({ v: value }))
    for (const value of [least - 1, most + 1, 0.5, NaN, '1', 1n, null, undefined]) {
      for (const generated of [true, false]) {
        const error = failure(() => compileTemplate(shape, generated).render({ v: value }))
        t_.is(error.code, 'ERR_TEMPLATE')
        t_.is(error.path, 'v')
      }
    }
  }
  t_.is(
    renderAll({ a: t.u64(), b: t.i64(), c: t.i64() }, { a: 2n ** 64n - 1n, b: -(2n ** 63n), c: -5 }),
    '{"a":18446744073709551615,"b":-9223372036854775808,"c":-5}',
  )
  for (const value of [2n ** 64n, -1n, -1, 0.5, 2 ** 53, '1'])
    t_.is(failure(() => renderAll(t.u64(), value)).code, 'ERR_TEMPLATE')
})

test('timestamps are those of toISOString', (t_) => {
  const shape = { at: t.timestamp() }
  const check = (ms: number): void => {
    const date = new Date(ms)
    t_.is(renderAll(shape, { at: ms }), JSON.stringify({ at: date }))
    t_.is(renderAll(shape, { at: date }), JSON.stringify({ at: date }))
  }
  for (const ms of [
    0,
    -1,
    1.9,
    951782400000,
    253402300799999,
    253402300800000,
    -62198755200000,
    8.64e15,
    -8.64e15,
    8.64e15 + 2,
    NaN,
    1e300,
  ])
    check(ms)
  fc.assert(
    fc.property(fc.double({ min: -9e15, max: 9e15, noNaN: true }), (ms) => check(ms)),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => check(ms)),
    { numRuns: 300 },
  )
  t_.is(failure(() => renderAll(shape, { at: '2020-01-01' })).path, 'at')
})

test('a value that does not fit names its path', (t_) => {
  const shape = { rows: t.each('rows', { sha: t.string('sha'), in: t.each('in', { 'a-b': t.f64('a-b') }) }) }
  const cases: [unknown, string | undefined][] = [
    [
      {
        rows: [
          { sha: 'a', in: [] },
          { sha: 1, in: [] },
        ],
      },
      'rows[1].sha',
    ],
    [{ rows: [{ sha: 'a', in: [{ 'a-b': 1 }, { 'a-b': '1' }] }] }, 'rows[0].in[1]["a-b"]'],
    [{ rows: [null] }, 'rows[0]'],
    [{ rows: ['x'] }, 'rows[0]'],
    [{ rows: { length: 1 } }, 'rows'],
    [{}, 'rows'],
    [null, undefined],
    ['x', undefined],
  ]
  for (const [values, path] of cases) {
    for (const generated of [true, false]) {
      const error = failure(() => compileTemplate(shape, generated).render(values))
      t_.is(error.code, 'ERR_TEMPLATE')
      t_.is(error.path, path)
      if (path !== undefined) t_.true(error.message.startsWith(path))
    }
  }
})

test('nothing is taken when a value is wrong or a getter throws', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  const kept = arena.from('kept')
  const used = arena.usedBytes
  const Row = json.template({ a: t.string('a'), b: t.string('b') })
  t_.throws(() => Row.render({ a: 'x'.repeat(500), b: 1 as never }, arena), { code: 'ERR_TEMPLATE' })
  t_.throws(
    () =>
      Row.render(
        {
          a: 'x',
          get b(): string {
            throw new Error('mine')
          },
        },
        arena,
      ),
    { message: 'mine' },
  )
  t_.is(arena.usedBytes, used)
  t_.is(kept.toString(), 'kept')
  t_.is(Row.render({ a: '1', b: '2' }, arena).toString(), '{"a":"1","b":"2"}')
  arena.dispose()
})

test('a getter may render by the same template into the same arena', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  const Row = json.template({ a: t.string('a'), rows: t.each('rows', { b: t.string('b') }) })
  let inner: Buffer | undefined
  const outer = Row.render(
    {
      a: 'outer',
      rows: [
        { b: 'first' },
        {
          get b() {
            inner = Row.render({ a: 'inner', rows: [{ b: 'in' }] }, arena)
            return 'second'
          },
        },
      ],
    },
    arena,
  )
  t_.is(outer.toString(), '{"a":"outer","rows":[{"b":"first"},{"b":"second"}]}')
  t_.is(inner?.toString(), '{"a":"inner","rows":[{"b":"in"}]}')
  const Flat = json.template({ a: t.string(), b: t.json() })
  const long = '"'.repeat(LONG_STRING)
  const nested = {
    toJSON() {
      inner = Flat.render({ a: long, b: 1 }, arena)
      return 'second'
    },
  }
  t_.is(Flat.render({ a: long, b: nested }, arena).toString(), JSON.stringify({ a: long, b: 'second' }))
  t_.is(inner?.toString(), JSON.stringify({ a: long, b: 1 }))
  arena.dispose()
})

test('json holes take any JSON value and ready bytes', (t_) => {
  const shape = { v: t.json('v'), w: t.optional(t.json('w')) }
  const own = { toJSON: () => ({ made: 1 }) }
  for (const v of [null, 'a"\ud800', 1, true, [], {}, [1, { a: [] }], own, new Date(0)]) {
    t_.is(renderAll(shape, { v }), JSON.stringify({ v }))
  }
  const ready = Buffer.from(' {"a" : [1.0, "\\u00e9"]}\n')
  const shared = new Uint8Array(new SharedArrayBuffer(4))
  shared.set(Buffer.from('true'))
  t_.is(renderAll(shape, { v: ready, w: shared }), `{"v":${ready},"w":true}`)
  t_.is(
    renderAll(shape, { v: new DataView(Uint8Array.from(ready).buffer), w: Uint8Array.of(0x31).buffer }),
    `{"v":${ready},"w":1}`,
  )
  for (const v of ['', '{', '{"a":1}}', '\xff', '01']) {
    const error = failure(() => renderAll(shape, { v: Buffer.from(v, 'latin1') }))
    t_.is(error.code, 'ERR_TEMPLATE')
    t_.is(error.path, 'v')
    t_.is((error.cause as PrimarenaError).code, 'ERR_JSON_SYNTAX')
  }
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  for (const v of [undefined, () => 1, Symbol('x'), 1n, cycle])
    t_.is(failure(() => renderAll(shape, { v })).code, 'ERR_TEMPLATE')
})

test('long ready bytes beside long strings and many rows', (t_) => {
  const big = Buffer.from(JSON.stringify('é"'.repeat(50_000)))
  const rows = Array.from({ length: 300 }, (_, n) => ({
    s: `row "${n}"`,
    raw: n % 7 ? n : Buffer.from('[1]'),
  }))
  const text = renderAll(
    { big: t.json(), s: t.string(), rows: t.each('rows', { s: t.string(), raw: t.json() }) },
    { big, s: '"'.repeat(70_000), rows },
  )
  t_.deepEqual(JSON.parse(text), {
    big: 'é"'.repeat(50_000),
    s: '"'.repeat(70_000),
    rows: rows.map(({ s }, n) => ({ s, raw: n % 7 ? n : [1] })),
  })
})

test('constants are those of JSON.stringify', (t_) => {
  const shape = {
    date: new Date(0),
    skip: undefined,
    fn: () => 1,
    list: [undefined, () => 1, Symbol('x'), new Number(3), new String('s'), NaN],
    json: { toJSON: () => 5 },
    gone: { toJSON: () => undefined },
    kind: { kind: 'string', source: 'x' },
    ['__proto__']: { a: 1 },
    2: 'two',
    lone: '\udead',
  }
  t_.is(renderAll(shape, {}), JSON.stringify(shape))
  t_.is(renderAll({ ...shape, hole: t.u8() }, { hole: 1 }), JSON.stringify({ ...shape, hole: 1 }))
  t_.is(failure(() => json.template({ a: [1n] })).code, 'ERR_TEMPLATE')
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  t_.is(failure(() => json.template(cycle)).code, 'ERR_TEMPLATE')
})

test('constant text and bytes', (t_) => {
  const text = ' {"a":1, "b":"é"} '
  t_.is(json.template(text).render({}).toString(), text)
  t_.is(json.template(Buffer.from(text)).render({}).toString(), text)
  t_.is(
    json
      .template(Uint8Array.from(Buffer.from('[]')).buffer)
      .render({})
      .toString(),
    '[]',
  )
  t_.is(failure(() => json.template('{a}')).code, 'ERR_JSON_SYNTAX')
  t_.is(failure(() => json.template(Buffer.from([0x22, 0xff, 0x22]))).code, 'ERR_JSON_SYNTAX')
  t_.is(failure(() => json.template('"\ud800"')).code, 'ERR_TEMPLATE')
})

test('a template may be one hole', (t_) => {
  t_.is(renderAll(t.string(), 'x"'), '"x\\""')
  t_.is(renderAll(t.each('rows', t.u8()), { rows: [1, 2] }), '[1,2]')
  t_.is(renderAll([t.u8('a'), t.u8('b')], { a: 1, b: 2 }), '[1,2]')
})

test('what is no template', (t_) => {
  for (const shape of [undefined, null, () => 1, Symbol('x')])
    t_.throws(() => json.template(shape as never), { instanceOf: TypeError })
  t_.is(failure(() => json.template({ b: t.bytes('b') })).code, 'ERR_TEMPLATE')
  t_.is(failure(() => json.template({ b: t.string(24) })).code, 'ERR_TEMPLATE')
  t_.is(failure(() => json.template({ a: [t.string()] })).code, 'ERR_TEMPLATE')
  let deep: object = { v: t.string('v') }
  for (let level = 0; level < 40; level++) deep = { rows: t.each('rows', deep) }
  t_.is(failure(() => json.template(deep)).code, 'ERR_TEMPLATE')
  t_.throws(() => json.template({ a: t.u8() }).render({ a: 1 }, {} as never), { instanceOf: TypeError })
})

test('rows as deep as they may be', (t_) => {
  let shape: object = t.each('v', t.string())
  let value: object = { v: ['"x'] }
  for (let level = 0; level < 29; level++) {
    shape = t.each('v', { m: shape })
    value = { v: [value] }
  }
  const text = renderAll({ m: shape }, value)
  t_.is(text.length, '{"m":["\\"x"]}'.length + 29 * '[{"m":}]'.length)
})

test('large output is measured, not guessed', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, s: `"${n}"` }))
  const bytes = json.template({ rows: t.each('rows', { n: t.u32(), s: t.string() }) }).render({ rows }, arena)
  t_.is(bytes.toString(), JSON.stringify({ rows }))
  t_.true(arena.capacityBytes < bytes.length * 3)
  arena.dispose()
})

test('a generated template is used when code may be generated', (t_) => {
  t_.not(generate(parseTemplate({ a: t.string('a') })), undefined)
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`k${n}`, t.u32(`k${n}`)]))
  t_.is(generate(parseTemplate(many)), undefined)
  const values = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`k${n}`, n]))
  t_.is(renderAll(many, values), JSON.stringify(values))
})

test('a path is no source of a hole', (t_) => {
  for (const source of ['$.repo', '$["repo"]', '$[0]', '/repo']) {
    for (const shape of [{ a: t.string(source) }, { a: [t.each(source, { b: t.u8() })] }]) {
      const error = failure(() => json.template(shape))
      t_.is(error.code, 'ERR_TEMPLATE')
      t_.regex(error.message, /holes of a template take names of properties, not paths/)
    }
  }
  t_.is(
    json
      .template({ a: t.u8('$'), b: t.u8('$x') })
      .render({ $: 1, $x: 2 })
      .toString(),
    '{"a":1,"b":2}',
  )
})
