/**
 * Who is charged for bytes: a `Memory`, or an agent of it.
 *
 * @internal
 */
export interface Owner {
  /** Who this is, for reports: `agent-7`, or `none`. */
  readonly label: string
  /** Takes `bytes` from the budget, at once and for the whole chain of owners; throws `ERR_BUDGET_EXCEEDED`. */
  charge(bytes: number): void
  /** Gives `bytes` back. */
  uncharge(bytes: number): void
}
