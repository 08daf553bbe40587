import test from 'ava'
import * as fc from 'fast-check'
import { HeapAllocator, json, Memory, t, TemplateCache } from 'primarena'

const rows = Array.from({ length: 100 }, (_, n) => ({ n }))
const Row = { rows: t.each('rows', { n: t.u32('n') }) }
const expected = JSON.stringify({ rows })

test('templates are kept by name and counted', (t_) => {
  const cache = new TemplateCache()
  const Kept = cache.set('row', Row)
  t_.is(cache.get('row'), Kept)
  t_.is(cache.get('none'), undefined)
  t_.is(cache.set('text', '{"a":1}').render({}).toString(), '{"a":1}')
  t_.is(Kept.render({ rows }).toString(), expected)
  const stats = cache.stats()
  t_.like(stats, { templates: 2, hits: 1, misses: 1, evictions: 0 })
  t_.true(stats.usedBytes > 0 && stats.reservedBytes >= stats.usedBytes)
  t_.true(cache.has('row'))
  t_.true(cache.delete('row'))
  t_.false(cache.delete('row'))
  t_.is(cache.size, 1)
  t_.is(Kept.render({ rows }).toString(), expected)
  cache.dispose()
  cache.dispose()
  t_.is(cache.stats().reservedBytes, 0)
  t_.throws(() => cache.get('row'), { code: 'ERR_STALE_HANDLE' })
  t_.throws(() => cache.set('row', Row), { code: 'ERR_STALE_HANDLE' })
  t_.is(Kept.render({ rows }).toString(), expected)
})

test('the one used longest ago goes, and still renders', (t_) => {
  const cache = new TemplateCache({ maxTemplates: 3 })
  const kept = ['a', 'b', 'c'].map((name) => cache.set(name, Row))
  cache.get('a')
  cache.set('d', Row)
  t_.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => cache.has(name)),
    [true, false, true, true],
  )
  t_.is(cache.stats().evictions, 1)
  for (const template of kept) t_.is(template.render({ rows }).toString(), expected)
})

test('it holds at most its bytes', (t_) => {
  const cache = new TemplateCache({ maxBytes: 4096 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1500 }))),
      (steps) => {
        for (const [name, length] of steps) {
          const text = JSON.stringify('x'.repeat(length))
          cache.set(`n${name}`, text)
          if (cache.get(`n${name}`)!.render({}).toString() !== text) return false
        }
        const stats = cache.stats()
        return stats.usedBytes <= 4096 && stats.templates === cache.size
      },
    ),
    { numRuns: 100 },
  )
  t_.true(cache.stats().evictions > 0)
  t_.throws(() => cache.set('big', JSON.stringify('x'.repeat(5000))), { code: 'ERR_BUDGET_EXCEEDED' })
  t_.throws(() => cache.set('bad', '{'), { code: 'ERR_JSON_SYNTAX' })
})

test('one template in two caches', (t_) => {
  const [one, two] = [new TemplateCache(), new TemplateCache()]
  const Shared = json.template(Row)
  one.set('s', Shared)
  two.set('s', Shared)
  one.clear()
  t_.is(Shared.render({ rows }).toString(), expected)
  two.dispose()
  t_.is(Shared.render({ rows }).toString(), expected)
})

test('a Memory charges its templates, refuses over its budget and gives them back', (t_) => {
  const memory = new Memory({ budget: '1 MiB', templates: { maxBytes: '64 MiB' } })
  t_.is(memory.stats().templates, undefined)
  const before = memory.stats().usedBytes
  memory.templates.set('row', Row)
  t_.is(memory.stats().usedBytes - before, memory.stats().templates!.reservedBytes)
  t_.throws(() => memory.templates.set('big', JSON.stringify('x'.repeat(2 ** 20))), {
    code: 'ERR_BUDGET_EXCEEDED',
  })
  t_.false(memory.templates.has('big'))
  t_.is(memory.templates.get('row')!.render({ rows }).toString(), expected)
  t_.is(memory.stats().usedBytes - before, memory.stats().templates!.reservedBytes)
  memory.templates.clear()
  t_.is(memory.stats().usedBytes, before)
  memory.dispose()
  t_.throws(() => memory.templates.set('row', Row), { code: 'ERR_STALE_HANDLE' })
})

test('the cache of an operation survives its resets', async (t_) => {
  const memory = new Memory()
  const store = memory.primitive('store', (ctx) => {
    const Kept = ctx.json.getTemplate('row') ?? ctx.json.cacheTemplate('row', Row)
    ctx.json.resetArena()
    return Promise.resolve(Kept.render({ rows }, ctx.arena ?? new HeapAllocator()))
  })
  for (let run = 0; run < 3; run++) t_.is((await memory.run(store, undefined)).toString(), expected)
  t_.like(memory.stats().templates, { hits: 2, misses: 1, templates: 1 })
  memory.dispose()
})

test('bounds that are none', (t_) => {
  for (const maxTemplates of [0, -1, 1.5, NaN, 2 ** 21])
    t_.throws(() => new TemplateCache({ maxTemplates }), { instanceOf: RangeError })
  t_.throws(() => new TemplateCache({ maxBytes: 'much' }), { instanceOf: TypeError })
  t_.throws(() => new TemplateCache().get(1 as never), { instanceOf: TypeError })
})
