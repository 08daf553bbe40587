import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { isEqual } from '../examples/service/equal.ts'
import { PlainService } from '../examples/service/plain.ts'
import { Workload } from '../examples/service/workload.ts'
import type { Request } from '../examples/service/service.ts'

const MAIN = fileURLToPath(new URL('../examples/service/main.ts', import.meta.url))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the main job as `npm start` does, after its set-up. */
function start(args: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import=@oxc-node/core/register', MAIN, ...args])
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.end(input)
  })
}

function lastLine(text: string): Record<string, unknown> {
  return JSON.parse(text.trimEnd().split('\n').at(-1)!) as Record<string, unknown>
}

test('both halves answer the same, and nothing is left', async (t) => {
  const { code, stdout, stderr } = await start(['--json', '--seconds', '0.5', '--agents', '3'])
  t.is(code, 0, stderr)
  const figures = lastLine(stdout)
  t.true(figures.equal)
  t.true((figures.comparedAnswers as number) >= 4_000)
  t.is(figures.openArenas, 0)
  t.is(figures.arenaBytes, 0)
  t.is(figures.leaks, 0)
  for (const half of ['native', 'plain']) {
    const values = figures[half] as Record<string, unknown>
    for (const name of ['opsPerSecond', 'p50Us', 'p99Us', 'rssBytes', 'heapPeakBytes']) {
      t.true((values[name] as number) > 0, `${half}.${name} is ${String(values[name])}`)
    }
    for (const name of ['gcCount', 'gcMs']) t.is(typeof values[name], 'number', `${half}.${name}`)
    t.is(values.operations, (figures.native as Record<string, unknown>).operations)
  }
})

test('lines of standard input are served, whatever JSON they are', async (t) => {
  const lines = [
    '{"repository":{"full_name":"a/b"},"sender":{"login":"é"}}',
    '',
    '[1,2]',
    '"text"',
    '{"action":7}',
    'null',
  ]
  const { code, stdout, stderr } = await start(
    ['--json', '--seconds', '0.2', '--input', '-'],
    lines.join('\r\n'),
  )
  t.is(code, 0, stderr)
  t.true(lastLine(stdout).equal)
})

test('a malformed line ends it with line, column and exit code 1', async (t) => {
  const first = await start(['--input', '-'], '{"a":\n')
  t.is(first.code, 1)
  t.regex(first.stderr, /standard input, line 1, column 6: \S/)
  t.notRegex(first.stderr, /\n\s+at /)
  const third = await start(['--input', '-'], '{"a":1}\n\n  {"b":x}\n')
  t.is(third.code, 1)
  t.regex(third.stderr, /line 3, column 8: \S/)
})

test('a missing file, no lines and wrong options are said plainly', async (t) => {
  for (const [args, message] of [
    [['--input', '/no/such/file'], /cannot read \/no\/such\/file/],
    [['--input', '-'], /expected at least one line/],
    [['--agents', '0'], /--agents: expected a whole number from 1/],
    [['--seconds', 'x'], /--seconds: expected a number above 0/],
    [['--colour'], /--colour/],
  ] as const) {
    const { code, stderr } = await start(args)
    t.is(code, 1)
    t.regex(stderr, message)
    t.notRegex(stderr, /\n\s+at /)
  }
})

test('--help lists the options', async (t) => {
  const { code, stdout } = await start(['--help'])
  t.is(code, 0)
  for (const option of ['--agents', '--seconds', '--input', '--json']) t.true(stdout.includes(option))
})

test('the workload is the same for everybody, and asks for all primitives', (t) => {
  const payloads = [body({ repository: { full_name: 'a/b' }, sender: { login: 's' } }), body(null), body([])]
  const one = new Workload(payloads, 3).take(500)
  const other = new Workload(payloads, 3)
  t.deepEqual([...other.take(123), ...other.take(377)], one)
  t.is(new Set(one.map(({ primitive }) => primitive)).size, 5)
})

test('the plain half keeps the newest records, finds and links them', async (t) => {
  const service = new PlainService(1)
  const ask = async (primitive: 'store' | 'retrieve' | 'search' | 'link', value: unknown): Promise<unknown> =>
    JSON.parse((await service.serve({ agent: 0, primitive, request: body(value) })).toString())
  const hook = (i: number): object => ({
    repository: { full_name: `r${i % 3}` },
    sender: { login: `s${i % 2}` },
    issue: { title: `issue ${i}` },
  })
  for (let i = 1; i <= 513; i++) await ask('store', hook(i))
  t.is(await ask('retrieve', { id: 128 }), null)
  t.like(await ask('retrieve', { id: 129 }), { issue: { title: 'issue 129' } })
  t.is(await ask('retrieve', { id: 514 }), null)
  t.like(await ask('search', { text: 'issue 5' }), { total: 14 + 0 })
  t.deepEqual(await ask('link', { id: 130, depth: 2 }), {
    from: 's0',
    to: 'r1',
    reached: [{ name: 'r1', depth: 1 }],
  })
  await ask('link', { id: 133, depth: 1 })
  t.deepEqual(await ask('link', { id: 130, depth: 2 }), {
    from: 's0',
    to: 'r1',
    reached: [
      { name: 'r1', depth: 1 },
      { name: 's1', depth: 2 },
    ],
  })
  await t.throwsAsync(
    service.serve({ agent: 0, primitive: 'store', request: { event: '', body: Buffer.from('{') } }),
  )
})

test('answers are compared as JSON', (t) => {
  t.true(isEqual('{"a":1.0,"b":"\\u0041"}', '{"b":"A","a":1}'))
  t.false(isEqual('{"a":1}', '{"a":2}'))
  t.false(isEqual('{"a":1}', 'oops'))
})

function body(value: unknown): Request {
  return { event: 'test', body: Buffer.from(JSON.stringify(value)) }
}
