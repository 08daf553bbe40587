import { closureEngine } from './record-closures.js'
import { generatedEngine } from './record-codegen.js'
import type { Engine } from './record-engine.js'
import type { SlabLayout } from './record-slab.js'

/** Whether this process may turn text into code. */
export const canGenerate: boolean = (() => {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
})()

const engines = new Map<string, Engine>()

/** Different schemas whose classes are kept; beyond it all are made anew when they are needed. */
const MOST_ENGINES = 256

/** The engine of a layout. */
export function engineOf(layout: SlabLayout): Engine {
  const key = JSON.stringify([layout.capacity, layout.columns])
  let engine = engines.get(key)
  if (engine === undefined) {
    engine = canGenerate ? generatedEngine(layout) : closureEngine(layout)
    if (engines.size >= MOST_ENGINES) engines.clear()
    engines.set(key, engine)
  }
  return engine
}
