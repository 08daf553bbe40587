import { expect, test } from 'vitest'
import { expectNoLeaks } from 'primarena/testing'
import { cases } from './cases.js'

for (const [title, body] of Object.entries(cases)) test(title, body)

test('with the matchers of vitest', async () => {
  await expect(expectNoLeaks(async (memory) => memory.arena())).rejects.toThrow('left open')
  await expect(expectNoLeaks(async () => 5)).resolves.toBe(5)
})
