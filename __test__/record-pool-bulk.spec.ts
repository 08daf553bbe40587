import test, { type ExecutionContext } from 'ava'
import { HeapAllocator, Memory, t as type, type PrimarenaError } from 'primarena'
import { RecordPool } from '../dist/pool/record-pool.js'
import { CountingOwner } from './_helpers/record-model.js'
import { random } from './_helpers/random.js'

const schema = {
  id: type.u32(),
  score: type.f64(),
  half: type.f32(),
  count: type.i16(),
  name: type.string(40),
  ok: type.boolean(),
}
interface Row {
  id: number
  score: number
  half: number
  count: number
  name: string
  ok: boolean
}
const heap = new HeapAllocator()

function rows(count: number, seed = 1): Row[] {
  const next = random(seed)
  const score = [
    () => next(),
    () => Math.round(next() * 1e6) / 1000,
    () => Math.floor(next() * 1e6),
    () => next() * 10 ** Math.floor(next() * 600 - 300),
    () => -next() * 1e21,
    () => [0, -0, 5e-324, 1.7976931348623157e308, 1e21, 1e-7, 0.1 + 0.2][Math.floor(next() * 7)]!,
  ]
  return Array.from({ length: count }, (_, id) => ({
    id,
    score: score[Math.floor(next() * score.length)]!(),
    half: Math.fround(next()),
    count: Math.floor(next() * 65536) - 32768,
    name: ['', 'plain', 'q"\\/', '\u0000\u001f\u007f\n\t', 'é€😀', '\u2028\u2029'][
      Math.floor(next() * 6)
    ]!.repeat(Math.floor(next() * 4)),
    ok: next() < 0.5,
  }))
}

function filled(given: Row[], options?: { slabRecords?: number }) {
  const owner = new CountingOwner()
  const pool = new RecordPool(owner, schema, options)
  for (const row of given) Object.assign(pool.acquire(), row)
  return { owner, pool }
}

async function code(t: ExecutionContext, run: () => unknown, expected: string): Promise<PrimarenaError> {
  const error = (await t.throwsAsync(async () => run(), { any: true })) as PrimarenaError
  t.is(error.code, expected as PrimarenaError['code'], String(error))
  return error
}

test('JSON is what JSON.stringify gives, byte by byte', (t) => {
  for (const count of [0, 1, 2, 63, 64, 65, 3000]) {
    const given = rows(count, count)
    const { pool } = filled(given, { slabRecords: 64 })
    t.is(pool.toJSON(heap).toString(), JSON.stringify(given))
    t.is(pool.toNDJSON(heap).toString(), given.map((row) => `${JSON.stringify(row)}\n`).join(''))
  }
})

test('the same into an arena, and by the slots that a sort gives', (t) => {
  const memory = new Memory()
  const arena = memory.arena()
  const given = rows(2000).map((row, n) => ({ ...row, score: (n * 0.37) % 1 }))
  const { pool } = filled(given)
  const slots = pool.sort('score', { descending: true })
  const expected = [...given].sort((a, b) => b.score - a.score || a.id - b.id)
  t.is(pool.toJSON(arena, { slots }).toString(), JSON.stringify(expected))
  arena.dispose()
  memory.dispose()
})

test('a document far longer than its estimate is complete', (t) => {
  const { pool } = filled(
    rows(5000).map((row, n) => ({ ...row, name: n % 20 === 7 ? '\u0001'.repeat(40) : '' })),
  )
  t.is((JSON.parse(pool.toJSON(heap).toString()) as Row[]).length, 5000)
  t.throws(() => pool.toJSON({} as never), { instanceOf: TypeError })
  t.throws(() => pool.toJSON(undefined as never), { instanceOf: TypeError })
})

test('JSON.parse and fromJSON give the same rows', (t) => {
  const given = rows(3000, 5).map((row) => ({ ...row, score: row.score + 0 }))
  const document = Buffer.from(
    JSON.stringify({ before: [1, { id: 2 }], data: { rows: given }, after: null }, undefined, 1),
  )
  const { pool } = filled([], { slabRecords: 256 })
  const slots = pool.fromJSON(document, '$.data.rows[*]')
  t.deepEqual(
    [...slots].map((slot) => ({ ...pool.toObject(pool.at(slot)) })),
    given,
  )
  t.is(pool.fromJSON(document, '/data/rows/7').length, 1)
  t.is(pool.fromJSON(document, '$.data.none[*]').length, 0)
})

test('a document with a row that does not fit leaves no record', async (t) => {
  const { pool, owner } = filled(rows(3), { slabRecords: 16 })
  const before = pool.toJSON(heap).toString()
  const bad = (last: unknown) =>
    Buffer.from(JSON.stringify([...rows(100), { ...rows(1)[0], ...(last as object) }]))
  const missing = await code(t, () => pool.fromJSON(bad({ id: undefined })), 'ERR_JSON_MISSING')
  t.regex(missing.message, /row 100, field "id"/)
  await code(t, () => pool.fromJSON(bad({ id: -1 })), 'ERR_RECORD_VALUE')
  await code(t, () => pool.fromJSON(bad({ name: 'x'.repeat(41) })), 'ERR_RECORD_VALUE')
  await code(t, () => pool.fromJSON(bad({ ok: null })), 'ERR_JSON_TYPE')
  await code(t, () => pool.fromJSON(bad({}).subarray(0, -1)), 'ERR_JSON_SYNTAX')
  await code(t, () => pool.fromJSON(Buffer.from('[]'), '$..a'), 'ERR_JSON_PATH')
  await code(t, () => pool.fromJSON(Buffer.from('[]'), '$'), 'ERR_JSON_TYPE')
  t.throws(() => pool.fromJSON('[]' as never), { instanceOf: TypeError })
  t.throws(() => pool.fromJSON(Buffer.from('[]'), 5 as never), { instanceOf: TypeError })
  t.true(pool.trim() > 0)
  owner.limitBytes = owner.heldBytes
  await code(t, () => pool.fromJSON(bad({})), 'ERR_BUDGET_EXCEEDED')
  owner.limitBytes = Infinity
  t.is(pool.check(), 3)
  t.is(pool.toJSON(heap).toString(), before)
})

test('a bounded pool takes as many rows as it may hold, and none of too many', async (t) => {
  const pool = new RecordPool(new CountingOwner(), { id: type.u32() }, { maxRecords: 10, slabRecords: 4 })
  const document = (count: number) => Buffer.from(JSON.stringify(rows(count)))
  await code(t, () => pool.fromJSON(document(11)), 'ERR_POOL_EXHAUSTED')
  t.is(pool.openRecords, 0)
  t.is(pool.fromJSON(document(10)).length, 10)
  await code(t, () => pool.acquire(), 'ERR_POOL_EXHAUSTED')
})

test('input on shared memory is copied', (t) => {
  const { pool } = filled([])
  const bytes = Buffer.from(JSON.stringify(rows(5)))
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  t.is(pool.fromJSON(shared).length, 5)
})

test('sort, topK, filter and aggregate agree with plain JavaScript', (t) => {
  const given = rows(5000, 9).map((row, n) => ({
    ...row,
    score: n % 50 === 3 ? NaN : row.score,
    count: row.count % 100,
  }))
  const { pool } = filled(given, { slabRecords: 512 })
  const slots = (matching: (row: Row) => boolean) =>
    given.flatMap((row, slot) => (matching(row) ? [slot] : []))
  const order = (compare: (a: Row, b: Row) => number) =>
    given.map((_, slot) => slot).sort((a, b) => compare(given[a]!, given[b]!) || a - b)
  const number = (a: number, b: number) =>
    a === b ? Number(Object.is(b, -0)) - Number(Object.is(a, -0)) : a - b
  const nanLast = (a: number, b: number, sign: number) =>
    Number.isNaN(a) || Number.isNaN(b)
      ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
      : sign * number(a, b)

  t.deepEqual(
    [...pool.sort('score')],
    order((a, b) => nanLast(a.score, b.score, 1)),
  )
  t.deepEqual(
    [...pool.sort('score', { descending: true })],
    order((a, b) => nanLast(a.score, b.score, -1)),
  )
  t.deepEqual(
    [...pool.sort('count')],
    order((a, b) => a.count - b.count),
  )
  const byName = (a: Row, b: Row) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
  t.deepEqual([...pool.sort('name')], order(byName))
  t.deepEqual(
    [...pool.sort('name', { descending: true })],
    order((a, b) => byName(b, a)),
  )
  t.deepEqual([...pool.topK('score', 10)], order((a, b) => nanLast(a.score, b.score, -1)).slice(0, 10))
  t.deepEqual([...pool.topK('name', 10, { smallest: true })], order(byName).slice(0, 10))
  t.is(pool.topK('score', 0).length, 0)
  t.is(pool.topK('score', 1e6).length, 5000)

  const conditions: [Parameters<typeof pool.filter>[0], (row: Row) => boolean][] = [
    [(r) => r.score.gt(0.5), (row) => row.score > 0.5],
    [(r) => r.score.eq(NaN), () => false],
    [(r) => r.score.ne(0), (row) => row.score !== 0],
    [(r) => r.score.eq(0), (row) => row.score === 0],
    [(r) => r.id.between(100, 200).not(), (row) => row.id < 100 || row.id > 200],
    [(r) => r.count.oneOf([1, 5, -7]), (row) => [1, 5, -7].includes(row.count)],
    [
      (r) => r.ok.eq(true).and(r.count.lt(0), r.id.ge(50.5)),
      (row) => row.ok && row.count < 0 && row.id >= 50.5,
    ],
    [
      (r) => r.name.eq('plain').or(r.name.startsWith('q"'), r.name.endsWith('😀')),
      (row) => row.name === 'plain' || row.name.startsWith('q"') || row.name.endsWith('😀'),
    ],
    [(r) => r.name.contains('\n'), (row) => row.name.includes('\n')],
    [(r) => r.name.le('plain'), (row) => Buffer.compare(Buffer.from(row.name), Buffer.from('plain')) <= 0],
    [(r) => r.half.gt(0.25), (row) => row.half > 0.25],
  ]
  for (const [condition, matching] of conditions)
    t.deepEqual([...pool.filter(condition)], slots(matching), String(condition))
  const kept = pool.where((r) => r.id.lt(3))
  t.deepEqual([...pool.filter(kept)], [0, 1, 2])
  t.deepEqual([...pool.filter(kept)], [0, 1, 2])

  const counts = given.map((row) => row.count)
  const sum = counts.reduce((a, b) => a + b, 0)
  t.deepEqual(pool.aggregate('count'), {
    count: 5000,
    sum,
    min: Math.min(...counts),
    max: Math.max(...counts),
    mean: sum / 5000,
  })
  t.is(pool.aggregate('ok').sum, given.filter((row) => row.ok).length)
  t.is(pool.aggregate('score').max, NaN)
  const halves = given.map((row) => row.half)
  const half = pool.aggregate('half')
  t.is(half.min, Math.min(...halves))
  t.true(Math.abs(half.sum - halves.reduce((a, b) => a + b, 0)) < 1e-9 * half.sum)
})

test('what cannot be compared or ordered is refused', (t) => {
  const pool = new RecordPool(new CountingOwner(), {
    big: type.u64(),
    name: type.string(4),
    vector: type.f32(2),
    at: type.timestamp(),
  })
  const other = new RecordPool(new CountingOwner(), { big: type.u64() })
  pool.acquire().big = 2n ** 63n
  t.deepEqual(pool.aggregate('big'), {
    count: 1,
    sum: 2n ** 63n,
    min: 2n ** 63n,
    max: 2n ** 63n,
    mean: 2 ** 63,
  })
  pool.acquire().big = 2n ** 63n
  t.is(pool.aggregate('big').sum, 2n ** 64n)
  t.deepEqual([...pool.filter((r) => r.big.ge(2n ** 63n))], [0, 1])
  t.is(pool.filter((r) => r.at.eq(new Date(0) as never)).length, 2)
  for (const wrong of [
    () => pool.sort('vector' as never),
    () => pool.topK('vector' as never, 1),
    () => pool.aggregate('name' as never),
    () => pool.sort('none' as never),
    () => pool.filter((r) => r.big.eq(5 as never)),
    () => pool.filter((r) => r.name.eq(5 as never)),
    () => pool.filter(() => true as never),
    () => pool.filter(5 as never),
    () => pool.filter((r) => r.name.oneOf([])),
    () => pool.filter(other.where((r) => r.big.eq(1n))),
    () => pool.filter((r) => r.name.eq('a').and(other.where((o) => o.big.eq(1n)))),
    () => pool.releaseSlots([0] as never),
  ]) {
    t.throws(wrong, { instanceOf: TypeError })
  }
  t.throws(() => pool.filter((r) => r.big.eq(-1n)), { instanceOf: RangeError })
  t.throws(() => pool.topK('big', -1), { instanceOf: RangeError })
  t.throws(() =>
    pool.filter((r) =>
      Array.from({ length: 70 }).reduce<ReturnType<typeof r.big.eq>>(
        (all) => r.big.eq(1n).and(all),
        r.big.eq(1n),
      ),
    ),
  )
})

test('an empty pool has empty answers', (t) => {
  const { pool } = filled([])
  t.is(pool.toJSON(heap).toString(), '[]')
  t.is(pool.toNDJSON(heap).toString(), '')
  t.is(pool.sort('id').length, 0)
  t.is(pool.filter((r) => r.id.ge(0)).length, 0)
  t.deepEqual(pool.aggregate('score'), { count: 0, sum: 0, min: undefined, max: undefined, mean: undefined })
  t.is(pool.clear(), 0)
})

test('bulk release is all or nothing', async (t) => {
  const { pool } = filled(rows(10))
  await code(t, () => pool.releaseSlots(Uint32Array.of(1, 2, 99)), 'ERR_STALE_HANDLE')
  await code(t, () => pool.releaseSlots(Uint32Array.of(1, 2, 1)), 'ERR_DOUBLE_RELEASE')
  await code(t, () => pool.toJSON(heap, { slots: Uint32Array.of(1, 10) }), 'ERR_STALE_HANDLE')
  t.is(pool.openRecords, 10)
  const record = pool.at(4)
  pool.releaseSlots(Uint32Array.of(4, 0))
  await code(t, () => record.id, 'ERR_STALE_HANDLE')
  t.is(pool.clear(), 8)
  t.is(pool.check(), 0)
})

test('slices give the same answers', async (t) => {
  const given = rows(20_000, 3)
  const { pool } = filled(given)
  const sliceMs = 0.01
  let turns = 0
  let running = true
  const count = (): void => {
    turns += 1
    if (running) setImmediate(count)
  }
  setImmediate(count)
  t.deepEqual(await pool.sort('score', { sliceMs }), pool.sort('score'))
  t.deepEqual(await pool.topK('score', 50, { sliceMs }), pool.topK('score', 50))
  t.deepEqual(
    await pool.filter((r) => r.ok.eq(true), { sliceMs }),
    pool.filter((r) => r.ok.eq(true)),
  )
  t.deepEqual(await pool.aggregate('count', { sliceMs }), pool.aggregate('count'))
  const document = await pool.toJSON(heap, { sliceMs })
  t.true(document.equals(pool.toJSON(heap)))
  t.true(
    (await pool.toNDJSON(heap, { sliceMs, slots: Uint32Array.of(1, 0) })).equals(
      pool.toNDJSON(heap, { slots: Uint32Array.of(1, 0) }),
    ),
  )
  const copy = filled([]).pool
  t.is((await copy.fromJSON(document, undefined, { sliceMs })).length, given.length)
  t.true(copy.toJSON(heap).equals(document))
  running = false
  t.true(turns > 10, 'others had their turns')
})

test('work in slices can be aborted, and leaves nothing behind', async (t) => {
  const { pool } = filled(rows(20_000))
  const document = pool.toJSON(heap)
  const target = filled([]).pool
  const reason = new Error('enough')
  for (const run of [
    (signal: AbortSignal) => target.fromJSON(document, '$[*]', { sliceMs: 0.01, signal }),
    (signal: AbortSignal) => pool.sort('score', { sliceMs: 0.01, signal }),
    (signal: AbortSignal) => pool.toJSON(heap, { sliceMs: 0.01, signal }),
  ]) {
    const controller = new AbortController()
    const work = run(controller.signal)
    setImmediate(() => controller.abort(reason))
    const error = await code(t, () => work, 'ERR_ABORTED')
    t.is(error.cause, reason)
    await code(t, () => run(AbortSignal.abort(reason)), 'ERR_ABORTED')
  }
  t.is(target.check(), 0)
  t.is(target.trim() > 0, true)
  await t.throwsAsync(async () => pool.sort('id', { sliceMs: 0 }), { instanceOf: RangeError })
})

test('a pool that is disposed, or an arena that is reset, ends work in slices', async (t) => {
  const { pool } = filled(rows(20_000))
  const memory = new Memory()
  const arena = memory.arena()
  const writing = pool.toJSON(arena, { sliceMs: 0.01 })
  setImmediate(() => arena.reset())
  await code(t, () => writing, 'ERR_CHUNK_DETACHED')
  const sorting = pool.sort('score', { sliceMs: 0.01 })
  setImmediate(() => pool.dispose())
  await code(t, () => sorting, 'ERR_STALE_HANDLE')
  arena.dispose()
  memory.dispose()
})

test('records may come and go between slices', async (t) => {
  const { pool } = filled(rows(20_000))
  const next = random(4)
  let running = true
  const disturb = (): void => {
    for (let n = 0; n < 20; n++) {
      const slot = Math.floor(next() * 20_000)
      if (next() < 0.5) pool.acquire()
      else if (pool.filter((r) => r.id.eq(slot)).includes(slot)) pool.releaseSlots(Uint32Array.of(slot))
    }
    if (running) setImmediate(disturb)
  }
  setImmediate(disturb)
  for (let round = 0; round < 3; round++) {
    t.true((await pool.sort('name', { sliceMs: 0.01 })).length > 1000)
    JSON.parse((await pool.toJSON(heap, { sliceMs: 0.01 })).toString())
  }
  running = false
  t.is(pool.check(), pool.openRecords)
})
