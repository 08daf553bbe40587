import { execFileSync } from 'node:child_process'
import test from 'ava'

// What reads the same document with generated code and, where that is forbidden, without.
const SCRIPT = `
  import { json, t } from 'primarena'
  import { inspect } from 'node:util'
  let generates = true
  try { new Function('') } catch { generates = false }
  const document = Buffer.from('{"s":"é€","n":1.5,"list":[{"x":"a"},{"x":null},{"x":"bc"}],"__proto__":{"p":1},"o":{}}')
  const program = json.fields({ list: '$.list[*].x', ['__proto__']: '$.__proto__', s: '$.s', n: t.f64('$.n'), no: '$.no',
    d: t.string('$.no', { default: 'd' }), o: '$.o', 7: t.i64('$.none') })
  console.log(JSON.stringify({ generates, result: inspect(program.read(document), { depth: 9 }) }))
`

function read(...flags: string[]): { generates: boolean; result: string } {
  const output = execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', SCRIPT], {
    encoding: 'utf8',
  })
  return JSON.parse(output) as { generates: boolean; result: string }
}

test('fields read the same where no code may be generated', (t) => {
  const generated = read()
  const plain = read('--disallow-code-generation-from-strings')
  t.true(generated.generates)
  t.false(plain.generates)
  t.is(plain.result, generated.result)
  t.regex(plain.result, /\['__proto__'\]: \{ p: 1 \}/)
})
