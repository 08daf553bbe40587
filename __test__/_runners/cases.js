import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Memory, t } from 'primarena'
import { checkAllAllocationFailures, expectNoLeaks, failAfter } from 'primarena/testing'

/** The same cases for every test runner: `test(title, body)`. One after the other: some watch the whole thread. */
export const cases = {
  'expectNoLeaks passes what is clean, and gives its result': async () => {
    const result = await expectNoLeaks(async (memory) => {
      assert.equal(memory.leakDetection, 'full')
      using(memory.arena(), (arena) => arena.alloc(10))
      const session = memory.agent('a').session('s')
      return session.run(
        memory.primitive('p', async (ctx) => {
          ctx.hold(sleep(20))
          return ctx.arena.from('result')
        }),
      )
    })
    assert.equal(result.toString(), 'result')
  },
  'expectNoLeaks throws with the report': async () => {
    await assert.rejects(
      expectNoLeaks(async (memory) => memory.agent('leaky').arena().alloc(10_000)),
      (error) => {
        assert.equal(error.code, 'ERR_LEAK')
        assert.match(error.message, /arena of leaky, .* KiB, open for/)
        assert.match(error.message, /cases\.js/)
        return true
      },
    )
    await assert.rejects(
      expectNoLeaks(
        async (memory) => {
          memory
            .agent('a')
            .session('s')
            .run(memory.primitive('stuck', () => new Promise(() => {})))
            .catch(() => {})
        },
        { settleMs: 20 },
      ),
      /run of a\/s\/stuck/,
    )
  },
  'expectNoLeaks throws what the body throws, and both when both': async () => {
    await assert.rejects(
      expectNoLeaks(async (_memory) => {
        throw new RangeError('mine')
      }),
      RangeError,
    )
    await assert.rejects(
      expectNoLeaks(async (memory) => {
        memory.arena()
        throw new RangeError('mine')
      }),
      (error) =>
        error instanceof AggregateError &&
        error.errors[0].message === 'mine' &&
        error.errors[1].code === 'ERR_LEAK',
    )
    await assert.rejects(expectNoLeaks('no function'), TypeError)
  },
  'a body without a parameter is watched on every Memory': async () => {
    const mine = new Memory({ leakDetection: 'off' })
    const old = mine.arena()
    await expectNoLeaks(async () => mine.arena().dispose())
    let leaked
    await assert.rejects(
      expectNoLeaks(async () => {
        leaked = mine.arena()
      }),
      { code: 'ERR_LEAK' },
    )
    leaked.dispose()
    old.dispose()
    mine.dispose()
  },
  'expectNoLeaks names pools, what is open of them, and where': async () => {
    const leaky = (pools) =>
      expectNoLeaks(async (memory) => {
        pools(memory)
      }).then(
        () => assert.fail('expected a leak'),
        (error) => error.message,
      )
    const schema = { id: t.u32() }
    const one = await leaky((memory) => memory.agent('a').recordPool(schema, { name: 'people' }).acquire())
    assert.match(one, /^ {2}1 record of pool people of a, .*, open for .*\n\s+at .*cases\.js/m)
    assert.equal(one.match(/people/g).length, 1)
    const two = await leaky((memory) => {
      const pool = memory.recordPool(schema)
      pool.acquire()
      pool.acquire()
    })
    assert.match(two, /^ {2}2 records of an unnamed record pool of none,/m)
    const object = await leaky((memory) =>
      memory.objectPool({ create: () => ({}), name: 'parsers' }).acquire(),
    )
    assert.match(object, /^ {2}1 object of pool parsers of none, .*\n\s+at .*cases\.js/m)
    const mine = new Memory({ leakDetection: 'off' })
    const pool = mine.recordPool(schema, { name: 'mine' })
    const old = pool.acquire()
    await expectNoLeaks(async () => pool.release(pool.acquire()))
    await assert.rejects(
      expectNoLeaks(async () => {
        pool.acquire()
      }),
      / 1 record of pool mine of none/,
    )
    pool.release(old)
    mine.dispose()
  },
  'failAfter makes one allocation fail': async () => {
    const memory = new Memory()
    const arena = memory.arena()
    const fault = failAfter(2)
    arena.alloc(10)
    assert.throws(() => arena.alloc(100_000), { code: 'ERR_BUDGET_EXCEEDED' })
    assert.equal(arena.alloc(100_000).length, 100_000)
    assert.equal(fault.disarm(), true)
    const never = failAfter(1)
    assert.equal(never.disarm(), false)
    assert.equal(never.disarm(), false)
    assert.equal(memory.arena().alloc(10).length, 10)
    assert.throws(() => failAfter(-1), RangeError)
    memory.dispose()
  },
  'every allocation fails once': async () => {
    const reached = []
    const { allocations, survived } = await checkAllAllocationFailures(async (memory) => {
      let steps = 0
      try {
        const primitive = memory.primitive('p', async (ctx) => {
          ctx.arena.alloc(10)
          steps = 1
          ctx.arena.alloc(100_000)
          steps = 2
          await ctx.run(
            memory.primitive(
              'child',
              async (inner) => {
                inner.allocator.alloc(1000)
                steps = 3
              },
              { arena: false },
            ),
          )
        })
        await memory.agent('a').session('s').run(primitive)
      } finally {
        reached.push(steps)
      }
    })
    assert.equal(allocations, 3)
    assert.equal(survived, 0)
    assert.deepEqual(reached, [0, 1, 2, 3])
    const tolerant = await checkAllAllocationFailures(async (memory) => {
      const arena = memory.arena()
      try {
        arena.alloc(100)
      } catch {
        // Does without.
      }
      arena.dispose()
    })
    assert.deepEqual(tolerant, { allocations: 1, survived: 1 })
  },
  'a body that leaks when an allocation fails is found': async () => {
    await assert.rejects(
      checkAllAllocationFailures(async (memory) => {
        const first = memory.arena()
        first.alloc(10)
        const second = memory.arena()
        second.alloc(10)
        first.dispose()
        second.dispose()
      }),
      /with allocation 1 failing, something was left open:\n.*arena/,
    )
  },
  'a body that hides the failure behind another error, or hangs, is found': async () => {
    const swallowing = async (memory) => {
      const arena = memory.arena()
      try {
        arena.alloc(10)
      } catch {
        throw new Error('something went wrong')
      } finally {
        arena.dispose()
      }
    }
    await assert.rejects(checkAllAllocationFailures(swallowing), /something went wrong/)
    await checkAllAllocationFailures(swallowing, { accept: (error) => /wrong/.test(error.message) })
    await assert.rejects(
      checkAllAllocationFailures(
        async (memory) => {
          const arena = memory.arena()
          try {
            arena.alloc(10)
          } catch {
            await new Promise(() => {})
          } finally {
            arena.dispose()
          }
        },
        { timeoutMs: 30, settleMs: 30 },
      ),
      { code: 'ERR_LEAK' },
    )
  },
}

function using(disposable, body) {
  try {
    return body(disposable)
  } finally {
    disposable.dispose()
  }
}
