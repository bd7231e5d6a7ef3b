import { describe, expect, test } from 'bun:test'

import { shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const isPaid = ({ state }: Report) => state === 'paid'
const isAbout = ({ reason }: Report) => reason.includes('about to pay')

/** A customer who was sent to the checkout, and left where the bank wanted a confirmation. */
async function leave(world: World) {
  const invoice = world.bill(5_000)
  const { report } = await world.openCheckout(invoice.lago_id)
  const session = await world.follow(report.payUrl)
  const payment = world.dodo.pay(session, { outcome: 'requires_customer_action' })
  await world.sweep()
  await world.eventually(invoice.lago_id, isAbout)
  return { invoice, payUrl: report.payUrl, session, payment }
}

describe('a customer who leaves the bank’s confirmation', () => {
  const shared = shareWorld()

  test('is told so at the pay link, and led back to the very same checkout, never to a second one', async () => {
    const { world } = shared
    const { invoice, payUrl, session, payment } = await leave(world)
    for (const later of [0, HOUR_MS, 20 * HOUR_MS]) {
      world.advance(later)
      expect(await world.follow(payUrl)).toBe('')
      const page = await (await world.visit(payUrl)).text()
      expect(page).toContain('Not finished yet')
      expect(page).toContain(session)
    }
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)

    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('pays by the same link in a new checkout once nobody can finish the old one', async () => {
    const { world } = shared
    const { invoice, payUrl, session } = await leave(world)
    world.advance(24 * HOUR_MS + 2 * MINUTE_MS)

    const next = await world.follow(payUrl)

    expect(['', session]).not.toContain(next)
    world.dodo.pay(next)
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('of several invoices at once is led back to the one checkout of all of them', async () => {
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
    const payment = world.dodo.pay(session, { outcome: 'requires_customer_action' })
    await world.sweep()
    await world.eventually(id, isAbout)

    expect(await world.follow(payUrl)).toBe('')
    expect(await (await world.visit(payUrl)).text()).toContain(session)
    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    for (const one of [id, otherId]) await world.eventually(one, isPaid)
  })
})
