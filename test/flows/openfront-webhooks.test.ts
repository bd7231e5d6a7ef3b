import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { OTHER_KEY, openShopWorld, signEvent, STORE_KEY, type ShopWorld } from '../support/shop.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

let shop: ShopWorld
beforeAll(async () => {
  shop = await openShopWorld()
})
afterAll(() => shop.world.close())

const isPaid = ({ state }: { state: string }) => state === 'paid'
const paid = (paymentId: string) => ({ payload_type: 'Payment', payment_id: paymentId })

/** An event that somebody has the shop's provider hand on, by the way that keeps every byte. */
const relay = (
  { raw, headers }: { raw: string; headers: Record<string, string> },
  credentials?: Record<string, unknown>,
) => shop.call('handle-webhook', { event: { raw }, headers }, credentials)

/** A sale of which Dodo's own webhook was lost. */
const sellInSilence = () => shop.world.inSilence(() => shop.sell())

describe('a webhook of Dodo that a shop hands on', () => {
  test('is as good as one that came by itself: the order is paid, and both shapes say so', async () => {
    const { paymentId, payment } = await sellInSilence()

    const told = await relay(signEvent('payment.succeeded', paid(payment.payment_id)))

    expect(told).toEqual({
      status: 200,
      body: {
        verified: true,
        eventType: 'payment.captured',
        paymentId,
        shouldUpdatePayment: true,
        type: 'payment_intent.succeeded',
        resource: { id: paymentId, amount: 2_599, currency: 'USD', metadata: {} },
      },
    })
    expect(await shop.eventually(paymentId, isPaid)).toMatchObject({ claimed: true })
  })

  test('goes through the shop’s own mutation and writes nothing there', async () => {
    const { paymentId, payment } = await sellInSilence()
    const { raw, headers } = signEvent('payment.succeeded', paid(payment.payment_id))

    const relayed = await shop.shop.relayWebhook(shop.provider.id, { raw }, headers)

    expect(relayed).toEqual({ success: true })
    expect(shop.shop.store.captures).toEqual([])
    await shop.eventually(paymentId, isPaid)
  })

  test('has headers in any case, and may come parsed where that loses nothing', async () => {
    const { payment } = await sellInSilence()
    const { raw, headers } = signEvent('payment.succeeded', paid(payment.payment_id))
    const shouted = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    )

    const told = await shop.call('handle-webhook', { event: JSON.parse(raw), headers: shouted })

    expect(told).toMatchObject({ status: 200, body: { eventType: 'payment.captured' } })
  })

  test('that tells of a decline is one; of what it says and Dodo does not, nothing is believed', async () => {
    const { paymentId, dodoSessionId } = await shop.begin()
    const declined = await shop.world.inSilence(() =>
      shop.world.dodo.decline(dodoSessionId, 'INSUFFICIENT_FUNDS'),
    )
    const event = signEvent('payment.succeeded', {
      ...paid(declined.payment_id),
      status: 'succeeded',
      total_amount: 2_599,
    })

    expect(await relay(event)).toMatchObject({
      status: 200,
      body: {
        eventType: 'payment.failed',
        type: 'payment_intent.payment_failed',
        paymentId,
        shouldUpdatePayment: true,
        resource: { id: paymentId, amount: 2_599 },
      },
    })
  })

  test('of a refund says what was given back', async () => {
    const { paymentId, payment } = await shop.sell()
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    const refund = await shop.world.inSilence(() => shop.world.dodo.refund(payment.payment_id, 700))
    const event = signEvent('refund.succeeded', {
      payload_type: 'Refund',
      refund_id: refund.refund_id,
      payment_id: payment.payment_id,
      status: 'succeeded',
    })

    expect(await relay(event)).toMatchObject({
      status: 200,
      body: {
        eventType: 'payment.refunded',
        type: 'dodo.refund.succeeded',
        shouldUpdatePayment: true,
        resource: { id: paymentId, amount: 700 },
      },
    })
  })

  test('of a refund of what was too much says nothing of the money that the shop was told of', async () => {
    const { world } = shop
    const { paymentId, dodoSessionId, checkoutUrl } = await shop.begin()
    world.dodo.decline(dodoSessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    world.advance(MINUTE_MS)
    world.dodo.pay(await world.follow(checkoutUrl))
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    const twice = world.dodo.pay(dodoSessionId)
    await shop.eventually(paymentId, ({ payments }) =>
      payments.some(({ disposition }) => disposition === 'duplicate'),
    )
    await world.quiet()
    const [refund] = world.refundsOf(twice.payment_id)
    const { raw, headers } = signEvent('refund.succeeded', { payload_type: 'Refund', ...refund })

    const answer = await relay({ raw, headers })

    expect(refund?.status).toBe('succeeded')
    expect(answer.body).toMatchObject({
      verified: true,
      eventType: 'refund.succeeded',
      paymentId,
      shouldUpdatePayment: false,
      type: 'dodo.refund.succeeded',
    })
    expect((await shop.call('get-payment-status', { paymentId })).body).toMatchObject({
      status: 'captured',
      refundedAmount: 0,
    })
  })

  test('of another store, or of nobody, says nothing of it', async () => {
    const { payment } = await sellInSilence()
    const event = signEvent('payment.succeeded', paid(payment.payment_id))
    const nothing = {
      status: 200,
      body: {
        verified: true,
        eventType: 'payment.succeeded',
        paymentId: null,
        shouldUpdatePayment: false,
        type: 'dodo.payment.succeeded',
        resource: { id: null, amount: 0, currency: null, metadata: {} },
      },
    }

    expect(await relay(event, { apiKey: OTHER_KEY })).toEqual(nothing)
    expect(await relay(signEvent('payment.succeeded', paid('pay_nobodys')))).toEqual(nothing)
    expect(await relay(signEvent('customer.created', { payload_type: 'Customer' }))).toMatchObject({
      status: 200,
      body: { type: 'dodo.customer.created', shouldUpdatePayment: false },
    })
  })

  test('that comes again, by whatever way, is one delivery, and answered the same', async () => {
    const { paymentId, payment } = await sellInSilence()
    const event = signEvent('payment.succeeded', paid(payment.payment_id))
    const [first, ...others] = await Promise.all([relay(event), relay(event), relay(event)])
    others.push(await relay(event))
    const { raw: body, headers } = event
    const direct = await shop.world.get('/webhooks/dodo', { method: 'POST', headers, body })

    for (const one of others) expect(one).toEqual(first)
    expect(first).toMatchObject({ status: 200, body: { paymentId } })
    expect(await direct.json()).toEqual({ received: true, duplicate: true })
  })
})

describe('what is refused', () => {
  const refused = { status: 403, body: { verified: false, error: 'Invalid webhook signature' } }
  const invented = { payload_type: 'Payment', payment_id: 'pay_1' }

  test('is forged, unsigned, changed, or signed for another endpoint', async () => {
    const { raw, headers } = signEvent('payment.succeeded', invented)
    const changed = raw.replace('pay_1', 'pay_2')
    const strangers = signEvent('payment.succeeded', invented, {
      secret: 'whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0LTAwMDAwMDAx',
    })

    expect(await relay({ raw: changed, headers })).toEqual(refused)
    expect(await relay(strangers)).toEqual(refused)
    expect(await relay({ raw, headers: {} })).toEqual(refused)
    expect(await relay({ raw, headers: { ...headers, 'webhook-id': 'a\0b' } })).toEqual(refused)
    expect(await shop.call('handle-webhook', { event: { raw }, headers: 'none' })).toEqual(refused)
  })

  test('is older than five minutes, unless the inbox knows it', async () => {
    const { paymentId, payment } = await shop.sell()
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    const id = 'msg_once_before'
    const long = signEvent('payment.succeeded', paid(payment.payment_id), {
      sentAt: new Date(Date.now() - HOUR_MS),
      id,
    })
    expect(await relay(long)).toEqual(refused)

    await relay(signEvent('payment.succeeded', paid(payment.payment_id), { id }))

    expect(await relay(long)).toMatchObject({
      status: 200,
      body: { eventType: 'payment.captured' },
    })
    const early = new Date(Date.now() + HOUR_MS)
    const future = signEvent('payment.succeeded', paid(payment.payment_id), { sentAt: early, id })
    expect(await relay(future)).toEqual(refused)
  })

  test('has no event, a wrong key, a mode that is not served, or nothing of an event in it', async () => {
    const event = signEvent('payment.succeeded', invented)
    const signedText = signEvent('x', {}).raw
    expect(await shop.call('handle-webhook', { headers: {} })).toEqual({
      status: 400,
      body: { verified: false, error: 'event must be there' },
    })
    expect(await relay(event, { apiKey: 'ofk_wrong' })).toEqual({
      status: 401,
      body: { verified: false, error: 'Invalid API key' },
    })
    const live = await relay(event, { apiKey: STORE_KEY, environment: 'live' })
    expect(live).toMatchObject({ status: 400, body: { verified: false } })
    expect(await relay({ raw: signedText, headers: event.headers })).toEqual(refused)
  })

  test('is not a POST, or too much', async () => {
    const get = await shop.world.get('/api/handle-webhook')
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await get.json()).toEqual({ verified: false, error: 'Method not allowed' })
    const body = `{"a":"${'x'.repeat(1024 * 1024)}"}`
    const big = await shop.world.get('/api/handle-webhook', { method: 'POST', body })
    expect(big.status).toBe(413)
    expect(await big.json()).toEqual({ verified: false, error: 'Body too large' })
  })
})

test('while Dodo does not answer nothing is said, and asking again finds it', async () => {
  const { paymentId, payment } = await sellInSilence()
  const event = signEvent('payment.succeeded', paid(payment.payment_id))
  shop.world.dodo.faults.add({
    kind: 'status',
    status: 503,
    match: { method: 'GET', path: '/payments/' },
  })

  expect(await relay(event)).toEqual({
    status: 500,
    body: { verified: false, error: 'Gateway unavailable' },
  })
  shop.world.dodo.faults.clear()
  shop.world.advance(60_000)

  expect(await relay(event)).toMatchObject({ status: 200, body: { paymentId } })
}, 30_000)
