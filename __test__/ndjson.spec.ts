import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { HeapAllocator, json, Memory, t as type, type PrimarenaError } from 'primarena'
import { JsonPool } from '../dist/pool/json-pool.js'
import { random } from './_helpers/random.js'

/** A reader that is plain JavaScript: the oracle. */
const parser = {
  read: (bytes: ArrayBufferView) => JSON.parse(Buffer.from(bytes as Uint8Array).toString()) as unknown,
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function texts(records: AsyncIterable<Buffer>): Promise<string[]> {
  const list: string[] = []
  for await (const record of records) list.push(record.toString())
  return list
}

async function code(t: ExecutionContext, run: Promise<unknown>, expected: string): Promise<PrimarenaError> {
  const error = (await t.throwsAsync(run, { any: true })) as unknown as PrimarenaError
  t.is(error.code, expected as PrimarenaError['code'], String(error))
  return error
}

test('lines of one piece of text: ends, blank lines, no end at the end', async (t) => {
  t.deepEqual(await texts(json.lines('1\n2\r\n\n \t\r\n{"a":"\\n"}\n3')), ['1', '2', '{"a":"\\n"}', '3'])
  t.deepEqual(await texts(json.lines('')), [])
  t.deepEqual(await texts(json.lines('\n\r\n')), [])
  t.deepEqual(await texts(json.lines(Buffer.from('[]\r'))), ['[]'])
})

test('every way to give bytes', async (t) => {
  const chunks = () => [Buffer.from('{"a":'), Buffer.from('1}\n{"a"'), new Uint8Array(Buffer.from(':2}\n'))]
  const expected = ['{"a":1}', '{"a":2}']
  async function* generator() {
    for (const chunk of chunks()) yield await Promise.resolve(chunk)
  }
  t.deepEqual(await texts(json.lines(chunks())), expected)
  t.deepEqual(await texts(json.lines(generator())), expected)
  t.deepEqual(await texts(json.lines(Readable.from(chunks()))), expected)
  t.deepEqual(
    await texts(json.lines(Readable.toWeb(Readable.from(chunks())) as ReadableStream<Uint8Array>)),
    expected,
  )
  const bare = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks()) controller.enqueue(chunk)
      controller.close()
    },
  })
  const onlyReader = { getReader: () => bare.getReader() } as unknown as ReadableStream<Uint8Array>
  t.deepEqual(await texts(json.lines(onlyReader)), expected)
  t.deepEqual(await texts(json.lines(['{"a":1}\n{"a', '":2}'])), expected)
  const shared = new Uint8Array(new SharedArrayBuffer(2))
  shared.set([0x31, 0x0a])
  t.deepEqual(await texts(json.lines([shared])), ['1'])
  for (const wrong of [7, undefined, null, {}, [7], [{}]]) {
    await t.throwsAsync(texts(json.lines(wrong as never)), {
      instanceOf: TypeError,
      message: /lines: expected/,
    })
  }
})

test('text cut inside a surrogate pair', async (t) => {
  t.deepEqual(await texts(json.lines(['"\ud83d', '\ude00"\n', '"\ud83d'])), ['"😀"', '"\ufffd'])
})

test('options are checked, and a stream is read once', async (t) => {
  t.throws(() => json.lines('', { maxRecordBytes: -1 }), { instanceOf: RangeError })
  t.throws(() => json.lines('', { onError: 1 as never }), { instanceOf: TypeError })
  t.throws(() => json.lines('').readBatches({} as never), { instanceOf: TypeError })
  await t.throwsAsync(all(json.lines('').write({} as never)), { instanceOf: TypeError })
  const lines = json.lines('1\n')
  await texts(lines)
  await t.throwsAsync(texts(lines), { instanceOf: TypeError, message: /read once/ })
})

test('a record that is too long fails with its line, in one chunk and in many', async (t) => {
  const text = `1\n\n${'x'.repeat(10)}\r\n${'y'.repeat(11)}\n`
  for (const size of [1, 2, 3, 7, 100]) {
    const chunks = cut(Buffer.from(text), () => size)
    const lines = json.lines(chunks, { maxRecordBytes: 10 })
    const seen: string[] = []
    const error = await code(
      t,
      lines.forEach((record) => seen.push(record.toString())),
      'ERR_JSON_LIMIT',
    )
    t.is(error.line, 4)
    t.regex(error.message, /record 3, line 4/)
    t.deepEqual(seen, ['1', 'x'.repeat(10)])
  }
  let asked = 0
  function* endless() {
    for (;;) {
      asked++
      yield Buffer.alloc(1000, 0x20)
    }
  }
  await code(t, texts(json.lines(endless(), { maxRecordBytes: 5000 })), 'ERR_JSON_LIMIT')
  t.is(asked, 6, 'a line without end is not collected')
})

test('records of an arena stay until its reset; others are views', async (t) => {
  const memory = new Memory()
  const arena = memory.arena()
  const records: Buffer[] = []
  for await (const record of json.lines(
    cut(Buffer.from('11\n22\n33\n'), () => 4),
    { allocator: arena },
  )) {
    records.push(record)
  }
  t.deepEqual(records.map(String), ['11', '22', '33'])
  arena.reset()
  t.true(records.every(({ length }) => length === 0))
  arena.dispose()
})

test('programs run on the stream', async (t) => {
  const rows = Array.from({ length: 500 }, (_, id) => ({
    id,
    user: { name: `n${id}é` },
    rest: 'x'.repeat(id % 50),
  }))
  const bytes = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
  const Row = json.fields({ id: type.u32('$.id'), name: type.string('$.user.name') })
  const Slim = json.transform({ id: '$.id', name: '$.user.name' })
  const expected = rows.map(({ id, user }) => ({ id, name: user.name }))
  const chunks = () => cut(bytes, () => 333)
  t.deepEqual(await all(json.lines(chunks()).read(Row)), expected)
  t.deepEqual((await all(json.lines(chunks()).readBatches(Row))).flat(), expected)
  for (const batchBytes of [64, 1000, 1e6]) {
    const out = Buffer.concat(await all(json.lines(chunks()).write(Slim, { batchBytes }))).toString()
    t.true(out.endsWith('\n'))
    t.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      expected,
    )
  }
})

test('an error of a program names record, line and offset', async (t) => {
  const Row = json.fields({ id: type.u32('$.id') })
  const text = '{"id":1}\n\n{"id":2}\n{"id":x}\n{"id":"text"}\n{"id":5}\n'
  const seen: unknown[] = []
  const lines = json.lines(text)
  const error = await code(
    t,
    (async () => {
      for await (const row of lines.read(Row)) seen.push(row)
    })(),
    'ERR_JSON_SYNTAX',
  )
  t.deepEqual(seen, [{ id: 1 }, { id: 2 }])
  t.is(error.line, 4)
  t.is(error.offset, text.indexOf('x'))
  t.regex(error.message, /^record 3, line 4: expected a value at column 7, found 'x'/)
  t.is(error.message.match(/line/g)!.length, 1, 'of the stream only')
  t.true((error as Error).cause instanceof Error)

  const skipped: [string, number][] = []
  const options = {
    onError: (failure: PrimarenaError, { record }: { record: number }) =>
      skipped.push([failure.code, record]),
  }
  t.deepEqual(await all(json.lines(text, options).read(Row)), [{ id: 1 }, { id: 2 }, { id: 5 }])
  t.deepEqual(skipped, [
    ['ERR_JSON_SYNTAX', 3],
    ['ERR_JSON_TYPE', 4],
  ])
  const Same = json.transform({ id: '$.id' })
  const out = Buffer.concat(await all(json.lines(text, { onError: () => undefined }).write(Same))).toString()
  t.is(out, '{"id":1}\n{"id":2}\n{"id":"text"}\n{"id":5}\n')
  await t.throwsAsync(
    all(
      json
        .lines(text, {
          onError: () => {
            throw new Error('enough')
          },
        })
        .write(Same),
    ),
    { message: 'enough' },
  )
  const partial: string[] = []
  await code(
    t,
    (async () => {
      for await (const batch of json.lines(text).write(Same)) partial.push(batch.toString())
    })(),
    'ERR_JSON_SYNTAX',
  )
  t.is(partial.join(''), '{"id":1}\n{"id":2}\n', 'what came before the error is written')
})

test('the source is asked only when its last chunk is used up, and closed when the reader stops', async (t) => {
  let asked = 0
  let closed = 0
  async function* source() {
    try {
      for (;;) {
        asked++
        yield await Promise.resolve(Buffer.from('1\n2\n3\n'))
      }
    } finally {
      closed++
    }
  }
  let read = 0
  for await (const record of json.lines(source())) {
    t.is(asked, Math.floor(read / 3) + 1, record.toString())
    if (++read === 8) break
  }
  t.is(closed, 1)
  await t.throwsAsync(
    json.lines(source()).forEach(() => {
      throw new Error('stop')
    }),
    { message: 'stop' },
  )
  t.is(closed, 2)
  const stream = Readable.from(source())
  for await (const record of json.lines(stream)) if (record.length > 0) break
  t.true(stream.destroyed)
})

test('forEach waits for promises and counts', async (t) => {
  const order: string[] = []
  const count = await json.lines(['1\n2', '\n3']).forEach(async (record, { line, offset }) => {
    order.push(`${record.toString()} at ${line}, ${offset}`)
    await Promise.resolve()
    order.push('done')
  })
  t.is(count, 3)
  t.deepEqual(order, ['1 at 1, 0', 'done', '2 at 2, 2', 'done', '3 at 3, 4', 'done'])
})

test('what the source throws reaches the reader', async (t) => {
  async function* broken() {
    yield await Promise.resolve(Buffer.from('1\n2'))
    throw new Error('line cut')
  }
  const seen: string[] = []
  await t.throwsAsync(
    json.lines(broken()).forEach((record) => seen.push(record.toString())),
    { message: 'line cut' },
  )
  t.deepEqual(seen, ['1'])
  await t.throwsAsync(all(json.toLines(broken())), { message: 'line cut' })
})

test('random documents split at random points against split and JSON.parse', async (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed)
    const below = (n: number) => Math.floor(next() * n)
    const value = (depth: number): unknown => {
      const choice = below(depth > 3 ? 4 : 6)
      if (choice === 0) return next() * 1e6
      if (choice === 1) return ['é"\n', '😀\u2028', '\r\n', '', 'abc'][below(5)]!.repeat(below(6))
      if (choice === 2) return below(2) === 0
      if (choice === 3) return null
      if (choice === 4) return Array.from({ length: below(4) }, () => value(depth + 1))
      return Object.fromEntries(
        Array.from({ length: below(4) }, (_, index) => [`k${index}é`, value(depth + 1)]),
      )
    }
    let text = ''
    const documents: unknown[] = []
    for (let index = below(20); index >= 0; index--) {
      if (next() < 0.15) text += ['\n', '\r\n', ' \n', '\t\r\n'][below(4)]
      const document = value(0)
      documents.push(JSON.parse(JSON.stringify(document)))
      text += (next() < 0.1 ? ' ' : '') + JSON.stringify(document)
      text += index === 0 && next() < 0.5 ? '' : next() < 0.3 ? '\r\n' : '\n'
    }
    const bytes = Buffer.from(text)
    const most = 1 + below(seed % 3 === 0 ? 4 : 60)
    const chunks = () => cut(bytes, () => below(most + 1))
    t.deepEqual(await all(json.lines(chunks()).read(parser)), documents)
    const heap = new HeapAllocator()
    const records = await texts(json.lines(chunks(), { allocator: heap }))
    const lines = text
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line.trim() !== '')
    t.deepEqual(records, lines)
    const half = Math.floor(text.length / 2)
    t.deepEqual(await texts(json.lines([text.slice(0, half), text.slice(half)])), lines)
    const again = Buffer.concat(await all(json.toLines(documents, { batchBytes: 64 + below(100) })))
    t.is(again.toString(), documents.map((document) => `${JSON.stringify(document)}\n`).join(''))
  }
})

test('toLines takes values, ready bytes and pooled containers', async (t) => {
  const scope = new JsonPool().scope()
  const values = [
    { a: 1 },
    'text',
    null,
    Buffer.from('{\n  "ready": "a\\nb"\n}\n'),
    scope.getObject().set('x', 'y'.repeat(100)),
    scope.getArray(),
  ]
  const expected = `{"a":1}\n"text"\nnull\n{   "ready": "a\\nb" } \n{"x":"${'y'.repeat(100)}"}\n[]\n`
  for (const batchBytes of [64, 1 << 16]) {
    t.is(Buffer.concat(await all(json.toLines(values, { batchBytes }))).toString(), expected)
    t.is(
      Buffer.concat(
        await all(json.toLines(Readable.from(values.filter(Boolean)), { batchBytes })),
      ).toString(),
      expected.replace('null\n', ''),
    )
  }
  for (const wrong of [undefined, () => 1, Symbol('s')]) {
    await t.throwsAsync(all(json.toLines([1, wrong])), {
      instanceOf: TypeError,
      message: /expected a JSON value/,
    })
  }
  await t.throwsAsync(all(json.toLines(7 as never)), { instanceOf: TypeError })
  await t.throwsAsync(all(json.toLines([], { batchBytes: -1 })), { instanceOf: RangeError })
})

test('batches are full ones while values come, and at once when none are ready', async (t) => {
  let release: (() => void) | undefined
  async function* source() {
    for (let index = 0; index < 100; index++) yield 'x'.repeat(100)
    await new Promise<void>((resolve) => {
      release = resolve
    })
    yield 'last'
  }
  const batches = json.toLines(source(), { batchBytes: 1000 })
  let bytes = 0
  while (bytes < 100 * 103) {
    const { value } = (await batches.next()) as { value: Buffer }
    bytes += value.length
    t.true(value.length <= 1000 + 103)
  }
  t.is(bytes, 100 * 103)
  release?.()
  t.is(((await batches.next()).value as Buffer).toString(), '"last"\n')
  t.true((await batches.next()).done)
})

test('leaving toLines early closes its source', async (t) => {
  let closed = 0
  async function* source() {
    try {
      for (;;) yield await Promise.resolve('x'.repeat(100))
    } finally {
      closed++
    }
  }
  for await (const batch of json.toLines(source(), { batchBytes: 500 })) if (batch.length > 0) break
  t.is(closed, 1)
  await t.throwsAsync(
    all(
      json.toLines(
        (async function* () {
          try {
            yield await Promise.resolve(undefined)
          } finally {
            closed++
          }
        })(),
      ),
    ),
    { instanceOf: TypeError },
  )
  t.is(closed, 2)
})

test('NDJSON to NDJSON through a pipeline of streams', async (t) => {
  const rows = Array.from({ length: 2000 }, (_, id) => ({
    id,
    keep: id % 2 === 0,
    pad: 'p'.repeat(id % 100),
  }))
  const Slim = json.transform({ id: '$.id' })
  const sink = new PassThrough()
  const [, out] = await Promise.all([
    pipeline(
      Readable.from(json.toLines(rows)),
      (source: AsyncIterable<Uint8Array>) => json.lines(source).write(Slim),
      sink,
    ),
    texts(json.lines(sink)),
  ])
  t.deepEqual(
    out,
    rows.map(({ id }) => `{"id":${id}}`),
  )
})

function cut(bytes: Buffer, size: () => number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + size())
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}
