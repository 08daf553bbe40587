import { parentPort, workerData } from 'node:worker_threads'
import { Memory } from 'primarena'

const arena = new Memory({ leakDetection: 'off' }).arena()
try {
  arena.alloc(workerData.bytes)
  parentPort.postMessage('ok')
} catch (error) {
  parentPort.postMessage(error.code)
}
// Stays, so that what it holds is held.
setInterval(() => arena.usedBytes, 1000)
