/** The binding of the manager, below the TypeScript that uses it: what crosses, and how. */
import test from 'ava'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import type * as Addon from '../index.js'
import { loadAddon } from '../dist/addon.js'

interface Details {
  handle: number
  chunk: number
  capacityBytes: number
  fresh: boolean
  wipeBytes: number
  pending: number
}

interface Raw {
  leaseOpen(manager: number, owner: number, minBytes: number, hintBytes: number, mostBytes?: number): number
  leaseGrant(manager: number, handle: number, minBytes: number, usedBytes: number, mostBytes?: number): number
  leaseDetails(manager: number): Details
  leaseClose(manager: number, handle: number, usedBytes: number): number
  leaseFailed(manager: number, handle: number, chunk: number): number
  leaseTake(manager: number, handle: number, chunk: number): number
  leaseLost(manager: number, handle: number): number
  ownerCharge(manager: number, owner: number, bytes: number): number
  ownerUncharge(manager: number, owner: number, bytes: number): number
}

const addon = loadAddon()
const raw = addon.rawFunctions() as Raw
const { NativeManager } = addon

const FAILED = -2
const LOOK = -1
const CHUNK_NUMBERS = 2 ** 20
const KIB = 1024

const manager = (options: Partial<Addon.ManagerOptions> = {}): Addon.NativeManager =>
  new NativeManager({ name: 'memory', quarantineMs: 0, ...options })

/** Opens a lease whose first chunk has to be made. */
const openFresh = (id: number, owner = 0, minBytes = 1): Details => {
  const answer = raw.leaseOpen(id, owner, minBytes, 0)
  if (answer !== LOOK) throw new Error(`expected -1, got ${answer}: ${addon.lastError()?.message}`)
  return raw.leaseDetails(id)
}

const lastCode = (): string | undefined => addon.lastError()?.code

test('a fresh chunk is told by leaseDetails, an idle one by the number itself', (t) => {
  const native = manager()
  const first = openFresh(native.id, 0, 100)
  t.like(first, { fresh: true, capacityBytes: 8 * KIB, wipeBytes: 0, pending: 0 })
  t.is(native.chunkCapacity(first.chunk), 8 * KIB)
  t.is(raw.leaseClose(native.id, first.handle, 77), 0)
  const answer = raw.leaseOpen(native.id, 0, 100, 0)
  t.is(answer % CHUNK_NUMBERS, first.chunk)
  const handle = Math.floor(answer / CHUNK_NUMBERS)
  t.not(handle, first.handle)
  t.is(raw.leaseClose(native.id, first.handle, 0), FAILED)
  t.is(lastCode(), 'ERR_STALE_HANDLE')
  t.is(raw.leaseClose(native.id, handle, 0), 0)
  native.dispose()
})

test('a chunk that changes its owner comes with the bytes to wipe', (t) => {
  const native = manager()
  const [a, b] = ['a', 'b'].map((name) => native.openOwner({ name })) as [number, number]
  const first = openFresh(native.id, a)
  raw.leaseClose(native.id, first.handle, 500)
  t.is(raw.leaseOpen(native.id, b, 1, 0), LOOK)
  t.like(raw.leaseDetails(native.id), { chunk: first.chunk, fresh: false, wipeBytes: 500 })
  t.like(native.stats(), { wipes: 1, wipedBytes: 500, reuses: 1, grants: 2, openLeases: 1, openOwners: 2 })
  native.dispose()
})

test('quarantined chunks stay away from other owners', (t) => {
  const native = manager({ quarantineMs: 60_000 })
  const owner = native.openOwner({ name: 'a' })
  const first = openFresh(native.id, owner)
  raw.leaseClose(native.id, first.handle, 1)
  t.is(native.stats().quarantinedBytes, 8 * KIB)
  t.not(openFresh(native.id).chunk, first.chunk)
  native.trim()
  t.deepEqual(native.drain().freed, [], 'too young to be freed')
  native.dispose()
})

test('leases grow and close', (t) => {
  const native = manager()
  const { handle } = openFresh(native.id)
  t.is(raw.leaseGrant(native.id, handle, 1, 8192), LOOK)
  const second = raw.leaseDetails(native.id)
  t.like(second, { handle, fresh: true, capacityBytes: 16 * KIB })
  t.is(native.stats().usedBytes, 8192)
  raw.leaseClose(native.id, handle, 1)
  t.is(native.stats().usedBytes, 0)
  t.is(native.stats().leasedBytes, 0)
  native.dispose()
})

test('mostBytes bounds the chunk', (t) => {
  const native = manager()
  t.is(raw.leaseOpen(native.id, 0, 100, 0, 5000), LOOK)
  const { handle, capacityBytes } = raw.leaseDetails(native.id)
  t.is(capacityBytes, 4096)
  t.is(raw.leaseGrant(native.id, handle, 6000, 0, 7000), FAILED)
  t.is(lastCode(), 'ERR_BUDGET_EXCEEDED')
  native.dispose()
})

test('chunks leave the accounting when they fail, are taken or get lost', (t) => {
  const native = manager()
  const first = openFresh(native.id)
  t.is(raw.leaseFailed(native.id, first.handle, first.chunk), 0)
  t.is(native.stats().heldBytes, 0)
  t.is(raw.leaseFailed(native.id, first.handle, first.chunk), FAILED)
  t.is(lastCode(), 'ERR_INVALID_ARGUMENT')
  raw.leaseGrant(native.id, first.handle, 1, 0)
  const { chunk } = raw.leaseDetails(native.id)
  t.is(raw.leaseTake(native.id, first.handle, chunk), 0)
  raw.leaseGrant(native.id, first.handle, 1, 0)
  const { capacityBytes } = raw.leaseDetails(native.id)
  t.is(raw.leaseLost(native.id, first.handle), capacityBytes)
  t.like(native.stats(), { heldBytes: 0, openLeases: 0, idleBytes: 0 })
  native.dispose()
})

test('trim and drain give chunks up; their indexes come back as fresh ones', (t) => {
  const native = manager()
  const first = openFresh(native.id)
  raw.leaseClose(native.id, first.handle, 1)
  native.trim()
  t.is(native.stats().heldBytes, 0)
  t.is(native.chunkCapacity(first.chunk), 0)
  t.deepEqual(native.drain(), { freed: [first.chunk], events: [] })
  t.deepEqual(native.drain(), { freed: [], events: [] })
  t.is(openFresh(native.id).chunk, first.chunk)
  native.dispose()
})

test('a refusal says who refused; limits can be lowered and raised', (t) => {
  const native = manager({ name: 'small', hardLimitBytes: 64 * KIB })
  const owner = native.openOwner({ name: 'agent', hardLimitBytes: 10 * KIB })
  const { handle } = openFresh(native.id, owner)
  t.is(raw.ownerCharge(native.id, owner, 2 * KIB), 0)
  t.is(raw.ownerCharge(native.id, owner, 1), FAILED)
  t.is(lastCode(), 'ERR_BUDGET_EXCEEDED')
  const refusal = NativeManager.lastRefusal()!
  t.is(refusal.requestedBytes, 1)
  t.deepEqual(
    refusal.chain
      .slice(0, 2)
      .map(({ name, heldBytes, limitBytes, refused }) => [name, heldBytes, limitBytes, refused]),
    [
      ['agent', 10 * KIB, 10 * KIB, true],
      ['small', 10 * KIB, 64 * KIB, false],
    ],
  )
  t.is(refusal.chain[2]?.name, 'process')
  t.is(NativeManager.lastRefusal(), null)
  native.setOwnerLimits(owner, undefined, undefined)
  native.setLimits(undefined, 4 * KIB)
  t.is(raw.ownerCharge(native.id, owner, 1), FAILED)
  t.is(NativeManager.lastRefusal()?.chain.find((level) => level.refused)?.name, 'small')
  native.setLimits()
  t.is(raw.ownerCharge(native.id, owner, 1), 0)
  t.like(native.ownerStats(owner), { heldBytes: 10 * KIB + 1, chargedBytes: 2 * KIB + 1, openLeases: 1 })
  t.is(raw.ownerUncharge(native.id, owner, 2 * KIB + 1), 0)
  t.is(raw.ownerUncharge(native.id, owner, 1), FAILED)
  t.is(lastCode(), 'ERR_INVALID_ARGUMENT')
  t.throws(() => native.closeOwner(owner), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /'agent' still has 1 open leases/,
  })
  native.closeOwner(owner, true)
  t.is(raw.leaseClose(native.id, handle, 0), FAILED)
  t.throws(() => native.ownerStats(owner), { code: 'ERR_STALE_HANDLE' })
  native.dispose()
})

test('soft limits are told when they are crossed', (t) => {
  const native = manager({ name: 'alarmed', softLimitBytes: 10 * KIB })
  const { handle } = openFresh(native.id)
  openFresh(native.id)
  t.is(raw.leaseDetails(native.id).pending, 1)
  t.deepEqual(native.drain().events, [{ node: 'alarmed', heldBytes: 16 * KIB, limitBytes: 10 * KIB }])
  t.is(raw.leaseClose(native.id, handle, 0), 0)
  native.dispose()
})

test('failAfter fails the n-th request, once', (t) => {
  const native = manager()
  const { handle } = openFresh(native.id)
  const before = NativeManager.failAfter(2)
  t.is(raw.ownerCharge(native.id, 0, 1), 0)
  t.is(raw.leaseGrant(native.id, handle, 1, 0), FAILED)
  t.is(lastCode(), 'ERR_BUDGET_EXCEEDED')
  t.true(NativeManager.lastRefusal()?.injected)
  t.is(raw.leaseGrant(native.id, handle, 1, 0), LOOK)
  t.is(NativeManager.failAfter(0), before + 1)
  native.dispose()
})

test('bytes that wait for the garbage collector are counted', (t) => {
  const native = manager()
  native.addPendingFree(1000)
  t.is(native.stats().pendingFreeBytes, 1000)
  native.pendingFreed(600)
  t.is(native.stats().pendingFreeBytes, 400)
  native.pendingFreed(1e9)
  t.is(native.stats().pendingFreeBytes, 0)
  native.dispose()
})

test('a disposed manager is a stale handle, also for raw calls', (t) => {
  const native = manager()
  const { id } = native
  const { handle } = openFresh(id)
  native.dispose()
  native.dispose()
  t.throws(() => native.stats(), { code: 'ERR_STALE_HANDLE' })
  t.is(raw.leaseClose(id, handle, 0), FAILED)
  t.is(lastCode(), 'ERR_STALE_HANDLE')
})

test('wrong arguments are answered, not obeyed', (t) => {
  const native = manager()
  const calls: [string, () => number][] = [
    ['no arguments', () => (raw.leaseOpen as () => number)()],
    ['a string', () => raw.leaseOpen(native.id, 0, '1' as unknown as number, 0)],
    ['NaN', () => raw.leaseOpen(native.id, 0, NaN, 0)],
    ['negative', () => raw.leaseOpen(native.id, 0, -1, 0)],
    ['2 GiB', () => raw.leaseOpen(native.id, 0, 2 ** 31, 0)],
    ['infinitely many', () => raw.leaseOpen(native.id, 0, Infinity, 0)],
    ['a fraction as owner', () => raw.leaseOpen(native.id, 0.5, 1, 0)],
    ['NaN at most', () => raw.leaseOpen(native.id, 0, 1, 0, NaN)],
  ]
  for (const [name, call] of calls) {
    t.is(call(), FAILED, name)
    t.is(lastCode(), 'ERR_INVALID_ARGUMENT', name)
  }
  t.is(native.stats().openLeases, 0)
  t.throws(() => manager({ firstChunkBytes: 100 }), { code: 'ERR_INVALID_ARGUMENT' })
  t.throws(() => manager({ hardLimitBytes: -1 }), { code: 'ERR_INVALID_ARGUMENT', message: /hardLimitBytes/ })
  native.dispose()
})

test.serial('threads share the process; a terminated one gives back all that it held', async (t) => {
  const before = NativeManager.processStats()
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads'
     import { loadAddon } from ${JSON.stringify(new URL('../dist/addon.js', import.meta.url).href)}
     const addon = loadAddon()
     const raw = addon.rawFunctions()
     const native = new addon.NativeManager({ name: 'worker' })
     const owner = native.openOwner({ name: 'spec/shared', shared: true })
     raw.leaseOpen(native.id, owner, 1024 * 1024, 0)
     raw.ownerCharge(native.id, owner, 5000)
     parentPort.postMessage('ready')
     setInterval(() => {}, 1000)`,
    { eval: true, execArgv: ['--input-type=module'] },
  )
  await once(worker, 'message')
  const native = manager({ name: 'main' })
  const owner = native.openOwner({ name: 'spec/shared', shared: true })
  t.is(
    native.ownerStats(owner).heldBytes,
    1024 * KIB + 5000,
    "the other thread's bytes are in the shared account",
  )
  const during = NativeManager.processStats()
  t.is(during.openLeases, before.openLeases + 1)
  t.true(during.heldBytes >= before.heldBytes + 1024 * KIB + 5000)
  NativeManager.setProcessBudget({ hardLimitBytes: during.heldBytes })
  t.is(raw.leaseOpen(native.id, 0, 1024 * KIB, 0), FAILED)
  t.is(NativeManager.lastRefusal()?.chain.at(-1)?.refused, true)
  await worker.terminate()
  t.is(raw.leaseOpen(native.id, 0, 1024 * KIB, 0), LOOK)
  NativeManager.setProcessBudget({})
  t.is(native.ownerStats(owner).heldBytes, 0)
  native.dispose()
  t.is(NativeManager.processStats().heldBytes, before.heldBytes)
  t.is(NativeManager.processStats().openLeases, before.openLeases)
})
