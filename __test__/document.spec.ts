import test, { type ExecutionContext } from 'ava'
import * as fc from 'fast-check'
import {
  HeapAllocator,
  json,
  Memory,
  PrimarenaError,
  t,
  type DocumentValue,
  type JsonDocument,
  type PathStep,
} from 'primarena'

const memory = new Memory()

/** What every reader is measured by. */
function oracle(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
}

const isDocument = (value: unknown): value is JsonDocument =>
  typeof value === 'object' && value !== null && 'toBytes' in value

/** Reads all of `found` by the readers of documents and compares it with `expected`. */
function same(t_: ExecutionContext, found: DocumentValue | undefined, expected: unknown): void {
  if (!isDocument(found)) {
    if (!Object.is(found, expected)) t_.is(found, expected as never)
    return
  }
  t_.deepEqual(found.toJS(), expected as never)
  if (Array.isArray(expected)) {
    if (found.kind() !== 'array' || found.size !== expected.length) t_.fail(`an array of ${found.size}`)
    const elements = [...found.elements()]
    if (elements.length !== expected.length || [...found.entries()].length > 0) t_.fail('elements')
    expected.forEach((element, index) => {
      same(t_, found.get(index), element)
      same(t_, found.get(index - expected.length), element)
      same(t_, elements[index], element)
    })
    if (found.has(expected.length) || found.get(-expected.length - 1) !== undefined || found.has('length'))
      t_.fail('beyond')
    return
  }
  const names = Object.keys(expected as object)
  if (found.kind() !== 'object' || found.size !== names.length)
    t_.fail(`an object of ${found.size}, not ${names.length}`)
  const entries = [...found]
  if (entries.length !== names.length || [...found.elements()].length > 0) t_.fail('entries')
  for (const name of names) {
    const value = (expected as Record<string, unknown>)[name]
    same(t_, found.get(name), value)
    if (!found.has(name)) t_.fail(name)
  }
  for (const [name, value] of found.entries()) same(t_, value, (expected as Record<string, unknown>)[name])
  for (const name of ['toString', 'constructor', 'no such name', '']) {
    if (found.has(name) !== Object.hasOwn(expected as object, name)) t_.fail(name)
  }
}

const white = fc.stringMatching(/^[ \t\n\r]{0,2}$/)
/** A string as JSON text, with escapes where none are needed. */
const stringText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        'b',
        'é',
        '€',
        '😀',
        ' ',
        '[',
        '{',
        ',',
        ':',
        ']',
        '}',
        '\\n',
        '\\"',
        '\\\\',
        '\\/',
        '\\u0061',
        '\\ud83d\\ude00',
        '\\ud800',
        '__proto__',
      ),
      fc.string({ minLength: 1, maxLength: 1 }).map((text) => JSON.stringify(text).slice(1, -1)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `"${pieces.join('')}"`)
const text = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      stringText,
      fc.constantFrom(
        'true',
        'false',
        'null',
        '0',
        '-0',
        '1e400',
        '-1.5E-3',
        '123456789',
        '1234567890',
        '9007199254740993',
      ),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    ),
    tie('array'),
    tie('object'),
  ),
  array: fc
    .array(fc.tuple(white, tie('value'), white), { maxLength: 6 })
    .map((items) => `[${items.map((item) => item.join('')).join(',')}]`),
  object: fc
    .array(fc.tuple(white, stringText, white, white, tie('value'), white), { maxLength: 6 })
    .map(
      (members) =>
        `{${members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(',')}}`,
    ),
})).value

test('a document reads what JSON.parse gives', (t_) => {
  const arena = memory.arena()
  fc.assert(
    fc.property(white, text, white, fc.boolean(), (before, value, after, trust) => {
      const bytes = Buffer.from(before + value + after)
      const expected = oracle(bytes)
      same(t_, json.parse(bytes, arena, { trust }).get(), expected)
      same(t_, json.parse(bytes, undefined, { borrow: true, trust }).get(), expected)
      arena.reset()
    }),
    { numRuns: 500 },
  )
  arena.dispose()
})

test('mutated documents are refused as JSON.parse refuses them; trusted ones do no harm', (t_) => {
  fc.assert(
    fc.property(
      text,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(2)), {
        minLength: 1,
        maxLength: 4,
      }),
      (value, changes) => {
        let bytes = Buffer.from(value)
        for (const [place, byte, what] of changes) {
          const at = bytes.length === 0 ? 0 : place % bytes.length
          if (what === 0) bytes[at] = byte
          else if (what === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
          else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)])
        }
        let expected: unknown
        let valid = true
        try {
          expected = oracle(bytes)
        } catch {
          valid = false
        }
        if (valid) {
          same(t_, json.parse(bytes).get(), expected)
        } else {
          const error = t_.throws(() => json.parse(bytes), { instanceOf: PrimarenaError })
          if (error.code !== 'ERR_JSON_SYNTAX') t_.fail(error.code)
        }
        try {
          visit(json.parse(bytes, undefined, { trust: true }).get())
        } catch (error) {
          if (!(error instanceof PrimarenaError) || error.code !== 'ERR_JSON_SYNTAX') throw error
        }
      },
    ),
    { numRuns: 2000 },
  )
  t_.pass()
})

/** Reads everything there is. */
function visit(value: DocumentValue | undefined): void {
  if (!isDocument(value)) return
  void value.size
  for (const item of value) visit(Array.isArray(item) ? item[1] : item)
}

test('paths, kinds and what is not there', (t_) => {
  const doc = json.parse(
    Buffer.from('{"sender":{"login":"mona","id":7,"ok":true,"no":null},"list":[1,[2,{"x":"y"}]]}'),
  )
  t_.is(doc.get('sender', 'login'), 'mona')
  t_.is(doc.string('sender', 'login'), 'mona')
  t_.is(doc.number('sender', 'id'), 7)
  t_.is(doc.get('list', 1, 1, 'x'), 'y')
  t_.is(doc.get('list', -1, -1, 'x'), 'y')
  t_.is((doc.get('list', 1) as JsonDocument).get(0), 2)
  t_.deepEqual(
    ['sender', 'list'].map((name) => doc.kind(name)),
    ['object', 'array'],
  )
  t_.deepEqual(
    ['login', 'id', 'ok', 'no', 'none'].map((name) => doc.kind('sender', name)),
    ['string', 'number', 'boolean', 'null', undefined],
  )
  for (const path of [
    ['none'],
    ['sender', 'login', 'x'],
    ['list', 2],
    ['list', 0.5],
    ['list', NaN],
    ['list', 'x'],
    ['sender', 0],
    ['sender', 'none', 'x'],
  ]) {
    t_.is(doc.get(...path), undefined)
    t_.false(doc.has(...path))
    t_.is(doc.toJS(...path), undefined)
    t_.is(doc.raw(...path), undefined)
  }
  t_.is(doc.raw('list')!.toString(), '[1,[2,{"x":"y"}]]')
  t_.is(doc.raw('sender', 'login')!.toString(), '"mona"')
  t_.deepEqual(doc.toJS('list', 1), [2, { x: 'y' }])
  t_.throws(() => doc.string('sender', 'id'), {
    code: 'ERR_JSON_TYPE',
    message: 'sender.id: expected a string, got number',
  })
  t_.throws(() => doc.number('list', 0, 'x'), { code: 'ERR_JSON_MISSING' })
  t_.throws(() => doc.number('list', 1), { code: 'ERR_JSON_TYPE', message: /list\[1\]/ })
  t_.throws(() => doc.get(null as never), { instanceOf: TypeError })
  t_.is(JSON.stringify(doc), doc.toBytes().toString())
})

test('a document of one scalar', (t_) => {
  for (const value of ['"a\\u0062"', ' 12 ', 'true', '\nfalse', 'null\t', '-0', '""']) {
    const doc = json.parse(Buffer.from(value))
    t_.true(Object.is(doc.get(), JSON.parse(value)))
    t_.is(doc.size, 0)
    t_.is(doc.raw()!.toString(), value.trim())
    t_.deepEqual([...doc], [])
  }
})

test('the last member of a name counts, however it is written', (t_) => {
  for (const value of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"a":2}',
    '{"é":1,"\\u00e9":2}',
    '{"__proto__":1,"__proto__":{"x":2}}',
  ]) {
    for (const filler of [0, 30, 300]) {
      const more = Array.from({ length: filler }, (_, n) => `"k${n}":${n},`).join('')
      const bytes = Buffer.from(`{${more}${value.slice(1)}`)
      same(t_, json.parse(bytes).get(), oracle(bytes))
    }
  }
})

/** Paths of all values, each with what is there. */
function* pathsOf(value: unknown, path: PathStep[] = []): Generator<[PathStep[], unknown]> {
  yield [path, value]
  if (Array.isArray(value))
    for (const [index, element] of value.entries()) yield* pathsOf(element, [...path, index])
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) yield* pathsOf(member, [...path, name])
}

test('paths in any order, from any document on the way', (t_) => {
  fc.assert(
    fc.property(text, fc.infiniteStream(fc.nat()), (value, numbers) => {
      const bytes = Buffer.from(value)
      const doc = json.parse(bytes)
      const all = [...pathsOf(oracle(bytes))]
      const next = (below: number): number => (numbers.next().value as number) % below
      for (let round = 0; round < 2 * all.length; round++) {
        const [path, expected] = all[next(all.length)]!
        const cut = next(path.length + 1)
        const from = doc.get(...path.slice(0, cut))
        const found = isDocument(from) ? from.get(...path.slice(cut)) : from
        t_.deepEqual(isDocument(found) ? found.toJS() : found, expected as never)
        // A step too far, or aside, finds nothing and spoils nothing.
        if (doc.has(...path, 'nothing of this name') || doc.has(...path.slice(0, -1), 'nor of this', 0))
          t_.fail(path.join())
      }
    }),
    { numRuns: 300 },
  )
  t_.pass()
})

test('documents of all sizes, read in all ways, one after the other', (t_) => {
  const arena = memory.arena()
  for (const rows of [1, 10, 40, 300, 12_000]) {
    const expected = Array.from({ length: rows }, (_, n) => ({
      id: n,
      name: `row ${n}`,
      more: { of: { it: [n, { text: 'é'.repeat(n % 90) }] as const }, '\u0000': null },
      text: 'x'.repeat(300),
    }))
    const bytes = Buffer.from(JSON.stringify({ rows: expected, last: true }))
    // As many as are needed for every way of indexing.
    for (let round = 0; round < (rows > 1000 ? 3 : 70); round++) {
      const doc = json.parse(bytes, arena)
      t_.is(doc.get('last'), true)
      if (round % 3 > 0) {
        const inner = doc.get('rows') as JsonDocument
        const one = inner.get(rows - 1) as JsonDocument
        for (const at of round % 3 === 1 ? [rows >> 1] : expected.keys()) {
          t_.is(inner.get(at, 'more', 'of', 'it', 1, 'text'), expected[at]!.more.of.it[1].text)
          t_.is(doc.get('rows', at, 'name'), expected[at]!.name)
        }
        same(t_, one, expected[rows - 1])
      }
      arena.reset()
    }
  }
  arena.dispose()
})

test('names that look alike', (t_) => {
  const letters = ['A', 'Ł', 'é', 'a'.repeat(31), 'a'.repeat(32), 'a'.repeat(33), 'abcd', 'abXcd']
  const lengths = [255, 256, 1022, 1023, 1024, 1025, 2047, 2048, 2049].map((length) => 'n'.repeat(length))
  const names = [...letters, ...lengths, '', '0', 'a"', 'a\\', 'a":1,"b', '__proto__', 'constructor']
  for (const filler of [0, 5, 40, 120]) {
    for (const name of names) {
      // One is there, and is asked for often enough to be remembered; the others are not.
      const expected = { ...Object.fromEntries(Array.from({ length: filler }, (_, n) => [`k${n}`, n])) }
      Object.defineProperty(expected, name, { value: name, enumerable: true })
      const bytes = Buffer.from(JSON.stringify(expected))
      const doc = json.parse(bytes)
      for (let round = 0; round < 10; round++) {
        for (const other of names) {
          // As a new string each time, and as a slice of a long one.
          const asked = round % 2 === 0 ? other : `${'-'.repeat(20)}${other}`.slice(20)
          if (doc.get(asked) !== (other === name ? name : undefined)) t_.fail(`${name} ${other}`)
        }
      }
      if ([...doc].length !== filler + 1) t_.fail(name)
    }
  }
  t_.pass()
})

test('a document at every alignment', (t_) => {
  const value = '{"a":[1,{"bcd":"efgh","i\\n":"\\u00e9"}],"twelve bytes":"é"}'
  for (let shift = 0; shift < 70; shift++) {
    const bytes = Buffer.concat([Buffer.alloc(shift, ' '), Buffer.from(value)])
    same(t_, json.parse(bytes, undefined, { borrow: true }).get(), oracle(bytes))
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + shift, value.length + 1)
    same(t_, json.parse(view, undefined, { borrow: true }).get(), oracle(view))
  }
})

test('wide objects of every width around the change of look-up', (t_) => {
  for (const width of [1, 8, 9, 10, 23, 24, 25, 26, 31, 32, 33, 64, 65, 95, 96, 97, 98, 1000]) {
    const expected = Object.fromEntries(
      Array.from({ length: width }, (_, n) => [`key${n % 7 === 0 ? 'é' : ''}${n}`, n]),
    )
    same(t_, json.parse(Buffer.from(JSON.stringify(expected))).get(), expected)
  }
})

test('looking up in a wide object does not degrade', (t_) => {
  const width = 50_000
  const doc = json.parse(
    Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: width }, (_, n) => [`key${n}`, n])))),
  )
  // 2.5 billion comparisons of names would take longer than a test may.
  let sum = 0
  for (let n = 0; n < width; n++) sum += doc.number(`key${n}`)
  t_.is(sum, (width * (width - 1)) / 2)
  t_.is(doc.size, width)
})

test('a document owns its bytes, unless it borrows them', (t_) => {
  const arena = memory.arena()
  const input = Buffer.from('{"a":1}')
  const own = json.parse(input, arena)
  const heap = json.parse(input)
  const borrowed = json.parse(input, arena, { borrow: true })
  input[5] = 0x32
  t_.deepEqual([own.get('a'), heap.get('a'), borrowed.get('a')], [1, 1, 2])
  // Bytes that are in the arena already are not copied again.
  const inside = arena.from('{"a":3}')
  const before = arena.usedBytes
  const doc = json.parse(inside, arena)
  t_.is(arena.usedBytes, before)
  t_.is(doc.raw()!.buffer, inside.buffer)
  const other = memory.arena()
  t_.not(json.parse(inside, other).raw()!.buffer, inside.buffer)
  other.dispose()
  arena.dispose()
})

test('a document dies with its arena', (t_) => {
  for (const onReset of ['detach', 'poison', 'reuse'] as const) {
    const arena = memory.arena({ onReset })
    const input = Buffer.from('{"a":{"b":[1,2,3]}}')
    for (const borrow of [false, true]) {
      const doc = json.parse(input, arena, { borrow })
      const inner = doc.get('a') as JsonDocument
      const iterator = (doc.get('a', 'b') as JsonDocument).elements()
      iterator.next()
      arena.reset()
      for (const call of [
        () => doc.get('a'),
        () => doc.toJS(),
        () => doc.raw(),
        () => inner.has('b'),
        () => inner.size,
        () => iterator.next(),
        () => doc.kind(),
      ]) {
        t_.throws(call, { code: 'ERR_STALE_HANDLE' })
      }
    }
    const last = json.parse(input, arena)
    arena.dispose()
    t_.throws(() => last.get('a'), { code: 'ERR_ARENA_DISPOSED' })
  }
  const bytes = new Uint8Array(Buffer.from('[1]'))
  const borrowed = json.parse(bytes, undefined, { borrow: true })
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  t_.throws(() => borrowed.get(0), { code: 'ERR_STALE_HANDLE' })
})

test('a document may not leave its operation', async (t_) => {
  const leak = memory.primitive('leak', (ctx, body: Uint8Array) => Promise.resolve(ctx.json.parse(body)))
  await t_.throwsAsync(() => memory.run(leak, Buffer.from('[]')), { code: 'ERR_ESCAPED_HANDLE' })
  const read = memory.primitive('read', (ctx, body: Uint8Array) =>
    Promise.resolve(ctx.json.parse(body).get('a', 1)),
  )
  t_.is(await memory.run(read, Buffer.from('{"a":[1,"x"]}')), 'x')
  const heap = memory.primitive(
    'heap',
    (ctx, body: Uint8Array) => Promise.resolve(ctx.json.parse(body).toJS()),
    { arena: false },
  )
  t_.deepEqual(await memory.run(heap, Buffer.from('{"a":[1,"x"]}')), { a: [1, 'x'] })
})

test('limits and other input', (t_) => {
  const deep = Buffer.from('['.repeat(100) + ']'.repeat(100))
  t_.throws(() => json.parse(deep, undefined, { maxDepth: 99 }), { code: 'ERR_JSON_LIMIT' })
  t_.throws(() => json.parse(deep, undefined, { maxBytes: 199 }), { code: 'ERR_JSON_LIMIT' })
  t_.is(json.parse(deep, undefined, { maxDepth: 100 }).size, 1)
  for (const input of [undefined, null, '[]', {}, 1])
    t_.throws(() => json.parse(input as never), { instanceOf: TypeError })
  const shared = new Uint8Array(new SharedArrayBuffer(3))
  shared.set(Buffer.from('[7]'))
  for (const input of [shared, shared.buffer, new DataView(Uint8Array.from(shared).buffer)]) {
    const doc = json.parse(input, undefined, { borrow: true })
    t_.is(doc.get(0), 7)
  }
  t_.throws(() => json.parse(Buffer.alloc(0), undefined, { trust: true }), { code: 'ERR_JSON_SYNTAX' })
})

for (const trust of [false, true]) {
  test(`a million brackets, ${trust ? 'trusted' : 'validated'}`, (t_) => {
    const doc = json.parse(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6)), new HeapAllocator(), { trust })
    let inner = doc
    for (let level = 0; level < 20; level++) inner = inner.get(0) as JsonDocument
    t_.is(inner.size, 1)
  })
}

test('a trusted document has a limit of bytes, and none of depth', (t_) => {
  const deep = Buffer.from('['.repeat(100) + ']'.repeat(100))
  const limits = { trust: true, maxDepth: 3, maxBytes: 200 }
  t_.is(json.parse(deep, undefined, limits).size, 1)
  t_.throws(() => json.parse(deep, undefined, { ...limits, maxBytes: 199 }), {
    code: 'ERR_JSON_LIMIT',
    message: 'expected a document of at most 199 bytes, got 200',
  })
  t_.throws(() => json.parse(deep, undefined, { ...limits, maxBytes: -1 }), { instanceOf: RangeError })
})

test('a template splices a document', (t_) => {
  const doc = json.parse(Buffer.from('{"a":{"n":1.0,"s":"\\u0041"}}'))
  const Out = json.template({ v: t.json('v'), w: t.json('w') })
  t_.is(
    Out.render({ v: doc.get('a'), w: doc.get('a', 's') }).toString(),
    '{"v":{"n":1.0,"s":"\\u0041"},"w":"A"}',
  )
  const trusted = json.parse(Buffer.from('[1.0]'), undefined, { trust: true })
  t_.is(Out.render({ v: trusted, w: 0 }).toString(), '{"v":[1],"w":0}')
})
