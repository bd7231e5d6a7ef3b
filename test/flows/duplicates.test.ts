import { describe, expect, test } from 'bun:test'

import type { FaultRule } from '../../sandbox/kit/faults.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isHeld = ({ state }: Report) => state === 'attention'
const isPaid = ({ state }: Report) => state === 'paid'
const isGivenBack = ({ refunds }: Report) => refunds.some(({ status }) => status === 'succeeded')

/** Two checkouts of one invoice that may both be paid: a decline does not end the first. */
async function openTwice(world: World, amountCents = 5_000) {
  const invoice = world.bill(amountCents)
  const { report, sessionId: first } = await world.openCheckout(invoice.lago_id)
  world.dodo.decline(first, 'INSUFFICIENT_FUNDS')
  await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
  return { invoice, first, second: await world.follow(report.payUrl) }
}

/** The bridge has seen the invoice paid before the customer pays it again, which proves that it is paid twice. */
async function payByHand(world: World, lagoInvoiceId: string, amountCents: number) {
  world.lago.recordManualPayment(lagoInvoiceId, { amountCents, reference: 'bank' })
  await world.eventually(lagoInvoiceId, isPaid)
}

describe('money that nobody owes', () => {
  const shared = shareWorld()

  test('by a second payment goes back whole, and the first stays recorded', async () => {
    const { world } = shared
    const { invoice, first, second } = await openTwice(world)

    const [one, other] = [world.dodo.pay(first), world.dodo.pay(second)]
    const report = await world.eventually(
      invoice.lago_id,
      (now) => isGivenBack(now) && now.state === 'paid',
    )
    await world.quiet()

    expect(world.paidIn(invoice.lago_id).map(({ amount_cents }) => amount_cents)).toEqual([5_000])
    const refunds = [one, other].flatMap(({ payment_id }) => world.refundsOf(payment_id))
    expect(refunds.map(({ amount }) => amount)).toEqual([5_000])
    expect(refunds[0]?.payment_id).not.toBe(world.paidIn(invoice.lago_id)[0]?.reference)
    expect(report.payments.map(({ disposition }) => disposition).toSorted()).toEqual([
      'applied',
      'duplicate',
      'none',
    ])
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('is given back with the metadata that names what it was for', async () => {
    const { world } = shared
    const { invoice, first, second } = await openTwice(world)
    const payments = [world.dodo.pay(first), world.dodo.pay(second)]
    await world.eventually(invoice.lago_id, isGivenBack)

    const [refund] = payments.flatMap(({ payment_id }) => world.refundsOf(payment_id))
    expect(refund?.metadata).toMatchObject({
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      lago_customer_id: invoice.customer.external_id,
      lago_organization_id: world.lago.organizationId,
    })
    expect(refund?.metadata).not.toHaveProperty('lago_credit_note_id')
  })

  test('is given back once, although every event comes twice and in any order', async () => {
    const { world } = shared
    const { invoice, first, second } = await openTwice(world)
    Object.assign(world.dodo.courier.switches, { double: true, reorder: true })
    const payments = [world.dodo.pay(first), world.dodo.pay(second)]
    await world.eventually(invoice.lago_id, isGivenBack)
    await world.sweep()
    await world.quiet()
    Object.assign(world.dodo.courier.switches, { double: false, reorder: false })

    const refunds = payments.flatMap(({ payment_id }) => world.refundsOf(payment_id))
    expect(refunds).toHaveLength(1)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('is given back although every webhook is lost', async () => {
    const { world } = shared
    const { invoice, first, second } = await openTwice(world)
    await world.inSilence(() => [world.dodo.pay(first), world.dodo.pay(second)])

    await world.inSilence(async () => {
      await world.sweep()
      await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 1)
      await world.dodo.idle()
    })
    await world.sweep()

    const report = await world.eventually(invoice.lago_id, (now) => isGivenBack(now) && isPaid(now))
    expect(report.refunds).toMatchObject([{ amount: 5_000, cause: 'duplicate' }])
  })

  test('because an offset credit note settled the invoice goes back whole', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.createCreditNote({ invoiceId: invoice.lago_id, offsetAmountCents: 5_000 })
    await world.eventually(invoice.lago_id, ({ state }) => state !== 'open')

    const payment = world.dodo.pay(sessionId)

    await world.eventually(invoice.lago_id, isGivenBack)
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([5_000])
    expect(world.paidIn(invoice.lago_id)).toEqual([])
  })
})

describe('money that is more than is due', () => {
  const shared = shareWorld()

  test.each([
    [
      'a part payment by hand',
      ({ lago }: World, id: string) =>
        void lago.recordManualPayment(id, { amountCents: 2_000, reference: 'bank' }),
    ],
    [
      'an offset credit note',
      ({ lago }: World, id: string) =>
        void lago.createCreditNote({ invoiceId: id, offsetAmountCents: 2_000 }),
    ],
  ])(
    'is not asked for: after %s the link leads to a checkout for the rest',
    async (_by, shrink) => {
      const { world } = shared
      const invoice = world.bill(5_000)
      const { report, sessionId } = await world.openCheckout(invoice.lago_id)
      expect(await world.follow(report.payUrl)).toBe(sessionId)
      shrink(world, invoice.lago_id)

      const rest = await world.follow(report.payUrl)

      expect(rest).not.toBe(sessionId)
      const payment = world.dodo.pay(rest)
      expect(payment.total_amount).toBe(3_000)
      const paid = await world.eventually(invoice.lago_id, isPaid)
      expect(paid.attempts.map(({ status }) => status)).toEqual(['superseded', 'paid'])
      expect(paid.refunds).toEqual([])
    },
  )

  test('because the amount due shrank while the checkout was open goes back, and only that', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 2_000, reference: 'bank' })

    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, (now) => isGivenBack(now) && isPaid(now))
    await world.quiet()
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([2_000])
    expect(world.paidIn(invoice.lago_id).map(({ amount_cents }) => amount_cents)).toEqual([
      2_000, 3_000,
    ])
    expect(report.payments).toMatchObject([{ disposition: 'applied' }])
    expect(invoice.payment_status).toBe('succeeded')
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('by the old and the new checkout of a smaller amount goes back, to the cent', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { report, sessionId: old } = await world.openCheckout(invoice.lago_id)
    await world.follow(report.payUrl)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 2_000, reference: 'bank' })
    const rest = await world.follow(report.payUrl)

    const payments = [world.dodo.pay(old), world.dodo.pay(rest)]

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    const given = payments
      .flatMap(({ payment_id }) => world.refundsOf(payment_id))
      .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
    expect(given).toBe(5_000)
    expect(invoice.total_paid_amount_cents).toBe(5_000)
  })
})

describe('money that must go back', () => {
  const shared = shareWorld()

  test('and that Dodo does not give back any more is a matter for a person, with the reason', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await payByHand(world, invoice.lago_id, 5_000)
    world.dodo.behaviour.refundWindowDays = 0

    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain(payment.payment_id)
    expect(report.reason).toContain('REFUND_WINDOW_EXPIRED')
  })

  test('of which only a part is too much, where no part can be given back, is a matter for a person', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 2_000, reference: 'bank' })
    world.dodo.behaviour.partialRefunds = false

    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain('20.00 USD')
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(invoice.total_paid_amount_cents).toBe(5_000)
  })

  test('whose refund fails is a matter for a person, until it is given back by hand', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await payByHand(world, invoice.lago_id, 5_000)
    world.dodo.behaviour.refunds = 'fail'
    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(report.reason).toContain(payment.payment_id)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)

    world.dodo.behaviour.refunds = 'succeed'
    world.dodo.refund(payment.payment_id)
    await world.eventually(invoice.lago_id, isPaid)
  })

  test.each([
    ['is lost', { kind: 'after_drop', times: 1 }],
    ['is a 500', { kind: 'after_status', status: 500, times: 1 }],
    ['is a 502', { kind: 'after_status', status: 502, times: 1 }],
  ] as const satisfies readonly (readonly [string, FaultRule])[])(
    'goes back once when the answer %s',
    async (_how, rule) => {
      const { world } = shared
      const invoice = world.bill(5_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      await payByHand(world, invoice.lago_id, 5_000)
      world.dodo.faults.add({ ...rule, match: { method: 'POST', path: '/refunds$' } })

      const payment = world.dodo.pay(sessionId)

      await world.eventually(invoice.lago_id, (now) => isGivenBack(now) && isPaid(now))
      await world.sweep()
      await world.quiet()
      expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    },
  )

  test.each([500, 429])(
    'goes back once although the look after it is answered %d',
    async (status) => {
      const { world } = shared
      const invoice = world.bill(5_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 2_000, reference: 'bank' })
      const before = world.sent('POST', /\/refunds$/).length
      world.dodo.faults.add({
        kind: 'delay',
        ms: 300,
        times: 1,
        match: { method: 'POST', path: '/refunds$' },
      })

      const payment = world.dodo.pay(sessionId)
      await world.eventually(
        invoice.lago_id,
        () => world.sent('POST', /\/refunds$/).length > before,
      )
      // A part goes back, so that Dodo would not refuse to do it again.
      const path = `/payments/${payment.payment_id}$`
      world.dodo.faults.add({ kind: 'status', status, times: 1, match: { method: 'GET', path } })

      await world.eventually(invoice.lago_id, (now) => isGivenBack(now) && isPaid(now))
      world.advance(MINUTE_MS)
      await world.sweep()
      await world.quiet()
      expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([2_000])
    },
  )

  test('goes back as soon as it is certain that a lost request was not carried out', async () => {
    const world = await openWorld()
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await payByHand(world, invoice.lago_id, 5_000)
    world.dodo.faults.add({
      kind: 'drop',
      times: 1,
      match: { method: 'POST', path: '/refunds$' },
    })
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ payments }) => {
      return payments[0]?.disposition === 'duplicate'
    })
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.advance(MINUTE_MS)
    await world.sweep()

    await world.eventually(invoice.lago_id, isGivenBack)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    await world.close()
  })
})

describe('money for an invoice that is void', () => {
  const shared = shareWorld()

  test('is held for a person, until it is given back by hand', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    const payment = world.dodo.pay(sessionId)
    const report = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(report.reason).toContain(payment.payment_id)
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.dodo.refund(payment.payment_id)

    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('that had been recorded before is pointed out to a person', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)

    world.lago.voidInvoice(invoice.lago_id)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain(payment.payment_id)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })
})

describe('where the merchant holds duplicates and refunds late payments', () => {
  const shared = shareWorld({ env: { DUPLICATE_PAYMENTS: 'hold', VOID_PAYMENTS: 'refund' } })

  test('a second payment is held for a person, until it is given back by hand', async () => {
    const { world } = shared
    const { invoice, first, second } = await openTwice(world)
    const payments = [world.dodo.pay(first), world.dodo.pay(second)]

    const report = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    const held = report.payments.find(({ disposition }) => disposition === 'duplicate')
    expect(report.reason).toContain(held?.dodoPaymentId ?? 'a duplicate')
    expect(payments.flatMap(({ payment_id }) => world.refundsOf(payment_id))).toEqual([])

    world.dodo.refund(held?.dodoPaymentId ?? '')
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('the excess of a payment is held for a person, until it is given back by hand', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 2_000, reference: 'bank' })
    const payment = world.dodo.pay(sessionId)
    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain('20.00 USD')
    expect(invoice.payment_status).toBe('succeeded')

    world.dodo.refund(payment.payment_id, 2_000)

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })

  test('a payment for a void invoice goes back whole', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')

    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(
      invoice.lago_id,
      (now) => isGivenBack(now) && now.state === 'void',
    )
    expect(report.payments).toMatchObject([{ disposition: 'late' }])
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([5_000])
    expect(world.notesOf(invoice.lago_id)).toEqual([])
  })
})
