import type { AnyContext } from './context.js'
import { HoldGroup, type Hold, type HoldObserver } from './holds.js'
import { formatSite, type Site } from './leaks.js'
import type { HoldReport } from './memory-report.js'

/** Who hears of holds. */
interface Listener {
  rejected(label: string, error: unknown): void
  overdue(report: HoldReport): void
}

/** The open holds of one `Memory`, bodies that run on after their abort among them. @internal */
export class HoldWatch implements HoldObserver {
  readonly #timeoutMs: number
  readonly #listener: Listener
  readonly #open = new Set<Hold>()
  readonly #bodies = new Map<AnyContext, () => void>()

  /** What is open for longer than `timeoutMs` is overdue. */
  constructor(timeoutMs: number, listener: Listener) {
    this.#timeoutMs = timeoutMs
    this.#listener = listener
  }

  get count(): number {
    return this.#open.size
  }

  open(): Iterable<Hold> {
    return this.#open
  }

  holdOpened(hold: Hold): void {
    this.#open.add(hold)
  }

  holdClosed(hold: Hold): void {
    this.#open.delete(hold)
  }

  holdRejected(hold: Hold, error: unknown): void {
    this.#listener.rejected(hold.group.label, error)
  }

  /** A body that still runs after its abort is watched like a hold. */
  bodyAborted(context: AnyContext, site: Site | undefined): void {
    const group = new HoldGroup(context, this)
    let done!: () => void
    group.add(new Promise<void>((resolve) => (done = resolve)), 'body', site)
    this.#bodies.set(context, done)
  }

  bodySettled(context: AnyContext): void {
    this.#bodies.get(context)?.()
    this.#bodies.delete(context)
  }

  /** Tells, once each, which holds are open for too long. */
  tellOverdue(): void {
    const now = Date.now()
    for (const hold of this.#open) {
      const ageMs = now - hold.since
      if (hold.reported || ageMs < this.#timeoutMs) continue
      hold.reported = true
      const { what, group, site } = hold
      this.#listener.overdue({ label: group.label, what, ageMs, site: formatSite(site) })
    }
  }
}
