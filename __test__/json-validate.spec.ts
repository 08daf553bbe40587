import test from 'ava'
import { json, PrimarenaError } from 'primarena'

test('check answers what is wrong and where; validate throws the same', (t) => {
  for (const [text, offset, line, column, expected] of [
    ['', 0, 1, 1, 'a value'],
    ['{"a":\n}', 6, 2, 1, 'a value'],
    ['[1 2]', 3, 1, 4, "',' or ']'"],
    ['"abc', 4, 1, 5, `'"' at the end of the string`],
    ['tru', 3, 1, 4, 'true'],
    ['{"a":1}x', 7, 1, 8, 'the end of the document'],
    ['"\\u00zz"', 5, 1, 6, 'four hexadecimal digits'],
  ] as const) {
    const fault = json.check(Buffer.from(text))
    t.like(fault, { code: 'ERR_JSON_SYNTAX', offset, line, column, expected })
    t.true(fault!.message.startsWith(`expected ${expected} at offset ${offset}`), fault!.message)
    const error = t.throws(() => json.validate(Buffer.from(text)), { instanceOf: PrimarenaError })
    t.like(error, { ...fault })
  }
})

test('a document is nothing to complain of', (t) => {
  for (const text of ['{}', ' [1e400, "\\ud800"] ', '"é"', '-0', '['.repeat(1e6) + ']'.repeat(1e6)]) {
    t.is(json.check(Buffer.from(text)), undefined)
    t.is(json.validate(Buffer.from(text)), undefined)
  }
})

test('limits, and what is no bytes', (t) => {
  t.like(json.check(Buffer.from('[[1]]'), { maxDepth: 1 }), { code: 'ERR_JSON_LIMIT', offset: 1 })
  t.is(json.check(Buffer.from('[[1]]'), { maxDepth: 2 }), undefined)
  t.like(json.check(Buffer.from('[[1]]'), { maxBytes: 4 }), { code: 'ERR_JSON_LIMIT', offset: 4 })
  t.throws(() => json.validate(Buffer.from('[[]]'), { maxDepth: 1 }), { code: 'ERR_JSON_LIMIT' })
  t.throws(() => json.check('{}' as never), { instanceOf: TypeError })
  t.throws(() => json.check(Buffer.from('1'), { maxDepth: -1 }), { instanceOf: RangeError })
})
