import type { BudgetCounter } from './budget-counter.js'
import type { Memory } from './memory.js'
import type { Owner } from './owner.js'
import type { OwnerNode } from './owner-node.js'

/** Who a context works for, and with what. @internal */
export interface Place {
  readonly memory: Memory
  readonly owner: OwnerNode
  readonly agentId: string | undefined
  readonly sessionId: string | undefined
  readonly budget: BudgetCounter | undefined
  /** Called when a context of this place is over. */
  contextClosed(): void
  /** Called when a context of this place is opened. */
  contextOpened(): void
}

/** Who is charged for ordinary memory: the session as well, which is no node of the native tree. @internal */
export function ownerAt({ owner, budget, memory }: Place): Owner {
  if (budget === undefined) return owner
  return {
    label: owner.label,
    charge(bytes) {
      budget.headroom(bytes, memory.store)
      owner.charge(bytes)
      budget.add(bytes)
    },
    uncharge(bytes) {
      owner.uncharge(bytes)
      budget.remove(bytes)
    },
  }
}
