import type { Memory } from './memory.js'

/** Every `Memory` of this thread that is not disposed. To be in this list must not keep one alive. */
const memories = new Map<object, WeakRef<Memory>>()
const keys = new WeakMap<Memory, object>()
const collected = new FinalizationRegistry<object>((key) => memories.delete(key))

/** @internal */
export function registerMemory(memory: Memory): void {
  const key = {}
  keys.set(memory, key)
  memories.set(key, new WeakRef(memory))
  collected.register(memory, key, key)
}

/** @internal */
export function forgetMemory(memory: Memory): void {
  const key = keys.get(memory)
  if (key === undefined) return
  memories.delete(key)
  collected.unregister(key)
}

/** @internal */
export function liveMemories(): Memory[] {
  return [...memories.values()].flatMap((ref) => ref.deref() ?? [])
}
