/** Random programs of everything that a record pool does to slots, against a plain map. */
import assert from 'node:assert/strict'
import { HeapAllocator, t } from '../../dist/index.js'
import { PrimarenaError } from '../../dist/errors.js'
import { RecordPool } from '../../dist/pool/record-pool.js'
import { random } from './random.js'

/** An owner that counts, and refuses beyond its limit. */
export class CountingOwner {
  readonly label = 'test'
  heldBytes = 0
  limitBytes = Infinity

  charge(bytes: number): void {
    if (this.heldBytes + bytes > this.limitBytes)
      throw new PrimarenaError('ERR_BUDGET_EXCEEDED', 'over the limit')
    this.heldBytes += bytes
  }

  uncharge(bytes: number): void {
    this.heldBytes -= bytes
    assert.ok(this.heldBytes >= 0, 'more was given back than taken')
  }
}

const schema = {
  id: t.u32(),
  score: t.f64(),
  ok: t.boolean(),
  big: t.bigint64(),
  name: t.string(12),
  hash: t.bytes(6),
  vector: t.i16(3),
}
type Pool = RecordPool<typeof schema>
type Handle = ReturnType<Pool['acquire']>

interface Row {
  id: number
  score: number
  ok: boolean
  big: bigint
  name: string
  hash: number[]
  vector: number[]
}

const ZERO: Row = { id: 0, score: 0, ok: false, big: 0n, name: '', hash: [], vector: [0, 0, 0] }

function code(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as PrimarenaError).code
  }
}

/** Runs one program; throws at the first difference. Gives what it did, so that a test can see that it did something. */
export function runRecordProgram(seed: number, steps: number): Record<string, number> {
  const next = random(seed)
  const below = (count: number): number => Math.floor(next() * count)
  const owner = new CountingOwner()
  const maxRecords = next() < 0.3 ? 1 + below(100) : Infinity
  const pool: Pool = new RecordPool(owner, schema, { slabRecords: 1 << below(6), maxRecords })
  const other: Pool = new RecordPool(owner, schema, { slabRecords: 4 })
  const foreign = other.acquire()
  const heap = new HeapAllocator()
  const model = new Map<number, Row>()
  const handles = new Map<number, Handle>()
  const dead: Handle[] = []
  const done: Record<string, number> = {}

  const row = (): Row => ({
    id: below(2 ** 32),
    score: next() < 0.1 ? -0 : next() * 100 - 50,
    ok: next() < 0.5,
    big: BigInt(below(2 ** 32)) * -(2n ** 31n) + BigInt(below(1000)),
    name: 'aé€😀xyz'.slice(0, [0, 1, 2, 3, 5, 6][below(6)]),
    hash: Array.from({ length: below(7) }, () => below(256)),
    vector: [below(65536) - 32768, below(100), 0 - below(100)],
  })
  const write = (record: Handle, values: Row): void => {
    record.id = values.id
    record.score = values.score
    record.ok = values.ok
    record.big = values.big
    record.name = values.name
    record.hash = Uint8Array.from(values.hash)
    record.vector = values.vector as never
  }
  const same = (record: Handle, values: Row): void => {
    const { hash, vector, ...plain } = pool.toObject(record)
    assert.deepEqual({ ...plain, hash: [...hash], vector: [...vector] }, values)
  }
  const resting = pool.cursor()
  let restsAt: number | undefined
  const forget = (slot: number): void => {
    model.delete(slot)
    if (slot === restsAt) restsAt = undefined
    const handle = handles.get(slot)
    if (handle) dead.push(handle)
    handles.delete(slot)
  }
  const anySlot = (): number | undefined => [...model.keys()][below(model.size)]
  const cursor = pool.cursor()

  for (let step = 0; step < steps; step++) {
    const kind = below(14)
    if (kind < 5) {
      const full = model.size >= maxRecords
      const byCursor = kind === 4
      const failed = code(() => {
        const record = byCursor ? (cursor.acquire(), cursor.record) : pool.acquire()
        const slot = pool.slotOf(record)
        assert.ok(!model.has(slot), `slot ${slot} was handed out twice`)
        same(record, ZERO)
        const values = row()
        write(record, values)
        model.set(slot, values)
        if (!byCursor) handles.set(slot, record)
      })
      assert.equal(failed, full ? 'ERR_POOL_EXHAUSTED' : undefined)
      done[full ? 'refused' : 'acquired'] = (done[full ? 'refused' : 'acquired'] ?? 0) + 1
    } else if (kind < 8) {
      const slot = anySlot()
      if (slot === undefined) continue
      const handle = handles.get(slot)
      if (handle) pool.release(handle)
      else cursor.moveTo(slot).release()
      forget(slot)
      if (handle)
        assert.equal(
          code(() => pool.release(handle)),
          'ERR_DOUBLE_RELEASE',
        )
      done['released'] = (done['released'] ?? 0) + 1
    } else if (kind === 8) {
      for (const handle of dead.slice(-5)) {
        assert.equal(
          code(() => handle.id),
          'ERR_STALE_HANDLE',
        )
        assert.equal(
          code(() => (handle.score = 1)),
          'ERR_STALE_HANDLE',
        )
        assert.match(String(code(() => pool.release(handle))), /ERR_STALE_HANDLE|ERR_DOUBLE_RELEASE/)
        assert.equal(pool.isOpen(handle), false)
      }
      assert.equal(
        code(() => pool.release(foreign)),
        'ERR_FOREIGN_OBJECT',
      )
    } else if (kind === 9) {
      const picks = [...model.keys()].filter(() => next() < 0.3)
      pool.releaseSlots(Uint32Array.from(picks))
      picks.forEach(forget)
      done['bulk'] = (done['bulk'] ?? 0) + 1
    } else if (kind === 10) {
      pool.trim()
    } else if (kind === 11) {
      const json = pool.toNDJSON(heap).toString().split('\n').slice(0, -1)
      const expected = [...model.keys()].sort((a, b) => a - b).map((slot) => model.get(slot)!)
      assert.deepEqual(
        json.map((line) => (JSON.parse(line) as Row).id),
        expected.map((values) => values.id),
      )
      const document = Buffer.from(`[${json.join(',')}]`)
      const room = maxRecords - model.size
      const before = model.size
      const failed = code(() => {
        pool.fromJSON(document).forEach((slot, index) => {
          assert.ok(!model.has(slot))
          // JSON has no −0.
          model.set(slot, { ...expected[index]!, score: expected[index]!.score + 0 })
        })
      })
      assert.equal(failed, before > room ? 'ERR_POOL_EXHAUSTED' : undefined)
      for (const slot of [...model.keys()].slice(before))
        if (next() < 0.7) {
          pool.release(pool.at(slot))
          forget(slot)
        }
      done['json'] = (done['json'] ?? 0) + 1
    } else if (kind === 12) {
      const slots: number[] = []
      for (cursor.reset(); cursor.next();) slots.push(cursor.slot)
      assert.deepEqual(
        slots,
        [...model.keys()].sort((a, b) => a - b),
      )
      const bySlot = (a: number, b: number): number => a - b
      const byId = [...model.keys()].sort((a, b) => model.get(a)!.id - model.get(b)!.id || bySlot(a, b))
      assert.deepEqual([...pool.sort('id')], byId)
      assert.deepEqual([...pool.topK('id', 3, { smallest: true })], byId.slice(0, 3))
      const matching = [...model.keys()]
        .filter((slot) => model.get(slot)!.ok && model.get(slot)!.score > 0)
        .sort(bySlot)
      assert.deepEqual([...pool.filter((r) => r.ok.eq(true).and(r.score.gt(0)))], matching)
      const sum = [...model.values()].reduce((total, { big }) => total + big, 0n)
      assert.equal(pool.aggregate('big').sum, sum)
      done['kernels'] = (done['kernels'] ?? 0) + 1
    } else if (model.size > 0) {
      const slot = anySlot()!
      same(handles.get(slot) ?? pool.at(slot), model.get(slot)!)
    }
    // A cursor that stays where it is sees its own record, or that it is gone, whoever released it.
    if (restsAt !== undefined) {
      const { id } = model.get(restsAt)!
      assert.equal(resting.record.id, id)
      resting.record.id = id
      assert.equal(resting.slot, restsAt)
    } else {
      for (const use of [() => resting.record.id, () => (resting.record.score = 1), () => resting.slot])
        assert.equal(code(use), 'ERR_STALE_HANDLE')
      if (model.size > 0 && next() < 0.5) resting.moveTo((restsAt = anySlot()!))
      else if (next() < 0.1) resting.reset()
    }
    if (step % 16 === 0) {
      assert.equal(pool.check(), model.size)
      assert.equal(pool.openRecords, model.size)
      assert.equal(owner.heldBytes, pool.stats().reservedBytes + other.stats().reservedBytes)
    }
  }
  for (const [slot, values] of model) same(handles.get(slot) ?? pool.at(slot), values)
  const report = pool.dispose()
  assert.equal(report.openRecords, model.size)
  for (const handle of handles.values())
    assert.equal(
      code(() => handle.id),
      'ERR_STALE_HANDLE',
    )
  assert.equal(
    code(() => pool.acquire()),
    'ERR_STALE_HANDLE',
  )
  other.dispose()
  assert.equal(owner.heldBytes, 0)
  return done
}
