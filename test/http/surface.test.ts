import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { ADMIN_TOKEN, HMAC_KEY, openWorld, type World } from '../support/world.ts'

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

describe('the HTTP surface', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())
  afterEach(() => world.letDatabaseBe('there'))

  const statusOf = async (path: string, init?: RequestInit) => (await world.get(path, init)).status
  const isReady = async () => {
    for (let time = 0; time < 100; time += 1) {
      if ((await statusOf('/ready')) === 200) return
      await Bun.sleep(100)
    }
    throw new Error('the bridge did not become ready again')
  }
  const postAlert = (deliveryId: string) => {
    const body = '{"webhook_type":"alert.triggered","object_type":"triggered_alert"}'
    const signature = createHmac('sha256', HMAC_KEY).update(body).digest('base64')
    const headers = { 'X-Lago-Signature': signature, 'X-Lago-Unique-Key': deliveryId }
    return world.get('/webhooks/lago', { method: 'POST', body, headers })
  }

  test('a working bridge is alive and ready', async () => {
    expect(await statusOf('/health')).toBe(200)
    const ready = await world.get('/ready')
    expect(ready.status).toBe(200)
    expect(await ready.json()).toEqual({ ready: true, missing: [] })
  })

  test('without its database the bridge lives, is not ready, and asks senders to try again', async () => {
    const deliveryId = crypto.randomUUID()
    await world.letDatabaseBe('away')

    expect(await statusOf('/health')).toBe(200)
    const ready = await world.get('/ready')
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ ready: false, missing: [expect.any(String)] })
    const refused = await postAlert(deliveryId)
    expect(refused.status).toBe(503)
    expect(await refused.json()).toEqual({ error: expect.any(String) })

    await world.letDatabaseBe('there')
    await isReady()
    const accepted = await postAlert(deliveryId)
    expect(await accepted.json()).toEqual({ received: true, duplicate: false })
  })

  test('work goes on by itself when the database comes back', async () => {
    await world.letDatabaseBe('away')
    await Bun.sleep(300)
    await world.letDatabaseBe('there')
    await isReady()

    const invoice = world.bill(2_500)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  })

  test('a route that does not exist is answered 404', async () => {
    for (const path of ['/', '/webhooks', '/webhooks/stripe', '/api']) {
      expect(await statusOf(path, bearer(ADMIN_TOKEN))).toBe(404)
    }
  })

  test.each(['GET', 'HEAD', 'PUT'])('%s to where webhooks go is told to POST', async (method) => {
    for (const path of ['/webhooks/lago', '/webhooks/dodo']) {
      const response = await world.get(path, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('POST')
    }
  })

  test('what the bridge knows of an invoice is told to the bearer of the token alone', async () => {
    const invoice = world.bill(10_800)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    const path = `/api/invoices/${invoice.lago_id}`

    expect(await statusOf(path)).toBe(401)
    expect(await statusOf(path, bearer('operator-tokem'))).toBe(401)
    expect(await statusOf(path, { headers: { Authorization: ADMIN_TOKEN } })).toBe(401)
    expect(await statusOf(`/api/invoices/${crypto.randomUUID()}`, bearer(ADMIN_TOKEN))).toBe(404)

    const response = await world.get(path, bearer(ADMIN_TOKEN))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      lagoInvoiceId: invoice.lago_id,
      number: invoice.number,
      customer: invoice.customer.external_id,
      currency: 'USD',
      amountDue: 0,
      state: 'paid',
      reason: expect.stringContaining(payment.payment_id),
      payUrl: expect.stringMatching(/^http:\/\/bridge\.test\/pay\/[\w-]{22}$/),
      payments: [
        {
          dodoPaymentId: payment.payment_id,
          amount: 10_800,
          currency: 'USD',
          status: 'succeeded',
          disposition: 'applied',
        },
      ],
      refunds: [],
      timeline: expect.arrayContaining([
        {
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          what: `checkout ${sessionId} opened for 108.00 USD (attempt 1)`,
        },
      ]),
    })
  })
})

describe('without ADMIN_TOKEN', () => {
  test('there is no API at all', async () => {
    const world = await openWorld({ env: { ADMIN_TOKEN: '' } })
    const invoice = world.bill(1_000)
    await world.quiet()

    const path = `/api/invoices/${invoice.lago_id}`
    for (const init of [{}, bearer(''), bearer('undefined'), bearer(ADMIN_TOKEN)]) {
      expect((await world.get(path, init)).status).toBe(404)
    }
    await world.close()
  })
})
