import test, { type ExecutionContext } from 'ava'
import { HeapAllocator, Memory } from 'primarena'
import type { PrimarenaError } from 'primarena'
import { JsonNames } from '../dist/pool/json-names.js'
import { JsonArray, type JsonObject } from '../dist/pool/json-containers.js'
import { JsonPool, type JsonScope } from '../dist/pool/json-pool.js'
import { random } from './_helpers/random.js'

const heap = new HeapAllocator()

function code(t: ExecutionContext, run: () => unknown, expected: string, message?: RegExp): PrimarenaError {
  const error = t.throws(run, { any: true }) as PrimarenaError
  t.is(error.code, expected as PrimarenaError['code'], String(error))
  if (message) t.regex(error.message, message)
  return error
}

test('an object is a map in the order of its members', (t) => {
  const scope = new JsonPool().scope()
  const object = scope.getObject()
  object.set('b', 1).set('a', 2).set('10', 3).set('b', 4)
  t.is(object.size, 3)
  t.deepEqual(
    [...object],
    [
      ['b', 4],
      ['a', 2],
      ['10', 3],
    ],
  )
  t.deepEqual([...object.keys()], ['b', 'a', '10'])
  t.deepEqual([...object.values()], [4, 2, 3])
  t.is(object.get('a'), 2)
  t.is(object.get('z'), undefined)
  t.true(object.has('10'))
  t.false(object.has('constructor'))
  t.true(object.delete('a'))
  t.false(object.delete('a'))
  t.is(object.toString(), '{"b":4,"10":3}')
  t.deepEqual(object.toJS(), { 10: 3, b: 4 })
  object.clear()
  t.is(object.toBytes(heap).toString(), '{}')
  t.throws(() => object.set(7 as never, 1), { instanceOf: TypeError })
})

test('an array', (t) => {
  const scope = new JsonPool().scope()
  const array = scope.getArray()
  t.is(array.push(1), 1)
  t.is(array.push(2, 3, 4), 4)
  t.is(array.at(-1), 4)
  t.is(array.at(0), 1)
  t.is(array.at(4), undefined)
  t.is(array.at(-5), undefined)
  array.set(0, 'x').set(4, 'y')
  t.is(array.length, 5)
  t.throws(() => array.set(6, 0), { instanceOf: RangeError })
  t.throws(() => array.set(-1, 0), { instanceOf: RangeError })
  t.is(array.pop(), 'y')
  t.deepEqual([...array], ['x', 2, 3, 4])
  t.is(array.toString(), '["x",2,3,4]')
  t.deepEqual(array.toJS(), ['x', 2, 3, 4])
  array.clear()
  t.is(array.pop(), undefined)
  t.is(array.toBytes(heap).toString(), '[]')
})

test('containers nest, and children made by them are returned with them', (t) => {
  const pool = new JsonPool()
  const scope = pool.scope()
  const answer = scope.getObject()
  const rows = answer.array('rows')
  for (let index = 0; index < 3; index++) rows.object().set('index', index).array('empty')
  const loose = scope.getObject().set('loose', true)
  answer.set('other', loose)
  t.is(
    answer.toBytes(heap).toString(),
    '{"rows":[{"index":0,"empty":[]},{"index":1,"empty":[]},{"index":2,"empty":[]}],"other":{"loose":true}}',
  )
  t.is(JSON.stringify(answer), answer.toString())
  t.is(JSON.stringify({ answer }), `{"answer":${answer.toString()}}`)
  t.is(scope.openCount, 9)
  scope.returnObject(answer)
  t.is(scope.openCount, 1)
  t.is(loose.get('loose'), true)
  code(t, () => rows.push(1), 'ERR_STALE_HANDLE', /JSON array/)
  scope.returnObject(loose)
  t.like(pool.stats(), { openObjects: 0, openArrays: 0, idleObjects: 5, idleArrays: 4, acquired: 9 })
})

test('deep nesting is a coded error and no stack overflow', (t) => {
  const scope = new JsonPool().scope()
  const root = scope.getArray()
  let array = root
  for (let depth = 0; depth < 20_000; depth++) array = array.array()
  code(t, () => root.toBytes(heap), 'ERR_JSON_LIMIT')
  code(t, () => root.toJS(), 'ERR_JSON_LIMIT')
  scope.returnArray(root)
  t.is(scope.openCount, 0)
})

test('what JSON.stringify does with odd values happens here', (t) => {
  class Point {
    x = 1
    toJSON(key: string) {
      return { key, x: this.x }
    }
  }
  const members: Record<string, unknown> = {
    undef: undefined,
    fn: () => 1,
    fnJson: Object.assign(() => 1, { toJSON: (key: string) => `as ${key}` }),
    symbol: Symbol('x'),
    nan: NaN,
    infinite: -Infinity,
    zero: -0,
    date: new Date(0),
    point: new Point(),
    boxed: Object('text'),
    number: Object(5),
    dropped: { toJSON: () => undefined },
    nested: { a: [1, undefined, { b: null }], c: undefined },
    map: new Map([[1, 2]]),
    buffer: Buffer.from('ab'),
    empty: {},
    __proto__own: 1,
    'a"b\\c\n\u2028é😀\ud800': '"\\\n\u2028é😀\ud800',
    long: 'é"'.repeat(5000),
    ascii: 'x'.repeat(40),
    '': '',
  }
  const scope = new JsonPool().scope()
  const object = scope.getObject()
  const array = scope.getArray()
  for (const [key, value] of Object.entries(members)) {
    object.set(key, value)
    array.push(value)
  }
  t.is(object.toBytes(heap).toString(), JSON.stringify(members))
  t.is(array.toBytes(heap).toString(), JSON.stringify(Object.values(members)))
  t.is(object.toString(), JSON.stringify(members))
  object.set('big', 1n)
  t.throws(() => object.toBytes(heap), { instanceOf: TypeError, message: /BigInt/ })
  t.is(scope.getObject().set('dropped', undefined).set('kept', 1).toString(), '{"kept":1}')
  t.is(
    scope
      .getObject()
      .set('dropped', () => 0)
      .set('kept', 1)
      .toString(),
    '{"kept":1}',
  )
  t.is(scope.getObject().set('dropped', Symbol('s')).toString(), '{}')
})

test('a member named __proto__ is a member', (t) => {
  const object = new JsonPool().scope().getObject().set('__proto__', { polluted: true })
  t.is(object.toString(), '{"__proto__":{"polluted":true}}')
  const plain = object.toJS()
  t.deepEqual(Object.keys(plain), ['__proto__'])
  t.is(Object.getPrototypeOf(plain), Object.prototype)
})

test('raw JSON is spliced', (t) => {
  const scope = new JsonPool().scope()
  const big = Buffer.from(JSON.stringify(Array.from({ length: 5000 }, (_, index) => index)))
  const object = scope.getObject().set('a', 1).setRaw('rows', big).set('z', 2)
  t.is(object.toBytes(heap).toString(), `{"a":1,"rows":${big.toString()},"z":2}`)
  t.is((object.toJS()['rows'] as number[]).length, 5000)
  const array = scope.getArray()
  array.pushRaw(Buffer.from('{"x":[]}'))
  t.is(array.toString(), '[{"x":[]}]')
  t.throws(() => object.setRaw('x', '{}' as never), { instanceOf: TypeError })
  array.pushRaw(Buffer.alloc(0))
  t.is(code(t, () => array.toBytes(heap), 'ERR_STALE_HANDLE', /\$\[1\]/).path, '$[1]')
})

test('a cycle is a coded error with its path', (t) => {
  const scope = new JsonPool().scope()
  const object = scope.getObject()
  const rows = object.array('rows')
  rows.push(1)
  rows.object().set('back to', object)
  for (const run of [() => object.toBytes(heap), () => object.toJS(), () => object.toString()]) {
    t.is(code(t, run, 'ERR_JSON_TYPE').path, '$.rows[1]["back to"]')
  }
  rows.set(1, { plain: object })
  code(t, () => object.toBytes(heap), 'ERR_JSON_TYPE')
  rows.set(1, object.array('twice'))
  object.set('again', rows.at(1))
  t.is(object.toString(), '{"rows":[1,[]],"twice":[],"again":[]}', 'shared is not a cycle')
})

test('every use after the return is an error', (t) => {
  const scope = new JsonPool().scope()
  const uses: ((object: JsonObject) => unknown)[] = [
    (object) => object.set('a', 1),
    (object) => object.setRaw('a', Buffer.from('1')),
    (object) => object.object('a'),
    (object) => object.array('a'),
    (object) => object.get('a'),
    (object) => object.has('a'),
    (object) => object.delete('a'),
    (object) => object.clear(),
    (object) => object.size,
    (object) => [...object],
    (object) => [...object.keys()],
    (object) => [...object.values()],
    (object) => object.toBytes(heap),
    (object) => object.toJS(),
    (object) => object.toString(),
    (object) => JSON.stringify(object),
  ]
  const arrayUses: ((array: JsonArray) => unknown)[] = [
    (array) => array.push(1),
    (array) => array.pushRaw(Buffer.from('1')),
    (array) => array.object(),
    (array) => array.array(),
    (array) => array.at(0),
    (array) => array.set(0, 1),
    (array) => array.pop(),
    (array) => array.clear(),
    (array) => array.length,
    (array) => [...array],
    (array) => array.toBytes(heap),
    (array) => array.toJS(),
    (array) => array.toString(),
  ]
  const object = scope.getObject().set('a', 1)
  const array = scope.getArray()
  scope.returnObject(object)
  scope.returnArray(array)
  const next = scope.getObject()
  for (const use of uses) code(t, () => use(object), 'ERR_STALE_HANDLE')
  for (const use of arrayUses) code(t, () => use(array), 'ERR_STALE_HANDLE')
  t.is(next.size, 0, 'the next user saw nothing of it')
  t.is(scope.openCount, 1)
  next.set('inner', array)
  t.is(code(t, () => next.toBytes(heap), 'ERR_STALE_HANDLE').path, '$.inner')
})

test('double and foreign returns are errors', (t) => {
  const pool = new JsonPool()
  const [scope, other] = [pool.scope(), pool.scope()]
  const object = scope.getObject()
  const array = scope.getArray()
  code(t, () => other.returnObject(object), 'ERR_FOREIGN_OBJECT')
  scope.returnObject(object)
  code(t, () => scope.returnObject(object), 'ERR_DOUBLE_RELEASE')
  t.throws(() => scope.returnObject(array as never), { instanceOf: TypeError, message: /got JsonArray/ })
  t.throws(() => scope.returnArray({} as never), { instanceOf: TypeError })
  t.throws(() => scope.returnArray(undefined as never), { instanceOf: TypeError })
  array[Symbol.dispose]()
  array[Symbol.dispose]()
  code(t, () => scope.returnArray(array), 'ERR_DOUBLE_RELEASE')
})

test('returnAll takes back what is out, and only that of its scope', (t) => {
  const pool = new JsonPool()
  const [scope, other] = [pool.scope(), pool.scope()]
  const kept = other.getObject()
  const open = Array.from({ length: 10 }, () => scope.getObject())
  open[0]!.object('child')
  scope.returnObject(open[4]!)
  t.is(scope.returnAll(), 10)
  t.is(scope.returnAll(), 0)
  code(t, () => open[0]!.size, 'ERR_STALE_HANDLE')
  t.is(kept.size, 0)
  t.like(pool.stats(), { openObjects: 1, returnedAtEnd: 10 })
  t.is(scope.getObject().size, 0, 'a scope can go on')
})

test('storages are used again, clean, and age out', (t) => {
  const pool = new JsonPool({ maxIdle: 2 })
  const scope = pool.scope()
  for (let round = 0; round < 5; round++) {
    const object = scope.getObject().set('a', { secret: round })
    t.false(object.has('b'))
    t.deepEqual([...object], [['a', { secret: round }]])
    scope.returnObject(object)
  }
  t.like(pool.stats(), { acquired: 5, hitRate: 0.8, idleObjects: 1, names: 1 })
  const open = [scope.getObject(), scope.getObject(), scope.getObject()]
  for (const object of open) scope.returnObject(object)
  t.is(pool.stats().idleObjects, 2)
  pool.trim()
  pool.trim()
  t.is(pool.stats().idleObjects, 0)
  const last = scope.getObject()
  t.is(pool.dispose(), 1)
  code(t, () => scope.getObject(), 'ERR_STALE_HANDLE', /disposed/)
  scope.returnObject(last)
  t.like(pool.stats(), { openObjects: 0, idleObjects: 0 })
})

test('code of a member that runs while the answer is written may do what it wants', (t) => {
  const pool = new JsonPool()
  const memory = new Memory()
  const arena = memory.arena()
  const scope = pool.scope()
  const object = scope.getObject()
  const first = '"x'.repeat(300)
  object.set('first', first).set('greedy', {
    toJSON() {
      // Takes the very bytes that the answer would have been written to.
      arena.from('y'.repeat(300))
      const inner = scope
        .getObject()
        .set('long', 'y"'.repeat(500))
        .set('inner', {
          toJSON: () => scope.getArray().toBytes(arena).toString(),
        })
      const { inner: found } = JSON.parse(inner.toBytes(arena).toString()) as { inner: unknown }
      return { inner: found }
    },
  })
  object.set('last', 1)
  t.is(
    object.toBytes(arena).toString(),
    `{"first":${JSON.stringify(first)},"greedy":{"inner":"[]"},"last":1}`,
  )
  const returning = scope.getObject()
  returning.set('a', { toJSON: () => scope.returnObject(returning) }).set('b', 1)
  code(t, () => returning.toBytes(arena), 'ERR_STALE_HANDLE')
  const clearing = scope.getObject()
  clearing.set('a', { toJSON: () => void clearing.clear() }).set('b', 1)
  t.is(clearing.toString(), '{}')
  t.is(scope.getObject().size, 0)
  arena.dispose()
  memory.dispose()
})

test('answers of all sizes in an arena and in ordinary memory', (t) => {
  const memory = new Memory()
  const arena = memory.arena()
  const scope = new JsonPool().scope()
  for (const length of [0, 1, 3, 30, 100, 1000, 3000]) {
    for (const text of [
      '',
      'abc',
      'é'.repeat(50),
      '"'.repeat(100),
      'x'.repeat(2000),
      'ab"'.repeat(140),
      '"€\ud800'.repeat(200),
    ]) {
      const object = scope.getObject()
      const plain: Record<string, unknown> = {}
      for (let index = 0; index < length; index++) {
        const value = index % 3 === 0 ? text : index % 3 === 1 ? index * 1.5 : [index]
        object.set(`m${index}`, Array.isArray(value) ? scope.getArray().set(0, index) : value)
        plain[`m${index}`] = value
      }
      const expected = JSON.stringify(plain)
      const bytes = object.toBytes(arena)
      t.is(bytes.toString(), expected)
      t.is(object.toBytes(heap).toString(), expected)
      t.is(bytes.toString(), expected, 'still there after other allocations')
      t.is(object.get('m2')?.constructor, length > 2 ? JsonArray : undefined)
      t.deepEqual(object.toJS(), plain)
    }
    scope.returnAll()
    arena.reset()
  }
  arena.dispose()
  memory.dispose()
})

test('a handle shows nothing of its inside', (t) => {
  const object = new JsonPool().scope().getObject().set('secret', 1)
  t.deepEqual(Reflect.ownKeys(object), [])
  t.deepEqual({ ...object }, {})
})

test('names are bounded, and hot ones outlive a flood', (t) => {
  const names = new JsonNames(8)
  const hot = names.of('hot')
  for (let index = 0; index < 1000; index++) {
    names.of(`cold ${index}`)
    t.is(names.of('hot'), hot)
  }
  t.true(names.size <= 16)
  const long = 'k'.repeat(65)
  t.false(names.of(long).cached)
  t.not(names.of(long), names.of(long))
})

test('acquisitions are watched by a tracker', (t) => {
  const open = new Set<object>()
  const what: string[] = []
  const tracker = {
    intervalOpens: 2,
    opened(name: string) {
      what.push(name)
      const ticket = {}
      open.add(ticket)
      return ticket
    },
    closed: (ticket: object) => void t.true(open.delete(ticket)),
  }
  const scope = new JsonPool({ tracker }).scope()
  const first = scope.getObject()
  const second = scope.getArray()
  scope.getObject()
  const fourth = scope.getObject()
  t.deepEqual(what, ['JSON array', 'JSON object'])
  scope.returnObject(first)
  t.is(open.size, 2)
  scope.returnArray(second)
  scope.returnObject(fourth)
  t.is(open.size, 0)
})

test('random programs against a Map and an array', (t) => {
  const pool = new JsonPool({ maxIdle: 4 })
  for (let seed = 1; seed <= 150; seed++) {
    const next = random(seed)
    const below = (n: number) => Math.floor(next() * n)
    const scope: JsonScope = pool.scope()
    const keys = Array.from({ length: 1 + below(seed % 10 === 0 ? 60 : 6) }, (_, index) =>
      next() < 0.1 ? `${'k'.repeat(70)}${index}` : next() < 0.1 ? String(index) : `key ${index}`,
    )
    const live: (
      { object: JsonObject; model: Map<string, unknown> } | { array: JsonArray; model: unknown[] }
    )[] = []
    const value = (): unknown => {
      const choice = below(8)
      if (choice === 0) return undefined
      if (choice === 1) return below(2) === 1
      if (choice === 2) return null
      if (choice === 3) return (next() - 0.5) * 10 ** below(12)
      if (choice === 4) return 'aé"\n'.repeat(below(40))
      if (choice === 5) return [below(9), { x: below(9) }]
      return below(1e6) - 5e5
    }
    for (let step = 0; step < 120; step++) {
      if (live.length === 0 || next() < 0.1) {
        live.push(
          next() < 0.6
            ? { object: scope.getObject(), model: new Map() }
            : { array: scope.getArray(), model: [] },
        )
      }
      const entry = live[below(live.length)]!
      const v = value()
      if ('object' in entry) {
        const { object, model } = entry
        const key = keys[below(keys.length)]!
        const choice = next()
        if (choice < 0.7) {
          object.set(key, v)
          model.set(key, v)
        } else if (choice < 0.85) {
          t.is(object.delete(key), model.delete(key))
        } else if (choice < 0.88) {
          object.clear()
          model.clear()
        } else {
          t.is(object.get(key), model.get(key))
          t.is(object.has(key), model.has(key))
        }
        t.is(object.size, model.size)
        if (next() < 0.2) {
          const expected = [...model]
            .map(([name, member]) => [JSON.stringify(name), JSON.stringify(member)])
            .filter(([, member]) => member !== undefined)
            .map(([name, member]) => `${name}:${member}`)
          t.is(object.toBytes(heap).toString(), `{${expected.join()}}`)
          t.deepEqual([...object], [...model])
        }
      } else {
        const { array, model } = entry
        const choice = next()
        if (choice < 0.7) t.is(array.push(v), model.push(v))
        else if (choice < 0.9) t.is(array.pop(), model.pop())
        else {
          const index = below(9) - 4
          t.is(array.at(index), model.at(index))
        }
        t.is(array.length, model.length)
        if (next() < 0.2) t.is(array.toBytes(heap).toString(), JSON.stringify(model))
      }
      if (next() < 0.1) {
        const [gone] = live.splice(below(live.length), 1)
        if ('object' in gone!) scope.returnObject(gone.object)
        else scope.returnArray(gone!.array)
      }
      t.is(scope.openCount, live.length)
    }
    t.is(scope.returnAll(), live.length)
  }
  t.like(pool.stats(), { openObjects: 0, openArrays: 0 })
})

test('without an allocator the bytes are an ordinary Buffer', (t) => {
  const object = new JsonPool().scope().getObject()
  const bytes = object.set('a', 'é').toBytes()
  object.clear()
  object[Symbol.dispose]()
  t.is(bytes.toString(), '{"a":"é"}')
  const array = new JsonPool().scope().getArray()
  t.is(array.toBytes().toString(), '[]')
  for (const wrong of [null, {}]) {
    t.throws(() => array.toBytes(wrong as never), {
      instanceOf: TypeError,
      message: /toBytes: expected an allocator/,
    })
  }
})
