import type { Arena } from './arena.js'
import type { PrimitiveContext } from './context.js'

/** The arena of a context that was asked for one, for none, or for one or none. */
export type ArenaIf<Asked extends boolean> = Asked extends true ? Arena : undefined

/** The body of a primitive: JSON in, JSON out, as values or as bytes. */
export type Execute<Input, Output, Asked extends boolean = true> = (
  ctx: PrimitiveContext<ArenaIf<Asked>>,
  input: Input,
) => Output | PromiseLike<Output>

/** A primitive with a check of its input before anything is opened. */
export interface PrimitiveDefinition<Input, Output, Asked extends boolean = true> {
  /** Throws, or answers false, when the input is not acceptable. */
  validate?: (input: Input) => boolean | void
  execute: Execute<Input, Output, Asked>
}

export interface PrimitiveOptions<Asked extends boolean = boolean> {
  /** `false`: no arena; `ctx.arena` is undefined and `ctx.allocator` gives ordinary Buffers. */
  arena?: Asked
}

/** The smallest and the largest first chunk that is asked for ahead. */
const LEAST_HINT_BYTES = 8 * 1024
const MOST_HINT_BYTES = 1024 * 1024

/** A named unit of asynchronous work. Made by `memory.primitive`, run by `session.run` or `ctx.run`. */
export class Primitive<Input = unknown, Output = unknown> {
  readonly name: string
  readonly usesArena: boolean
  /** @internal */
  readonly execute: Execute<Input, Output>
  /** @internal */
  readonly validate: ((input: Input) => boolean | void) | undefined
  /** What the next run's first chunk should hold: follows what the last ones used. @internal */
  hintBytes = LEAST_HINT_BYTES

  /** @internal Use `memory.primitive`. */
  constructor(
    name: string,
    body: Execute<Input, Output> | PrimitiveDefinition<Input, Output>,
    options?: PrimitiveOptions,
  ) {
    if (typeof name !== 'string' || name === '') throw new TypeError('primitive: expected a name')
    const { validate, execute } =
      typeof body === 'function' ? { execute: body, validate: undefined } : (body ?? {})
    if (typeof execute !== 'function')
      throw new TypeError(`primitive ${name}: expected a function to execute`)
    if (validate !== undefined && typeof validate !== 'function') {
      throw new TypeError(`primitive ${name}: expected validate to be a function`)
    }
    this.name = name
    this.execute = execute
    this.validate = validate
    this.usesArena = options?.arena !== false
  }

  /** Learns from a run: grows at once, shrinks by a sixteenth a run. @internal */
  used(bytes: number): void {
    const wanted =
      bytes < LEAST_HINT_BYTES ? LEAST_HINT_BYTES : bytes > MOST_HINT_BYTES ? MOST_HINT_BYTES : bytes
    if (wanted >= this.hintBytes) this.hintBytes = wanted
    else this.hintBytes -= Math.ceil((this.hintBytes - wanted) / 16)
  }
}
