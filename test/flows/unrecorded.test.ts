import { describe, expect, test } from 'bun:test'

import { chargesSent, withMandate } from '../support/mandates.ts'
import { DODO_KEY, openWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic' } }
const isPaid = ({ state }: Report) => state === 'paid'
/** An invoice that was not read yet has no number, and nothing due. */
const isSettled = ({ number, amountDue }: Report) => number !== null && amountDue === 0
const isWaiting = ({ reason }: Report) => reason.includes('is not charged beside')

async function callDodo(world: World, path: string, body: unknown) {
  const response = await world.dodo.fetch(`http://dodo.test${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${DODO_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await response.json()) as Record<string, string>
}

type Unknown = { metadata?: Record<string, string>; currency?: string; country?: string }

/** The customer pays through a checkout that no attempt of this ledger's knows, as one of a lost ledger. */
async function payUnknown(
  world: World,
  lagoInvoiceId: string,
  amount: number,
  { metadata = {}, currency = 'USD', country = 'US' }: Unknown = {},
) {
  const [saved] = world.dodo.store.subscriptions.values()
  const { product_id } = await callDodo(world, '/products', {
    name: 'Invoice',
    tax_category: 'saas',
    price: {
      type: 'one_time_price',
      currency,
      price: 100,
      discount: 0,
      purchasing_power_parity: false,
      pay_what_you_want: true,
      tax_inclusive: true,
    },
  })
  const { session_id } = await callDodo(world, '/checkouts', {
    product_cart: [{ product_id, quantity: 1, amount }],
    customer: { customer_id: saved?.customer.customer_id },
    billing_address: { country },
    ...(currency !== 'USD' && { billing_currency: currency }),
    metadata: { lago_invoice_id: lagoInvoiceId, bridge_attempt: '1', ...metadata },
  })
  return world.dodo.pay(session_id ?? '')
}

describe('a saved card, beside a payment that says it pays the invoice and belongs to no attempt', () => {
  async function begin(
    amount: number,
    unknown: Unknown = {},
    happen: (world: World, paymentId: string) => unknown = () => undefined,
  ) {
    const unproven = unknown.currency && 'a stranger pays in a currency that was not asked for'
    const world = await openWorld({ ...AUTOMATIC, ...(unproven && { unproven }) })
    const { customer } = await withMandate(world)
    world.lago.courier.switches.lose = true
    const invoice = world.bill(7_000, { customer })
    const payment = await payUnknown(world, invoice.lago_id, amount, unknown)
    await happen(world, payment.payment_id)
    world.lago.courier.switches.lose = false
    await world.sweep()
    return { world, invoice, payment }
  }

  test('is not charged, and that payment counts once it is recorded in Lago', async () => {
    const { world, invoice, payment } = await begin(7_000)
    const before = chargesSent(world).length
    const report = await world.eventually(invoice.lago_id, isWaiting)
    expect(report.reason).toContain(payment.payment_id)

    world.lago.recordManualPayment(invoice.lago_id, {
      amountCents: 7_000,
      reference: payment.payment_id,
    })
    world.advance(16 * 60_000)
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(chargesSent(world)).toHaveLength(before)
    await world.close()
  })

  test('of several invoices at once is charged for none of them', async () => {
    const other = crypto.randomUUID()
    const request = { lago_payment_request_id: crypto.randomUUID(), lago_invoice_id: other }
    const { world, invoice, payment } = await begin(9_000, { metadata: request })
    const report = await world.eventually(invoice.lago_id, isWaiting)
    expect(report.reason).toContain(payment.payment_id)
    expect(world.paidIn(invoice.lago_id)).toEqual([])
    await world.close()
  })

  test('is charged for the rest of what that paid in part and Lago holds already', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    world.lago.courier.switches.lose = true
    const invoice = world.bill(7_000, { customer })
    const payment = await payUnknown(world, invoice.lago_id, 5_000)
    world.lago.recordManualPayment(invoice.lago_id, {
      amountCents: 5_000,
      reference: payment.payment_id,
    })
    world.lago.courier.switches.lose = false
    await world.sweep()

    await world.eventually(invoice.lago_id, ({ amountDue, state }) => {
      return amountDue === 0 && state === 'paid'
    })
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([5_000, 2_000])
    await world.close()
  })

  test.each<[string, Unknown, (world: World, paymentId: string) => unknown]>([
    ['is of another currency', { currency: 'EUR', country: 'DE' }, () => undefined],
    [
      'is another organisation’s',
      { metadata: { lago_organization_id: crypto.randomUUID() } },
      () => undefined,
    ],
    [
      'went back whole',
      {},
      (world, paymentId) => {
        const { refund_id } = world.dodo.refund(paymentId)
        world.dodo.settleRefund(refund_id, 'succeeded')
      },
    ],
  ])('is charged when that %s', async (_what, unknown, happen) => {
    const { world, invoice } = await begin(7_000, unknown, happen)
    await world.eventually(invoice.lago_id, isSettled)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([7_000])
    await world.close()
  })

  test('is charged when that could not pay the invoice', async () => {
    const { world, invoice } = await begin(1_000)
    await world.eventually(invoice.lago_id, isSettled)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([7_000])
    await world.close()
  })
})

describe('a saved card is not charged for what the merchant records by hand while that is being looked at', () => {
  /** Holds up the charge where Dodo is asked what was paid before. */
  const holdUp = (world: World) => {
    const match = { method: 'GET', path: '/payments$' }
    world.dodo.faults.add({ kind: 'delay', ms: 1_000, match })
    const asked = () => world.requests.filter(({ url }) => url.includes('/payments?customer_id='))
    const before = asked().length
    return async () => {
      while (asked().length === before) await Bun.sleep(5)
    }
  }

  test.each([
    ['for a payment of another kind', false],
    ['for the payment that says it pays the invoice', true],
  ])('%s', async (_, isClaimed) => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const begun = chargesSent(world).length
    world.lago.courier.switches.lose = true
    const invoice = world.bill(7_000, { customer })
    const payment = isClaimed ? await payUnknown(world, invoice.lago_id, 7_000) : undefined
    if (payment) await world.dodo.idle()
    world.lago.courier.switches.lose = false
    const untilAsked = holdUp(world)
    const swept = world.sweep()
    await untilAsked()
    world.lago.recordManualPayment(invoice.lago_id, {
      amountCents: 7_000,
      reference: payment?.payment_id ?? 'bank transfer',
    })
    await swept

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(chargesSent(world)).toHaveLength(begun)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    await world.close()
  })

  test('but for the rest of what was paid in part, though Lago cannot be asked at first', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    world.lago.courier.switches.lose = true
    const invoice = world.bill(7_000, { customer })
    world.lago.courier.switches.lose = false
    const untilAsked = holdUp(world)
    const swept = world.sweep()
    await untilAsked()
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 3_000, reference: 'cheque' })
    // What a sweep lists is not the invoice.
    const match = { path: `/invoices/${invoice.lago_id}$` }
    world.lago.faults.add({ kind: 'status', status: 500, times: 3, match })
    await swept

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([3_000, 4_000])
    await world.close()
  })
})
