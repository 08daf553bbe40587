import { Worker } from 'node:worker_threads'
import test from 'ava'
import { json, t } from 'primarena'
import { gcUntil } from './_helpers/gc.ts'

/** The place of a program in its thread's table of them; places are used again. */
const place = (program: { readonly id: number }) => program.id % 2 ** 20

test('programs that nobody holds are freed', async (t_) => {
  const kept = json.fields({ a: '$.a' })
  // Held together, so that each has a place of its own; a new one that gets one of these places proves that
  // the native side of one of them is gone.
  let held: { readonly id: number }[] | undefined = []
  for (let i = 0; i < 500; i++) held.push(json.fields({ [`f${i}`]: '$.a' }))
  const highest = Math.max(...held.map(place))
  t_.true(place(json.fields({ a: '$.b' })) > highest)
  held = undefined
  t_.true(await gcUntil(() => place(json.fields({ a: '$.b' })) <= highest))
  t_.deepEqual(kept.read(Buffer.from('{"a":1,"b":2}')), { a: 1 })
})

test('a program is its thread’s own; each thread has its own', async (t_) => {
  const program = json.fields({ a: t.u8('$.a') })
  const answers = await Promise.all(
    [1, 2, 3].map(
      (n) =>
        new Promise((resolve, reject) => {
          const script = `
            import { parentPort } from 'node:worker_threads'
            import { json, t } from 'primarena'
            const program = json.fields({ b: t.u8('$.b') })
            const table = json.columns('$.r[*]', { x: t.f64('x') }).read(Buffer.from('{"r":[{"x":${n}}]}'))
            parentPort.postMessage([program.read(Buffer.from('{"b":${n}}')).b, table.columns.x.at(0)])`
          const worker = new Worker(script, { eval: true, execArgv: ['--input-type=module'] })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  t_.deepEqual(answers, [
    [1, 1],
    [2, 2],
    [3, 3],
  ])
  t_.is(program.read(Buffer.from('{"a":9}')).a, 9)
})
