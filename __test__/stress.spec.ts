import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('../', import.meta.url))

function script(name: string, args: string[]): Promise<{ code: number | null; output: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, ['--expose-gc', `scripts/${name}.mjs`, ...args], {
    cwd: root,
    env,
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

test.serial('the storm of threads and agents, short: every counter is back at its start', async (t) => {
  const args = ['--workers=2', '--agents=40', '--operations=12000', '--kills=2', '--requests=400', '--seed=6']
  const { code, output } = await script('stress', args)
  t.is(code, 0, output)
  t.regex(output, /400 in flight at once, 0 wrong/)
  t.regex(output, /every counter is back at its start/)
  for (const outcome of ['ERR_ABORTED', 'thrown', 'rejected hold', 'AggregateError', 'dispose (force)']) {
    t.true(output.includes(` ${outcome}`), `${outcome} is missing in\n${output}`)
  }
})

test.serial('the soak, short: nothing is open at rest', async (t) => {
  const { output } = await script('soak', ['--seconds=3', '--agents=40', '--seed=6'])
  t.regex(output, /rss: slope over the last half/)
  t.notRegex(output, /was open at rest|at the end|foreign bytes|Error/, output)
})

test('a slope is told from waves and noise', async (t) => {
  const { slopeOf } = (await import('../scripts/lib/slope.mjs' as string)) as {
    slopeOf: (times: number[], values: number[]) => { slope: number; differs: boolean }
  }
  const times = Array.from({ length: 120 }, (_, i) => i)
  const noise = times.map((i) => ((i * 7919) % 101) - 50)
  t.false(slopeOf(times, noise).differs)
  t.true(
    slopeOf(
      times,
      noise.map((value, i) => value + i),
    ).differs,
  )
  t.false(
    slopeOf(
      times,
      times.map((i) => Math.sin(i / 9) * 100),
    ).differs,
    'a wave',
  )
  t.is(slopeOf([0, 1, 2, 3], [5, 7, 9, 11]).slope, 2)
})
