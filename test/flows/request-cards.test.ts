import { describe, expect, test } from 'bun:test'

import { chargesSent, mandateOf } from '../support/mandates.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic', RETRY_SCHEDULE: '1d,2d' } }
const isPaid = ({ state }: Report) => state === 'paid'

/** Somebody who saved a card by paying one invoice while they stood at the checkouts of two others. */
async function standAtTwo(world: World) {
  const customer = world.addCustomer()
  const saving = world.bill(1_000, { customer })
  const invoices = [2_000, 3_000].map((amount) => world.bill(amount, { customer }))
  for (const { lago_id } of invoices) {
    const { report } = await world.openCheckout(lago_id)
    await world.visit(report.payUrl)
  }
  const { sessionId } = await world.openCheckout(saving.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(saving.lago_id, isPaid)
  await mandateOf(world, customer)
  await world.quiet()
  const request = () => {
    for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
    return world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
  }
  return { invoices, request }
}

describe('a payment request to somebody with a saved card', () => {
  const shared = shareWorld(AUTOMATIC)

  test('charges it for nothing, but asks for all in one checkout', async () => {
    const { world } = shared
    const { invoices, request } = await standAtTwo(world)

    request()
    await world.quiet()

    expect(chargesSent(world)).toEqual([])
    const [first] = invoices
    const { attempts } = await world.eventually(
      first?.lago_id ?? '',
      (report) => report.attempts.at(-1)?.lagoPaymentRequestId !== null,
    )
    const payment = world.dodo.pay(attempts.at(-1)?.dodoSessionId ?? '')
    expect(payment.total_amount).toBe(5_000)
    for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)
    await world.quiet()
    expect(invoices.map(({ lago_id }) => world.paidIn(lago_id).length)).toEqual([1, 1])
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })
})
