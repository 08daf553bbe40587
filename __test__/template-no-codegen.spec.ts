import { execFileSync } from 'node:child_process'
import test from 'ava'

test('templates render where code may not be made from strings', (t) => {
  const script = `
    import { json, t } from 'primarena'
    const Row = json.template({ a: t.string('a'), rows: t.each('rows', { n: t.f64('n') }) })
    process.stdout.write(Row.render({ a: 'x"', rows: [{ n: 1.5 }, { n: NaN }] }))
    try { new Function('return 1')() } catch (error) { process.stdout.write(error.name) }
  `
  const output = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  t.is(output, '{"a":"x\\"","rows":[{"n":1.5},{"n":null}]}EvalError')
})
