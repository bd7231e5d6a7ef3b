import { describe, expect, test } from 'bun:test'

import { shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'
const isAbout = ({ reason }: Report) => reason.includes('about to pay')

/** A customer who was sent to the checkout, and left where the bank wanted a confirmation. */
async function leave(world: World) {
  const invoice = world.bill(5_000)
  const { report } = await world.openCheckout(invoice.lago_id)
  const session = await world.follow(report.payUrl)
  const payment = world.dodo.pay(session, { outcome: 'requires_customer_action' })
  // Whoever comes back at once goes on where they were.
  await Bun.sleep(2_100)
  return { invoice, payUrl: report.payUrl, session, payment }
}

describe('a customer who leaves the bank’s confirmation', () => {
  const shared = shareWorld()

  test('is not asked twice while they may be confirming, and pays by the same link after that', async () => {
    const { world } = shared
    const { invoice, payUrl, session } = await leave(world)
    expect(await world.follow(payUrl)).toBe('')
    await world.eventually(invoice.lago_id, isAbout)
    world.advance(14 * MINUTE_MS)
    expect(await world.follow(payUrl)).toBe('')
    world.advance(2 * MINUTE_MS)

    const next = await world.follow(payUrl)

    expect(['', session]).not.toContain(next)
    expect(await world.follow(payUrl)).toBe(next)
    world.dodo.pay(next)
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('and confirms after all, beside another payment, has the second one back', async () => {
    const { world } = shared
    const { invoice, payUrl, payment } = await leave(world)
    await world.follow(payUrl)
    world.advance(16 * MINUTE_MS)
    const other = world.dodo.pay(await world.follow(payUrl))
    await world.eventually(invoice.lago_id, isPaid)

    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    await world.quiet()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([5_000])
    expect(world.refundsOf(other.payment_id)).toEqual([])
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
  })

  test('and confirms just before they come back is not asked again', async () => {
    const { world } = shared
    const { invoice, payUrl, payment } = await leave(world)
    await world.follow(payUrl)
    world.advance(16 * MINUTE_MS)
    await world.inSilence(() => world.dodo.settlePayment(payment.payment_id, 'succeeded'))

    expect(await world.follow(payUrl)).toBe('')
    await world.eventually(invoice.lago_id, isPaid)
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
  })

  test('of several invoices at once pays all of them by the same link', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    for (const { lago_id } of invoices) {
      await world.openCheckout(lago_id)
      world.lago.markOverdue(lago_id)
    }
    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
    const [id = '', otherId = ''] = invoices.map(({ lago_id }) => lago_id)
    const { paymentRequests } = await world.eventually(
      id,
      ({ attempts }) => attempts[1]?.status === 'live',
    )
    const payUrl = paymentRequests[0]?.payUrl ?? ''
    const session = await world.follow(payUrl)
    world.dodo.pay(session, { outcome: 'requires_customer_action' })
    await Bun.sleep(2_100)
    expect(await world.follow(payUrl)).toBe('')
    world.advance(16 * MINUTE_MS)

    const next = await world.follow(payUrl)

    expect(['', session]).not.toContain(next)
    expect(world.dodo.pay(next).total_amount).toBe(3_000)
    for (const one of [id, otherId]) await world.eventually(one, isPaid)
  })
})
