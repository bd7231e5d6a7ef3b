import { afterEach, describe, expect, test } from 'bun:test'

import { readConfig } from '../../src/config.ts'
import {
  probe,
  PROBES,
  type ProbeIo,
  type ProbeOptions,
} from '../../src/doctor/probe/run-probes.ts'
import { openInternet, PUBLIC_URL, runSetup } from '../setup/support.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

type Internet = ReturnType<typeof openInternet>
type Row = { id: string; verdict: string; seen: string; asks: string; assumed: string }

let world: Internet
const open = (options?: Parameters<typeof openInternet>[0]) => (world = openInternet(options))
afterEach(() => world.stop())

async function run({
  env = {},
  io = {},
  ...options
}: ProbeOptions & { env?: Record<string, string>; io?: Partial<ProbeIo> } = {}) {
  const config = readConfig({
    PUBLIC_URL,
    LAGO_API_KEY: LAGO_KEY,
    LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ...env,
  })
  const lines: string[] = []
  const write = (line: string) => lines.push(line)
  const { fetch } = world
  const exitCode = await probe(
    { isAgreed: true, ...options },
    { config, fetch, now: () => new Date(), write, ...io },
  )
  return { exitCode, text: lines.join('\n') }
}

async function answers() {
  const { exitCode, text } = await run({ isJson: true })
  const { answers: rows } = JSON.parse(text) as { answers: Row[] }
  return { exitCode, rows, find: (id: string) => rows.find((row) => row.id === id) }
}

const bill = () => {
  const external_id = 'acct_1'
  world.lago.createCustomer({ external_id, name: 'A', country: 'US' })
  world.lago.createInvoice({ externalCustomerId: external_id, fees: [{ amountCents: 900 }] })
}
/** All that is there and not archived. */
const inventory = () => ({
  lago: world.lago.store.webhookEndpoints.map(({ webhook_url }) => webhook_url),
  dodo: [...world.dodo.store.endpoints.values()].map(({ url }) => url),
  products: [...world.dodo.store.products.values()].filter(({ archived }) => !archived).length,
  sessions: world.dodo.store.sessions.size,
  payments: world.dodo.store.payments.size,
  customers: world.dodo.store.customers.size,
})

describe('in test mode', () => {
  test('every question is answered or said to be open, and all that was made is removed', async () => {
    open()
    await runSetup(world)
    bill()
    const before = inventory()

    const { exitCode, rows, find } = await answers()

    expect(exitCode).toBe(0)
    expect(rows.map(({ id }) => id)).toEqual(PROBES.map(({ id }) => id))
    expect(find('dodo.total')).toMatchObject({
      verdict: 'ok',
      seen: '1000 asked, 1000 USD shown',
    })
    expect(find('dodo.idempotency')).toMatchObject({
      verdict: 'ok',
      seen: 'two products for one key',
    })
    expect(find('dodo.webhook_key')?.verdict).toBe('ok')
    expect(find('dodo.enabling')).toMatchObject({
      verdict: 'ok',
      seen: 'disabled: true, then false',
    })
    expect(find('lago.license')).toMatchObject({ verdict: 'ok' })
    expect(find('lago.algorithm')).toMatchObject({ verdict: 'ok' })
    expect(find('lago.malformed')?.seen).toStartWith('4')
    expect(find('lago.stale_reads')?.seen).toBe('all of 20 reads saw the change')
    expect(inventory()).toEqual(before)
  })

  test('what is otherwise than the bridge assumes is told, and is no failure', async () => {
    open({ dodo: { honoursIdempotencyKey: true }, lago: { premium: false } })
    bill()

    const { exitCode, find } = await answers()

    expect(exitCode).toBe(0)
    expect(find('dodo.idempotency')).toMatchObject({
      verdict: 'warn',
      seen: 'the same product twice',
    })
    expect(find('lago.license')).toMatchObject({ verdict: 'ok', seen: 'no licence' })
    expect(inventory().products).toBe(0)
  })

  test('a person reads it at 80 columns, with what it would take to know the rest', async () => {
    open()

    const { text } = await run()

    expect(text).toContain('Dodo    test mode, business bus_sandbox')
    expect(text).toContain('assumed: exactly the amount')
    expect(text).toContain('Not asked, since they need a card')
    const lines = text.split('\n')
    expect(lines.slice(2).filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
  })

  test('on an old Lago an endpoint that would be sent everything is removed at once', async () => {
    open({ lago: { release: '1.40.0' } })

    expect((await answers()).find('lago.stale_reads')).toMatchObject({ verdict: 'skip' })
    expect(inventory().lago).toEqual([])
  })
})

describe('nothing is made', () => {
  test('in live mode', async () => {
    open()

    const { exitCode, text } = await run({
      env: { DODO_ENVIRONMENT: 'live', DODO_API_KEY: 'dodo_live_key' },
    })

    expect(exitCode).toBe(2)
    expect(text).toContain('is for test mode only')
    expect(world.writes).toEqual([])
  })

  test('before somebody agrees', async () => {
    open()

    const alone = await run({ isAgreed: false })
    const declined = await run({ isAgreed: false, io: { ask: () => Promise.resolve(false) } })

    expect([alone.exitCode, declined.exitCode]).toEqual([2, 2])
    expect(alone.text).toContain('It makes up to four products in Dodo, and archives them')
    expect(world.writes).toEqual([])
  })

  test('with a key that is of the other mode', async () => {
    open()

    const { exitCode, text } = await run({ env: { DODO_API_KEY: 'dodo_live_key' } })

    expect(exitCode).toBe(1)
    expect(text).toContain('DODO_API_KEY is a key of live mode')
    expect(world.writes).toEqual([])
  })
})

describe('what was made is removed', () => {
  test('when it is interrupted, and nothing more is asked', async () => {
    open()
    const stopping = new AbortController()
    const fetch: ProbeIo['fetch'] = async (input, init) => {
      const response = await world.fetch(input, init)
      if (init?.method === 'POST' && (init.body as string).includes('KWD')) stopping.abort()
      return response
    }

    const { text } = await run({ io: { fetch, stop: stopping.signal } })

    expect(text).toContain('not asked: there was no time left')
    expect(inventory()).toMatchObject({ products: 0, lago: [], dodo: [] })
  })

  test('by the next run, where it could not be; and what is left is named', async () => {
    open()
    world.dodo.faults.add({
      kind: 'status',
      status: 500,
      match: { method: 'DELETE', path: '/webhooks' },
    })

    const { exitCode, text } = await run()

    expect(exitCode).toBe(1)
    expect(text).toMatch(/FAIL {2}left behind +webhook endpoint whk_\w+ \(answered 500\)/)
    expect(inventory().dodo.length).toBeGreaterThan(0)

    world.dodo.faults.clear()
    expect(await run()).toMatchObject({ exitCode: 0 })
    expect(inventory().dodo).toEqual([])
  })
})
