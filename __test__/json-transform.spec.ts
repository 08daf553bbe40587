import test from 'ava'
import { HeapAllocator, json, Memory, t, type PrimarenaError } from 'primarena'

const bytes = (text: string) => Buffer.from(text)
const run = (shape: Parameters<typeof json.transform>[0], document: string, minify = false) =>
  json.transform(shape).write(bytes(document), undefined, { minify }).toString()
const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return error as PrimarenaError
  }
  throw new Error('expected an error, got a result')
}

test('values are spliced as they are written', (t_) => {
  const document = String.raw`{"n":1.50E+2,"big":9007199254740993,"s":"\u0041\/é","o":{ "a" : 1 }}`
  const shape = { n: '$.n', deep: { big: '$.big', s: '$.s' }, o: '$.o' }
  t_.is(
    run(shape, document),
    String.raw`{"n":1.50E+2,"deep":{"big":9007199254740993,"s":"\u0041\/é"},"o":{ "a" : 1 }}`,
  )
  t_.true(run(shape, document, true).endsWith('"o":{"a":1}}'))
})

test('what is missing is left out; in arrays it is null', (t_) => {
  t_.is(run({ a: '$.x', b: { c: '$.x' }, d: '$.y' }, '{"y":null}'), '{"b":{},"d":null}')
  t_.is(run(['$.x', '$.y', ['$.x']], '{"y":1}'), '[null,1,[null]]')
  t_.is(run('$.x', '{}'), 'null')
  t_.is(run({ a: '$.x[*]' }, '{}'), '{"a":[]}')
})

test('constants', (t_) => {
  const shape = {
    n: 1,
    yes: true,
    nil: null,
    text: json.literal('$.not.a.path'),
    o: json.literal({ a: ['é"'] }),
  }
  t_.is(run(shape, '{}'), '{"n":1,"yes":true,"nil":null,"text":"$.not.a.path","o":{"a":["é\\""]}}')
  for (const wrong of [undefined, () => 1, Symbol('x'), 1n]) t_.throws(() => json.literal(wrong))
})

test('types, defaults and required values', (t_) => {
  t_.is(
    run({ a: t.u8('$.a', { default: 3 }), b: t.json('$.b', { default: { x: [] } }) }, '{}'),
    '{"a":3,"b":{"x":[]}}',
  )
  t_.is(run({ a: t.u8('$.a', { default: 3 }) }, '{"a":null}'), '{"a":null}')
  const error = code(() => run({ a: t.u8('$.a') }, '{"a":"1"}'))
  t_.deepEqual([error.code, error.path, error.offset], ['ERR_JSON_TYPE', '$.a', 5])
  t_.is(code(() => run({ a: t.u8('$.a', { required: true }) }, '{}')).code, 'ERR_JSON_MISSING')
  t_.is(code(() => run({ a: t.u8('$.a', { required: true }) }, '{"a":null}')).code, 'ERR_JSON_TYPE')
  t_.is(run({ id: t.string() }, '{"id":"x"}'), '{"id":"x"}')
})

test('rows, and rows in rows', (t_) => {
  const shape = {
    rows: t.each('$.commits[*]', {
      id: '$.id',
      who: { name: 'author.name' },
      files: t.each('files[*]', { path: '$', kind: json.literal('f') }),
      n: t.u8('n', { default: 0 }),
    }),
    none: t.each('$.none[*]', { id: 'id' }),
  }
  const document = '{"commits":[{"id":1,"author":{"name":"x"},"files":["a","b"]},{"n":7},5,{"id":2,"id":3}]}'
  t_.deepEqual(JSON.parse(run(shape, document)), {
    rows: [
      {
        id: 1,
        who: { name: 'x' },
        files: [
          { path: 'a', kind: 'f' },
          { path: 'b', kind: 'f' },
        ],
        n: 0,
      },
      { who: {}, files: [], n: 7 },
      { who: {}, files: [], n: 0 },
      { id: 3, who: {}, files: [], n: 0 },
    ],
    none: [],
  })
})

test('names are written as JSON.stringify writes them', (t_) => {
  const shape = { ['__proto__']: '$.a', 'é"\n': '$.a', '\ud800': '$.a' }
  t_.is(run(shape, '{"a":1}'), String.raw`{"__proto__":1,"é\"\n":1,"\ud800":1}`)
})

test('lines hold no white space, whatever the document has', (t_) => {
  const program = json.transform({ a: '$.a', b: '$.b' })
  const line = program.writeLine(bytes('{\n"a": [\n1,\t{ "x y": " \\n" } ],\r\n"b" : "  "}'))
  t_.is(line.toString(), '{"a":[1,{"x y":" \\n"}],"b":"  "}\n')
})

test('output goes into the allocator, large or small', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  const program = json.transform({ copy: '$', again: '$.text' })
  for (const length of [0, 1, 100, 1000, 5000, 70_000, 2_000_000, 10]) {
    const document = bytes(JSON.stringify({ text: 'x'.repeat(length) }))
    const expected = JSON.stringify({ copy: JSON.parse(document.toString()), again: 'x'.repeat(length) })
    for (const allocator of [arena, new HeapAllocator(), undefined]) {
      const before = arena.usedBytes
      const result = program.write(document, allocator)
      t_.true(Buffer.isBuffer(result))
      t_.is(result.toString(), expected)
      if (allocator === arena) t_.true(arena.usedBytes >= before + expected.length)
    }
    // A document in the same arena.
    t_.is(program.write(arena.from(document), arena).toString(), expected)
  }
  arena.dispose()
  t_.is(code(() => program.write(bytes('{}'), arena)).code, 'ERR_ARENA_DISPOSED')
  memory.dispose()
})

test('after an error nothing is taken', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  arena.alloc(8)
  const before = arena.usedBytes
  const program = json.transform({ a: t.string('$.a'), long: '$.long' })
  t_.is(code(() => program.write(bytes('{"a":"x"'), arena)).code, 'ERR_JSON_SYNTAX')
  t_.is(code(() => program.write(bytes('{"a":1}'), arena)).code, 'ERR_JSON_TYPE')
  t_.is(arena.usedBytes, before)
  memory.dispose()
})

test('a failing allocator is answered with its error, and the next call is sound', (t_) => {
  const memory = new Memory({ budget: 4096 })
  const arena = memory.arena()
  const program = json.transform({ a: '$.a' })
  const big = bytes(JSON.stringify({ a: 'x'.repeat(100_000) }))
  t_.is(code(() => program.write(big, arena)).code, 'ERR_BUDGET_EXCEEDED')
  t_.is(program.write(bytes('{"a":1}')).toString(), '{"a":1}')
  memory.dispose()
})

test('shapes that are none', (t_) => {
  for (const wrong of [undefined, () => 1, 1n, Symbol('x'), t.u8(3)]) {
    t_.throws(() => json.transform({ a: wrong as never }), { instanceOf: TypeError })
  }
  t_.is(code(() => json.transform({ a: '$..a' })).code, 'ERR_JSON_PATH')
  t_.is(code(() => json.transform({ a: t.each('$.a', { b: 'b-c' }) })).code, 'ERR_JSON_PATH')
  let deep: unknown = '$'
  for (let i = 0; i < 200; i++) deep = [deep]
  t_.throws(() => json.transform(deep as never), { instanceOf: RangeError })
  t_.throws(() => json.transform('$').write(bytes('1'), {} as never), { instanceOf: TypeError })
})

test('what is no shape and what is no allocator is named', (t_) => {
  const wrong: [unknown, RegExp][] = [
    [{ a: 1n }, /json\.transform\.a: expected a path, .* got bigint$/],
    [{ a: undefined }, /got undefined$/],
    [{ a: () => 1 }, /got function$/],
    [{ a: new Map() }, /json\.transform\.a: expected a plain object, got a Map$/],
    [[new Date(0)], /json\.transform\[0\]: expected a plain object, got a Date$/],
  ]
  for (const [shape, message] of wrong) {
    t_.throws(() => json.transform(shape as never), { instanceOf: TypeError, message })
  }
  const program = json.transform({ a: '$.a' })
  const columns = json.columns('$[*]', { a: t.u8('a') })
  for (const allocator of [null, {}, 5]) {
    const expected = {
      instanceOf: TypeError,
      message: /expected an allocator \(an Arena or a HeapAllocator\), got/,
    }
    t_.throws(() => program.write(bytes('{"a":1}'), allocator as never), expected)
    t_.throws(() => columns.read(bytes('[]'), allocator as never), expected)
  }
})
