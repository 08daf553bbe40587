// Calls the addon itself with numbers of the main thread; its own Memory has objects of the same indexes.
import { parentPort, workerData } from 'node:worker_threads'
import { Memory } from 'primarena'
import { loadAddon } from '../../dist/addon.js'

const memory = new Memory()
memory.arena().alloc(10)
const { lastError, rawFunctions } = loadAddon()
const raw = rawFunctions()
const { manager, lease } = workerData
const calls = {
  leaseOpen: () => raw.leaseOpen(manager, 0, 10, 0, Infinity),
  leaseGrant: () => raw.leaseGrant(manager, lease, 10, 0, Infinity),
  leaseClose: () => raw.leaseClose(manager, lease, 0),
  leaseLost: () => raw.leaseLost(manager, lease),
  ownerCharge: () => raw.ownerCharge(manager, 0, 10),
}
const answers = {}
for (const [name, call] of Object.entries(calls)) answers[name] = { answer: call(), code: lastError().code }
parentPort.postMessage(answers)
