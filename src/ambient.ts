import { AsyncLocalStorage } from 'node:async_hooks'
import type { Arena } from './arena.js'
import type { AnyContext, PrimitiveContext } from './context.js'

/**
 * One storage for the whole module: an enabled `AsyncLocalStorage` per session would slow every await.
 * Made when the first `Memory` with `ambient: true` is.
 */
let storage: AsyncLocalStorage<{ context: AnyContext | undefined }> | undefined

/** Runs `body` where `currentContext()` gives `context`. @internal */
export function runAmbient<T>(context: AnyContext, body: () => T): T {
  storage ??= new AsyncLocalStorage()
  // A small cell, emptied at the end: a stray continuation keeps the cell alive, never the context.
  const cell = { context: context as AnyContext | undefined }
  context.onClosed(() => {
    cell.context = undefined
  })
  return storage.run(cell, body)
}

/**
 * The context of the operation that is running, or `undefined` outside of one. It needs
 * `new Memory({ ambient: true })`; it costs about 550 ns a run, which is why it is off by default.
 */
export function currentContext(): PrimitiveContext<Arena | undefined> | undefined {
  return storage?.getStore()?.context
}
