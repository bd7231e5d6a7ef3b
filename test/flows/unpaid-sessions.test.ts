import { describe, expect, test } from 'bun:test'

import { chargesSent, mandateOf } from '../support/mandates.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LISTED = { behaviour: { openSessionsAreListed: true } }
const isPaid = ({ state }: Report) => state === 'paid'

/** An invoice whose checkout Dodo lists as a payment, which a sweep has seen. */
async function swept(world: World, amount: number, input: Parameters<World['bill']>[1] = {}) {
  const invoice = world.bill(amount, input)
  const { report } = await world.openCheckout(invoice.lago_id)
  await world.sweep()
  await world.quiet()
  return { invoice, payUrl: report.payUrl }
}

describe('a checkout that Dodo lists although nobody has paid in it', () => {
  const shared = shareWorld({ dodo: LISTED })

  test('is what the pay link leads to, hours and sweeps later, and is paid there', async () => {
    const { world } = shared
    const { invoice, payUrl } = await swept(world, 5_000)
    expect(world.sent('GET', /^\/payments$/).length).toBeGreaterThan(0)
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.reason).toBe('waiting for the customer to pay 50.00 USD')
    world.advance(3 * HOUR_MS)

    world.dodo.pay(await world.follow(payUrl))

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('makes way for one for the new amount when another amount is due', async () => {
    const { world } = shared
    const { invoice, payUrl } = await swept(world, 5_000)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 1_000, reference: 'bank' })
    await world.sweep()

    const payment = world.dodo.pay(await world.follow(payUrl))

    expect(payment?.total_amount).toBe(4_000)
    await world.eventually(invoice.lago_id, isPaid)
  })

  test('makes way for a payment request, whose link is payable, and stays so', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const owed = []
    for (const amount of [1_000, 2_000]) owed.push(await swept(world, amount, { customer }))
    const ids = owed.map(({ invoice }) => invoice.lago_id)
    for (const id of ids) world.lago.markOverdue(id)
    world.lago.requestPayment({ externalCustomerId: customer.external_id, invoiceIds: ids })
    const [first = ''] = ids
    const { paymentRequests } = await world.eventually(
      first,
      ({ attempts }) => attempts.at(-1)?.lagoPaymentRequestId !== null,
    )
    await world.sweep()
    await world.quiet()

    const payment = world.dodo.pay(await world.follow(paymentRequests[0]?.payUrl ?? ''))

    expect(payment?.total_amount).toBe(3_000)
    for (const id of ids) await world.eventually(id, isPaid)
  })

  test.each([5, 40])(
    'that is paid in its last minute, of which nobody hears for %p days, is recorded once',
    async (days) => {
      const { world } = shared
      const { invoice, payUrl } = await swept(world, 5_000)
      const sessionId = await world.follow(payUrl)
      world.advance(24 * HOUR_MS - MINUTE_MS)
      await world.inSilence(() => world.dodo.pay(sessionId))
      world.advance(days * 24 * HOUR_MS)

      await world.sweep()

      await world.eventually(invoice.lago_id, isPaid)
      expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    },
  )

  test('is asked about by sweeps for as long as it may be paid, and no longer', async () => {
    const { world } = shared
    const { invoice } = await swept(world, 5_000)
    const listed = [...world.dodo.store.payments.values()].find(
      ({ metadata }) => metadata['lago_invoice_id'] === invoice.lago_id,
    )
    expect(listed?.status).toBe('requires_payment_method')
    const reads = () => world.sent('GET', new RegExp(`^/payments/${listed?.payment_id}$`)).length
    world.advance(HOUR_MS)
    const before = reads()
    await world.sweep()
    await world.quiet()
    expect(reads()).toBeGreaterThan(before)

    world.advance(26 * HOUR_MS)
    await world.sweep()
    await world.quiet()
    const after = reads()
    for (const _ of [1, 2]) {
      world.advance(HOUR_MS)
      await world.sweep()
      await world.quiet()
    }
    expect(reads()).toBe(after)
  })
})

describe('with automatic collection', () => {
  const shared = shareWorld({ env: { COLLECTION: 'automatic' }, dodo: LISTED })

  test('a checkout that is listed and that nobody was sent to makes way for the card that was saved since', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const { invoice } = await swept(world, 2_000, { customer })
    const saving = await swept(world, 1_000, { customer })
    world.dodo.pay(await world.follow(saving.payUrl))
    await world.eventually(saving.invoice.lago_id, isPaid)
    await mandateOf(world, customer)

    await world.eventually(invoice.lago_id, isPaid)
    expect(chargesSent(world)).toHaveLength(1)
  })

  test('the list of a customer’s payments shows their open checkouts, and the saved card is charged all the same', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const [invoice, saving] = [2_000, 1_000].map((amount) => world.bill(amount, { customer }))
    const ids = [invoice?.lago_id ?? '', saving?.lago_id ?? '']
    for (const id of ids) await world.openCheckout(id)
    const [first = '', second = ''] = ids
    const report = await world.invoiceReport(second)

    world.dodo.pay(await world.follow(report?.payUrl ?? ''))

    for (const id of [second, first]) await world.eventually(id, isPaid)
  })
})
