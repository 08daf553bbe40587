import { readdirSync } from 'node:fs'
import test from 'ava'
import { defineCase, loadCase } from '../benchmark/harness/case.ts'
import { checkAnswers } from '../benchmark/harness/check.ts'
import type { Result } from '../benchmark/harness/measure.ts'
import { verdicts } from '../benchmark/harness/report.ts'
import { quantile, shuffle, spread } from '../benchmark/harness/statistics.ts'
import { compileWalker, valueIn } from '../benchmark/peers/walker.ts'
import { webhooks } from '../benchmark/inputs/webhooks.ts'

const names = readdirSync(new URL('../benchmark/cases', import.meta.url)).map((file) =>
  file.replace(/\.ts$/, ''),
)

for (const name of names) {
  test(`the contenders of ${name} agree`, async (t) => {
    const definition = await loadCase(name)
    t.truthy(definition.contenders[definition.baseline], 'the baseline is a contender')
    for (const target of definition.targets ?? []) {
      t.truthy(definition.contenders[target.contender])
      if (target.input) t.truthy(definition.inputs[target.input], `no input is called ${target.input}`)
    }
    for (const input of Object.keys(definition.inputs)) {
      const { checked } = await checkAnswers(definition, input)
      t.true(checked.includes(definition.baseline))
    }
  })
}

const two = (first: unknown, second: unknown): ReturnType<typeof defineCase> =>
  defineCase({
    title: '',
    goal: '',
    inputs: { x: () => undefined },
    baseline: 'a',
    contenders: {
      a: { label: 'a', prepare: () => () => first },
      b: { label: 'b', prepare: () => () => second },
      c: { label: 'c', unavailable: () => 'not today', prepare: () => () => 'never asked' },
    },
    targets: [{ contender: 'b', timesAsFastAs: 'a', least: 2, aim: 4 }],
  })

test('answers that differ fail a case, bytes are compared as bytes', async (t) => {
  await t.throwsAsync(checkAnswers(two({ v: 1 }, { v: 2 }), 'x'), { message: /b answers otherwise than a/ })
  t.deepEqual(await checkAnswers(two(Buffer.from('ab'), new Uint8Array([97, 98])), 'x'), {
    checked: ['a', 'b'],
    unavailable: { c: 'not today' },
  })
})

test('targets are judged in the worse phase', (t) => {
  const result = (phase: 'before' | 'after', ratio: number): Result => {
    const same = { median: ratio, p25: ratio, p75: ratio }
    return { input: 'x', phase, unavailable: {}, contenders: { a: {}, b: { timesAsFastAs: { a: same } } } }
  }
  const judge = (before: number, after: number): string | undefined =>
    verdicts(two(1, 1), [result('before', before), result('after', after)], 20)[0]?.reached
  t.is(judge(5, 4), 'aim')
  t.is(judge(5, 3), 'least')
  t.is(judge(1.9, 5), 'missed')
})

test('quantiles are interpolated, shuffling keeps everything', (t) => {
  t.is(quantile([3, 1, 2], 0.5), 2)
  t.is(quantile([1, 2], 0.5), 1.5)
  t.deepEqual(spread([5, 1, 2, 4, 3]), { median: 3, p25: 2, p75: 4 })
  t.deepEqual(shuffle([1, 2, 3, 4]).toSorted(), [1, 2, 3, 4])
})

test('the walker reads what JSON.parse reads', (t) => {
  const walk = compileWalker([
    ['action'],
    ['sender', 'login'],
    ['repository', 'owner', 'id'],
    ['installation'],
  ])
  const ranges = new Int32Array(8)
  for (const { body } of webhooks()) {
    walk(body, ranges)
    const hook = JSON.parse(body.toString()) as {
      action?: unknown
      sender?: { login?: unknown }
      repository?: { owner?: { id?: unknown } | null } | null
      installation?: unknown
    }
    t.deepEqual(
      [0, 1, 2, 3].map((i) => valueIn(body, ranges[2 * i]!, ranges[2 * i + 1]!)),
      [hook.action, hook.sender?.login, hook.repository?.owner?.id, hook.installation],
    )
  }
})
