import diagnostics from 'node:diagnostics_channel'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'
import { memory as defaultMemory, Memory, type LeakReport } from 'primarena'
import { copyPackage } from './_helpers/copy.js'
import { runChild } from './_helpers/child.js'
import { gcUntil } from './_helpers/gc.js'

test('a report says what, how much, who, where, how long ago and how often', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const events: LeakReport[] = []
  const published: LeakReport[] = []
  memory.on('leak', (report) => events.push(report))
  const listen = (message: unknown): void => {
    if ((message as LeakReport).agentId === 'leaky') published.push(message as LeakReport)
  }
  diagnostics.subscribe('primarena:leak', listen)
  const agent = memory.agent('leaky')
  const kept = Array.from({ length: 3 }, () => agent.arena())
  for (const arena of kept) arena.alloc(10_000)
  const session = agent.session('s')
  const context = memory.context({ session })
  context.arena.alloc(1)
  await sleep(20)
  await session.dispose()
  t.is(memory.leaks().length, 1, 'a session that ends reports its contexts')
  await agent.dispose()
  diagnostics.unsubscribe('primarena:leak', listen)
  const [arenas, contexts] = memory.leaks()
  t.is(arenas!.what, 'arena')
  t.is(arenas!.agentId, 'leaky')
  t.is(arenas!.count, 3)
  t.true(arenas!.bytes >= 30_000)
  t.true(arenas!.ageMs >= 15)
  t.is(arenas!.found, 'disposed')
  t.regex(arenas!.site!.split('\n')[0]!, /leaks\.spec/, 'the site begins outside of the library')
  t.is(contexts!.what, 'context')
  t.is(contexts!.sessionId, 's')
  t.regex(contexts!.site!.split('\n')[0]!, /leaks\.spec/)
  t.is(events.length, 2, 'one event for each site')
  t.is(published.length, 4, 'the channel hears of each')
  t.true(kept.every((arena) => arena.disposed))
  t.throws(() => context.defer(() => {}), { code: 'ERR_CONTEXT_CLOSED' })
  t.is(memory.stats().usedBytes, 0)
  t.is(memory.stats().openArenas, 0)
  memory.dispose()
})

test('what is collected unreleased is found, also when its opener holds it', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  class Opener {
    arena = memory.agent('collected').arena()
  }
  ;(() => {
    new Opener().arena.alloc(5000)
  })()
  await new Promise((resolve) => setImmediate(resolve))
  t.true(await gcUntil(() => memory.leaks().length > 0))
  const [leak] = memory.leaks()
  t.is(leak!.found, 'collected')
  t.true(leak!.bytes >= 5000)
  t.regex(leak!.site!, /new Opener/)
  t.is(memory.stats().openArenas, 0)
  t.is(memory.stats().usedBytes, 0)
  t.is(memory.agent('collected').stats().heldBytes, 0)
  memory.dispose()
})

test('a collected context gives its bytes back to session and agent', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const session = memory.agent('a').session('s', { budget: '1 MiB' })
  ;(() => {
    memory.context({ session }).arena.alloc(50_000)
  })()
  t.true(session.heldBytes >= 50_000)
  // The context and its arena are found by two callbacks, not always in one turn.
  t.true(await gcUntil(() => memory.leaks().length > 0 && session.heldBytes === 0))
  t.is(memory.agent('a').stats().heldBytes, 0)
  memory.dispose()
})

test('levels: off records no site, sampled about 1 in 128, full all', async (t) => {
  for (const [level, least, most] of [
    ['off', 0, 0],
    ['sampled', 40, 260],
    ['full', 12_800, 12_800],
  ] as const) {
    const memory = new Memory({ leakDetection: level })
    const agent = memory.agent('a')
    for (let i = 0; i < 12_800; i += 1) agent.arena()
    const sites = memory.snapshot().sites.filter((row) => row.site !== undefined)
    const count = sites.reduce((sum, row) => sum + row.count, 0)
    t.true(count >= least && count <= most, `${level}: ${count} sites`)
    await agent.dispose()
    t.is(memory.stats().leaks, 12_800, 'counters are exact at every level')
    memory.dispose()
  }
  t.throws(() => new Memory({ leakDetection: 'most' as never }), { instanceOf: TypeError })
})

test('the table of reports is bounded, the count is not', async (t) => {
  const memory = new Memory({ leakDetection: 'off' })
  let events = 0
  memory.on('leak', () => (events += 1))
  for (let i = 0; i < 1200; i += 1) {
    const agent = memory.agent(`a${i}`)
    agent.arena()
    await agent.dispose()
  }
  const reports = memory.leaks()
  t.is(reports.length, 1001)
  t.is(reports[0]!.what, 'others')
  t.is(reports[0]!.count, 200)
  t.is(events, 1001)
  t.is(memory.stats().leaks, 1200)
  memory.dispose()
})

test('a listener that throws does not stop what is being ended', async (t) => {
  const { code, stdout, stderr } = await runChild(`
    import { Memory } from 'primarena'
    const errors = []
    process.on('uncaughtException', (error) => errors.push(error.message))
    const memory = new Memory({ leakDetection: 'full' })
    for (const event of ['leak', 'hold:rejected', 'budget:soft']) {
      memory.on(event, () => { throw new Error(event) })
    }
    const agent = memory.agent('a', { softBudget: 1000 })
    const session = agent.session('s')
    await session.run(memory.primitive('p', async (ctx) => {
      ctx.arena.alloc(100_000)
      ctx.hold(Promise.reject(new Error('x')))
    }))
    agent.arena().alloc(10)
    agent.arena().alloc(10)
    await agent.dispose()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { openArenas, openHolds, usedBytes, leaks } = memory.stats()
    memory.dispose()
    console.log(JSON.stringify({ errors: errors.sort(), openArenas, openHolds, usedBytes, leaks }))
  `)
  t.is(code, 0, stderr)
  const result = JSON.parse(stdout) as { errors: string[] }
  t.true(
    ['budget:soft', 'hold:rejected', 'leak'].every((event) => result.errors.includes(event)),
    stdout,
  )
  t.like(result, { openArenas: 0, openHolds: 0, usedBytes: 0, leaks: 2 })
})

test('snapshots show what grew, by owner and by site', async (t) => {
  const memory = new Memory({ leakDetection: 'full' })
  const steady = memory.agent('steady').arena()
  steady.alloc(1000)
  const ends = memory.agent('ends').arena()
  ends.alloc(1000)
  const before = memory.snapshot()
  const grown = Array.from({ length: 3 }, () => memory.agent('grows').arena())
  for (const arena of grown) arena.alloc(20_000)
  ends.dispose()
  let release!: () => void
  const held = memory
    .agent('grows')
    .session('s')
    .run(
      memory.primitive('holds', async (ctx) => {
        await ctx.hold(new Promise<void>((resolve) => (release = resolve)))
      }),
      undefined,
    )
  const after = memory.snapshot()
  t.deepEqual(JSON.parse(JSON.stringify(after.owners)), after.owners, 'plain data')
  const diff = memory.diff(before, after)
  t.is(diff.owners[0]!.name, 'grows')
  t.is(diff.owners[0]!.change, 'new')
  t.true(diff.owners[0]!.heldBytes >= 60_000)
  t.is(diff.owners.at(-1)!.name, 'ends')
  t.true(diff.owners.at(-1)!.heldBytes < 0)
  t.false(diff.owners.some((row) => row.name === 'steady'))
  t.is(diff.sites[0]!.what, 'arena')
  t.is(diff.sites[0]!.count, 3)
  t.regex(diff.sites[0]!.site!, /leaks\.spec/)
  t.true(diff.sites.some((row) => row.what === 'hold' && row.owner === 'grows/s/holds'))
  t.true(diff.sites.some((row) => row.change === 'gone' && row.count === -1))
  t.is(diff.openArenas, 2)
  t.is(diff.openRuns, 1)
  t.is(diff.openHolds, 1)
  t.deepEqual(memory.diff(after, after).sites, [])
  release()
  await held
  for (const arena of [...grown, steady]) arena.dispose()
  t.deepEqual(memory.snapshot().sites, [])
  memory.dispose()
})

test('the tree shows process, memory, agents and sessions', async (t) => {
  const memory = new Memory({ name: 'service', budget: '64 MiB', softBudget: '32 MiB' })
  memory.agent('idle', { budget: '1 MiB' })
  const session = memory.agent('busy').session('s-1', { budget: '2 MiB' })
  const ctx = memory.context({ session })
  ctx.arena.alloc(100_000)
  const lines = memory.tree().split('\n')
  t.regex(lines[0]!, /^process: [\d.]+ \w+/)
  t.regex(lines[1]!, /^└─ service: .* of 64 MiB \(soft 32 MiB\), peak .* reserved, .* idle/)
  t.regex(lines[2]!, /├─ none: 0 B without limit/)
  t.regex(lines[3]!, /├─ idle: 0 B of 1 MiB, peak 0 B, idle$/)
  t.regex(lines[4]!, /└─ busy: 1\d\d(\.\d)? KiB without limit/)
  t.regex(lines[5]!, /└─ s-1: 1\d\d(\.\d)? KiB of 2 MiB/)
  ctx.dispose()
  memory.dispose()
  t.regex(memory.tree(), /service: disposed/)
})

test('what is open at the end of the process is reported on stderr, and nothing else is', async (t) => {
  const idle = await runChild(`
    import { memory, Memory } from 'primarena'
    const mine = new Memory()
    await mine.agent('a').session('s').run(mine.primitive('p', async (ctx) => void ctx.arena.alloc(1)))
    new Memory({ leakDetection: 'off' }).arena().alloc(1)
    const disposed = new Memory()
    disposed.dispose()
  `)
  t.is(idle.stderr, '')
  t.is(idle.code, 0)
  const source = `
    import { Memory } from 'primarena'
    const mine = new Memory({ name: 'mine' })
    globalThis.arena = mine.agent('agent-7').arena()
    arena.alloc(100_000)
    mine.agent('agent-7').session('s').run(mine.primitive('endless', async (ctx) => {
      ctx.arena.alloc(1)
      await ctx.hold(new Promise(() => {}))
    }))
    const gone = mine.agent('gone')
    gone.arena().alloc(5)
    await gone.dispose()
  `
  const full = await runChild(source, { env: { PRIMARENA_LEAK_DETECTION: 'full' } })
  t.regex(full.stderr, /primarena: mine ended with 3 open \(1\d\d(\.\d)? KiB\)/)
  t.regex(full.stderr, /arena of agent-7, .*, open for \d+ ms\n\s+at .*\[eval1\]:4/)
  t.regex(full.stderr, /run of agent-7\/s\/endless/)
  t.regex(full.stderr, /hold of agent-7\/s\/endless/)
  t.regex(full.stderr, /found 1 leak while it ran\n\s+1 × arena of gone/)
  const off = await runChild(source, { env: { PRIMARENA_LEAK_DETECTION: 'off' } })
  t.is(off.stderr, '')
  const exits = await runChild(`${source}\nprocess.exit(3)`)
  t.is(exits.code, 3)
  t.regex(exits.stderr, /mine ended with 3 open/)
})

test('sites follow source maps where Node has them enabled', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'primarena-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const root = fileURLToPath(new URL('../', import.meta.url))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'primarena'))
  // Line 4 of the made file is line 2 of the original one.
  const map = { version: 3, sources: ['original.ts'], names: [], mappings: ';;;AACA' }
  await writeFile(
    join(folder, 'made.mjs'),
    `import { Memory } from 'primarena'\nconst memory = new Memory()\n\nglobalThis.kept = memory.arena()\n` +
      `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`,
  )
  const { stderr } = await runChild(
    `import(${JSON.stringify(pathToFileURL(join(folder, 'made.mjs')).href)})`,
    {
      env: { PRIMARENA_LEAK_DETECTION: 'full' },
      nodeArguments: ['--enable-source-maps'],
    },
  )
  t.regex(stderr, /original\.ts:2/)
})

test('a second copy of the package warns', async (t) => {
  const folder = await copyPackage()
  t.teardown(() => rm(folder, { recursive: true }))
  const copy = pathToFileURL(join(folder, 'dist', 'index.js')).href
  const { stderr, code } = await runChild(`import 'primarena'\nawait import(${JSON.stringify(copy)})`)
  t.is(code, 0, stderr)
  t.regex(stderr, /PRIMARENA_SECOND_COPY\] PrimarenaWarning: primarena is loaded twice/)
  const { stderr: once } = await runChild(`import 'primarena'\nawait import('primarena')`)
  t.is(once, '')
})

test('the default instance is there and idle', (t) => {
  t.true(defaultMemory instanceof Memory)
  t.is(defaultMemory.name, 'default')
  t.is(defaultMemory.stats().openArenas, 0)
})
