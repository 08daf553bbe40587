import test from 'ava'
import * as fc from 'fast-check'
import { json, Memory, t } from 'primarena'

const Push = json.fields({
  repo: t.string('$.repository.full_name'),
  size: t.u32('$.repository.size'),
  id: '$.head_commit.id',
  any: '$.any',
  at: t.timestamp('$.at'),
  rows: '$.commits[*]',
  shas: '$.commits[*].id',
  tag: t.string('$.tag', { default: 'none' }),
})

test('a template that takes fields as they are written splices them', (t_) => {
  const Answer = json.template({
    v: 1,
    fixed: [{ a: 'x' }, null],
    repo: t.string('repo'),
    inner: { size: t.u32('size'), list: [t.string('id')] },
    any: t.optional(t.json('any')),
    rows: t.each('rows', { sha: t.string('id'), who: t.optional(t.string('who')), k: 'c' }),
    shas: t.each('shas', t.string()),
  })
  const Filled = Answer.from(Push)
  t_.true(Filled.splices)
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(
      fc.record({
        repository: fc.record({ full_name: text, size: fc.nat() }),
        head_commit: fc.record({ id: text }),
        commits: fc.array(fc.record({ id: text, who: fc.option(text) }, { requiredKeys: ['id'] })),
      }),
      fc.option(fc.jsonValue()),
      (body, any) => {
        const bytes = Buffer.from(JSON.stringify(any === null ? body : { ...body, any }))
        const expected = Answer.render(Push.read(bytes) as never)
        t_.deepEqual(JSON.parse(Filled.write(bytes).toString()), JSON.parse(expected.toString()))
      },
    ),
    { numRuns: 200 },
  )
  const memory = new Memory()
  const arena = memory.arena()
  const body = Buffer.from('{"repository":{"full_name":"\\u0061","size":1.0},"head_commit":{"id":"x"}}')
  t_.is(
    Filled.write(body, arena).toString(),
    '{"v":1,"fixed":[{"a":"x"},null],"repo":"\\u0061","inner":{"size":1.0,"list":["x"]},"rows":[],"shas":[]}',
  )
  const used = arena.usedBytes
  t_.throws(() => Filled.write(Buffer.from('{"repository":{}}'), arena), { code: 'ERR_JSON_MISSING' })
  t_.throws(() => Filled.write(Buffer.from('{"repository":{"full_name":null}}'), arena), {
    code: 'ERR_JSON_TYPE',
  })
  t_.throws(() => Filled.write(Buffer.from('{'), arena), { code: 'ERR_JSON_SYNTAX' })
  t_.is(arena.usedBytes, used)
  arena.dispose()
})

test('other templates are read and rendered', (t_) => {
  const body = Buffer.from(
    '{"repository":{"full_name":"r","size":5},"at":"2020-01-01T00:00:00+01:00","any":[1.0,null],"commits":[{"id":"a","tags":["x"]}]}',
  )
  const cases: [unknown, string][] = [
    [{ at: t.timestamp('at') }, '{"at":"2019-12-31T23:00:00.000Z"}'],
    [{ tag: t.string('tag') }, '{"tag":"none"}'],
    [{ any: t.json('any') }, '{"any":[1,null]}'],
    [{ size: t.f64('size') }, '{"size":5}'],
    [{ d: t.u8('none', { default: 7 }) }, '{"d":7}'],
    [{ o: t.optional(t.u8('none')), k: 1 }, '{"k":1}'],
    [{ shas: t.json('shas') }, '{"shas":["a"]}'],
    [{ rows: t.each('rows', { tags: t.each('tags', t.string()) }) }, '{"rows":[{"tags":["x"]}]}'],
    ['{"constant": 1}', '{"constant": 1}'],
  ]
  for (const [shape, expected] of cases) {
    const Filled = json.template(shape as object).from(Push)
    t_.false(Filled.splices, expected)
    t_.is(Filled.write(body).toString(), expected)
  }
  const Wrong = json.template({ id: t.string('id') }).from(json.fields({ id: t.u32('$.repository.size') }))
  t_.throws(() => Wrong.write(body), { code: 'ERR_TEMPLATE' })
  const shape: Record<string, unknown> = { repo: t.string('repo') }
  const Template = json.template(shape)
  shape['later'] = 1
  t_.false(Template.from(Push).splices)
  t_.is(Template.from(Push).write(body).toString(), '{"repo":"r"}')
  t_.throws(() => Template.from({} as never), { instanceOf: TypeError })
})

test('what the fields require stays required', (t_) => {
  const Must = json.fields({ a: t.string('$.a', { required: true }), b: '$.b' })
  const Out = json.template({ a: t.optional(t.string('a')), b: t.optional(t.json('b')) }).from(Must)
  t_.throws(() => Out.write(Buffer.from('{}')), { code: 'ERR_JSON_MISSING' })
  t_.is(Out.write(Buffer.from('{"a":"x"}')).toString(), '{"a":"x"}')
})
