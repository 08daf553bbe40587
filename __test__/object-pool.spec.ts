import test, { type ExecutionContext } from 'ava'
import type { PrimarenaError } from '../dist/errors.js'
import { LeakTracker } from '../dist/leaks.js'
import { ObjectPool } from '../dist/pool/object-pool.js'
import { link as poolLink } from '../dist/pool/object-marks.js'
import { PoolLeaks } from '../dist/pool/pool-leaks.js'
import type { PoolTracker } from '../dist/pool/pool-tracker.js'
import { random } from './_helpers/random.js'

interface Thing {
  id: number
  value: number
}

function things(
  options: Partial<ConstructorParameters<typeof ObjectPool<Thing>>[0]> = {},
  tracker?: PoolTracker,
) {
  let made = 0
  const ended: number[] = []
  const pool = new ObjectPool<Thing>(
    {
      create: () => ({ id: made++, value: 0 }),
      reset: (thing) => {
        thing.value = 0
      },
      dispose: (thing) => ended.push(thing.id),
      aging: 'manual',
      ...options,
    },
    tracker,
  )
  return { pool, ended }
}

function code(t: ExecutionContext, run: () => unknown, expected: string, message?: RegExp): void {
  const error = t.throws(run, { any: true }) as PrimarenaError
  t.is(error.code, expected as PrimarenaError['code'])
  if (message) t.regex(error.message, message)
}

test('a released object is cleaned and comes back, the warmest first', (t) => {
  const { pool } = things()
  const first = pool.acquire()
  const second = pool.acquire()
  t.not(first, second)
  first.value = 7
  pool.release(second)
  pool.release(first)
  t.is(first.value, 0)
  t.is(pool.acquire(), first)
  t.is(pool.acquire(), second)
  t.like(pool.stats(), { open: 2, idle: 0, created: 2, acquired: 4, hitRate: 0.5, highWater: 2, letGo: 0 })
})

test('double and foreign releases are detected, with and without cells', (t) => {
  const kinds: Record<string, () => object> = {
    plain: () => ({}),
    frozen: () => Object.freeze({}),
    buffer: () => Buffer.alloc(8),
    map: () => new Map(),
    function: () => () => 0,
    dictionary: () => Object.create(null) as object,
    proxy: () => new Proxy({}, { defineProperty: () => false }),
  }
  for (const [kind, create] of Object.entries(kinds)) {
    const pool = new ObjectPool({ create, name: `pool of ${kind}` })
    const other = new ObjectPool({ create, name: 'other' })
    const object = pool.acquire()
    const foreign = other.acquire()
    code(t, () => pool.release(foreign), 'ERR_FOREIGN_OBJECT', new RegExp(`pool of ${kind}`))
    code(t, () => pool.release({}), 'ERR_FOREIGN_OBJECT')
    pool.release(object)
    code(t, () => pool.release(object), 'ERR_DOUBLE_RELEASE', new RegExp(`pool of ${kind}`))
    code(t, () => pool.discard(object), 'ERR_DOUBLE_RELEASE')
    code(t, () => other.release(object), 'ERR_FOREIGN_OBJECT')
    t.is(pool.acquire(), object)
    pool.discard(object)
    code(t, () => pool.release(object), 'ERR_DOUBLE_RELEASE')
    t.like(pool.stats(), { open: 0, idle: 0, letGo: 1 })
    other.release(foreign)
    t.like(other.stats(), { open: 0, idle: 1 })
  }
})

test('pooling cannot be seen on an object', (t) => {
  const { pool } = things()
  const thing = pool.acquire()
  t.deepEqual({ ...thing }, { id: 0, value: 0 })
  t.deepEqual(Object.keys(thing), ['id', 'value'])
  t.is(JSON.stringify(thing), '{"id":0,"value":0}')
  const buffers = new ObjectPool({ create: () => Buffer.alloc(4) })
  t.deepEqual(Object.getOwnPropertySymbols(buffers.acquire()), [])
})

test('an object that declares the link is pooled by it, and its copies are foreign', (t) => {
  class Declared {
    value = 0;
    [poolLink]: unknown = null
  }
  const pool = new ObjectPool({ create: () => new Declared(), reset: (object) => void (object.value = 0) })
  const object = pool.acquire()
  const copy = { ...object }
  t.deepEqual(Object.getOwnPropertySymbols(copy), [])
  for (const foreign of [copy, new Declared(), Object.assign(new Declared(), object)]) {
    code(t, () => pool.release(foreign as Declared), 'ERR_FOREIGN_OBJECT')
  }
  const other = new ObjectPool({ create: () => new Declared() })
  code(t, () => other.release(object), 'ERR_FOREIGN_OBJECT')
  object.value = 7
  pool.release(object)
  code(t, () => pool.release(object), 'ERR_DOUBLE_RELEASE')
  t.is(pool.acquire(), object)
  t.is(object.value, 0)
  t.like(pool.stats(), { open: 1, idle: 0, created: 1 })
})

test('a release that fails for its arguments is a TypeError and changes nothing', (t) => {
  for (const create of [() => ({}), () => Object.freeze({})]) {
    const pool = new ObjectPool<object>({ create })
    pool.acquire()
    for (const wrong of [undefined, null, 7, 'text'])
      t.throws(() => pool.release(wrong as never), { any: true })
    t.is(pool.open, 1)
  }
  const { pool } = things()
  const thing = Object.freeze(pool.acquire())
  t.throws(() => pool.release(thing), { instanceOf: TypeError })
  t.is(pool.open, 1)
})

test('max bounds open and idle objects together', (t) => {
  const { pool } = things({ max: 2, name: 'two' })
  const first = pool.acquire()
  pool.acquire()
  code(t, () => pool.acquire(), 'ERR_POOL_EXHAUSTED', /two: all 2 objects/)
  pool.release(first)
  t.is(pool.acquire(), first)
  pool.discard(first)
  t.is(pool.acquire().id, 2)
})

test('maxIdle bounds what is kept', (t) => {
  const { pool, ended } = things({ maxIdle: 2 })
  const open = [pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()]
  for (const thing of open) pool.release(thing)
  t.like(pool.stats(), { open: 0, idle: 2, letGo: 2 })
  t.deepEqual(ended, [2, 3])
  const none = things({ maxIdle: 0 })
  none.pool.release(none.pool.acquire())
  t.like(none.pool.stats(), { open: 0, idle: 0, letGo: 1 })
})

test('idle objects age out in two generations', (t) => {
  const { pool, ended } = things()
  const open = [pool.acquire(), pool.acquire(), pool.acquire()]
  for (const thing of open) pool.release(thing)
  t.is(pool.trim(), 0)
  t.like(pool.stats(), { idle: 3, letGo: 0 })
  const used = pool.acquire()
  pool.release(used)
  t.is(pool.trim(), 2)
  t.is(ended.length, 2)
  t.false(ended.includes(used.id))
  t.is(pool.trim(), 1)
  t.like(pool.stats(), { idle: 0, letGo: 3 })
  t.is(pool.trim(), 0)
})

test('a warm object takes the place of a victim when there is no room', (t) => {
  const { pool, ended } = things({ maxIdle: 2 })
  const [a, b, c] = [pool.acquire(), pool.acquire(), pool.acquire()]
  pool.release(a)
  pool.release(b)
  pool.trim()
  pool.release(c)
  t.like(pool.stats(), { idle: 2, letGo: 1 })
  t.false(ended.includes(c.id))
  t.is(pool.acquire(), c)
})

test('a full garbage collection ages idle objects', async (t) => {
  const { pool, ended } = things({ aging: 'gc' })
  pool.release(pool.acquire())
  for (let round = 0; round < 200 && ended.length === 0; round++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.deepEqual(ended, [0])
  t.is(pool.stats().idle, 0)
})

test('what dispose throws after a collection goes to onError', async (t) => {
  const errors: unknown[] = []
  const { pool } = things({
    aging: 'gc',
    dispose: () => {
      throw new Error('no end')
    },
    onError: (error) => errors.push(error),
  })
  pool.release(pool.acquire())
  for (let round = 0; round < 200 && errors.length === 0; round++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is((errors[0] as Error).message, 'no end')
  t.is(pool.stats().idle, 0)
})

test('use releases after a value, a throw, a resolved and a rejected promise', async (t) => {
  const { pool } = things()
  t.is(
    pool.use((thing) => thing.id + 1),
    1,
  )
  t.is(pool.open, 0)
  t.throws(
    () =>
      pool.use(() => {
        throw new Error('body')
      }),
    { message: 'body' },
  )
  t.is(pool.open, 0)
  const pending = pool.use(async (thing) => {
    await Promise.resolve()
    t.is(pool.open, 1)
    return thing.id
  })
  t.is(pool.open, 1)
  t.is(await pending, 0)
  t.is(pool.open, 0)
  await t.throwsAsync(
    pool.use(() => Promise.reject(new Error('later'))),
    { message: 'later' },
  )
  t.is(pool.open, 0)
})

test('use tells both errors when the release fails too', async (t) => {
  const { pool } = things({
    reset: () => {
      throw new Error('reset')
    },
  })
  const body = () => {
    throw new Error('body')
  }
  const error = t.throws(() => pool.use(body), { instanceOf: AggregateError })
  t.deepEqual(
    error.errors.map((each: Error) => each.message),
    ['body', 'reset'],
  )
  const later = await t.throwsAsync(
    pool.use(async () => body()),
    { instanceOf: AggregateError },
  )
  t.is(later.errors.length, 2)
  t.like(pool.stats(), { open: 0, idle: 0, letGo: 2 })
})

test('a lease is never used again', (t) => {
  const { pool } = things()
  const lease = pool.lease()
  const thing = lease.value
  lease.release()
  code(t, () => lease.release(), 'ERR_DOUBLE_RELEASE')
  code(t, () => lease.discard(), 'ERR_DOUBLE_RELEASE')
  code(t, () => lease.value, 'ERR_STALE_HANDLE')
  t.is(pool.acquire(), thing)
  lease[Symbol.dispose]()
  t.is(pool.open, 1, 'a late dispose does not touch the next user')
  const second = pool.lease()
  second[Symbol.dispose]()
  t.is(pool.open, 1)
  pool.lease().discard()
  t.is(pool.stats().letGo, 1)
})

test('dispose lets idle objects go at once and open ones at their release', (t) => {
  const { pool, ended } = things()
  const [a, b, c] = [pool.acquire(), pool.acquire(), pool.acquire()]
  pool.release(a)
  pool.trim()
  pool.release(b)
  t.is(pool.dispose(), 1)
  t.deepEqual(ended.toSorted(), [0, 1])
  code(t, () => pool.acquire(), 'ERR_STALE_HANDLE')
  pool.release(c)
  t.deepEqual(ended.toSorted(), [0, 1, 2])
  code(t, () => pool.release(c), 'ERR_DOUBLE_RELEASE')
  t.is(pool.dispose(), 0)
  t.true(pool.disposed)
})

test('callbacks may use the pool', (t) => {
  const pool: ObjectPool<{ inner?: object }> = new ObjectPool<{ inner?: object }>({
    create: () => (pool.open === 1 ? { inner: pool.acquire() } : {}),
    reset: (object) => {
      if (object.inner) pool.release(object.inner)
      delete object.inner
      code(t, () => pool.release(object), 'ERR_DOUBLE_RELEASE')
    },
  })
  const outer = pool.acquire()
  t.is(pool.open, 2)
  pool.release(outer)
  t.like(pool.stats(), { open: 0, idle: 2 })

  const ending = things({ reset: () => void ending.pool.dispose() })
  const object = ending.pool.acquire()
  ending.pool.release(object)
  t.deepEqual(ending.ended, [0])
  t.like(ending.pool.stats(), { open: 0, idle: 0, letGo: 1 })
})

test('create must give objects of its own', (t) => {
  const shared = {}
  const pool = new ObjectPool<object>({ create: () => shared })
  pool.acquire()
  code(t, () => pool.acquire(), 'ERR_FOREIGN_OBJECT', /in a pool already/)
  t.is(pool.open, 1)
  for (const wrong of [undefined, null, 7]) {
    const bad = new ObjectPool<object>({ create: () => wrong as never })
    t.throws(() => bad.acquire(), { instanceOf: TypeError, message: /create must give an object/ })
    t.is(bad.open, 0)
  }
})

test('options are checked', (t) => {
  const create = () => ({})
  t.throws(() => new ObjectPool(undefined as never), { instanceOf: TypeError })
  t.throws(() => new ObjectPool({} as never), { instanceOf: TypeError, message: /create/ })
  t.throws(() => new ObjectPool({ create, reset: 1 as never }), { instanceOf: TypeError, message: /reset/ })
  t.throws(() => new ObjectPool({ create, max: 0 }), { instanceOf: RangeError, message: /max/ })
  t.throws(() => new ObjectPool({ create, maxIdle: 1.5 }), { instanceOf: RangeError, message: /maxIdle/ })
  t.throws(() => new ObjectPool({ create, aging: 'never' as never }), {
    instanceOf: TypeError,
    message: /aging/,
  })
})

test('every n-th acquisition is watched, and its ticket closed at release, discard and use', (t) => {
  const open = new Set<object>()
  const asked: string[] = []
  const tracker = {
    intervalOpens: 3,
    opened(what: string) {
      asked.push(what)
      const ticket = {}
      open.add(ticket)
      return ticket
    },
    closed: (ticket: object) => void t.true(open.delete(ticket)),
  }
  const { pool } = things({ name: 'watched' }, tracker)
  const held: Thing[] = []
  for (let round = 0; round < 9; round++) held.push(pool.acquire())
  t.deepEqual(asked, ['watched', 'watched', 'watched'])
  t.is(open.size, 3)
  t.is(pool.stats().acquired, 9)
  for (const thing of held.slice(0, 6)) pool.release(thing)
  t.is(open.size, 1)
  code(t, () => pool.release(held[2]!), 'ERR_DOUBLE_RELEASE')
  pool.discard(held[8]!)
  t.is(open.size, 0)
  tracker.intervalOpens = 1
  for (let round = 0; round < 3; round++) pool.use(() => 0)
  t.is(asked.length, 4)
  pool.use(() => t.is(open.size, 1))
  t.is(open.size, 0)
  const unchecked = things({ detectMisuse: false }, tracker)
  unchecked.pool.release(unchecked.pool.acquire())
  t.is(asked.length, 5)
})

test('what is open at the end is reported with the place where it was taken', (t) => {
  const place = { agentId: 'agent-7', sessionId: undefined, primitive: undefined }
  for (const [level, expected] of [
    ['full', 3],
    ['off', 0],
  ] as const) {
    const leaks = new LeakTracker(level, () => undefined)
    const watch = new PoolLeaks(leaks, place, 'pooled object')
    const { pool } = things({ name: 'parsers' }, watch)
    const takeOne = () => pool.acquire()
    const held = [takeOne(), takeOne(), takeOne(), pool.acquire()]
    pool.release(held[3]!)
    t.is(pool.dispose(), 3)
    t.is(watch.report(), expected)
    t.is(watch.report(), 0)
    t.is(leaks.total, expected)
    if (level === 'off') continue
    t.like(leaks.list()[0], { what: 'pooled object', name: 'parsers', agentId: 'agent-7', found: 'disposed' })
    t.regex(leaks.list()[0]!.site!, /takeOne/)
  }
  const sampled = new PoolLeaks(new LeakTracker('sampled', () => undefined), place)
  const { pool } = things({}, sampled)
  for (let round = 0; round < 1000; round++) pool.acquire()
  const reported = sampled.report()
  t.true(reported >= 3 && reported <= 100, String(reported))
})

test('without detection: the same objects, no figures of acquisitions', (t) => {
  const { pool } = things({ detectMisuse: false })
  const first = pool.acquire()
  first.value = 3
  pool.release(first)
  t.is(pool.acquire(), first)
  t.is(first.value, 0)
  t.like(pool.stats(), { open: 1, idle: 0, created: 1, acquired: undefined, hitRate: undefined })
  pool.release(first)
  pool.release(first)
  t.is(pool.stats().idle, 1, 'a list made a ring is still counted in finite time')
})

test('random programs against a model, with callbacks that throw', (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed)
    const below = (n: number) => Math.floor(next() * n)
    const max = next() < 0.5 ? Infinity : 1 + below(12)
    const maxIdle = below(8)
    const cells = next() < 0.3
    const declared = next() < 0.5
    const detectMisuse = next() < 0.8
    let failing = ''
    const failures = () => {
      if (failing === '' || next() < 0.5) return
      throw new Error(failing)
    }
    const live = new Set<object>()
    const ended = new Set<object>()
    let created = 0
    const pool = new ObjectPool<{ clean: boolean }>({
      create() {
        if (failing === 'create') failures()
        const state = declared ? { clean: true, [poolLink]: null } : { clean: true }
        // A proxy that refuses properties is kept in a cell.
        const object = cells
          ? new Proxy(state, { defineProperty: (_, key) => typeof key !== 'symbol' })
          : state
        live.add(object)
        created++
        return object
      },
      reset(object) {
        t.true(live.has(object))
        if (failing === 'reset') failures()
        object.clean = true
      },
      dispose(object) {
        t.true(live.delete(object), 'disposed once')
        ended.add(object)
        if (failing === 'dispose') failures()
      },
      max,
      maxIdle,
      detectMisuse,
      aging: 'manual',
    })
    const open: { clean: boolean }[] = []
    let acquired = 0
    let highWater = 0
    const attempt = (run: () => void) => {
      failing = next() < 0.3 ? ['create', 'reset', 'dispose'][below(3)]! : ''
      try {
        run()
      } catch (error) {
        const errors = error instanceof AggregateError ? (error.errors as Error[]) : [error as Error]
        t.true(failing !== '' && errors.every(({ message }) => message === failing), String(error))
      }
      failing = ''
    }
    for (let step = 0; step < 300; step++) {
      const choice = next()
      if (choice < 0.45) {
        if (open.length >= max) {
          t.throws(() => pool.acquire(), { code: 'ERR_POOL_EXHAUSTED' })
        } else {
          attempt(() => {
            const object = pool.acquire()
            acquired++
            t.false(open.includes(object), 'handed out once')
            t.true(object.clean, 'clean')
            object.clean = false
            open.push(object)
          })
          highWater = Math.max(highWater, open.length)
        }
      } else if (choice < 0.9 && open.length > 0) {
        const [object] = open.splice(below(open.length), 1)
        attempt(() => (next() < 0.85 ? pool.release(object!) : pool.discard(object!)))
        if (detectMisuse) t.throws(() => pool.release(object!), { code: 'ERR_DOUBLE_RELEASE' })
      } else if (choice < 0.95) {
        attempt(() => void pool.trim())
      } else if (detectMisuse) {
        t.throws(() => pool.release({ clean: true }), { code: 'ERR_FOREIGN_OBJECT' })
      }
      const stats = pool.stats()
      t.is(stats.open, open.length)
      t.is(stats.idle, live.size - open.length)
      t.true(stats.idle <= Math.max(maxIdle, 0))
      t.is(stats.created, created)
      t.is(stats.letGo, ended.size)
      t.is(stats.highWater, highWater)
      t.is(stats.acquired, detectMisuse ? acquired : undefined)
      t.true(live.size <= max)
    }
    const before = open.length
    attempt(() => void pool.dispose())
    t.is(pool.stats().idle, 0)
    t.is(pool.dispose(), before)
    for (const object of open) attempt(() => pool.release(object))
    t.is(live.size, 0)
    t.is(pool.open, 0)
  }
})

test('what gives a promise is refused, and its rejection is never unhandled', async (t) => {
  const unhandled: unknown[] = []
  const listen = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listen)
  const reject = async (): Promise<never> => {
    throw new Error('late')
  }
  const eager = new ObjectPool<object>({ create: reject, aging: 'manual', name: 'eager' })
  t.throws(() => eager.acquire(), { instanceOf: TypeError, message: /eager: create must not be async/ })
  t.like(eager.stats(), { open: 0, idle: 0, created: 0 })
  for (const maxIdle of [8, 0]) {
    const { pool, ended } = things({ reset: reject, maxIdle })
    const thing = pool.acquire()
    t.throws(() => pool.release(thing), { instanceOf: TypeError, message: /reset must not be async/ })
    t.deepEqual(ended, [0], 'the object is let go')
    t.like(pool.stats(), { open: 0, idle: 0, letGo: 1 })
  }
  const { pool } = things({ dispose: reject })
  t.throws(() => pool.discard(pool.acquire()), {
    instanceOf: TypeError,
    message: /dispose must not be async/,
  })
  pool.release(pool.acquire())
  t.throws(() => pool.dispose(), { instanceOf: TypeError })
  const { pool: plain } = things({ reset: (thing) => (thing.value = 0) })
  plain.release(plain.acquire())
  t.is(plain.stats().idle, 1, 'other results of reset are fine')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', listen)
  t.deepEqual(unhandled, [])
})

test('a release of what is no object at all is a foreign one', (t) => {
  for (const maxIdle of [8, 0]) {
    const { pool } = things({ maxIdle })
    pool.release(pool.acquire())
    for (const value of [null, undefined, 5, 'text', true, Symbol('s'), 5n]) {
      code(
        t,
        () => pool.release(value as never),
        'ERR_FOREIGN_OBJECT',
        /expected an object of this pool, got/,
      )
    }
  }
})
