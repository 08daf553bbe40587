/**
 * Tells pools that a full garbage collection has passed, so that idle objects age as in Go's `sync.Pool`
 * (https://github.com/golang/go/blob/master/src/sync/pool.go, `poolCleanup`): what was not used between two
 * collections is let go, a burst's worth of objects is gone after the second.
 *
 * One object that nobody holds is registered with a FinalizationRegistry; when it is collected, a collection has
 * passed. V8 clears such registrations in full collections only, not in scavenges. Listeners are held weakly.
 */
export interface GcListener {
  afterCollection(): void
}

const listeners = new Set<WeakRef<GcListener>>()
let armed = false

const registry = new FinalizationRegistry<undefined>(() => {
  armed = false
  for (const reference of listeners) {
    const listener = reference.deref()
    if (listener === undefined) listeners.delete(reference)
    else listener.afterCollection()
  }
  if (listeners.size > 0) arm()
})

/** Calls `listener.afterCollection()` after each full collection, until the answer is called or it is collected. */
export function listenForCollections(listener: GcListener): () => void {
  const reference = new WeakRef(listener)
  listeners.add(reference)
  arm()
  return () => {
    listeners.delete(reference)
  }
}

function arm(): void {
  if (armed) return
  armed = true
  registry.register({}, undefined)
}
