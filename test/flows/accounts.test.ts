import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { eq } from 'drizzle-orm'

import { createSandboxDodo } from '../../sandbox/dodo/dodo.ts'
import {
  findOwnAccount,
  forgetOwnAccount,
  keepOwnAccount,
  newAccountId,
} from '../../src/billers/highlevel/own-accounts.ts'
import { attempts, mandates, orders, payments, products, shares } from '../../src/db/schema.ts'
import { stopCharging } from '../../src/operate/stop-charging.ts'
import { createSeal } from '../../src/highlevel/sealed.ts'
import { parseMetrics } from '../metrics/support.ts'
import { ADMIN_TOKEN, openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'

const KEY = 'ofk_0123456789abcdef'
const TEST_KEY = 'dodo_second_key'
const TEST_SECRET = 'whsec_c2Vjb25kLWFjY291bnQtc2VjcmV0LTAwMDAwMDAwMQ=='
const OWN_KEY = 'dodo_third_key'
const OWN_SECRET = 'whsec_dGhpcmQtYWNjb3VudC1zZWNyZXQtMDAwMDAwMDAwMQ=='
const HIGHLEVEL_SECRET = 'a-secret-of-thirty-two-characters-or-more'
const FRESH_MS = 2_100

type Body = Record<string, unknown>

let world: World
const toBridge = async (input: string | URL | Request, init?: RequestInit) => {
  const request = new Request(input as string, init)
  return world.get(new URL(request.url).pathname, request)
}
const second = createSandboxDodo({
  apiKey: TEST_KEY,
  webhookSecret: TEST_SECRET,
  webhookUrl: 'http://bridge.test/webhooks/dodo/test',
  publicUrl: 'http://second.test',
  now: () => new Date(),
  fetch: toBridge,
  webhookRetryDelaysMs: [200],
})

beforeAll(async () => {
  world = await openWorld({
    env: {
      PUBLIC_URL: 'https://bridge.test',
      DODO_ENVIRONMENT: 'live',
      DODO_TEST_API_KEY: TEST_KEY,
      DODO_TEST_WEBHOOK_SECRET: TEST_SECRET,
      DODO_API_URL: 'https://dodo.test',
      LAGO_API_URL: 'https://lago.test',
      DODO_TEST_API_URL: 'https://second.test',
      OPENFRONT_API_KEYS: `demo:${KEY}`,
      HIGHLEVEL_CLIENT_ID: 'client-app',
      HIGHLEVEL_CLIENT_SECRET: 'client-secret',
      HIGHLEVEL_SECRET,
      HIGHLEVEL_LOCATIONS: 'loc_1',
    },
    others: { 'second.test': second },
  })
})
afterAll(async () => {
  second.stop()
  await world.close()
})

async function call(route: string, fields: Body, environment?: string) {
  const credentials = { apiKey: KEY, ...(environment && { environment }) }
  const response = await world.get(`/api/${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ provider: { credentials }, ...fields }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

async function begin(environment: string, amount = 2_599) {
  const cart = { id: `cm${crypto.randomUUID()}` }
  const { body } = await call('create-payment', { cart, amount, currency: 'usd' }, environment)
  const { paymentId, checkoutUrl } = body as { paymentId: string; checkoutUrl: string }
  return { paymentId, checkoutUrl, sessionId: await world.follow(checkoutUrl) }
}

const status = async (paymentId: string, environment: string) =>
  (await call('get-payment-status', { paymentId }, environment)).body['status']

function signed(secret: string, id: string, payload: unknown) {
  const body = JSON.stringify(payload)
  const seconds = String(Math.floor(Date.now() / 1_000))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return {
    method: 'POST',
    body,
    headers: {
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': seconds,
      'webhook-signature': `v1,${mac}`,
    },
  }
}
const paymentOf = async (dodoPaymentId: string) => {
  const { db } = world.bridge
  const rows = await db.select().from(payments).where(eq(payments.dodoPaymentId, dodoPaymentId))
  return rows[0]
}

describe('an order of test mode beside a live account', () => {
  test('is collected, proven and refunded on the test account, and on no other', async () => {
    const { paymentId, sessionId } = await begin('sandbox')
    const payment = second.pay(sessionId)
    await second.idle()
    world.advance(FRESH_MS)

    expect(await status(paymentId, 'sandbox')).toBe('captured')
    const refund = await call('refund-payment', { paymentId, amount: 599 }, 'sandbox')

    expect(refund).toMatchObject({ status: 200, body: { success: true, refundedAmount: 599 } })
    expect(await paymentOf(payment.payment_id)).toMatchObject({ account: 'test' })
    expect([...second.store.refunds.values()]).toHaveLength(1)
    expect([...world.dodo.store.payments.values()]).toHaveLength(0)
    expect([...world.dodo.store.refunds.values()]).toHaveLength(0)
  })

  test('has its receipt at that account, where alone it is known', async () => {
    const { paymentId, checkoutUrl, sessionId } = await begin('sandbox')
    const payment = second.pay(sessionId)
    await second.idle()
    world.advance(FRESH_MS)
    expect(await status(paymentId, 'sandbox')).toBe('captured')

    const path = `${new URL(checkoutUrl).pathname}/receipt`
    const receipt = await world.get(path, { redirect: 'manual' })

    const there = `https://second.test/invoices/payments/${payment.payment_id}`
    expect(receipt.headers.get('location')).toBe(there)
  })

  test('has a product of that account, also in a currency that the other one has', async () => {
    await begin('live')
    await begin('sandbox')
    const { db } = world.bridge
    const known = await db.select().from(products).where(eq(products.currency, 'USD'))
    expect(known.map(({ account }) => account).toSorted()).toEqual(['default', 'test'])
  })

  test('names the key of that account where Dodo refuses it', async () => {
    second.faults.add({
      kind: 'status',
      status: 401,
      match: { method: 'POST', path: '/checkouts' },
    })
    const cart = { id: `cm${crypto.randomUUID()}` }
    await call('create-payment', { cart, amount: 2_599, currency: 'usd' }, 'sandbox')
    await world.quiet()
    second.faults.clear()

    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    // An alert pages whoever keeps the deployment's own key, and this is another one.
    const measured = parseMetrics(await (await world.get('/metrics', { headers })).text())
    const refusedOf = (service: string) =>
      measured
        .filter(({ name, labels }) => {
          const isMeant = labels['service'] === service && labels['code'] === '401'
          return name === 'bridge_api_requests_total' && isMeant
        })
        .reduce((sum, { value }) => sum + value, 0)
    expect(refusedOf('dodo')).toBe(0)
    expect(refusedOf('dodo_account')).toBeGreaterThan(0)
    const listed = (await (await world.get('/api/orders', { headers })).json()) as {
      orders: { key: string; reason: string; reasonCode: string }[]
    }
    const order = listed.orders.find(({ key }) => key === cart.id)
    expect(order?.reasonCode).toBe('dodo_key_refused')
    expect(order?.reason).toStartWith('Dodo refuses DODO_TEST_API_KEY (401)')
  })

  test('is found by the sweep although its webhook was lost', async () => {
    const { paymentId, sessionId } = await begin('sandbox')
    second.courier.switches.lose = true
    second.pay(sessionId)
    await second.idle()
    second.courier.switches.lose = false

    await world.sweep()
    await world.quiet()

    const response = await world.get(`/api/orders/${paymentId}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    })
    expect(await response.json()).toMatchObject({ state: 'paid', mode: 'test' })
  })

  test('that was opened while the deployment was of test mode is never collected on the live account', async () => {
    const { db } = world.bridge
    const { paymentId, checkoutUrl } = await begin('sandbox')
    const isOf = eq(attempts.receivableId, paymentId)
    await db.update(orders).set({ account: 'default' }).where(eq(orders.orderId, paymentId))
    await db.update(attempts).set({ status: 'expired', account: 'default' }).where(isOf)
    await db.update(shares).set({ isLive: false }).where(eq(shares.receivableId, paymentId))
    const before = world.dodo.store.sessions.size

    const page = await world.visit(checkoutUrl)

    expect(page.headers.get('location')).toBeNull()
    expect(world.dodo.store.sessions.size).toBe(before)
    const response = await world.get(`/api/orders/${paymentId}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    })
    expect(await response.json()).toMatchObject({ state: 'attention', reasonCode: 'account_gone' })
    // As it was, for all that is said of every order.
    await db.update(orders).set({ account: 'test' }).where(eq(orders.orderId, paymentId))
    await db.update(attempts).set({ account: 'test' }).where(isOf)
  })

  test('is not reached in the other mode', async () => {
    const { paymentId } = await begin('sandbox')
    expect(await call('get-payment-status', { paymentId }, 'live')).toMatchObject({ status: 404 })
  })
})

describe('a webhook of one account', () => {
  const event = (payment: Body) => ({
    business_id: 'bus_1',
    type: 'payment.succeeded',
    timestamp: new Date().toISOString(),
    data: payment,
  })

  test('is verified by the secret of that account only', async () => {
    const send = (path: string, secret: string) =>
      world.get(path, signed(secret, `msg_${crypto.randomUUID()}`, event({ payment_id: 'pay_x' })))

    expect((await send('/webhooks/dodo/test', TEST_SECRET)).status).toBe(200)
    expect((await send('/webhooks/dodo/test', WEBHOOK_SECRET)).status).toBe(401)
    expect((await send('/webhooks/dodo', TEST_SECRET)).status).toBe(401)
    expect((await send('/webhooks/dodo/default', WEBHOOK_SECRET)).status).toBe(404)
    for (const nobody of [newAccountId(), '%00', '%ED%A0%80', 'x'.repeat(3_000)])
      expect((await send(`/webhooks/dodo/${nobody}`, TEST_SECRET)).status).toBe(404)
  })

  test('is counted where it is refused, as those of the deployment are', async () => {
    const refused = async () => {
      const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
      const text = await (await world.get('/metrics', { headers })).text()
      const counted = /bridge_deliveries_total\{source="dodo",result="refused"\} (\d+)/.exec(text)
      return Number(counted?.[1])
    }
    const before = await refused()
    const id = `msg_${crypto.randomUUID()}`
    await world.get('/webhooks/dodo/test', signed(WEBHOOK_SECRET, id, event({})))

    expect(await refused()).toBe(before + 1)
  })

  test('proves nothing of another: a payment that only names an order there moves nothing', async () => {
    const live = await begin('live')
    const paid = world.dodo.pay(live.sessionId)
    const other = await begin('sandbox')
    const forged = event({
      payment_id: paid.payment_id,
      checkout_session_id: other.sessionId,
      status: 'succeeded',
      total_amount: 2_599,
      currency: 'USD',
      metadata: { bridge_order: other.paymentId, lago_invoice_id: live.paymentId },
    })

    const answer = await world.get('/webhooks/dodo/test', signed(TEST_SECRET, 'msg_forged', forged))
    await world.quiet()
    world.advance(FRESH_MS)

    expect(answer.status).toBe(200)
    expect(await status(other.paymentId, 'sandbox')).toBe('pending')
    expect(await status(live.paymentId, 'live')).toBe('captured')
    expect(await paymentOf(paid.payment_id)).toMatchObject({
      account: 'default',
      status: 'succeeded',
    })
  })

  test('is stored beside one of another account with the same id', async () => {
    const body = event({ payment_id: 'pay_y' })
    const first = await world.get('/webhooks/dodo', signed(WEBHOOK_SECRET, 'msg_same', body))
    const again = await world.get('/webhooks/dodo/test', signed(TEST_SECRET, 'msg_same', body))

    expect(await first.json()).toMatchObject({ duplicate: false })
    expect(await again.json()).toMatchObject({ duplicate: false })
  })
})

describe('an account of a tenant’s own', () => {
  const seal = createSeal([HIGHLEVEL_SECRET])
  const owner = { source: 'highlevel', tenant: 'loc_1', mode: 'test' } as const
  const keep = (account: string) =>
    keepOwnAccount(world.bridge.db, seal, {
      owner,
      account,
      apiKey: OWN_KEY,
      webhookSecret: OWN_SECRET,
      dodoEndpointId: null,
      at: new Date(),
    })

  test('is opened from its sealed secrets, and takes its own webhooks', async () => {
    const account = newAccountId()
    await keep(account)

    const { accounts } = world.bridge.deps
    expect(await accounts.of(account)).toMatchObject({ id: account, mode: 'test' })
    const path = `/webhooks/dodo/${account}`
    const body = event({ payment_id: 'pay_z' })
    expect((await world.get(path, signed(OWN_SECRET, 'msg_own', body))).status).toBe(200)
    expect((await world.get(path, signed(TEST_SECRET, 'msg_own2', body))).status).toBe(401)
  })

  test('that is forgotten takes nothing new, and still serves what was opened on it', async () => {
    const account = newAccountId()
    await keep(account)
    await forgetOwnAccount(world.bridge.db, owner, new Date())

    expect(await findOwnAccount(world.bridge.db, owner)).toBeUndefined()
    expect(await world.bridge.deps.accounts.of(account)).toMatchObject({ id: account })
  })

  const event = (data: Body) => ({ business_id: 'bus_1', type: 'payment.failed', data })
})

test('every order, attempt and payment stays on the account on which it was opened', async () => {
  const { db } = world.bridge
  const rows = await db
    .select({ order: orders.account, mode: orders.mode, attempt: attempts.account })
    .from(orders)
    .innerJoin(attempts, eq(attempts.receivableId, orders.orderId))
  expect(rows.length).toBeGreaterThan(4)
  for (const { order, mode, attempt } of rows) {
    expect(order).toBe(mode === 'test' ? 'test' : 'default')
    expect(attempt).toBe(order)
  }
})

test('a card of another account that a person stops is ended at that account', async () => {
  const { deps } = world.bridge
  const [dodoSubscriptionId, at] = [`sub_${crypto.randomUUID()}`, new Date()]
  const payerKey = 'contact_of_a_test'
  await world.bridge.db.insert(mandates).values({
    dodoSubscriptionId,
    account: 'test',
    payerKey,
    currency: 'USD',
    status: 'active',
    madeAt: at,
    renewedAt: at,
    observedAt: at,
  })

  expect((await stopCharging(deps, { payerKey, dodoSubscriptionId }, 'Ana')).isDone).toBe(true)
  await world.quiet()

  const asked = world.requests.filter(({ url }) => url.includes(dodoSubscriptionId))
  expect(new Set(asked.map(({ url }) => new URL(url).host))).toEqual(new Set(['second.test']))
})
