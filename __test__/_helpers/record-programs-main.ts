/** Runs record programs in a process of its own: `node … record-programs-main.ts FROM TO STEPS`. */
import { runRecordProgram } from './record-model.js'

const [from, to, steps] = process.argv.slice(2).map(Number) as [number, number, number]
let generates = true
try {
  generates = typeof new Function('') === 'function'
} catch {
  generates = false
}
const done: Record<string, number> = {}
for (let seed = from; seed < to; seed++) {
  for (const [what, count] of Object.entries(runRecordProgram(seed, steps)))
    done[what] = (done[what] ?? 0) + count
}
process.stdout.write(JSON.stringify({ generates, done }))
