import assert from 'node:assert/strict'
import { partsOf, type BenchCase } from './case.ts'

/**
 * Calls every contender of a case and compares the answers; throws where they differ.
 *
 * @returns who was compared, and why others were not
 */
export async function checkAnswers(
  definition: BenchCase,
  inputName: string,
): Promise<{ checked: string[]; unavailable: Record<string, string> }> {
  const input = definition.inputs[inputName]!()
  const answers: Record<string, unknown> = {}
  const unavailable: Record<string, string> = {}
  for (const [name, contender] of Object.entries(definition.contenders)) {
    const reason = contender.unavailable?.()
    if (reason) {
      unavailable[name] = reason
      continue
    }
    const { run, answer, close } = partsOf(await contender.prepare(input))
    const give = answer ?? (() => run(() => {}))
    // Twice: the second call must not depend on the first, and views of the first may be gone by then.
    await give()
    const given = await give()
    answers[name] = given instanceof Uint8Array ? Buffer.from(given) : given
    close?.()
  }
  if (definition.check) {
    definition.check(answers, input, inputName)
  } else {
    for (const [name, answer] of Object.entries(answers)) {
      assert.deepEqual(
        answer,
        answers[definition.baseline],
        `${name} answers otherwise than ${definition.baseline}`,
      )
    }
  }
  return { checked: Object.keys(answers), unavailable }
}
