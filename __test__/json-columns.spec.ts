import test from 'ava'
import { HeapAllocator, json, Memory, t, type PrimarenaError } from 'primarena'

const bytes = (text: string) => Buffer.from(text)
const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as PrimarenaError).code
  }
  throw new Error('expected an error, got a result')
}

const rows = Array.from({ length: 1000 }, (_, i) => ({
  timestamp: i * 1.5,
  author: { name: i % 7 === 0 ? null : `Author é ${i}` },
  n: i % 3 === 0 ? undefined : i - 500,
  big: i,
  ok: i % 2 === 0,
  at: new Date(i * 1e9).toISOString(),
  any: i % 5 === 0 ? [i] : `s${i}`,
}))
const document = bytes(JSON.stringify({ rows }))
const program = json.columns('$.rows[*]', {
  timestamp: t.f64('timestamp'),
  who: t.string('author.name'),
  n: t.i16('$.n'),
  big: t.u64('big'),
  ok: t.boolean(),
  at: t.timestamp('at'),
  any: 'any',
  raw: t.bytes('any'),
  single: t.f32('n'),
})

test('every kind of column, in an arena, on the heap and without an allocator', (t_) => {
  const memory = new Memory()
  const arena = memory.arena()
  arena.alloc(3) // so that what follows is not aligned by luck
  for (const allocator of [arena, new HeapAllocator(), undefined]) {
    for (const trust of [false, true]) {
      const table = program.read(document, allocator, { trust })
      const { columns } = table
      t_.is(table.length, 1000)
      t_.true(columns.timestamp.values instanceof Float64Array)
      t_.true(columns.n.values instanceof Int16Array)
      t_.true(columns.big.values instanceof BigUint64Array)
      t_.true(columns.ok.values instanceof Uint8Array)
      t_.true(columns.who.offsets instanceof Int32Array)
      t_.deepEqual(
        [...columns.timestamp.values],
        rows.map((row) => row.timestamp),
      )
      t_.deepEqual(
        columns.who.toArray(),
        rows.map((row) => row.author.name),
      )
      t_.deepEqual(
        [...columns.n],
        rows.map((row) => row.n ?? null),
      )
      t_.deepEqual(
        columns.big.toArray(),
        rows.map((row) => BigInt(row.big)),
      )
      t_.deepEqual(
        columns.ok.toArray(),
        rows.map((row) => row.ok),
      )
      t_.deepEqual(
        columns.at.toArray(),
        rows.map((row) => Date.parse(row.at)),
      )
      t_.deepEqual(
        columns.any.toArray(),
        rows.map((row) => row.any),
      )
      t_.is(columns.raw.at(5)?.toString(), '[5]')
      t_.is(columns.n.nullCount, rows.filter((row) => row.n === undefined).length)
      t_.deepEqual([columns.n.values[0], columns.n.isValid(0), columns.n.at(0)], [0, false, null])
      t_.true(Number.isNaN(columns.single.values[0]))
      t_.is(columns.who.at(-1), 'Author é 999')
      for (const beyond of [1000, -1001, 0.5, NaN]) t_.is(columns.who.at(beyond), undefined)
      for (const beyond of [-1, 1000]) t_.false(columns.who.isValid(beyond))
    }
  }
  memory.dispose()
})

test('the layout is that of Arrow', (t_) => {
  const { columns } = json
    .columns('$[*]', { s: t.string(), b: t.i32() })
    .read(bytes('[{"s":"ab","b":1},{},{"s":"","b":null},{"s":"\\u00e9"},{"b":-5},{},{},{},{"s":"z","b":9}]'))
  t_.deepEqual([...columns.s.validity], [0b00001101, 1])
  t_.deepEqual([...columns.s.offsets], [0, 2, 2, 2, 4, 4, 4, 4, 4, 5])
  t_.is(columns.s.bytes.toString(), 'abéz')
  t_.deepEqual([...columns.b.validity], [0b00010001, 1])
  t_.deepEqual([...columns.b.values], [1, 0, 0, 0, -5, 0, 0, 0, 9])
  for (const view of [columns.s.offsets, columns.b.values, columns.s.validity]) t_.is(view.byteOffset % 8, 0)
})

test('no rows, rows that are no objects, rows of other shapes', (t_) => {
  const one = json.columns('$[*]', { x: t.f64('x'), s: t.string('s') })
  for (const text of ['[]', '{}', '5', '[[]]'.slice(1, 3)]) {
    const table = one.read(bytes(text))
    t_.is(table.length, 0)
    t_.deepEqual([table.columns.x.toArray(), table.columns.s.toArray()], [[], []])
  }
  t_.deepEqual(one.read(bytes('[1,null,[2],{"x":3}]')).columns.x.toArray(), [null, null, null, 3])
  t_.deepEqual(
    json
      .columns('$.*', { v: t.u8('$') })
      .read(bytes('{"a":1,"b":2,"a":3}'))
      .columns.v.toArray(),
    [2, 3],
  )
  t_.deepEqual(
    json
      .columns('$[::-2]', { v: t.u8('/0') })
      .read(bytes('[[1],[2],[3]]'))
      .columns.v.toArray(),
    [3, 1],
  )
  t_.is(json.columns('$[*]', {}).read(bytes('[1,2]')).length, 2)
})

test('types and presence are checked, with the row', (t_) => {
  const read = (type: ReturnType<typeof t.u8>, text: string) =>
    json.columns('$.r[*]', { x: type }).read(bytes(text))
  t_.throws(() => read(t.u8('x') as never, '{"r":[{"x":1},{"x":300}]}'), {
    message: /\$\.r\[\*\]\.x: expected .* found 300/,
  })
  t_.is(
    code(() => read(t.u8('x') as never, '{"r":[{"x":"1"}]}')),
    'ERR_JSON_TYPE',
  )
  t_.throws(() => read(t.u8('x', { required: true }) as never, '{"r":[{"x":1},{}]}'), { message: /in row 1/ })
  t_.is(
    code(() => read(t.u8('x', { required: true }) as never, '{"r":[{}]}')),
    'ERR_JSON_MISSING',
  )
  t_.is(
    code(() => read(t.u8('x') as never, '{"r":[')),
    'ERR_JSON_SYNTAX',
  )
  t_.is(
    code(() => json.columns('$.r[*]', { x: t.u8('a[*]') })),
    'ERR_JSON_PATH',
  )
  t_.is(
    code(() => json.columns('$..r', { x: t.u8('a') })),
    'ERR_JSON_PATH',
  )
  t_.throws(() => json.columns('$[*]', { x: t.u8('x', { default: 1 }) }), { instanceOf: TypeError })
  t_.throws(() => json.columns(1 as never, {}), { instanceOf: TypeError })
})

test('columns of an arena that was reset are stale, whatever the reset does', (t_) => {
  const memory = new Memory()
  for (const end of ['reset', 'dispose'] as const) {
    const arena = memory.arena()
    const { columns } = program.read(document, arena)
    arena[end]()
    t_.is(
      code(() => columns.who.at(0)),
      'ERR_STALE_HANDLE',
    )
    t_.is(
      code(() => columns.n.toArray()),
      'ERR_STALE_HANDLE',
    )
  }
  memory.dispose()
})

test('a table does not escape its run', async (t_) => {
  const memory = new Memory()
  const leak = memory.primitive('leak', (ctx) => Promise.resolve(program.read(document, ctx.arena!)))
  await t_.throwsAsync(async () => memory.agent('a').session('s').run(leak, undefined), {
    code: 'ERR_ESCAPED_HANDLE',
  })
  const fine = memory.primitive('fine', (ctx) =>
    Promise.resolve(program.read(document, ctx.arena!).columns.timestamp.values),
  )
  const values = (await memory.agent('a').session('s').run(fine, undefined)) as Float64Array
  t_.is(values[999], 1498.5)
  memory.dispose()
})

test('large tables, and sizes around each byte of the bitmap', (t_) => {
  for (const length of [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 40_000]) {
    const values = Array.from({ length }, (_, i) => (i % 4 === 1 ? null : `t${i}`))
    const table = json.columns('$[*]', { v: t.string('$') }).read(bytes(JSON.stringify(values)))
    t_.deepEqual(table.columns.v.toArray(), values)
    t_.is(table.columns.v.nullCount, values.filter((value) => value === null).length)
  }
})
