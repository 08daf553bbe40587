import { PrimarenaError } from './errors.js'
import type { Site } from './leaks.js'

/** A promise that keeps an operation's bytes in place. @internal */
export interface Hold {
  /** What holds: `hold`, `send`, or `body` for a body that still runs after its abort. */
  what: string
  since: number
  site: Site | undefined
  reported: boolean
  group: HoldGroup
}

/** Who holds: a context. @internal */
interface Who {
  readonly label: string
  readonly agentId: string | undefined
  readonly sessionId: string | undefined
  readonly primitive: string
}

/** Who hears of holds: the `Memory`. @internal */
export interface HoldObserver {
  holdOpened(hold: Hold): void
  holdClosed(hold: Hold): void
  holdRejected(hold: Hold, error: unknown): void
}

/**
 * The holds of one operation. `drained` runs when the last of them is over, once the group was `closed`.
 *
 * @internal
 */
export class HoldGroup {
  readonly #who: Who
  readonly #observer: HoldObserver
  readonly #open = new Set<Hold>()
  #drained: (() => void) | undefined
  #parked: ((abandon: boolean) => void)[] | undefined

  constructor(who: Who, observer: HoldObserver) {
    this.#who = who
    this.#observer = observer
  }

  get label(): string {
    return this.#who.label
  }

  get agentId(): string | undefined {
    return this.#who.agentId
  }

  get sessionId(): string | undefined {
    return this.#who.sessionId
  }

  get primitive(): string {
    return this.#who.primitive
  }

  get count(): number {
    return this.#open.size
  }

  /** Holds until `promise` settles. A rejection is an event, never an unhandled one. */
  add(promise: PromiseLike<unknown>, what: string, site: Site | undefined): void {
    const hold: Hold = { what, since: Date.now(), site, reported: false, group: this }
    this.#open.add(hold)
    this.#observer.holdOpened(hold)
    promise.then(
      () => this.#over(hold),
      (error: unknown) => {
        this.#observer.holdRejected(hold, error)
        this.#over(hold)
      },
    )
  }

  /** Calls `end` when no hold is left, or with true when nobody waits for them any more. */
  park(end: (abandon: boolean) => void): void {
    ;(this.#parked ??= []).push(end)
  }

  /** Calls `drained` when no hold is left: at once when there is none now. */
  close(drained: () => void): void {
    if (this.#open.size === 0) drained()
    else this.#drained = drained
  }

  /** Nobody waits for the holds any more and they count no more; a rejection is still told. */
  forget(): void {
    this.#drained = undefined
    for (const hold of this.#open) this.#observer.holdClosed(hold)
    this.#open.clear()
    this.#unpark(true)
  }

  #unpark(abandon: boolean): void {
    const parked = this.#parked
    this.#parked = undefined
    if (parked) for (const end of parked) end(abandon)
  }

  #over(hold: Hold): void {
    if (!this.#open.delete(hold)) return
    this.#observer.holdClosed(hold)
    if (this.#open.size > 0) return
    this.#unpark(false)
    if (this.#drained === undefined) return
    const drained = this.#drained
    this.#drained = undefined
    drained()
  }
}

/** Throws unless `value` is a promise. @internal */
export function checkPromise(value: unknown): asserts value is PromiseLike<unknown> {
  if (
    value === null ||
    typeof value !== 'object' ||
    typeof (value as PromiseLike<unknown>).then !== 'function'
  ) {
    throw new TypeError('hold: expected a promise')
  }
}

/** @internal */
export function closedError(what: string): PrimarenaError {
  return new PrimarenaError('ERR_CONTEXT_CLOSED', `${what}: the operation of this context has ended`)
}
