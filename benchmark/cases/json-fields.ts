/** Five fields out of a document: what a gateway does first with everything that comes in. */
import { json } from 'primarena'
import { defineCase } from '../harness/case.ts'
import { bigPush } from '../inputs/big.ts'
import { webhookOf } from '../inputs/webhooks.ts'
import { compileWalker, valueIn } from '../peers/walker.ts'

interface Reading {
  readonly body: Buffer
  /** Five, by the name of the field. */
  readonly paths: Readonly<Record<string, readonly string[]>>
}

const SENDER = { action: ['action'], login: ['sender', 'login'], id: ['sender', 'id'] }

export default defineCase<Reading>({
  title: '5 fields out of a JSON document',
  goal: 'Against JSON.parse(buf.toString()), and against the best plain JavaScript (which does not validate).',
  inputs: {
    '1 KB': () => ({
      body: webhookOf(900).body,
      paths: { ...SENDER, type: ['sender', 'type'], url: ['sender', 'html_url'] },
    }),
    '1 KB, many small members': () => ({
      body: smallEvent(),
      paths: {
        id: ['id'],
        type: ['type'],
        user: ['user', 'id'],
        path: ['page', 'path'],
        total: ['cart', 'total'],
      },
    }),
    '24 KB': () => ({
      body: webhookOf(24_000, 'pull_request').body,
      paths: { ...SENDER, title: ['pull_request', 'title'], repo: ['repository', 'full_name'] },
    }),
    '500 KB': () => ({
      body: bigPush(500_000),
      paths: {
        ref: ['ref'],
        repo: ['repository', 'full_name'],
        head: ['head_commit', 'id'],
        pusher: ['pusher', 'name'],
        login: ['sender', 'login'],
      },
    }),
  },
  baseline: 'std',
  bytes: ({ body }) => body.length,
  contenders: {
    validated: {
      label: 'json.fields',
      prepare: ({ body, paths }) => {
        const fields = json.fields(jsonPaths(paths))
        return () => fields.read(body)
      },
    },
    trusted: {
      label: 'json.fields, { trust: true }',
      prepare: ({ body, paths }) => {
        const fields = json.fields(jsonPaths(paths), { trust: true })
        return () => fields.read(body)
      },
    },
    std: {
      label: 'JSON.parse(buf.toString())',
      prepare: ({ body, paths }) => {
        const pick = generatePick(paths)
        return () => pick(JSON.parse(body.toString()))
      },
    },
    walker: {
      label: 'the best plain JS: a generated walker',
      prepare: ({ body, paths }) => {
        const names = Object.keys(paths)
        const walk = compileWalker(Object.values(paths))
        const ranges = new Int32Array(2 * names.length)
        const read = (i: number): unknown => valueIn(body, ranges[2 * i]!, ranges[2 * i + 1]!)
        const make = new Function(
          'read',
          `return { ${names.map((name, i) => `${name}: read(${i})`).join(', ')} }`,
        )
        return () => {
          walk(body, ranges)
          return make(read)
        }
      },
    },
  },
  targets: [
    { contender: 'trusted', timesAsFastAs: 'std', input: '24 KB', least: 8, aim: 16 },
    { contender: 'validated', timesAsFastAs: 'std', input: '24 KB', least: 2.5, aim: 6 },
    { contender: 'trusted', timesAsFastAs: 'std', input: '1 KB', least: 3, aim: 5 },
    { contender: 'validated', timesAsFastAs: 'std', input: '1 KB', least: 1.6, aim: 2.5 },
    { contender: 'trusted', timesAsFastAs: 'std', input: '1 KB, many small members', least: 3, aim: 5 },
    { contender: 'validated', timesAsFastAs: 'std', input: '1 KB, many small members', least: 1.6, aim: 2.5 },
  ],
})

/** A click as analytics sends it: short names, short values. */
function smallEvent(): Buffer {
  const items = Array.from({ length: 6 }, (_, i) => ({
    sku: `sku-${i}`,
    n: i + 1,
    price: 9.5 + i,
    tags: ['a', 'b'],
  }))
  return Buffer.from(
    JSON.stringify({
      id: 'evt_01HZX4',
      type: 'cart.updated',
      at: 1_760_000_000_123,
      v: 3,
      user: { id: 48_213, plan: 'pro', country: 'CH', lang: 'de', since: 2019, beta: true },
      page: { path: '/shop/cart', ref: '/shop', depth: 4, ms: 812.5, w: 1440, h: 900, dark: false },
      device: { os: 'macOS', ver: '15.1', ua: 'Safari', touch: false, mem: 16, cores: 10 },
      items,
      cart: { total: 143.5, currency: 'CHF', coupon: null, gift: false, ship: 7.9 },
      ab: { hero: 'b', nav: 'a', price: 'c' },
      geo: { lat: 47.37, lon: 8.54, city: 'Zürich' },
      perf: [12, 40, 88, 120, 340, 512],
    }),
  )
}

function jsonPaths(paths: Reading['paths']): Record<string, string> {
  return Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, `$.${path.join('.')}`]))
}

/** What one writes by hand: `{ action: o.action, login: o.sender.login, … }`. */
function generatePick(paths: Reading['paths']): (value: unknown) => unknown {
  const members = Object.entries(paths).map(([name, path]) => `${name}: o.${path.join('.')}`)
  return new Function('o', `return { ${members.join(', ')} }`) as (value: unknown) => unknown
}
