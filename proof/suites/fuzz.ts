import { AsyncLocalStorage } from 'node:async_hooks'

import pino from 'pino'

import { openBridge } from '../../src/bridge.ts'
import { readConfig } from '../../src/config.ts'
import { createTestDatabase } from '../../test/support/database.ts'
import { createLuck, type Suite } from './suite.ts'

const SECRETS = {
  LAGO_API_KEY: 'secret-of-lago-4f1d',
  LAGO_WEBHOOK_HMAC_KEY: 'secret-of-hmac-9a2c',
  DODO_API_KEY: 'secret-of-dodo-77ab',
  DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
  ADMIN_TOKEN: 'secret-of-operator-51c0',
} as const
const QUICK = 300
const MANY = 20_000
const DEEP = 5_000
const MAX_GROWTH_MIB = 256
const MIB = 1_048_576

/** Texts that have broken programs before. */
const NASTY: readonly string[] = [
  '',
  '\0',
  '%00',
  '%ff%fe',
  '..%2f..%2fetc%2fpasswd',
  '__proto__',
  'constructor',
  'a'.repeat(20_000),
  '𝕏\u202e\uFFFF',
  "' or 1=1 --",
  '[object Object]',
  '1e309',
  '-0',
  '99999999999999999999999999',
  `${'('.repeat(500)}a+`,
]

const BODIES: readonly (string | Uint8Array)[] = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '1e999',
  '{"a":1,"a":2}',
  '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}',
  '['.repeat(DEEP) + ']'.repeat(DEEP),
  `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`,
  `{"webhook_type":"invoice.created","object_type":"invoice","invoice":{"lago_id":"${'x'.repeat(5_000)}"}}`,
  '{"type":"payment.succeeded","data":{"payment_id":{"$gt":""},"total_amount":1e308}}',
  new Uint8Array([0xff, 0xfe, 0xfd, 0x80, 0x00]),
  new Uint8Array(70_000).fill(0x61),
]

/** Whether what goes on was asked for with the operator's token. */
const isTrusted = new AsyncLocalStorage<boolean>()
const isSigned = ({ headers }: Request) =>
  headers.get('authorization') === `Bearer ${SECRETS.ADMIN_TOKEN}`

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']

/** Every route that the bridge has, as it says itself, with bytes that nobody should send. */
export const fuzz: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const luck = createLuck(seed)
  const lines: string[] = []
  const database = await createTestDatabase()
  let calls = 0
  const config = readConfig({
    PUBLIC_URL: 'http://bridge.test',
    DATABASE_URL: database.url,
    LAGO_API_URL: 'http://lago.test',
    ...SECRETS,
  })
  const bridge = await openBridge(config, {
    log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    now: () => new Date(),
    fetch: async (input, init) => {
      const method = init?.method ?? (input instanceof Request ? input.method : 'GET')
      // Whoever has the token may have the bridge look at the services, and no more.
      if (!isTrusted.getStore() || method !== 'GET') calls += 1
      return Response.json({}, { status: 404 })
    },
  })
  const found: string[] = []
  const routes = [...new Set(bridge.app.routes.map(({ path }) => path))]
  const planned = isQuick ? QUICK : MANY
  const untilMs = performance.now() + forMs
  const before = process.memoryUsage().rss
  const statuses = new Map<number, number>()
  let runs = 0
  try {
    for (; runs < planned && performance.now() < untilMs; runs += 1) {
      tick(runs, planned)
      const request = makeRequest(luck, routes)
      const told = `${request.method} ${request.url.slice(0, 200)}`
      const response = await isTrusted.run(isSigned(request), () => bridge.app.fetch(request))
      const text = await response.text()
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
      if (response.status >= 500 && response.status !== 503)
        found.push(`${told}: ${response.status}`)
      const isLeaking = Object.values(SECRETS).some((secret) => text.includes(secret))
      if (isLeaking) found.push(`${told}: a secret is in the answer`)
    }
    for (const [name, secret] of Object.entries(SECRETS))
      if (lines.some((line) => line.includes(secret))) found.push(`${name} is in the log`)
    if (calls > 0) found.push(`${calls} calls were made to services`)
    const [row] = await bridge.db.execute<{ rows: number }>(
      'select count(*)::int as rows from receivables',
    )
    if (row?.rows !== 0) found.push(`${row?.rows} receivables came of it`)
    const grownMib = Math.round((process.memoryUsage().rss - before) / MIB)
    if (grownMib > MAX_GROWTH_MIB) found.push(`memory grew by ${grownMib} MiB`)
    found.slice(0, 20).forEach(say)
    const counts = {
      routes: routes.length,
      logLines: lines.length,
      grownMib,
      ...Object.fromEntries([...statuses].map(([status, many]) => [`answered ${status}`, many])),
    }
    return { runs, planned, isCut: runs < planned, counts, found }
  } finally {
    await bridge.close()
    await database.drop()
  }
}

type Luck = ReturnType<typeof createLuck>

function oneOf<Item>(luck: Luck, items: readonly [Item, ...Item[]] | readonly Item[]): Item {
  const one = items[luck.below(items.length)]
  if (one === undefined) throw new Error('there is nothing to choose from')
  return one
}

function makeRequest(luck: Luck, routes: readonly string[]): Request {
  const nasty = () => encodeURI(oneOf(luck, NASTY)).slice(0, 4_000)
  const path = oneOf(luck, routes)
    .replaceAll(/:[A-Za-z]+(\{[^}]*\})?/g, nasty)
    .replaceAll('*', nasty)
  const query = luck.next() < 0.3 ? `?${nasty()}=${nasty()}&limit=${nasty()}` : ''
  const method = oneOf(luck, METHODS)
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
  const body = hasBody ? oneOf(luck, BODIES) : undefined
  const url = `http://bridge.test${path.startsWith('/') ? path : `/${path}`}${query}`
  const init = { method, headers: makeHeaders(luck), ...(body !== undefined && { body }) }
  return new Request(URL.canParse(url) ? url : 'http://bridge.test/', init)
}

function makeHeaders(luck: Luck): Headers {
  const headers = new Headers()
  const set = (name: string, value: string) => {
    try {
      headers.set(name, value)
    } catch {
      // What no client can send proves nothing.
    }
  }
  if (luck.next() < 0.5) set('content-type', oneOf(luck, ['application/json', 'text/plain', 'x/y']))
  if (luck.next() < 0.4)
    set('authorization', `Bearer ${luck.next() < 0.5 ? SECRETS.ADMIN_TOKEN : 'wrong'}`)
  if (luck.next() < 0.3) set('x-lago-signature', oneOf(luck, NASTY))
  if (luck.next() < 0.3) set('x-lago-unique-key', oneOf(luck, NASTY))
  if (luck.next() < 0.3) {
    set('webhook-id', oneOf(luck, NASTY))
    set(
      'webhook-timestamp',
      oneOf(luck, ['0', '-1', '1e9', 'NaN', String(Math.floor(Date.now() / 1_000))]),
    )
    set('webhook-signature', oneOf(luck, ['v1,', 'v1,AAAA', `v1,${'A'.repeat(5_000)}`, ...NASTY]))
  }
  if (luck.next() < 0.1)
    for (let nth = 0; nth < 100; nth += 1) set(`x-flood-${nth}`, 'y'.repeat(50))
  return headers
}
