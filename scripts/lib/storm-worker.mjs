import { parentPort, workerData } from 'node:worker_threads'
import { Memory } from 'primarena'
import { leftovers, storm } from './storm.mjs'

const memory = new Memory({ name: `worker-${workerData.seed}`, budget: '256 MiB' })
const outcomes = await storm(memory, {
  ...workerData,
  onProgress: (done) => parentPort.postMessage({ progress: done }),
})
parentPort.postMessage({ outcomes, left: leftovers(memory), leaks: memory.leaks() })
memory.dispose()
