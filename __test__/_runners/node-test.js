import test from 'node:test'
import { cases } from './cases.js'

for (const [title, body] of Object.entries(cases)) test(title, body)
