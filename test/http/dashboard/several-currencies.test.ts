import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { DODO_KEY } from '../../support/world.ts'
import { serveDashboard, signIn, type Served } from './support.ts'

describe('the page of an invoice that was paid in two currencies', () => {
  const shared = {} as { served: Served }
  beforeAll(async () => {
    shared.served = await serveDashboard({ unproven: 'somebody pays beside the bridge, in yen' })
  })
  afterAll(() => shared.served.close())

  async function callDodo(path: string, body: object) {
    const response = await shared.served.world.dodo.fetch(
      new Request(`http://dodo.test${path}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${DODO_KEY}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
    )
    return (await response.json()) as Record<string, string>
  }

  /** Pays by a link of the merchant's own, in yen, and says that it was for this invoice. */
  async function payInYen(lagoInvoiceId: string, amount: number) {
    const price = { type: 'one_time_price', currency: 'JPY', price: 100, discount: 0 }
    const how = { purchasing_power_parity: false, pay_what_you_want: true, tax_inclusive: true }
    const product = { name: 'Gift', tax_category: 'saas', price: { ...price, ...how } }
    const { product_id } = await callDodo('/products', product)
    const { session_id } = await callDodo('/checkouts', {
      product_cart: [{ product_id, quantity: 1, amount }],
      billing_currency: 'JPY',
      customer: { email: 'ken@example.com', name: 'Ken' },
      billing_address: { country: 'JP' },
      metadata: { lago_invoice_id: lagoInvoiceId, bridge_attempt: '1' },
    })
    return shared.served.world.dodo.pay(session_id ?? '')
  }

  test('names what was taken and given back of each, and adds no yen to dollars', async () => {
    const { world, origin } = shared.served
    const invoice = world.bill(10_800)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const gift = await payInYen(invoice.lago_id, 5_000)
    world.dodo.pay(sessionId)
    await world.eventually(
      invoice.lago_id,
      ({ payments }) => payments.filter(({ status }) => status === 'succeeded').length === 2,
    )
    await world.quiet()
    world.dodo.refund(gift.payment_id, 2_000)
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 1)
    await world.quiet()

    const me = await signIn(origin)
    const html = await me.text(`/dashboard/invoices/${invoice.lago_id}`)
    const text = html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')

    expect(gift.currency).toBe('JPY')
    expect(text).toMatch(
      /Taken (?:5000 JPY in 1 payment, 108\.00 USD|108\.00 USD in 1 payment, 5000 JPY) in 1 payment/,
    )
    expect(text).toContain('Given back 2000 JPY in 1 refund')
  })
})
