/** What the compiler says of runs and their contexts; it is checked by `tsc`, and never runs. */
import type { Arena, currentContext, Memory, Primitive, PrimitiveContext, Session } from 'primarena'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only if `A` and `B` are the same type. */
declare function same<A, B>(proof: Same<A, B>): void

declare const memory: Memory
declare const session: Session
declare const asked: boolean

const plain = memory.primitive('plain', async (ctx, text: string) => {
  same<typeof ctx.arena, Arena>(true)
  return ctx.arena.from(text).length
})
same<typeof plain, Primitive<string, number>>(true)
const bare = memory.primitive(
  'bare',
  (ctx, count: number) => {
    same<typeof ctx.arena, undefined>(true)
    // @ts-expect-error There is no arena.
    void ctx.arena.alloc(count)
    return ctx.allocator.alloc(count)
  },
  { arena: false },
)
same<typeof bare, Primitive<number, Buffer>>(true)
memory.primitive('either', (ctx) => same<typeof ctx.arena, Arena | undefined>(true), { arena: asked })
memory.primitive('present', (ctx) => same<typeof ctx.arena, Arena>(true), { arena: true })
memory.primitive('options', (ctx) => same<typeof ctx.arena, Arena>(true), {})
memory.primitive(
  'defined',
  { validate: (id: string) => id !== '', execute: (ctx) => same<typeof ctx.arena, undefined>(true) },
  { arena: false },
)
const withArena = memory.context()
same<typeof withArena.arena, Arena>(true)
const withoutArena = memory.context({ arena: false })
same<typeof withoutArena.arena, undefined>(true)

// A context with an arena is one that may have one, not the other way round.
declare const anyContext: PrimitiveContext<Arena | undefined>
declare const context: PrimitiveContext
void (context satisfies PrimitiveContext<Arena | undefined>)
// @ts-expect-error It may have none.
void (anyContext satisfies PrimitiveContext)
same<NonNullable<ReturnType<typeof currentContext>>, PrimitiveContext<Arena | undefined>>(true)

// The input may be left out only where there is none.
const idle = memory.primitive('idle', () => 1)
const optional = memory.primitive('optional', (_ctx, at?: number) => at)
for (const runner of [memory, session, context]) {
  void (runner.run(plain, 'x', { timeoutMs: 5 }) satisfies Promise<number>)
  // @ts-expect-error It wants a string.
  void runner.run(plain)
  // @ts-expect-error It wants a string.
  void runner.run(plain, 5)
  void runner.run(idle)
  void runner.run(idle, undefined, { signal: context.signal })
  void runner.run(optional)
  void runner.run(optional, 3)
}

export function generic<Input, Output>(primitive: Primitive<Input, Output>, input: Input) {
  return session.run(primitive, input)
}
