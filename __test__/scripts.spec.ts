import test from 'ava'
import { countCargo, countTap, failedTapPoints } from '../scripts/lib/counts.mjs'

const CARGO = `
running 2 tests
test arena::tests::a ... ok
test arena::tests::b ... FAILED

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 3 tests
test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s
`

const TAP = `TAP version 13
ok 1 - arena › grows
# a log line: ok 99
not ok 2 - arena › shrinks
  ---
    name: AssertionError
  ...
ok 3 - later # SKIP
not ok 4 - planned # TODO
1..4
# tests 3
`

test('cargo: the result lines of all binaries are added up', (t) => {
  t.deepEqual(countCargo(CARGO, 101), { passed: 4, failed: 1 })
})

test('cargo: a run that does not compile is one failure', (t) => {
  t.deepEqual(countCargo('error[E0425]: cannot find value `x`', 101), { passed: 0, failed: 1 })
})

test('TAP: points are counted, skipped and to-do ones are not', (t) => {
  t.deepEqual(countTap(TAP, 1), { passed: 1, failed: 1 })
})

test('TAP: a crash after passing points is one failure', (t) => {
  t.deepEqual(countTap('ok 1 - a\nok 2 - b\n', 1), { passed: 2, failed: 1 })
  t.deepEqual(countTap('ok 1 - a\nok 2 - b\n', 0), { passed: 2, failed: 0 })
})

test('TAP: the failed points keep what explains them', (t) => {
  const [failure, ...others] = failedTapPoints(TAP)
  t.is(others.length, 0)
  t.regex(failure!, /^not ok 2 - arena › shrinks\n[^]*AssertionError/)
})
