import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { t as type } from 'primarena'
import type { PrimarenaError } from '../dist/errors.js'
import { RecordPool, type RecordPoolOptions } from '../dist/pool/record-pool.js'
import type { LeakedRecord } from '../dist/pool/record-leaks.js'
import { CountingOwner } from './_helpers/record-model.js'
import { gcUntil } from './_helpers/gc.js'
import { misalignment } from './_helpers/misalignment.js'

const person = {
  id: type.u32(),
  score: type.f64(),
  seen: type.timestamp(),
  name: type.string(24),
  vector: type.f32(8),
}

function people(options?: RecordPoolOptions) {
  const owner = new CountingOwner()
  return { owner, pool: new RecordPool(owner, person, options) }
}

function code(t: ExecutionContext, run: () => unknown, expected: string, message?: RegExp): void {
  const error = t.throws(run, { any: true }) as PrimarenaError
  t.is(error.code, expected as PrimarenaError['code'], String(error))
  if (message) t.regex(error.message, message)
}

test('a record holds what was written, by type', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  // Typed by inference: this line would not compile otherwise.
  const values: { id: number; score: number; seen: number; name: string; vector: Float32Array } = record
  t.deepEqual(
    { ...pool.toObject(record) },
    { id: 0, score: 0, seen: 0, name: '', vector: new Float32Array(8) },
  )
  values.id = 4294967295
  values.score = -1.5
  values.seen = 1e12
  values.name = 'Grace Hopper'
  values.vector = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  t.is(record.id, 4294967295)
  t.is(record.score, -1.5)
  t.is(record.seen, 1e12)
  t.is(record.name, 'Grace Hopper')
  t.deepEqual([...record.vector], [1, 2, 3, 4, 5, 6, 7, 8])
  record.seen = new Date(5) as never
  t.is(record.seen, 5)
  t.regex(inspect(record), /Grace Hopper/)
})

test('every element type takes its bounds and refuses what lies beyond', (t) => {
  const pool = new RecordPool(new CountingOwner(), {
    u8: type.u8(),
    u16: type.u16(),
    u32: type.u32(),
    i8: type.i8(),
    i16: type.i16(),
    i32: type.i32(),
    u64: type.u64(),
    i64: type.i64(),
    f32: type.f32(),
    ok: type.boolean(),
    at: type.timestamp(),
  })
  const record = pool.acquire() as unknown as Record<string, unknown>
  const bounds: [string, unknown, unknown][] = [
    ['u8', 0, 255],
    ['u16', 0, 65535],
    ['u32', 0, 4294967295],
    ['i8', -128, 127],
    ['i16', -32768, 32767],
    ['i32', -2147483648, 2147483647],
    ['u64', 0n, 2n ** 64n - 1n],
    ['i64', -(2n ** 63n), 2n ** 63n - 1n],
    ['at', -8.64e15, 8.64e15],
  ]
  for (const [name, least, most] of bounds) {
    for (const value of [least, most]) {
      record[name] = value
      t.is(record[name], value, name)
    }
    const beyond =
      typeof most === 'bigint'
        ? [most + 1n, (least as bigint) - 1n]
        : [(most as number) + 2, (least as number) - 2, 0.5, NaN, Infinity]
    for (const value of beyond)
      code(t, () => (record[name] = value), 'ERR_RECORD_VALUE', new RegExp(`${name}: expected`))
    t.is(record[name], most, 'a refused value changes nothing')
    t.throws(() => (record[name] = '1'), { instanceOf: TypeError })
    t.throws(() => (record[name] = undefined), { instanceOf: TypeError })
    t.throws(() => (record[name] = typeof most === 'bigint' ? 1 : 1n), { instanceOf: TypeError })
  }
  record['f32'] = 0.1
  t.is(record['f32'], Math.fround(0.1))
  record['f32'] = NaN
  t.is(record['f32'], NaN)
  record['ok'] = true
  t.true(record['ok'])
  t.throws(() => (record['ok'] = 1), { instanceOf: TypeError })
})

test('text is UTF-8 of at most its length, never cut', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  for (const text of [
    '',
    'a',
    'x'.repeat(24),
    'é'.repeat(12),
    '€'.repeat(8),
    '😀'.repeat(6),
    'aé€😀',
    '\0"\n',
  ]) {
    record.name = text
    t.is(record.name, text)
  }
  record.name = 'kept'
  for (const text of [
    'x'.repeat(25),
    'é'.repeat(12) + 'x',
    '€'.repeat(9),
    '😀'.repeat(6) + 'x',
    'x'.repeat(1000),
  ]) {
    code(t, () => (record.name = text), 'ERR_RECORD_VALUE', /name: expected at most 24 bytes, got/)
    t.is(record.name, 'kept')
  }
  record.name = 'a\ud800b'
  t.is(record.name, 'a\ufffdb')
  t.throws(() => (record.name = 7 as never), { instanceOf: TypeError, message: /name: expected a string/ })
})

test('a shorter text leaves nothing of the longer one in memory', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  record.name = 'secret password'
  record.name = 'x'
  const bytes = Buffer.from((pool.store.current as { u8: Uint8Array }).u8)
  t.false(bytes.includes('ecret'))
})

test('bytes and vectors are copied in and out', (t) => {
  const pool = new RecordPool(new CountingOwner(), { hash: type.bytes(300), vector: type.i16(3) })
  const record = pool.acquire()
  const source = Uint8Array.of(1, 2, 3)
  record.hash = source
  source[0] = 9
  const copy = record.hash
  t.deepEqual([...copy], [1, 2, 3])
  copy[1] = 9
  t.deepEqual([...record.hash], [1, 2, 3])
  record.hash = new Uint8Array(300).fill(7)
  record.hash = Uint8Array.of(5)
  t.deepEqual([...record.hash], [5])
  code(t, () => (record.hash = new Uint8Array(301)), 'ERR_RECORD_VALUE')
  t.throws(() => (record.hash = [1] as never), { instanceOf: TypeError })
  record.vector = [1, -2, 3] as never
  t.deepEqual(record.vector, Int16Array.of(1, -2, 3))
  code(t, () => (record.vector = [1, 2] as never), 'ERR_RECORD_VALUE', /3 elements/)
  code(t, () => (record.vector = [1, 2, 40000] as never), 'ERR_RECORD_VALUE')
  t.throws(() => (record.vector = [1, 2, '3'] as never), { instanceOf: TypeError })
  t.throws(() => (record.vector = 5 as never), { instanceOf: TypeError })
  t.deepEqual([...record.vector], [1, -2, 3])

  const target = new Int16Array(4)
  t.is(pool.read(record, 'vector', target), 3)
  t.deepEqual([...target], [1, -2, 3, 0])
  t.throws(() => pool.read(record, 'vector', new Int16Array(2)), { instanceOf: RangeError })
  t.throws(() => pool.read(record, 'vector', new Uint16Array(3) as never), { instanceOf: TypeError })
  t.is(pool.read(record, 'hash', new Uint8Array(9)), 1)
})

test('a getter that releases the record while a vector is read does not write to the next one', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  const hostile = {
    length: 8,
    get 0() {
      return (pool.release(record), 1)
    },
    1: 1,
    2: 1,
    3: 1,
    4: 1,
    5: 1,
    6: 1,
    7: 1,
  }
  code(t, () => (record.vector = hostile as never), 'ERR_STALE_HANDLE')
  t.deepEqual([...pool.acquire().vector], [0, 0, 0, 0, 0, 0, 0, 0])
})

test('a view exists only inside a synchronous callback', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  t.is(
    pool.view(record, 'vector', (view) => ((view[2] = 5), view.length)),
    8,
  )
  t.is(record.vector[2], 5)
  t.throws(() => pool.view(record, 'vector', (view) => view), { instanceOf: TypeError })
  t.throws(() => pool.view(record, 'vector', async (view) => view.length), { instanceOf: TypeError })
  t.throws(() => pool.view(record, 'name' as never, () => 0), { instanceOf: TypeError })
})

test('vectors are aligned as asked', (t) => {
  for (const align of [32, 64] as const) {
    const pool = new RecordPool(
      new CountingOwner(),
      { flag: type.u8(), vector: type.f32(5, { align }) },
      { slabRecords: 4 },
    )
    for (let n = 0; n < 9; n++) {
      const record = pool.acquire()
      pool.view(record, 'vector', (view) => t.is(misalignment(view, align), 0))
    }
  }
})

test('a handle that outlives its record is an error at once', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  record.score = 7
  pool.release(record)
  code(t, () => record.score, 'ERR_STALE_HANDLE', /was released/)
  code(t, () => (record.score = 1), 'ERR_STALE_HANDLE')
  code(t, () => pool.release(record), 'ERR_DOUBLE_RELEASE')
  code(t, () => pool.slotOf(record), 'ERR_STALE_HANDLE')
  t.false(pool.isOpen(record))

  // Two handles of one record; then the slot is used again.
  const first = pool.acquire()
  const second = pool.at(pool.slotOf(first))
  pool.release(first)
  code(t, () => second.score, 'ERR_STALE_HANDLE')
  code(t, () => pool.release(second), 'ERR_DOUBLE_RELEASE')
  const third = pool.acquire()
  t.is(third.score, 0, 'zeroed')
  code(t, () => second.score, 'ERR_STALE_HANDLE')
  code(t, () => pool.release(second), 'ERR_STALE_HANDLE', /another one/)
  t.true(pool.isOpen(third))
})

test('foreign objects are refused', (t) => {
  const { pool } = people()
  const same = people().pool
  const other = new RecordPool(new CountingOwner(), { id: type.u32() })
  for (const foreign of [same.acquire(), other.acquire(), {}, [], () => 0]) {
    if (typeof foreign !== 'object') continue
    code(t, () => pool.release(foreign as never), 'ERR_FOREIGN_OBJECT')
    code(t, () => pool.slotOf(foreign as never), 'ERR_FOREIGN_OBJECT')
    t.false(pool.isOpen(foreign))
  }
  for (const foreign of [null, undefined, 5, 'record'])
    code(t, () => pool.release(foreign as never), 'ERR_FOREIGN_OBJECT')
})

test('dispose of a record releases once', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  record[Symbol.dispose]()
  record[Symbol.dispose]()
  t.is(pool.openRecords, 0)
})

test('a cursor moves, acquires and releases without a new object', (t) => {
  const { pool } = people({ slabRecords: 2 })
  const cursor = pool.cursor()
  code(t, () => cursor.record.id, 'ERR_STALE_HANDLE', /cursor is at no record/)
  code(t, () => cursor.slot, 'ERR_STALE_HANDLE')
  code(t, () => cursor.release(), 'ERR_STALE_HANDLE')
  const slots = Array.from({ length: 5 }, (_, id) => {
    const slot = cursor.acquire()
    cursor.record.id = id
    return slot
  })
  t.is(cursor.moveTo(slots[3]!).record.id, 3)
  cursor.release()
  code(t, () => cursor.record.id, 'ERR_STALE_HANDLE')
  code(t, () => cursor.moveTo(slots[3]!), 'ERR_STALE_HANDLE')
  for (const slot of [-1, 1.5, NaN, 2 ** 32, 999]) code(t, () => cursor.moveTo(slot), 'ERR_STALE_HANDLE')
  const ids: number[] = []
  for (cursor.reset(); cursor.next();) ids.push(cursor.record.id)
  t.deepEqual(ids, [0, 1, 2, 4])
  t.false(cursor.next())
})

test('a cursor sees at once that its record is gone, whoever released it', (t) => {
  const { pool } = people({ slabRecords: 4 })
  const cursor = pool.cursor()
  const gone = (message?: RegExp): void => {
    code(t, () => cursor.record.score, 'ERR_STALE_HANDLE', message)
    code(t, () => (cursor.record.score = 1), 'ERR_STALE_HANDLE', message)
    code(t, () => (cursor.record.name = 'x'), 'ERR_STALE_HANDLE', message)
    code(t, () => cursor.record.vector, 'ERR_STALE_HANDLE', message)
    code(t, () => cursor.slot, 'ERR_STALE_HANDLE')
  }
  gone(/cursor is at no record/)
  const ways: ((slot: number) => unknown)[] = [
    (slot) => pool.release(pool.at(slot)),
    (slot) => pool.cursor().moveTo(slot).release(),
    (slot) => pool.releaseSlots(Uint32Array.of(slot)),
    (slot) => (pool.release(pool.at(slot)), pool.acquire()),
    () => pool.release(cursor.record),
    () => pool.clear(),
    () => (pool.clear(), pool.trim()),
    () => cursor.reset(),
    () => pool.dispose(),
  ]
  for (const way of ways) {
    cursor.acquire()
    cursor.record.score = 5
    const kept = pool.acquire()
    const other = pool.acquire()
    pool.release(other)
    t.is(cursor.record.score, 5, 'a release of another record changes nothing')
    way(cursor.slot)
    gone()
    if (pool.isOpen(kept)) t.is(kept.score, 0, 'nothing was written to another record')
  }
})

test('a cursor sees that somebody transferred its slab away', (t) => {
  const { pool } = people()
  const cursor = pool.cursor()
  const transfer = (buffer: ArrayBuffer): void => void structuredClone(buffer, { transfer: [buffer] })
  cursor.acquire()
  pool.view(cursor.record, 'vector', ({ buffer }) => transfer(buffer as ArrayBuffer))
  code(t, () => (cursor.record.score = 1), 'ERR_STALE_HANDLE', /given back/)
  cursor.acquire()
  transfer((pool.store.current as { buffer: ArrayBuffer }).buffer)
  code(t, () => cursor.record.score, 'ERR_STALE_HANDLE', /given back/)
  code(t, () => cursor.record.name, 'ERR_STALE_HANDLE', /given back/)
  code(t, () => cursor.release(), 'ERR_STALE_HANDLE', /given back/)
})

test('only slots that held a record count as used', (t) => {
  const { pool } = people({ slabRecords: 1024 })
  t.is(pool.stats().usedSlots, 0)
  const records = Array.from({ length: 70 }, () => pool.acquire())
  t.deepEqual(
    records.map((record) => pool.slotOf(record)),
    Array.from({ length: 70 }, (_, slot) => slot),
    'the lowest first',
  )
  t.is(pool.stats().usedSlots, 70)
  records.slice(10).forEach((record) => pool.release(record))
  t.is(pool.stats().usedSlots, 70)
  t.is(pool.check(), 10)
})

test('maxRecords bounds the pool, exactly', (t) => {
  const { pool } = people({ maxRecords: 5, slabRecords: 2 })
  const records = Array.from({ length: 5 }, () => pool.acquire())
  code(t, () => pool.acquire(), 'ERR_POOL_EXHAUSTED', /all of its 5 records/)
  pool.release(records[2]!)
  pool.acquire()
  code(t, () => pool.acquire(), 'ERR_POOL_EXHAUSTED')
  t.is(pool.stats().capacityRecords, 5)
})

test('slabs are charged to the owner, and given back', (t) => {
  const { owner, pool } = people({ slabRecords: 4 })
  t.is(owner.heldBytes, 0)
  const records = Array.from({ length: 9 }, () => pool.acquire())
  const { reservedBytes, slabs } = pool.stats()
  t.is(slabs, 3)
  t.is(owner.heldBytes, reservedBytes)
  owner.limitBytes = owner.heldBytes
  records.push(pool.acquire(), pool.acquire(), pool.acquire())
  code(t, () => pool.acquire(), 'ERR_BUDGET_EXCEEDED')
  t.is(pool.openRecords, 12)
  t.is(pool.trim(), 0)
  for (const record of records.slice(4, 8)) pool.release(record)
  t.is(pool.trim(), reservedBytes / 3)
  t.is(owner.heldBytes, (reservedBytes / 3) * 2)
  code(t, () => records[4]!.id, 'ERR_STALE_HANDLE', /given back/)
  // Records of the other slabs did not move, and the hole is filled again.
  t.is(pool.slotOf(records[8]!), 8)
  t.is(pool.slotOf(pool.acquire()) >>> 2, 1)
  code(t, () => pool.release(records[4]!), 'ERR_DOUBLE_RELEASE')
})

test('dispose reports what is open and makes every handle stale', (t) => {
  const { owner, pool } = people({ name: 'people' })
  const records = [pool.acquire(), pool.acquire(), pool.acquire()]
  pool.release(records[0]!)
  t.deepEqual(pool.dispose(), { name: 'people', openRecords: 2, leaks: [] })
  t.deepEqual(pool.dispose(), { name: 'people', openRecords: 0, leaks: [] })
  t.is(owner.heldBytes, 0)
  code(t, () => records[1]!.id, 'ERR_STALE_HANDLE')
  code(t, () => pool.release(records[1]!), 'ERR_STALE_HANDLE')
  for (const call of [
    () => pool.acquire(),
    () => pool.sort('id'),
    () => pool.clear(),
    () => pool.fromJSON(Buffer.from('[]')),
  ]) {
    code(t, call, 'ERR_STALE_HANDLE', /disposed/)
  }
  t.is(pool.trim(), 0)
})

test('watched records: where they were acquired, at dispose and when their handle is collected', async (t) => {
  const leaks: LeakedRecord[] = []
  const { pool } = people({ leakDetection: 'full', onLeak: (leak) => leaks.push(leak) })
  const acquireHere = () => pool.acquire()
  const kept = acquireHere()
  pool.release(acquireHere())
  const slot = (() => pool.slotOf(acquireHere()))()
  t.true(await gcUntil(() => leaks.length > 0))
  t.is(leaks.length, 1)
  t.is(leaks[0]!.slot, slot)
  t.is(leaks[0]!.found, 'collected')
  t.regex(leaks[0]!.site, /^\s*at acquireHere/)
  const report = pool.dispose()
  t.is(report.openRecords, 2)
  t.deepEqual(
    report.leaks.map((leak) => [leak.slot, leak.found]),
    [[0, 'disposed']],
  )
  t.throws(() => kept.id)
})

test('a slot is retired before its generation wraps, and makes room for another', (t) => {
  const { pool, owner } = people({ maxRecords: 1 })
  pool.release(pool.acquire())
  const slab = pool.store.current as { u32: Uint32Array }
  // The generation as it would be after two thousand million uses.
  slab.u32[16] = 0x7fff_fffc
  const last = pool.acquire()
  pool.release(last)
  code(t, () => last.id, 'ERR_STALE_HANDLE')
  t.is(pool.stats().capacityRecords, 0)
  const next = pool.acquire()
  next.id = 7
  code(t, () => last.id, 'ERR_STALE_HANDLE')
  code(t, () => pool.acquire(), 'ERR_POOL_EXHAUSTED')
  t.is(pool.check(), 1)
  t.is(owner.heldBytes, pool.stats().reservedBytes)
})

test('a slab that somebody transferred away is noticed', (t) => {
  const { pool } = people()
  const record = pool.acquire()
  const { buffer } = pool.store.current as { buffer: ArrayBuffer }
  structuredClone(buffer, { transfer: [buffer] })
  code(t, () => record.id, 'ERR_STALE_HANDLE')
  const next = pool.acquire()
  next.id = 3
  t.is(next.id, 3)
  t.is(pool.openRecords, 1)
})

test('slot words that somebody broke give errors, not a crash', (t) => {
  const { pool } = people({ slabRecords: 16 })
  for (let n = 0; n < 4; n++) pool.release(pool.acquire())
  const { u32 } = pool.store.current as { u32: Uint32Array }
  const document = Buffer.from(
    JSON.stringify([{ id: 1, score: 1, seen: 1, name: '', vector: [1, 2, 3, 4, 5, 6, 7, 8] }]),
  )
  const before = u32.slice()
  for (const [word, value] of [
    [0, 17],
    [0, 0xffff_ffff],
    [1, 17],
    [2, 17],
    [2, 0xffff_ffff],
    [3, 9],
  ] as const) {
    u32.set(before)
    u32[word] = value
    t.throws(() => pool.fromJSON(document), undefined, `${word}: ${value}`)
    t.throws(() => pool.check())
  }
  u32.set(before)
  u32[32 + u32[0]! - 1] = 0xffff_ffff // the top of the free stack
  t.throws(() => pool.fromJSON(document))
  u32.set(before)
  t.is(pool.fromJSON(document).length, 1)
})

test('schemas that cannot be laid out are refused', (t) => {
  const make = (schema: unknown, options?: unknown) => () =>
    new RecordPool(new CountingOwner(), schema as never, options as never)
  for (const schema of [
    null,
    [],
    {},
    { id: 'u32' },
    { id: type.u32('$.id') },
    { id: type.optional(type.u32()) },
    { name: type.string() },
    { hash: type.bytes() },
    { any: type.json() },
    { rows: type.each('rows', {}) },
    { name: type.string(24, { align: 32 }) },
    { vector: type.f32(4, { align: 48 }) },
    { vector: type.f32(4, { align: 128 }) },
    { vector: type.f64(4, { align: 4 }) },
    { huge: type.f64(2 ** 24) },
    { ['x'.repeat(300)]: type.u8() },
    Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`f${n}`, type.u8()])),
  ]) {
    t.throws(make(schema), { instanceOf: TypeError }, JSON.stringify(schema)?.slice(0, 80))
  }
  for (const options of [
    { maxRecords: 0 },
    { maxRecords: 1.5 },
    { slabRecords: 65537 },
    { slabRecords: -1 },
  ]) {
    t.throws(make(person, options), { instanceOf: RangeError })
  }
  t.throws(make(person, { maxRecords: '5' }), { instanceOf: TypeError })
  t.throws(make(person, { leakDetection: 'some' }), { instanceOf: TypeError })
})

test('fields may have any name', (t) => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    '_id',
    '$slot',
    'a b',
    'é"\\\n\u2028',
    'release',
    '0',
  ]
  const pool = new RecordPool(
    new CountingOwner(),
    JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:{"kind":"u32"}`).join(',')}}`) as {
      [name: string]: ReturnType<typeof type.u32>
    },
  )
  const record = pool.acquire()
  names.forEach((name, n) => (record[name] = n + 1))
  names.forEach((name, n) => t.is(record[name], n + 1, name))
  const slots = pool.fromJSON(
    Buffer.from(`[{${names.map((name, n) => `${JSON.stringify(name)}:${n + 10}`).join(',')}}]`),
  )
  names.forEach((name, n) => t.is(pool.at(slots[0]!)[name], n + 10, name))
  t.deepEqual(Object.keys(pool.toObject(record)).sort(), [...names].sort())
})

test('many schemas in one process keep apart', (t) => {
  const pools = Array.from(
    { length: 300 },
    (_, n) =>
      new RecordPool(
        new CountingOwner(),
        { [`f${n}`]: type.u32(), b: type.f64() } as Record<string, ReturnType<typeof type.u32>>,
        { slabRecords: 2 },
      ),
  )
  const records = pools.map((pool, n) => {
    const record = pool.acquire()
    record[`f${n}`] = n
    return record
  })
  records.forEach((record, n) => t.is(record[`f${n}`], n))
  code(t, () => pools[0]!.release(records[1]!), 'ERR_FOREIGN_OBJECT')
  pools.forEach((pool) => pool.dispose())
})

test('the first rules hold without generated code', (t) => {
  const script = `
    import { t } from 'primarena'
    import { RecordPool } from './dist/pool/record-pool.js'
    const owner = { label: 'x', charge() {}, uncharge() {} }
    const pool = new RecordPool(owner, { id: t.u32(), name: t.string(4), big: t.u64(), v: t.f32(2), h: t.bytes(3), at: t.timestamp(), ok: t.boolean() })
    const said = []
    const tell = (run) => { try { said.push(run()) } catch (error) { said.push(error.code ?? error.name) } }
    tell(() => new Function('return 1')())
    const record = pool.acquire()
    Object.assign(record, { id: 1, name: 'é', big: 5n, v: [1, 2], h: Uint8Array.of(1), at: new Date(3), ok: true })
    tell(() => [record.id, record.name, String(record.big), ...record.v, ...record.h, record.at, record.ok].join())
    tell(() => JSON.stringify(record))
    tell(() => (record.id = -1)); tell(() => (record.name = 'ééé')); tell(() => (record.ok = 1)); tell(() => (record.big = 1))
    pool.release(record)
    tell(() => record.id); tell(() => pool.release(record)); tell(() => pool.release({})); tell(() => pool.acquire().name)
    process.stdout.write(JSON.stringify(said))`
  const output = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  t.deepEqual(JSON.parse(output), [
    'EvalError',
    '1,é,5,1,2,1,3,true',
    '{"id":1,"name":"é","big":"5","v":[1,2],"h":"AQ==","at":3,"ok":true}',
    'ERR_RECORD_VALUE',
    'ERR_RECORD_VALUE',
    'TypeError',
    'TypeError',
    'ERR_STALE_HANDLE',
    'ERR_DOUBLE_RELEASE',
    'ERR_FOREIGN_OBJECT',
    '',
  ])
})

test('pools and records can be given to JSON.stringify', (t) => {
  const schema = {
    big: type.i64(),
    bigs: type.u64(2),
    bytes: type.bytes(4),
    vector: type.f32(2),
    name: type.string(8),
  }
  const pool = new RecordPool(new CountingOwner(), { ...schema, toJSON: type.u8() })
  t.deepEqual(JSON.parse(JSON.stringify({ pool })), { pool: pool.stats() })
  t.deepEqual(JSON.parse(JSON.stringify(pool)), pool.stats())
  t.is(pool.acquire().toJSON, 0, 'a field of that name is the field')
  const other = new RecordPool(new CountingOwner(), schema)
  const record = other.acquire()
  Object.assign(record, {
    big: -(2n ** 63n),
    bigs: [1n, 2n ** 64n - 1n],
    bytes: Uint8Array.of(255, 0),
    vector: [1, Infinity],
    name: '"é',
  })
  t.is(
    JSON.stringify({ record }),
    '{"record":{"big":"-9223372036854775808","bigs":["1","18446744073709551615"],"bytes":"/wA=","vector":[1,null],"name":"\\"é"}}',
  )
  t.deepEqual(Object.keys(record), [])
  other.release(record)
  code(t, () => JSON.stringify(record), 'ERR_STALE_HANDLE')
  for (const wrong of [undefined, null, {}]) {
    t.throws(() => pool.toJSON(wrong as never), {
      instanceOf: TypeError,
      message: /toJSON: expected an allocator/,
    })
  }
})

test('what is no slot, and what is no field of a condition, is told', (t) => {
  const { pool } = people()
  pool.acquire()
  t.throws(() => pool.at('0' as never), { instanceOf: TypeError, message: 'at: expected a slot, got string' })
  t.throws(() => pool.at(null as never), { instanceOf: TypeError })
  for (const wrong of [1.5, -1, NaN, 2 ** 32]) t.throws(() => pool.at(wrong), { instanceOf: RangeError })
  code(t, () => pool.at(1), 'ERR_STALE_HANDLE')
  const filter = (field: string): unknown =>
    pool.filter((r) => (r as never as typeof r & Record<string, typeof r.id>)[field]!.eq(1))
  t.throws(() => filter('typo'), {
    instanceOf: TypeError,
    message: 'there is no field "typo"; expected one of id, score, seen, name',
  })
  t.throws(() => filter('toString'), { instanceOf: TypeError, message: /no field "toString"/ })
  t.throws(() => filter('vector'), {
    instanceOf: TypeError,
    message: /vector is a vector and cannot be compared/,
  })
  t.deepEqual([...pool.filter(({ id, name }) => id.eq(0).and(name.eq('')))], [0])
})
