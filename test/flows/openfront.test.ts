import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { fetchInProcess } from '../../sandbox/kit/in-process.ts'
import { createSandboxOpenfront } from '../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../sandbox/openfront/store/providers.ts'
import { readStanding } from '../../src/billers/orders/look.ts'
import { openOrder } from '../../src/billers/orders/open.ts'
import { refundPayment } from '../../src/billers/orders/refund.ts'
import { createOpenfrontSource } from '../../src/billers/openfront/source.ts'
import { refundRequests } from '../../src/db/schema.ts'
import { messageOf } from '../../src/errors.ts'
import { isCall, tap } from '../support/tap.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../support/world.ts'

const KEY = 'ofk_0123456789abcdef'
const OTHER_KEY = 'ofk_fedcba9876543210'
const MINUTE_MS = 60_000
/** After this a question has Dodo looked at anew. */
const FRESH_MS = 2_100

type Body = Record<string, unknown>
type OrderReport = {
  orderId: string
  state: string
  claimed: boolean
  payments: { dodoPaymentId: string; disposition: string }[]
}

let world: World
beforeAll(async () => {
  world = await openWorld({
    env: { OPENFRONT_API_KEYS: `demo:${KEY},other:${OTHER_KEY}`, VOID_PAYMENTS: 'refund' },
  })
})
afterAll(() => world.close())

async function call(route: string, fields: Body, credentials: Body = { apiKey: KEY }) {
  const response = await world.get(`/api/${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ provider: { credentials }, ...fields }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

const create = (id: string, amount = 2_599, more: Body = {}) =>
  call('create-payment', { cart: { id, rawTotal: amount, ...more }, amount, currency: 'usd' })
const newCart = () => `cm${crypto.randomUUID()}`

/** A cart's order, with the session that its pay link leads to. */
async function begin(cartId = newCart(), amount = 2_599) {
  const { body } = await create(cartId, amount)
  const { paymentId, checkoutUrl } = body as { paymentId: string; checkoutUrl: string }
  return { cartId, paymentId, checkoutUrl, sessionId: await world.follow(checkoutUrl) }
}
async function sell(amount = 2_599) {
  const begun = await begin(newCart(), amount)
  return { ...begun, payment: world.dodo.pay(begun.sessionId) }
}
const status = (paymentId: string, credentials?: Body) =>
  call('get-payment-status', { paymentId }, credentials)
const refund = (paymentId: string, amount: number, more: Body = {}) =>
  call('refund-payment', { paymentId, amount, ...more })

async function report(orderId: string): Promise<OrderReport> {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  const response = await world.get(`/api/orders/${orderId}`, { headers })
  return (await response.json()) as OrderReport
}
async function eventually(orderId: string, check: (order: OrderReport) => boolean) {
  for (const deadline = performance.now() + 60_000; ; await Bun.sleep(50)) {
    const order = await report(orderId)
    if (check(order)) return order
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(order, null, 1)}`)
  }
}

describe('a sale', () => {
  test('is made through the shop as it calls: created, paid, and captured', async () => {
    const shop = createSandboxOpenfront({
      publicUrl: 'http://shop.test',
      behaviour: { patch: 'full' },
      fetch: fetchInProcess({
        fetch: async (request) => world.get(new URL(request.url).pathname, request),
      }),
    })
    shop.createRegion('US', 'USD')
    const product = shop.createProduct('E-book', 2_599)
    shop.createProvider({
      name: 'Dodo Payments',
      code: 'pp_dodo',
      isInstalled: true,
      credentials: { apiKey: KEY, environment: 'sandbox' },
      ...functionsAt('http://bridge.test/'),
    })
    const cart = shop.createCart({ lines: [{ productId: product.id, quantity: 1 }] })
    const session = await shop.choosePayment(cart.id, 'pp_dodo')
    const { checkoutUrl, paymentId } = session.data as { checkoutUrl: string; paymentId: string }
    world.dodo.pay(await world.follow(checkoutUrl))
    world.advance(FRESH_MS)

    const order = await shop.completeCart(cart.id, session.id)

    expect(order).toMatchObject({ id: expect.any(String) })
    expect(await report(paymentId)).toMatchObject({ state: 'paid', claimed: true })
  })

  test('names the order at Dodo, and nothing of Lago', async () => {
    const { paymentId, cartId, payment } = await sell()
    expect(payment.metadata).toEqual({
      bridge_source: 'openfront',
      bridge_order: paymentId,
      bridge_tenant: 'demo',
      bridge_attempt: '1',
      openfront_cart_id: cartId,
    })
    world.advance(FRESH_MS)
    expect(await status(paymentId)).toMatchObject({
      status: 200,
      body: {
        status: 'captured',
        amount: 2_599,
        currency: 'USD',
        dodoPaymentId: payment.payment_id,
      },
    })
  })

  test('is found although its webhook was lost', async () => {
    const { paymentId } = await world.inSilence(() => sell())
    world.advance(FRESH_MS)
    expect((await status(paymentId)).body).toMatchObject({ status: 'captured' })
  })

  test('is not paid before it is: capture answers 409', async () => {
    const { paymentId } = await begin()
    expect(await call('capture-payment', { paymentId, amount: 2_599 })).toMatchObject({
      status: 409,
      body: { success: false, status: 'pending', capturedAmount: 0 },
    })
  })

  test('is captured in full, and never for more than was paid', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const less = await call('capture-payment', { paymentId, amount: 1_000 })
    expect(less).toMatchObject({
      status: 200,
      body: { success: true, transactionId: payment.payment_id, capturedAmount: 2_599 },
    })
    expect(less.body['warning']).toBeString()
    expect((await call('capture-payment', { paymentId, amount: 2_600 })).status).toBe(409)
  })

  test('that was declined is failed, and may be paid through the same link', async () => {
    const { paymentId, checkoutUrl, sessionId } = await begin()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    world.advance(FRESH_MS)
    expect((await status(paymentId)).body).toMatchObject({ status: 'failed' })

    world.advance(MINUTE_MS)
    world.dodo.pay(await world.follow(checkoutUrl))

    await eventually(paymentId, ({ state }) => state === 'paid')
  })

  test('that was declined costs one request each time it is asked about', async () => {
    const { paymentId, sessionId } = await begin()
    const { payment_id } = world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    const asked = () =>
      world.sent('GET', new RegExp(`(?:${sessionId}|${payment_id})$`)).map(({ url }) => url)
    const before = asked().length
    world.advance(FRESH_MS)
    expect((await status(paymentId)).body).toMatchObject({ status: 'failed' })
    expect(asked().slice(before)).toEqual([expect.stringContaining(sessionId)])
  })

  test('that was declined and then paid on the very same page is captured, although that webhook was lost', async () => {
    const { paymentId, sessionId } = await begin()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    await world.inSilence(() => world.dodo.pay(sessionId))
    world.advance(FRESH_MS)
    expect((await status(paymentId)).body).toMatchObject({ status: 'captured', amount: 2_599 })
  })
})

describe('the same cart', () => {
  test('asked for at once, and again, is one order and one checkout', async () => {
    const cartId = newCart()
    const before = world.sent('POST', /\/checkouts$/).length
    const answers = await Promise.all([create(cartId), create(cartId), create(cartId)])
    answers.push(await create(cartId))

    const ids = new Set(answers.map(({ body }) => body['paymentId']))
    expect(ids.size).toBe(1)
    expect(world.sent('POST', /\/checkouts$/)).toHaveLength(before + 1)
  })

  test('for another amount is another order, and the old money is given back when it comes late', async () => {
    const old = await begin()
    const { body } = await create(old.cartId, 4_000)
    expect(body['paymentId']).not.toBe(old.paymentId)

    const late = world.dodo.pay(old.sessionId)

    await eventually(old.paymentId, ({ payments }) => payments[0]?.disposition === 'late')
    await world.quiet()
    expect(world.refundsOf(late.payment_id)).toHaveLength(1)
    expect((await status(old.paymentId)).body).toMatchObject({ status: 'pending', mismatch: true })
  })

  test('asks for another amount while the bridge dies: it is another order, which is looked at, or all is as before', async () => {
    const { cartId, paymentId } = await begin()
    const { deps } = world.bridge
    const { openfront } = deps.config
    const dies = { ...deps.queue, send: () => Promise.reject(new Error('killed')) }
    const asked = { account: 'default', key: cartId, amount: 4_000, currency: 'USD' }
    const opening = openOrder(
      { ...deps, queue: dies },
      createOpenfrontSource(openfront ?? { stores: [], completeAfterMs: 0, takesRefunds: true }),
      { tenant: 'demo', mode: 'test' },
      asked,
    )
    expect(await opening.catch(messageOf)).toBe('killed')
    await world.quiet()

    const { body } = await create(cartId)
    expect(body['paymentId']).toBe(paymentId)
    expect(await report(paymentId)).toMatchObject({ state: 'open' })
  })

  test('whose money was claimed keeps it, whatever it asks for afterwards', async () => {
    const { cartId, paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    await status(paymentId)
    const { body } = await create(cartId, 4_000)
    const next = body as { paymentId: string; checkoutUrl: string }
    world.dodo.pay(await world.follow(next.checkoutUrl))
    await eventually(next.paymentId, ({ state }) => state === 'paid')
    await status(next.paymentId)
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect((await status(paymentId)).body).toMatchObject({ status: 'captured' })
  })

  test('whose money was claimed is paid with it when it asks for that amount again, and for no other money', async () => {
    const { cartId, paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    await status(paymentId)
    const { body } = await create(cartId, 4_000)
    const next = body as { paymentId: string; checkoutUrl: string }
    const other = world.dodo.pay(await world.follow(next.checkoutUrl))
    await eventually(next.paymentId, ({ state }) => state === 'paid')

    const again = await create(cartId)

    expect(again.body).toMatchObject({ paymentId, status: 'captured' })
    await eventually(next.paymentId, ({ payments }) => payments[0]?.disposition === 'duplicate')
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(world.refundsOf(other.payment_id)).toHaveLength(1)
  })

  test('paid, and left for another amount that nobody ever pays, has its money back a day later', async () => {
    const { cartId, paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    await create(cartId, 4_000)
    await world.quiet()
    world.advance(23 * 60 * MINUTE_MS)
    await world.sweep()
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.advance(2 * 60 * MINUTE_MS)

    await eventually(paymentId, ({ payments }) => payments[0]?.disposition === 'late')
    await eventually(paymentId, ({ state }) => state === 'superseded')
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([2_599])
  })

  test('paid twice, unclaimed the first time, has the first money given back once the second is claimed', async () => {
    const { cartId, paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const { body } = await create(cartId, 4_000)
    const next = body as { paymentId: string; checkoutUrl: string }
    world.dodo.pay(await world.follow(next.checkoutUrl))
    await eventually(next.paymentId, ({ state }) => state === 'paid')
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    await status(next.paymentId)
    await eventually(paymentId, ({ payments }) => payments[0]?.disposition === 'duplicate')
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })
})

describe('a refund', () => {
  test('that fails at the bank at once is told as refused, and may be asked for again', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    world.dodo.behaviour.refunds = 'fail'
    const failed = await refund(paymentId, 500)
    world.dodo.behaviour.refunds = 'succeed'

    expect(failed).toEqual({
      status: 400,
      body: {
        success: false,
        error: 'Refund failed: Dodo could not carry it out',
        refundedAmount: 0,
      },
    })
    expect((await refund(paymentId, 500)).body).toMatchObject({
      success: true,
      status: 'succeeded',
    })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)
  })

  test('that is asked for twice at once, and once more, is made once', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const answers = await Promise.all([refund(paymentId, 500), refund(paymentId, 500)])
    answers.push(await refund(paymentId, 500))

    for (const one of answers)
      expect(one).toMatchObject({ status: 200, body: { success: true, refundedAmount: 500 } })
    expect(new Set(answers.map(({ body }) => body['refundId'])).size).toBe(1)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('with a key of its own is another one, and never of more than is left', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    await refund(paymentId, 500, { idempotencyKey: 'one' })
    await world.quiet()
    expect((await refund(paymentId, 500, { idempotencyKey: 'two' })).status).toBe(200)
    await world.quiet()

    expect(await refund(paymentId, 2_000)).toMatchObject({
      status: 400,
      body: { success: false, refundedAmount: 0 },
    })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)
  })

  test('is told from others by its order, its key and its amount', async () => {
    const [one, other] = [await sell(), await sell()]
    for (const { paymentId } of [one, other])
      await eventually(paymentId, ({ state }) => state === 'paid')
    const refunded = { status: 200, body: { success: true, refundedAmount: 500 } }
    const key = { idempotencyKey: 'order-1-return' }
    expect(await refund(one.paymentId, 500, key)).toMatchObject(refunded)
    await world.quiet()

    // A shop may number the returns of each order anew.
    expect(await refund(other.paymentId, 500, key)).toMatchObject(refunded)
    expect(await refund(one.paymentId, 600, key)).toMatchObject({ status: 400 })
    expect(await refund(one.paymentId, 500)).toMatchObject(refunded)

    const amountsOf = ({ payment }: typeof one) =>
      world.refundsOf(payment.payment_id).map(({ amount }) => amount)
    expect(amountsOf(one)).toEqual([500, 500])
    expect(amountsOf(other)).toEqual([500])
  })

  test('of a payment that was declined is refused, and Dodo not asked for it', async () => {
    const { paymentId, sessionId } = await begin()
    const { payment_id } = world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await eventually(paymentId, ({ payments }) => payments.length > 0)
    await world.quiet()
    const before = world.sent('POST', /^\/refunds$/).length

    expect(await refund(payment_id, 500)).toMatchObject({ status: 400 })

    await world.quiet()
    expect(world.sent('POST', /^\/refunds$/)).toHaveLength(before)
  })

  test('whose answer is lost is looked for, and not made again', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const match = { method: 'POST', path: '/refunds$' }
    world.dodo.faults.add({ kind: 'after_drop', times: 1, match })
    const answer = await refund(paymentId, 700)

    expect([200, 500]).toContain(answer.status)
    await world.quiet()
    expect((await refund(paymentId, 700)).body).toMatchObject({ refundedAmount: 700 })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('whose outcome nobody was told is the same one, however much later it is asked for', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const { db } = world.bridge
    expect((await refund(paymentId, 300)).status).toBe(200)
    // As if the bridge had died, or Dodo had hung, before it could be said.
    await db.update(refundRequests).set({ answeredAt: null })
    world.advance(10 * 60_000)

    const again = await refund(paymentId, 300)
    const twice = await refund(paymentId, 300)
    expect(new Set([again, twice].map(({ body }) => body['refundId'])).size).toBe(1)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    world.advance(121_000)
    expect((await refund(paymentId, 300)).status).toBe(200)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)
  })

  test('without a key is the same one for two minutes, which asking again does not make longer', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    await refund(paymentId, 300)
    world.advance(70_000)
    await refund(paymentId, 300)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    world.advance(60_000)
    await refund(paymentId, 300)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)
  })

  test('that was overtaken by one in Dodo is refused, and stands in the way of no other', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    let looks = 0
    // Somebody gives most of it back in Dodo's dashboard in the very moment before ours is asked for.
    const untap = tap(world, 'dodo', (request, go) => {
      const isLook = isCall(request, 'GET', new RegExp(`/payments/${payment.payment_id}$`))
      looks += isLook ? 1 : 0
      if (isLook && looks === 3) world.dodo.refund(payment.payment_id, 2_000)
      return go()
    })

    const overtaken = await refund(paymentId, 1_000)
    untap()
    const other = await refund(paymentId, 599)

    expect(looks).toBeGreaterThan(2)
    expect(overtaken).toMatchObject({ status: 400, body: { success: false, refundedAmount: 0 } })
    expect(other).toMatchObject({ status: 200, body: { success: true, refundedAmount: 599 } })
    const amounts = world.refundsOf(payment.payment_id).map(({ amount }) => amount)
    expect(amounts).toEqual([2_000, 599])
  })

  test('whose asking died with the bridge is made at once, or never: what a person gives back instead is all that goes', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const { deps } = world.bridge
    const dies = { ...deps.queue, send: () => Promise.reject(new Error('killed')) }
    const wish = { amount: 500, reason: undefined, key: undefined, dodoPaymentId: undefined }
    const standing = await readStanding(deps, paymentId)
    const asking = refundPayment({ ...deps, queue: dies }, standing, wish)
    expect(await asking.catch(messageOf)).toBe('killed')
    world.dodo.refund(payment.payment_id, 500)
    await world.quiet()
    await world.sweep()
    await world.quiet()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([500])
  })

  test('that Dodo’s balance does not cover is refused, and comes by itself at no later time', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const hasFunds = tap(world, 'dodo', (request, go) =>
      isCall(request, 'POST', /\/refunds$/)
        ? Promise.resolve(Response.json({ code: 'INSUFFICIENT_WALLET_FUNDS' }, { status: 409 }))
        : go(),
    )
    const refused = await refund(paymentId, 500)
    hasFunds()
    expect(refused).toEqual({
      status: 400,
      body: {
        success: false,
        error: "Refund failed: Dodo's balance does not cover it",
        refundedAmount: 0,
      },
    })

    world.advance(3 * 60 * MINUTE_MS)
    await world.sweep()
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect((await refund(paymentId, 500)).body).toMatchObject({ success: true })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('that Dodo does not take beside another one that we cannot see yet is busy, and is not made unasked later', async () => {
    const { paymentId, payment } = await sell()
    await eventually(paymentId, ({ state }) => state === 'paid')
    const isFree = tap(world, 'dodo', (request, go) =>
      isCall(request, 'POST', /\/refunds$/)
        ? Promise.resolve(
            Response.json({ code: 'EXISTING_REFUND_REQUEST_PROCESSING' }, { status: 409 }),
          )
        : go(),
    )
    const busy = await refund(paymentId, 500)
    isFree()
    expect(busy).toEqual({
      status: 409,
      body: { success: false, error: 'another refund of this payment is under way' },
    })

    world.advance(MINUTE_MS)
    await world.sweep()
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect((await refund(paymentId, 500)).body).toMatchObject({ success: true })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('of what is not paid is refused', async () => {
    const { paymentId } = await begin()
    expect((await refund(paymentId, 500)).body['error']).toBe('Refund failed: it is not paid')
  })
})

describe('nobody', () => {
  test('reaches the payment of another store', async () => {
    const { paymentId, sessionId, payment } = await sell()
    for (const id of [paymentId, sessionId, payment.payment_id]) {
      expect(await status(id, { apiKey: OTHER_KEY })).toEqual({
        status: 404,
        body: { error: 'Unknown payment' },
      })
    }
  })

  test('gets in without the key, or in a mode that is not served', async () => {
    expect(await status('ord_1', { apiKey: 'ofk_wrong' })).toEqual({
      status: 401,
      body: { error: 'Invalid API key' },
    })
    const live = await status('ord_1', { apiKey: KEY, environment: 'live' })
    expect(live).toEqual({ status: 400, body: { error: 'live mode is not served here' } })
  })

  test('pays another amount than the cart says', async () => {
    const forged = await call('create-payment', {
      cart: { id: newCart(), rawTotal: 2_599 },
      amount: 100,
      currency: 'usd',
    })
    expect(forged.status).toBe(400)
  })

  test('loses a sale to what is only passed on, nor to what Dodo would not take at first', async () => {
    const customer = { email: 'nobody at nowhere', name: `Ada\0${'a'.repeat(500)}` }
    const cartId = newCart()
    expect(await create(cartId, 2_599, { customer })).toMatchObject({
      status: 200,
      body: { status: 'pending' },
    })
    const nameless = { email: 'ada@example.test' }
    expect((await create(newCart(), 2_599, { customer: nameless })).status).toBe(200)

    const other = newCart()
    const match = { method: 'POST', path: '/checkouts$' }
    world.dodo.faults.add({ kind: 'status', status: 422, match })
    const refused = await create(other)
    world.dodo.faults.clear()
    expect(refused).toEqual({ status: 400, body: { error: 'Dodo does not take this payment' } })
    expect(await create(other)).toMatchObject({ status: 200, body: { status: 'pending' } })
  })

  test('is told that a text is no text when it is too long, or none that can be kept', async () => {
    const errors = await Promise.all([
      status('x'.repeat(201)),
      status('\ud800'),
      create('\ud800'),
      create('x'.repeat(201)),
      create(newCart(), 2_147_483_648),
      refund('ord_1', 5, { reason: 'x'.repeat(3_001) }),
    ])
    expect(errors.map(({ status: code, body }) => [code, body['error']])).toEqual([
      [400, 'paymentId must be at most 200 characters'],
      [400, 'paymentId must be text'],
      [400, 'cart.id must be text'],
      [400, 'cart.id must be at most 200 characters'],
      [400, 'amount must be at most 2147483647'],
      [400, 'reason must be at most 3000 characters'],
    ])
    const orders = (query: string, method = 'GET') =>
      world.get(`/api/orders${query}`, {
        method,
        headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
      })
    expect((await orders('?key=%00')).status).toBe(400)
    const posted = await orders('', 'POST')
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('is answered by another method, without JSON, or with too much of it', async () => {
    const get = await world.get('/api/refund-payment')
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await get.json()).toEqual({ success: false, error: 'Method not allowed' })
    const post = (body: string) => world.get('/api/create-payment', { method: 'POST', body })
    expect((await post('[]')).status).toBe(400)
    expect((await post(`{"a":"${'x'.repeat(1024 * 1024)}"}`)).status).toBe(413)
  })
})

test('without OPENFRONT_API_KEYS there is nothing under these addresses', async () => {
  const alone = await openWorld()
  const answer = await alone.get('/api/create-payment', { method: 'POST', body: '{}' })
  await alone.close()
  expect(answer.status).toBe(404)
})
