import type { BudgetCounter } from './budget-counter.js'
import type { Memory } from './memory.js'
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
