import test from 'ava'
import { checkAllAllocationFailures } from 'primarena/testing'
import { NativeService } from '../examples/service/native.js'
import { exampleWebhooks } from '../examples/service/payloads.js'
import type { PrimitiveName, Request } from '../examples/service/service.js'

/** `bytes` of JSON as a request. */
const ask = (value: object): Request => ({ body: Buffer.from(JSON.stringify(value)), event: '' })

test.serial('the primitives of the example service, with each allocation failing', async (t) => {
  const [webhook, large] = exampleWebhooks()
    .toSorted((a, b) => a.body.length - b.body.length)
    .filter((_, i, all) => i === 0 || i === all.length - 1)
  const requests: [PrimitiveName, Request][] = [
    ['store', webhook!],
    ['store', large!],
    ['retrieve', ask({ id: 1 })],
    ['search', ask({ event: webhook!.event })],
    ['link', ask({ id: 1, depth: 2 })],
    ['transform', large!],
    ['store', webhook!],
  ]
  const serveAll = async (): Promise<void> => {
    const service = new NativeService(1)
    const refused: unknown[] = []
    for (const [primitive, request] of requests) {
      try {
        await service.serve({ agent: 0, primitive, request })
      } catch (error) {
        refused.push(error)
      }
    }
    t.deepEqual(await service.close(), { openArenas: 0, arenaBytes: 0, leaks: 0 })
    t.true(refused.length <= 1, 'it is one request that fails; the service goes on')
    if (refused.length > 0) throw refused[0]
  }
  const { allocations } = await checkAllAllocationFailures(serveAll)
  t.true(allocations >= 6, `${allocations} allocations`)
})
