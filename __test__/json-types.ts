/** What the compiler infers of programs; it is checked by `tsc`, and never runs. */
import { json, t, type FieldsOf, type JsonValue, type NumberColumn, type TextColumn } from 'primarena'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only if `A` and `B` are the same type. */
declare function same<A, B>(proof: Same<A, B>): void

const program = json.fields({
  any: '$.a.b',
  list: '$.a[*].b',
  members: '$.*',
  slice: '$.a[1:2]',
  quoted: "$['*']['a:b']",
  pointer: '/a/*',
  text: t.string('$.a'),
  texts: t.string('$.a[*]'),
  required: t.u32('$.a', { required: true }),
  requiredList: t.u32('$.a[*]', { required: true }),
  fallback: t.f64('$.a', { default: -1 }),
  big: t.u64('$.a'),
  raw: t.bytes('$.a', { required: true }),
  own: t.boolean(),
  maybe: t.optional(t.string('$.a')),
  when: t.timestamp('$.a'),
})
type Result = ReturnType<typeof program.read>
same<Result['any'], JsonValue | undefined>(true)
same<Result['list'], JsonValue[]>(true)
same<Result['members'], JsonValue[]>(true)
same<Result['slice'], JsonValue[]>(true)
same<Result['quoted'], JsonValue | undefined>(true)
same<Result['pointer'], JsonValue | undefined>(true)
same<Result['text'], string | null | undefined>(true)
same<Result['texts'], (string | null)[]>(true)
same<Result['required'], number>(true)
same<Result['requiredList'], number[]>(true)
same<Result['fallback'], number | null>(true)
same<Result['big'], bigint | null | undefined>(true)
same<Result['raw'], Buffer>(true)
same<Result['own'], boolean | null | undefined>(true)
same<Result['maybe'], string | null | undefined>(true)
same<Result['when'], number | null | undefined>(true)
// @ts-expect-error: there is no such field
same<Result['none'], undefined>(true)
// A text that the compiler does not know may be either.
same<FieldsOf<{ x: string }>['x'], JsonValue | JsonValue[] | undefined>(true)

const rows = json.template({
  rows: t.each('rows', { sha: t.string('sha'), by: { n: t.optional(t.u8('n')) } }),
  tags: t.each('tags', t.string()),
})
const tags = ['a']
rows.render({ rows: [{ sha: 'a' }, { sha: 'b', n: 1 }], tags })
// @ts-expect-error: members of rows have types
rows.render({ rows: [{ sha: 1 }], tags })
// @ts-expect-error: rows are objects
rows.render({ rows: [5], tags })
// @ts-expect-error: members of rows are required
rows.render({ rows: [{}], tags })
// @ts-expect-error: a row that is a value has a type as well
rows.render({ rows: [], tags: [1] })

const table = json
  .columns('$[*]', { at: t.f64('at'), n: t.i64('n'), who: t.string('who'), any: 'any' })
  .read(Buffer.of())
same<typeof table.columns.at, NumberColumn<number, Float64Array>>(true)
same<typeof table.columns.n, NumberColumn<bigint, BigInt64Array>>(true)
same<typeof table.columns.who, TextColumn<string>>(true)
same<typeof table.columns.any, TextColumn<JsonValue>>(true)

// @ts-expect-error: a field is a path or a type
json.fields({ x: 1 })
// @ts-expect-error: a default is of the type
t.u32('$.x', { default: 'none' })
// @ts-expect-error: a required value has no default
t.u32('$.x', { required: true, default: 'none' })
t.u64('$.x', { default: 0 })
t.json('$.x', { default: { any: [] } })
t.u32('$.x[*]', { default: [0] })
// @ts-expect-error: documents are bytes
program.read('{}')
// @ts-expect-error: functions are no shapes
json.transform({ x: () => 1 })
