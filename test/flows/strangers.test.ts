import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import type { PayOptions } from '../../sandbox/dodo/store/checkout.ts'
import { DODO_KEY, openWorld, type Report, type World } from '../support/world.ts'

/** Buyers can put any metadata on a payment through a static link of the merchant's (`?metadata_…=`). */
describe('a payment that was not made through a checkout of ours', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const callDodo = async (path: string, body: unknown) => {
    const response = await world.dodo.fetch(`http://dodo.test${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${DODO_KEY}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await response.json()) as Record<string, string>
  }
  /** Pays for something else, and says that it was for this invoice. */
  async function forge(lagoInvoiceId: string, { amount = 100, ...how }: PayOptions = {}) {
    const { product_id } = await callDodo('/products', {
      name: 'T-shirt',
      tax_category: 'saas',
      price: {
        type: 'one_time_price',
        currency: 'USD',
        price: 100,
        discount: 0,
        purchasing_power_parity: false,
        pay_what_you_want: true,
        tax_inclusive: true,
      },
    })
    const { session_id } = await callDodo('/checkouts', {
      product_cart: [{ product_id, quantity: 1, amount }],
      customer: { email: 'mallory@example.com', name: 'Mallory' },
      billing_address: { country: 'US' },
      metadata: { lago_invoice_id: lagoInvoiceId, bridge_attempt: '1' },
    })
    return world.dodo.pay(session_id ?? '', how)
  }
  const isPaid = ({ state }: Report) => state === 'paid'

  test('is not recorded, however well it claims to be, but shown to a person', async () => {
    const invoice = world.bill(5_000)
    await world.openCheckout(invoice.lago_id)

    const forged = await forge(invoice.lago_id, { amount: 5_000 })

    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(report.reason).toContain(forged.payment_id)
    expect(report.payments).toMatchObject([
      { dodoPaymentId: forged.payment_id, disposition: 'mismatch' },
    ])
    expect(invoice).toMatchObject({ payment_status: 'pending', total_paid_amount_cents: 0 })
    expect(world.sent('POST', /\/api\/v1\/payments$/)).toEqual([])
  })

  test('does not keep the real customer from paying, nor that payment from being recorded', async () => {
    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await forge(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ payments }) => payments.length === 1)
    await world.quiet()

    const visit = await world.visit(report.payUrl)
    expect(visit.headers.get('location')).toBe(`http://dodo.test/session/${sessionId}`)
    world.dodo.pay(sessionId)
    await world.quiet()
    expect(invoice).toMatchObject({ payment_status: 'succeeded', total_paid_amount_cents: 5_000 })
  })

  test.each(['processing', 'requires_customer_action', 'failed'] as const)(
    'does not change where the invoice stands while it is %s',
    async (outcome) => {
      const invoice = world.bill(5_000)
      const { report, sessionId } = await world.openCheckout(invoice.lago_id)
      await forge(invoice.lago_id, { outcome })
      await world.sweep()
      await world.quiet()

      expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('open')
      expect((await world.visit(report.payUrl)).status).toBe(302)
      expect(invoice.payment_status).toBe('pending')
      world.dodo.pay(sessionId)
      await world.eventually(invoice.lago_id, isPaid)
    },
  )

  test('of an invoice that is none makes nothing of it', async () => {
    for (const name of ['..', 'x'.repeat(300), '../../customers', '%00', 'a b', "'; --"]) {
      await forge(name)
    }
    await world.quiet()
    await world.sweep()
    await world.quiet()

    expect(world.requests.every(({ url }) => !url.includes('/customers/..'))).toBe(true)
    const invoice = world.bill(5_000)
    await world.openCheckout(invoice.lago_id)
  })

  test('with an unstorable name for an invoice does not keep the sweep from mending others', async () => {
    await forge('a\0b')
    world.lago.courier.switches.lose = true
    const invoice = world.bill(5_000)
    await world.lago.idle()
    world.lago.courier.switches.lose = false

    await world.sweep()

    await world.openCheckout(invoice.lago_id)
  })

  test('does not hide a payment request that it names before we have heard of it', async () => {
    const customer = world.addCustomer()
    const { lago_id } = world.bill(5_000, { customer })
    await world.openCheckout(lago_id)
    world.lago.markOverdue(lago_id)
    const request = await world.inSilence(() =>
      world.lago.requestPayment({
        externalCustomerId: customer.external_id,
        invoiceIds: [lago_id],
      }),
    )
    await forge(request.lago_id, { amount: 5_000 })
    await world.quiet()

    await world.sweep()

    const { paymentRequests } = await world.eventually(
      lago_id,
      ({ attempts }) => !!attempts.at(-1)?.lagoPaymentRequestId,
    )
    await world.quiet()
    const session = await world.follow(paymentRequests[0]?.payUrl ?? '')
    expect(world.dodo.pay(session).total_amount).toBe(5_000)
    await world.eventually(lago_id, isPaid)
  })

  test('leaves a payment request that it names as it was', async () => {
    const customer = world.addCustomer()
    const { lago_id } = world.bill(5_000, { customer })
    await world.openCheckout(lago_id)
    world.lago.markOverdue(lago_id)
    const request = world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: [lago_id],
    })
    const { paymentRequests } = await world.eventually(
      lago_id,
      ({ attempts }) => !!attempts.at(-1)?.lagoPaymentRequestId,
    )
    await world.quiet()

    await forge(request.lago_id, { amount: 5_000 })
    await world.quiet()

    const report = await world.invoiceReport(lago_id)
    expect(report).toMatchObject({ state: 'open', paymentRequests: [{ state: 'open' }] })
    const session = await world.follow(paymentRequests[0]?.payUrl ?? '')
    expect(world.dodo.pay(session).total_amount).toBe(5_000)
    await world.eventually(lago_id, isPaid)
  })
})
