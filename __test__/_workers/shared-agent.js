import { parentPort, workerData } from 'node:worker_threads'
import { Memory } from 'primarena'

const memory = new Memory()
const agent = memory.agent('shared-tenant', workerData)
const arenas = []

parentPort.on('message', (bytes) => {
  const arena = agent.arena()
  try {
    arena.alloc(bytes)
    arenas.push(arena)
    parentPort.postMessage('ok')
  } catch (error) {
    arena.dispose()
    parentPort.postMessage(error.code)
  }
})
