import { describe, expect, test } from 'bun:test'

import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const DAY_MS = 24 * 3_600_000
const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'

async function payInvoice(world: World, amountCents = 5_000) {
  const invoice = world.bill(amountCents)
  const { report, sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  return { invoice, payment, payUrl: report.payUrl }
}

const valueOf = (metadata: readonly { key: string; value: string }[], name: string) =>
  metadata.find(({ key }) => key === name)?.value

describe('in a Lago without a licence', () => {
  const shared = shareWorld({ lago: { premium: false } })

  test('a payment is told by its status, with its id in the metadata', async () => {
    const { world } = shared
    const { invoice, payment, payUrl } = await payInvoice(world)

    expect(invoice.payment_status).toBe('succeeded')
    expect(world.paidIn(invoice.lago_id)).toEqual([])
    expect(valueOf(invoice.metadata, 'dodo_payment_id')).toBe(payment.payment_id)
    expect(valueOf(invoice.metadata, 'dodo_pay_url')).toBe(payUrl)
    expect(await (await world.visit(payUrl)).text()).toContain('<h1>Paid</h1>')
  })

  test('the licence is asked for once, and not with every payment', async () => {
    const { world } = shared
    await payInvoice(world)
    const before = world.sent('POST', /\/api\/v1\/payments$/).length

    await payInvoice(world)

    expect(world.sent('POST', /\/api\/v1\/payments$/)).toHaveLength(before)
  })

  test('an invoice that is paid stays paid, whatever is swept', async () => {
    const { world } = shared
    const { invoice, payment, payUrl } = await payInvoice(world)
    await world.sweep()
    await world.quiet()

    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.state).toBe('paid')
    expect(report?.attempts).toHaveLength(1)
    expect(await world.follow(payUrl)).toBe('')
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test('a decline is told, and the next checkout is paid', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, () => invoice.payment_status === 'failed')

    world.dodo.pay(await world.follow(report.payUrl))

    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.payment_status).toBe('succeeded')
  })

  test('a second payment goes back whole', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { report, sessionId: first } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(first, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    const second = await world.follow(report.payUrl)

    const payments = [world.dodo.pay(first), world.dodo.pay(second)]

    await world.eventually(invoice.lago_id, ({ state, refunds }) => {
      return state === 'paid' && refunds.some(({ status }) => status === 'succeeded')
    })
    await world.quiet()
    const given = payments.flatMap(({ payment_id: id }) => world.refundsOf(id))
    expect(given.map(({ amount }) => amount)).toEqual([5_000])
  })

  test('the status is told once when the answer of Lago is lost', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    world.lago.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'PUT', path: `/invoices/${invoice.lago_id}$` },
    })

    const payment = world.dodo.pay(sessionId)

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(valueOf(invoice.metadata, 'dodo_payment_id')).toBe(payment.payment_id)
  })

  test('a refund in Dodo is a matter for a person, because no credit note can be made', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const { refund_id: refundId } = world.dodo.refund(payment.payment_id)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain(refundId)
    expect(report.reason).toContain('licence')
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('a dispute that is lost is told', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.dodo.openDispute(payment.payment_id, { rdr: true })

    await world.eventually(invoice.lago_id, () => invoice.payment_dispute_lost_at !== null)
  })

  test('an invoice that is made void is no longer payable', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)

    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    expect(await world.follow(report.payUrl)).toBe('')
  })
})

describe('in a Lago without a licence, too', () => {
  const shared = shareWorld({ lago: { premium: false } })

  test('a top-up grants its credits, also where it wished for a hidden invoice', async () => {
    const { world } = shared
    const customer = world.addCustomer({ currency: 'USD' })
    const [transaction] = world.lago.topUpWallet({
      externalCustomerId: customer.external_id,
      paidCredits: '25',
      invoiceRequiresSuccessfulPayment: true,
    })
    const lagoInvoiceId = transaction?.invoice?.lago_id ?? ''
    const { sessionId } = await world.openCheckout(lagoInvoiceId)

    world.dodo.pay(sessionId)

    await world.eventually(lagoInvoiceId, isPaid)
    expect(transaction?.status).toBe('settled')
  })

  test('the sweep settles what webhooks missed', async () => {
    const { world } = shared
    const invoice = await world.inSilence(() => world.bill(5_000))
    await world.sweep()
    const { sessionId } = await world.openCheckout(invoice.lago_id)

    await world.inSilence(() => world.dodo.pay(sessionId))
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.payment_status).toBe('succeeded')
  })

  test('a customer is kept in step', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    await world.quiet()
    world.lago.updateCustomer(customer.external_id, { name: 'Free Fern' })
    await world.quiet()

    const report = await world.customerReport(customer.external_id)
    const known = world.dodo.store.customers.get(report?.dodoCustomerId ?? '')
    expect(known?.name).toBe('Free Fern')
  })
})

describe('a licence that is bought', () => {
  const shared = shareWorld({ lago: { premium: false } })

  test('lets a refund be credited of a payment that was told by its status alone', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const { refund_id: refundId } = world.dodo.refund(payment.payment_id, 2_000)
    await world.eventually(invoice.lago_id, isHeld)

    world.lago.setPremium(true)
    world.advance(DAY_MS + 60_000)
    await world.sweep()

    const report = await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.paidIn(invoice.lago_id)).toMatchObject([
      { amount_cents: 5_000, reference: payment.payment_id },
    ])
    expect(world.notesOf(invoice.lago_id)).toMatchObject([
      { refund_amount_cents: 2_000, refund_status: 'succeeded' },
    ])
    expect(report.refunds).toMatchObject([{ dodoRefundId: refundId }])
    expect(invoice.total_paid_amount_cents).toBe(5_000)
  })

  test('lets a refund be credited of a payment that somebody has recorded by then, which is not recorded once more', async () => {
    const world = await openWorld({ lago: { premium: false } })
    const { invoice, payment } = await payInvoice(world)
    world.dodo.refund(payment.payment_id, 2_000)
    await world.eventually(invoice.lago_id, isHeld)
    world.lago.setPremium(true)
    await world.inSilence(() =>
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 5_000, reference: 'by hand' }),
    )
    const before = world.sent('POST', /\/payments$/).length

    world.advance(DAY_MS + 60_000)
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.sent('POST', /\/payments$/)).toHaveLength(before)
    expect(world.notesOf(invoice.lago_id)).toMatchObject([
      { refund_amount_cents: 2_000, refund_status: 'succeeded' },
    ])
    await world.close()
  })

  test('has new payments recorded as payments', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    expect(world.paidIn(invoice.lago_id)).toMatchObject([
      { amount_cents: 5_000, reference: payment.payment_id },
    ])
  })
})

describe('a licence that is bought, where the metadata had no room for the payment', () => {
  test.each([
    ['gives no answer', 503],
    ['says no', 422],
  ])(
    'lets it be recorded, although Lago %s at first',
    async (_how, status) => {
      const world = await openWorld({ lago: { premium: false } })
      const invoice = world.bill(5_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      const metadata = [1, 2, 3, 4, 5].map((nth) => ({ key: `note_${nth}`, value: `${nth}` }))
      await world.bridge.deps.lago.updateInvoice(invoice.lago_id, { metadata })
      const payment = world.dodo.pay(sessionId)
      await world.eventually(invoice.lago_id, isPaid)
      world.dodo.refund(payment.payment_id, 2_000)
      await world.eventually(invoice.lago_id, isHeld)
      await world.quiet()

      world.lago.setPremium(true)
      const match = { method: 'POST', path: '/api/v1/payments' }
      world.lago.faults.add({ kind: 'status', status, times: 1, match })
      world.advance(DAY_MS + 60_000)
      await world.sweep()
      await world.quiet()
      await world.bridge.settle(invoice.lago_id, { cause: 'operator' }).catch(() => undefined)
      const was = ({ what }: { what: string }) => what.includes('held (')
      const report = await world.eventually(
        invoice.lago_id,
        ({ refunds, timeline }) => Boolean(refunds[0]?.lagoCreditNoteId) || timeline.some(was),
      )

      expect(report.timeline.filter(was)).toEqual([])
      expect(world.paidIn(invoice.lago_id)).toMatchObject([{ reference: payment.payment_id }])
      expect(world.notesOf(invoice.lago_id)).toMatchObject([{ refund_amount_cents: 2_000 }])
      await world.close()
    },
    90_000,
  )
})

describe('a licence that is bought, by the configuration', () => {
  const shared = shareWorld({ lago: { premium: true }, env: { LAGO_LICENSE: 'free' } })

  test('does not count before the configuration says so', async () => {
    const { world } = shared
    const { invoice } = await payInvoice(world)

    expect(world.paidIn(invoice.lago_id)).toEqual([])
    expect(invoice.payment_status).toBe('succeeded')
  })
})

describe('a configured licence that Lago does not have', () => {
  const shared = shareWorld({ lago: { premium: false }, env: { LAGO_LICENSE: 'premium' } })

  test('is a matter for a person, who is told which setting is wrong, and nothing is given back', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain('LAGO_LICENSE')
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })
})
