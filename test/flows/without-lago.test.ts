import { afterAll, beforeAll, expect, test } from 'bun:test'

import type { Fetch } from '../../src/vendor-fetch.ts'
import { diagnose, fetchIn, setUp } from '../doctor/support.ts'
import { serveDashboard, signIn } from '../http/dashboard/support.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../support/world.ts'

const KEY = 'ofk_0123456789abcdef'
const FRESH_MS = 2_100

let world: World
const env = {
  LAGO_API_KEY: '',
  LAGO_WEBHOOK_HMAC_KEY: '',
  OPENFRONT_API_KEYS: `demo:${KEY}`,
}

beforeAll(async () => {
  world = await openWorld({ env })
})
afterAll(() => world.close())

type Body = Record<string, unknown>

async function call(route: string, fields: Body) {
  const response = await world.get(`/api/${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ provider: { credentials: { apiKey: KEY } }, ...fields }),
  })
  return (await response.json()) as Body
}

async function sell() {
  const cart = { id: `cm${crypto.randomUUID()}` }
  const created = await call('create-payment', { cart, amount: 2_599, currency: 'usd' })
  const { paymentId, checkoutUrl } = created as { paymentId: string; checkoutUrl: string }
  return { paymentId, payment: world.dodo.pay(await world.follow(checkoutUrl)) }
}

test('without Lago orders are collected, swept and refunded, and nothing is asked of Lago', async () => {
  const { paymentId, payment } = await sell()
  await world.quiet()
  world.advance(FRESH_MS)

  expect(await call('get-payment-status', { paymentId })).toMatchObject({ status: 'captured' })
  expect(await call('refund-payment', { paymentId, amount: 99 })).toMatchObject({ success: true })
  await world.sweep()
  await world.quiet()

  expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  expect(world.requests.map(({ url }) => new URL(url).host)).not.toContain('lago.test')
})

test('without Lago its webhooks are not there, and the bridge is ready', async () => {
  const webhook = await world.get('/webhooks/lago', { method: 'POST', body: '{}' })
  const again = await world.get('/webhooks/lago', { method: 'POST', body: '{}' })

  expect([webhook.status, again.status]).toEqual([404, 404])
  expect((await world.get('/ready')).status).toBe(200)
})

test('what the ledger still holds of Lago waits until it is on again', async () => {
  const { deps } = world.bridge
  const lagoInvoiceId = crypto.randomUUID()
  await deps.db.transaction((tx) =>
    deps.queue.send(tx, 'settle', [
      { key: lagoInvoiceId, priority: 0, data: { cause: 'operator' } },
    ]),
  )
  await world.quiet()

  const response = await world.get(`/api/invoices/${lagoInvoiceId}`, {
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect(response.status).toBe(404)
  expect(world.requests.map(({ url }) => new URL(url).host)).not.toContain('lago.test')
})

test('without Lago setup and doctor ask nothing of it, and are content', async () => {
  const fetch: Fetch = (input, init) => {
    const { host } = new URL(input instanceof Request ? input.url : input)
    if (host === 'lago.test') throw new Error('Lago was asked')
    return fetchIn(world)(input, init)
  }

  await setUp(world, { env, fetch })
  const diagnosis = await diagnose(world, { env, fetch })

  expect(diagnosis.failed).toEqual([])
  expect(diagnosis.find('dodo.webhook')).toMatchObject({ verdict: 'ok' })
  expect(diagnosis.find('lago.key')).toBeUndefined()
})

test('what the dashboard looks at is what doctor looks at: the shops, and nothing of a Lago that is off', async () => {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  const health = await world.get('/api/health', { headers })
  const checks = (await health.json()) as { id: string }[]
  const ids = checks.map(({ id }) => id)

  expect(ids).toContain('openfront.secrets')
  expect(ids.filter((id) => id.startsWith('lago.'))).toEqual([])
  expect(world.requests.map(({ url }) => new URL(url).host)).not.toContain('lago.test')
})

test('without Lago the overview of a new bridge asks for no invoice of it', async () => {
  const fresh = await serveDashboard({ env })
  const ana = await signIn(fresh.origin)
  const page = await ana.text('/dashboard')
  await fresh.close()

  expect(page).toContain('The first payment')
  expect(page).not.toContain('Finalise an invoice in Lago')
  expect(page).not.toContain('Lago’s webhook arrived')
})
