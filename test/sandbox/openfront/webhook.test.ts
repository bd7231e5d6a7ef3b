import { describe, expect, test } from 'bun:test'

import { CODE, openShop, refusalOf } from './support.ts'

/** A shop with one payment, which belongs to an order unless told otherwise. */
async function openPending() {
  const opened = openShop({ behaviour: { patch: 'none' } })
  const { shop, provider, cart, answers } = opened
  shop.createProvider({ ...provider, code: 'pp_system_default' })
  const { id } = cart()
  const session = await shop.choosePayment(id, 'pp_system_default')
  await shop.completeCart(id, session.id)
  const [payment] = shop.store.payments.values()
  if (!payment) throw new Error('there is no payment')
  const say = (answer: unknown) => {
    answers['/api/handle-webhook'] = () => Response.json(answer)
  }
  const relay = () => shop.relayWebhook(provider.id, { raw: '{}' }, { 'webhook-id': 'msg_1' })
  answers['/api/capture-payment'] = () =>
    Response.json({ success: true, status: 'captured', amount: 2_599, data: { id: 'pay_1' } })
  return { ...opened, payment, say, relay }
}

describe('the webhook mutation', () => {
  test('hands a stranger’s event to the provider, with the real credentials', async () => {
    const { asked, say, relay, provider } = await openPending()
    say({ type: 'dodo.other' })

    await relay()

    expect(asked.at(-1)?.body).toMatchObject({
      provider: { credentials: provider.credentials, handleWebhookFunction: expect.any(String) },
      event: { raw: '{}' },
      headers: { 'webhook-id': 'msg_1' },
    })
  })

  test("fails on an answer by the guide alone, whose fields it doesn't read", async () => {
    const { say, relay } = await openPending()
    say({
      verified: true,
      eventType: 'payment.captured',
      paymentId: 'x',
      shouldUpdatePayment: true,
    })

    expect(await refusalOf(relay())).toContain("reading 'match'")
  })

  test('captures on a success that names a payment of the shop', async () => {
    const { shop, asked, say, relay, payment } = await openPending()
    const metadata = { paymentId: payment.id }
    say({ type: 'payment_intent.succeeded', resource: { id: 'ord_1', amount: 2_599, metadata } })

    await relay()

    expect(asked.at(-1)?.body).toMatchObject({ paymentId: 'ord_1', amount: 2_599 })
    expect(payment.status).toBe('captured')
    expect(shop.store.captures).toHaveLength(2)
  })

  test('takes any 2xx of capture-payment for money, and nothing else', async () => {
    const { answers, say, relay, payment, shop } = await openPending()
    const metadata = { paymentId: payment.id }
    say({ type: 'payment_intent.succeeded', resource: { id: 'ord_1', amount: 1, metadata } })
    answers['/api/capture-payment'] = () =>
      Response.json({ success: false }, { status: 409, statusText: 'Conflict' })
    expect(await refusalOf(relay())).toBe('HTTP request failed: Conflict')
    expect(payment.status).toBe('pending')

    answers['/api/capture-payment'] = () =>
      Response.json({ success: false, status: 'pending', amount: 1 })
    await relay()

    expect(payment.capturedAt).not.toBeNull()
    expect(shop.store.captures).toMatchObject([{ amount: 1 }])
  })

  test.each([
    ['a word that is none of its own', { status: 'cancelled', amount: 1 }, 'PaymentStatusType'],
    ['an amount that is no integer', { status: 'captured', amount: '1' }, 'Int cannot represent'],
  ])('cannot write %s', async (_what, captured, words) => {
    const { answers, say, relay, payment } = await openPending()
    const metadata = { paymentId: payment.id }
    say({ type: 'payment_intent.succeeded', resource: { id: 'ord_1', amount: 1, metadata } })
    answers['/api/capture-payment'] = () => Response.json(captured)

    expect(await refusalOf(relay())).toContain(words)
    expect(payment.status).toBe('pending')
  })

  test('does nothing on a success without a payment of the shop', async () => {
    const { asked, say, relay, payment } = await openPending()
    say({
      type: 'payment_intent.succeeded',
      resource: { id: 'ord_1', amount: 2_599, metadata: {} },
    })
    const before = asked.length

    expect(await relay()).toEqual({ success: true })
    expect(asked).toHaveLength(before + 1)
    expect(payment.status).toBe('pending')
  })

  test('throws after it has written when an order is named', async () => {
    const { say, relay, payment } = await openPending()
    const metadata = { paymentId: payment.id, orderId: 'x' }
    say({ type: 'payment_intent.succeeded', resource: { id: 'ord_1', amount: 2_599, metadata } })

    expect(await refusalOf(relay())).toContain('paymentStatus')
    expect(payment.status).toBe('captured')
  })

  test('marks a payment failed', async () => {
    const { say, relay, payment } = await openPending()
    const metadata = { paymentId: payment.id }
    say({ type: 'payment_intent.payment_failed', resource: { metadata, error: 'declined' } })

    await relay()

    expect(payment).toMatchObject({ status: 'failed', data: { error: 'declined' } })
  })

  test('is public, and its failures are a 200 with errors', async () => {
    const { graphql, say, provider } = await openPending()
    const query = `mutation ($id: ID!, $event: JSON!, $headers: JSON!) {
      handlePaymentProviderWebhook(providerId: $id, event: $event, headers: $headers) { success }
    }`
    const variables = { event: { raw: 'x' }, headers: {} }
    say({ type: 'anything' })

    expect(await graphql(query, { ...variables, id: provider.id })).toMatchObject({
      status: 200,
      data: { handlePaymentProviderWebhook: { success: true } },
    })
    const stranger = await graphql(query, { ...variables, id: CODE })
    expect(stranger).toMatchObject({ status: 200, data: null })
    expect(stranger.errors).toHaveLength(1)
  })
})
