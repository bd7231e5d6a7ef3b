import { describe, expect, test } from 'bun:test'
import type { CheckoutSessionCreateParams } from 'dodopayments/resources/checkout-sessions'
import { codeOf, openDodo, paidCheckout, prepareCheckout } from './support.ts'

describe('preview', () => {
  test('an inclusive price is the total, and the tax is found inside', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const preview = await opened.client.checkoutSessions.preview(request)

    expect(preview.currency).toBe('EUR')
    expect(preview.current_breakup).toMatchObject({ total_amount: 12_345, tax: 2_057 })
    expect(opened.sandbox.store.sessions.size).toBe(0)
  })

  test('an exclusive price makes the customer pay more than was asked', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened, { tax_inclusive: false })
    const preview = await opened.client.checkoutSessions.preview(request)

    expect(preview.current_breakup).toMatchObject({ total_amount: 14_814, tax: 2_469 })
  })
})

describe('POST /checkouts', () => {
  const tooManyKeys = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v']))

  const refusals: [string, string, (r: CheckoutSessionCreateParams) => object][] = [
    [
      'an unknown product',
      'NOT_FOUND',
      () => ({ product_cart: [{ product_id: 'pdt_x', quantity: 1 }] }),
    ],
    ['an empty cart', 'PRODUCT_CART_EMTPY', () => ({ product_cart: [] })],
    ['an unknown customer', 'NOT_FOUND', () => ({ customer: { customer_id: 'cus_x' } })],
    [
      'an amount below the minimum',
      'REQUEST_AMOUNT_BELOW_MINIMUM',
      ({ product_cart }) => ({
        product_cart: product_cart.map((item) => ({ ...item, amount: 49 })),
      }),
    ],
    ['an unknown field', 'INVALID_REQUEST_BODY', () => ({ invoice: 'inv_1' })],
    ['a relative return URL', 'INVALID_REQUEST_BODY', () => ({ return_url: '/done' })],
    ['metadata that is no text', 'INVALID_REQUEST_BODY', () => ({ metadata: { attempt: 1 } })],
    ['a metadata key with a dot', 'INVALID_REQUEST_BODY', () => ({ metadata: { 'a.b': 'v' } })],
    [
      'metadata over 500 characters',
      'INVALID_REQUEST_BODY',
      () => ({ metadata: { k: 'v'.repeat(501) } }),
    ],
    ['too many metadata keys', 'MAXIMUM_KEYS_REACHED', () => ({ metadata: tooManyKeys })],
    [
      'a country that is not served',
      'UNSUPPORTED_COUNTRY',
      () => ({ billing_address: { country: 'KP' } }),
    ],
    [
      'a currency that is not served',
      'UNSUPPORTED_BILLING_CURRENCY',
      () => ({ billing_currency: 'KWD' }),
    ],
    [
      'a whitelist without cards',
      'NO_ELIGIBLE_PAYMENT_METHODS',
      () => ({ allowed_payment_method_types: ['sepa'] }),
    ],
  ]

  test.each(refusals)('%s is refused with %s', async (_, code, change) => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const body = { ...request, ...change(request) }

    expect(await codeOf(opened.client.post('/checkouts', { body }))).toBe(code)
    expect(opened.sandbox.store.sessions.size).toBe(0)
  })

  test('an archived product is refused', async () => {
    const opened = openDodo()
    const { request, product } = await prepareCheckout(opened)
    await opened.client.products.archive(product.product_id)

    expect(await codeOf(opened.client.checkoutSessions.create(request))).toBe('PRODUCT_IS_DELETED')
  })
})

describe('a checkout session', () => {
  test('is paid once, for exactly the amount asked, and carries the metadata over', async () => {
    const opened = openDodo()
    const { sessionId, payment, customer } = await paidCheckout(opened)

    expect(await opened.client.payments.retrieve(payment.payment_id)).toMatchObject({
      status: 'succeeded',
      total_amount: 12_345,
      currency: 'EUR',
      checkout_session_id: sessionId,
      customer: { customer_id: customer.customer_id },
      metadata: { lago_invoice_id: 'inv_1', bridge_attempt: '1' },
    })
    expect(() => opened.sandbox.pay(sessionId)).toThrow('already paid')
    expect(await opened.client.checkoutSessions.retrieve(sessionId)).toMatchObject({
      payment_id: payment.payment_id,
      payment_status: 'succeeded',
    })
  })

  test('a declined customer may try again, and that makes another payment', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    const declined = opened.sandbox.decline(session_id, 'INSUFFICIENT_FUNDS')
    const paid = opened.sandbox.pay(session_id)
    await opened.sandbox.idle()

    expect(declined).toMatchObject({ status: 'failed', error_code: 'INSUFFICIENT_FUNDS' })
    expect(paid.payment_id).not.toBe(declined.payment_id)
    expect(opened.types()).toEqual(['payment.failed', 'payment.succeeded'])
  })

  test('a decline ends the session where the option says so', async () => {
    const opened = openDodo({ behaviour: { declineConsumesSession: true } })
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    opened.sandbox.decline(session_id, 'EXPIRED_CARD')

    expect(() => opened.sandbox.pay(session_id)).toThrow('already declined')
  })

  test('cannot be paid after a day, and its page says so', async () => {
    let at = Date.parse('2026-01-15T12:00:00Z')
    const opened = openDodo({ now: () => new Date(at) })
    const { request } = await prepareCheckout(opened)
    const { session_id, checkout_url } = await opened.client.checkoutSessions.create(request)
    at += 24 * 60 * 60 * 1_000

    expect(() => opened.sandbox.pay(session_id)).toThrow('expired')
    const page = await opened.sandbox.fetch(checkout_url ?? '')
    expect(page.status).toBe(410)
    expect(await page.text()).toContain('has expired')
  })

  test('a slow payment is processing until it settles', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    const { payment_id } = opened.sandbox.pay(session_id, { outcome: 'processing' })

    expect(() => opened.sandbox.pay(session_id)).toThrow('already processing')
    await opened.sandbox.idle()
    opened.sandbox.settlePayment(payment_id, 'succeeded')
    await opened.sandbox.idle()
    expect(opened.types()).toEqual(['payment.processing', 'payment.succeeded'])
  })
})

async function openPage() {
  const opened = openDodo()
  const { request } = await prepareCheckout(opened)
  const { checkout_url: url } = await opened.client.checkoutSessions.create(request)
  const press = (fields: Record<string, string>) =>
    opened.sandbox.fetch(url ?? '', { method: 'POST', body: new URLSearchParams(fields) })
  return { ...opened, url: url ?? '', press }
}

describe('the hosted page', () => {
  test('shows what is due and offers to pay, to decline and to walk away', async () => {
    const { sandbox, url } = await openPage()
    const html = await (await sandbox.fetch(url)).text()

    expect(html).toContain('123.45 EUR')
    for (const offer of ['Pay', 'INSUFFICIENT_FUNDS', 'Pay slowly', 'Walk away'])
      expect(html).toContain(offer)
  })

  test('paying brings the browser back with the payment in the address', async () => {
    const { press } = await openPage()
    const answer = await press({ outcome: 'succeeded' })

    expect(answer.status).toBe(303)
    const target = new URL(answer.headers.get('location') ?? '')
    expect(target.origin + target.pathname).toBe('https://bridge.test/done')
    expect(target.searchParams.get('status')).toBe('succeeded')
    expect(target.searchParams.get('payment_id')).toStartWith('pay_')
  })

  test('a decline keeps the customer on the page, which then takes a good card', async () => {
    const { press, url, sandbox } = await openPage()
    const answer = await press({ outcome: 'failed', code: 'EXPIRED_CARD' })

    expect(answer.headers.get('location')).toBe(new URL(url).pathname)
    expect(await (await sandbox.fetch(url)).text()).toContain('EXPIRED_CARD). Try again')
    expect((await press({ outcome: 'succeeded' })).headers.get('location')).toContain('bridge.test')
    expect((await press({ outcome: 'succeeded' })).status).toBe(410)
  })

  test('whoever comes back to one that is paid is shown the way to the merchant', async () => {
    const { press, url, sandbox } = await openPage()
    await press({ outcome: 'succeeded' })

    expect(await (await sandbox.fetch(url)).text()).toContain('href="https://bridge.test/done"')
  })
})
