import test from 'ava'
import { json, Memory, t, type PrimarenaError } from 'primarena'

const bytes = (text: string) => Buffer.from(text)
const code = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return error as PrimarenaError
  }
  throw new Error('expected an error, got a result')
}

test('values come as JSON.parse gives them', (t_) => {
  const text = String.raw`{"s":"a\u00e9\ud83d\ude00\"\n","n":-0,"big":9007199254740993,"tiny":5e-324,"inf":1e400,
    "yes":true,"no":false,"nil":null,"obj":{"__proto__":{"x":1},"a":[1,2]},"arr":[[]],"empty":"","lone":"\udc00\ud800"}`
  const parsed = JSON.parse(text) as Record<string, unknown>
  const program = json.fields(Object.fromEntries(Object.keys(parsed).map((name) => [name, `$.${name}`])))
  t_.deepEqual(program.read(bytes(text)), parsed as never)
  t_.deepEqual(program.read(bytes(text), { trust: true }), parsed as never)
  t_.true(Object.is(program.read(bytes(text))['n'], -0))
})

test('missing is undefined, null is null, defaults stand for what is missing only', (t_) => {
  const program = json.fields({
    missing: '$.x',
    typed: t.string('$.x'),
    nil: t.u32('$.nil'),
    fallback: t.u32('$.x', { default: 7 }),
    nilFallback: t.u32('$.nil', { default: 7 }),
    list: t.string('$.x[*]'),
    listFallback: t.string('$.x[*]', { default: 'none' }),
    optional: t.optional(t.boolean('$.x')),
  })
  t_.deepEqual(program.read(bytes('{"nil":null}')), {
    missing: undefined,
    typed: undefined,
    nil: null,
    fallback: 7,
    nilFallback: null,
    list: [],
    listFallback: 'none',
    optional: undefined,
  })
  t_.deepEqual(Object.keys(program.read(bytes('[]'))), Object.keys(program.read(bytes('{"nil":1}'))))
})

test('required values must be there, and must not be null', (t_) => {
  const program = json.fields({ id: t.string('$.a.id', { required: true }) })
  t_.is(program.read(bytes('{"a":{"id":"x"}}')).id, 'x')
  const missing = code(() => program.read(bytes('{"a":{}}')))
  t_.is(missing.code, 'ERR_JSON_MISSING')
  t_.is(missing.path, '$.a.id')
  t_.is(code(() => program.read(bytes('{"a":{"id":null}}'))).code, 'ERR_JSON_TYPE')
  t_.is(json.fields({ x: t.json('$.x', { required: true }) }).read(bytes('{"x":null}')).x, null)
  t_.is(
    code(() => json.fields({ x: t.u8('$.x[*]', { required: true }) }).read(bytes('{"x":[]}'))).code,
    'ERR_JSON_MISSING',
  )
})

test('types are checked, with the path, the place, and what came', (t_) => {
  const cases: [ReturnType<typeof t.optional> | object, string, unknown][] = [
    [t.string('$.x'), '"a"', 'a'],
    [t.string('$.x'), '1', undefined],
    [t.u8('$.x'), '255', 255],
    [t.u8('$.x'), '256', undefined],
    [t.u8('$.x'), '-1', undefined],
    [t.u8('$.x'), '1.5', undefined],
    [t.u8('$.x'), '2.0', 2],
    [t.i8('$.x'), '-128', -128],
    [t.i8('$.x'), '-129', undefined],
    [t.u16('$.x'), '65535', 65535],
    [t.u16('$.x'), '65536', undefined],
    [t.i16('$.x'), '-32768', -32768],
    [t.u32('$.x'), '4294967295', 4294967295],
    [t.u32('$.x'), '4294967296', undefined],
    [t.u32('$.x'), '-0', 0],
    [t.i32('$.x'), '-2147483648', -2147483648],
    [t.i32('$.x'), '2147483648', undefined],
    [t.u64('$.x'), '18446744073709551615', 18446744073709551615n],
    [t.u64('$.x'), '18446744073709551616', undefined],
    [t.i64('$.x'), '-9223372036854775808', -9223372036854775808n],
    [t.i64('$.x'), '9223372036854775807', 9223372036854775807n],
    [t.bigint64('$.x'), '-1', -1n],
    [t.i64('$.x'), '-4294967297', -4294967297n],
    [t.i64('$.x'), '9223372036854775808', undefined],
    [t.f32('$.x'), '0.1', Math.fround(0.1)],
    [t.f32('$.x'), '1e39', undefined],
    [t.f64('$.x'), '1e400', Infinity],
    [t.f64('$.x'), '"1"', undefined],
    [t.boolean('$.x'), 'false', false],
    [t.boolean('$.x'), '0', undefined],
    [t.timestamp('$.x'), '"2024-02-29T12:00:00.5+01:00"', Date.parse('2024-02-29T11:00:00.500Z')],
    [t.timestamp('$.x'), '1700000000000', 1700000000000],
    [t.timestamp('$.x'), '"yesterday"', undefined],
    [t.json('$.x'), '{"a":[1]}', { a: [1] }],
    [t.bytes('$.x'), '{ "a": 1e3 }', Buffer.from('{ "a": 1e3 }')],
    [t.bytes('$.x'), 'null', Buffer.from('null')],
  ]
  for (const [type, text, expected] of cases) {
    const program = json.fields({ x: type as never })
    for (const document of [`{"x":${text}}`, `{"x": ${text} ,"y":1}`]) {
      if (expected !== undefined)
        t_.deepEqual((program.read(bytes(document)) as { x: unknown }).x, expected, text)
      else {
        const error = code(() => program.read(bytes(document)))
        t_.is(error.code, 'ERR_JSON_TYPE', text)
        t_.is(error.path, '$.x')
        t_.is(error.offset, document.indexOf(text))
        t_.true(error.message.startsWith('$.x: expected '), error.message)
        t_.true(error.message.endsWith(`found ${text}`), error.message)
      }
    }
  }
})

test('the last member of a name counts, with all that is in it', (t_) => {
  const program = json.fields({ a: '$.a', b: '$.a.b', all: '$.*' })
  t_.deepEqual(program.read(bytes(String.raw`{"a":{"b":1},"\u0061":5}`)), { a: 5, b: undefined, all: [5] })
  t_.deepEqual(program.read(bytes('{"a":5,"a":{"b":1,"b":2}}')), { a: { b: 2 }, b: 2, all: [{ b: 2 }] })
})

test('wildcards and slices give arrays in document order', (t_) => {
  const document = bytes('{"b":[{"x":1},{"x":2},{"y":0},{"x":3}],"2":"two","1":"one","b2":{"x":4}}')
  const program = json.fields({
    xs: '$.b[*].x',
    members: "$['b2','x']".replace("','", "']['") as '$.b2.x',
    every: '$.*.x',
    middle: '$.b[1:3]',
    back: '$.b[::-1].x',
    last: '$.b[-1].x',
    beyond: '$.b[9]',
    pointer: '/b/0/x',
    names: '$.*',
  })
  const result = program.read(document)
  t_.deepEqual(result.xs, [1, 2, 3])
  t_.is(result.members, 4)
  t_.deepEqual(result.every, [4])
  t_.deepEqual(result.middle, [{ x: 2 }, { y: 0 }])
  t_.deepEqual(result.back, [3, 2, 1])
  t_.is(result.last, 3)
  t_.is(result.beyond, undefined)
  t_.is(result.pointer, 1)
  // JavaScript would put the names 1 and 2 first.
  t_.deepEqual(result.names.slice(1, 3), ['two', 'one'])
})

test('names are own properties, whatever they are called', (t_) => {
  const specs = {
    ['__proto__']: '$.__proto__',
    constructor: '$.constructor',
    '"]}+alert(1)//': '$.x',
    7: '$.x',
  }
  const result = json.fields(specs).read(bytes('{"__proto__":{"polluted":1},"constructor":2,"x":3}'))
  t_.is(Object.getPrototypeOf(result), Object.prototype)
  t_.deepEqual(Object.getOwnPropertyDescriptor(result, '__proto__')?.value, { polluted: 1 })
  t_.is(result.constructor, 2 as never)
  t_.is(result['"]}+alert(1)//'], 3)
  t_.is(({} as { polluted?: 1 }).polluted, undefined)
  t_.deepEqual(json.fields({}).read(bytes('1')), {})
})

test('a type without a path is the member of its name', (t_) => {
  const result = json.fields({ 'a b': t.u8(), "it's": t.string() }).read(bytes(`{"a b":1,"it's":"x"}`))
  t_.deepEqual(result, { 'a b': 1, "it's": 'x' })
})

test('strings of every kind, short and long', (t_) => {
  const texts = ['', 'ascii', 'é', 'ÿ', 'Ā', '€', '😀', 'a\u0000b', '"\\/\b\f\n\r\t', '\ud800', '\udc00x']
  texts.push(...texts.map((text) => text.repeat(300)), ...texts.map((text) => text.repeat(3000)))
  texts.push('x'.repeat(2046), 'x'.repeat(2047), 'x'.repeat(2048), 'x'.repeat(2049))
  const escaped = (text: string) =>
    `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
  const program = json.fields({ all: '$[*]', first: t.string('$[0]') })
  for (const write of [JSON.stringify, escaped]) {
    const document = bytes(`[${texts.map((text) => write(text)).join()}]`)
    t_.deepEqual(program.read(document).all, texts)
    for (const text of texts) t_.is(program.read(bytes(`[${write(text)}]`)).first, text)
  }
})

test('more values than the scratch holds', (t_) => {
  const numbers = Array.from({ length: 50_000 }, (_, i) => (i % 3 === 0 ? `n${i}` : i))
  const program = json.fields({ all: '$[*]', count: '$[49999]' })
  t_.deepEqual(program.read(bytes(JSON.stringify(numbers))), {
    all: numbers,
    count: numbers[49_999] as never,
  })
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, `$.f${i}`]))
  const values = Object.fromEntries(Object.keys(many).map((name, i) => [name, i]))
  t_.deepEqual(json.fields(many).read(bytes(JSON.stringify(values))), values)
})

test('what is no JSON throws with the place, and gives nothing', (t_) => {
  const program = json.fields({ a: '$.a' })
  const error = code(() => program.read(bytes('{"a":1,\n "é𝄞" 2}')))
  t_.is(error.code, 'ERR_JSON_SYNTAX')
  t_.deepEqual([error.offset, error.line, error.column, error.expected], [18, 2, 8, "':'"])
  t_.regex(error.message, /expected ':' at offset 18 \(line 2, column 8\), found '2'/)
  for (const text of ['', '{"a":1}x', '\ufeff{}', '{"a":01}', '{"a":1,}', '[']) {
    t_.is(code(() => program.read(bytes(text))).code, 'ERR_JSON_SYNTAX', text)
  }
  t_.is(code(() => program.read(Buffer.from([0x22, 0xff, 0x22]))).code, 'ERR_JSON_SYNTAX')
})

test('limits on depth and size', (t_) => {
  const program = json.fields({ a: '$.a' }, { maxDepth: 2, maxBytes: 20 })
  t_.deepEqual(program.read(bytes('{"a":[]}')), { a: [] })
  t_.is(code(() => program.read(bytes('{"a":[[]]}'))).code, 'ERR_JSON_LIMIT')
  t_.is(code(() => program.read(bytes(`{"a":"${'x'.repeat(20)}"}`))).code, 'ERR_JSON_LIMIT')
  for (const maxDepth of [-1, 1.5, NaN])
    t_.throws(() => json.fields({}, { maxDepth }), { instanceOf: RangeError })
  t_.throws(() => json.fields({}, { maxDepth: '1' as never }), { instanceOf: TypeError })
  const deep = bytes(`{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`)
  for (const trust of [false, true]) {
    t_.is(json.fields({ b: '$.b', first: '$.a[0][0][0].x' }, { trust }).read(deep).b, undefined)
  }
  // Trusted, the size is checked and the depth is not.
  t_.deepEqual(program.read(bytes('{"a":[[]]}'), { trust: true }), { a: [[]] })
  const long = bytes(`{"a":"${'x'.repeat(20)}"}`)
  t_.is(code(() => program.read(long, { trust: true })).code, 'ERR_JSON_LIMIT')
})

test('a trusted document is read without being validated, and hostile bytes do no harm', (t_) => {
  const program = json.fields({ a: '$.a', s: t.string('$.s'), o: '$.o' }, { trust: true })
  t_.deepEqual(program.read(bytes('{"a":1,"s":"x","o":{}} trailing')), { a: 1, s: 'x', o: {} })
  t_.is(code(() => program.read(bytes('{"a":1} trailing'), { trust: false })).code, 'ERR_JSON_SYNTAX')
  t_.is(program.read(Buffer.from([...bytes('{"a":1,"o":2,"s":"'), 0xff, ...bytes('"}')])).s, '\ufffd')
  t_.is(code(() => program.read(bytes('{"o":{"x" 1},"a":1,"s":""}'))).code, 'ERR_JSON_SYNTAX')
})

test('paths that are not understood are refused when the program is made', (t_) => {
  for (const path of ['$..a', '$[?@.a]', '$[0,1]', 'a', '$.a-b', '$[', '$[01]', '/~2', ' $', '$.']) {
    const error = code(() => json.fields({ x: path }))
    t_.is(error.code, 'ERR_JSON_PATH', path)
    t_.is(error.path, path)
    t_.regex(error.message, /expected .* at position \d+/)
  }
  for (const wrong of [1, null, {}, t.u8(3), t.each('$.a', {}), '\ud800']) {
    t_.throws(() => json.fields({ x: wrong as never }), { instanceOf: TypeError })
  }
  t_.throws(() => json.fields('$' as never), { instanceOf: TypeError })
  t_.throws(() => json.fields([] as never), { instanceOf: TypeError })
})

test('bytes in every form; what could change meanwhile is copied', (t_) => {
  const program = json.fields({ a: '$.a' })
  const text = new TextEncoder().encode('  {"a":[1,2]}')
  const shared = new Uint8Array(new SharedArrayBuffer(text.length))
  shared.set(text)
  const inputs: unknown[] = [
    text,
    Buffer.from(text),
    text.buffer,
    new DataView(text.buffer, 2),
    shared,
    shared.buffer,
  ]
  inputs.push(new Uint8Array(text.buffer, 1), new Uint16Array(bytes(' {"a":[1,2]} ').buffer.slice(0, 0)))
  for (const input of inputs.slice(0, 7)) t_.deepEqual(program.read(input as Uint8Array).a, [1, 2])
  t_.is(code(() => program.read(inputs[7] as Uint16Array)).code, 'ERR_JSON_SYNTAX')
  for (const wrong of ['{}', null, undefined, 1, {}, [1]]) {
    t_.throws(() => program.read(wrong as never), { instanceOf: TypeError, message: /expected bytes/ })
  }
  // Not of Node's pool, which cannot be transferred.
  const detached = Buffer.alloc(5000, ' ')
  detached.write('{"a":1}')
  structuredClone(detached.buffer, { transfer: [detached.buffer as ArrayBuffer] })
  t_.is(code(() => program.read(detached)).code, 'ERR_STALE_HANDLE')
})

test('values outlive the arena that the document lay in', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  const document = arena.from('{"s":"text","b":{"x":1},"raw":[1, 2]}')
  const result = json.fields({ s: '$.s', b: '$.b', raw: t.bytes('$.raw') }).read(document)
  arena.dispose()
  t_.deepEqual(result, { s: 'text', b: { x: 1 }, raw: Buffer.from('[1, 2]') })
  memory.dispose()
})

test('what is no object of fields is named', (t_) => {
  const wrong: [unknown, RegExp][] = [
    [['$.a'], /json\.fields: expected an object, got an array/],
    [null, /json\.fields: expected an object, got null/],
    ['$.a', /json\.fields: expected an object, got string/],
    [new Map([['a', '$.a']]), /json\.fields: expected a plain object, got a Map/],
  ]
  for (const [specs, message] of wrong) {
    t_.throws(() => json.fields(specs as never), { instanceOf: TypeError, message })
  }
  const bare = Object.assign(Object.create(null), { a: '$.a' }) as { a: '$.a' }
  t_.deepEqual(json.fields(bare).read(bytes('{"a":1}')), { a: 1 })
})

test('a default is of its type, and a required value has none', (t_) => {
  const options = (kind: 'u32' | 'string' | 'boolean' | 'u64' | 'timestamp', fallback: unknown) => () =>
    (t[kind] as (source: string, options: object) => unknown)('$.z', { default: fallback })
  t_.throws(options('u32', 'str'), {
    instanceOf: TypeError,
    message: 't.u32: expected a default that is a number, got string',
  })
  for (const wrong of [
    options('string', 1),
    options('string', {}),
    options('boolean', 0),
    options('u64', '1'),
    options('timestamp', true),
  ]) {
    t_.throws(wrong, { instanceOf: TypeError, message: /expected a default/ })
  }
  for (const [kind, fallback] of [
    ['u32', -1],
    ['u64', 1n],
    ['u64', 1],
    ['timestamp', '2020-01-01T00:00:00Z'],
    ['timestamp', new Date(0)],
    ['boolean', null],
    ['u32', []],
  ] as const) {
    t_.notThrows(options(kind, fallback))
  }
  t_.throws(() => t.u8('$.z', { required: true, default: 1 } as never), {
    instanceOf: TypeError,
    message: /either required or a default/,
  })
})
