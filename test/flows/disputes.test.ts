import { describe, expect, test } from 'bun:test'

import { shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'

async function payInvoice(world: World, amountCents = 5_000) {
  const invoice = world.bill(amountCents)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  return { invoice, payment }
}

/** How often Lago was told that the dispute about an invoice is lost. */
const lossesTold = (world: World, lagoInvoiceId: string) =>
  world.sent('POST', new RegExp(`/invoices/${lagoInvoiceId}/lose_dispute$`)).length

describe('a disputed payment', () => {
  const shared = shareWorld()

  test('is shown with its stage until it is won, and then nothing is left of it', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const { dispute_id: id } = world.dodo.openDispute(payment.payment_id, { stage: 'pre_dispute' })
    const opened = await world.eventually(invoice.lago_id, isHeld)
    expect(opened.disputes).toMatchObject([
      { dodoDisputeId: id, status: 'dispute_opened', stage: 'pre_dispute', isByRdr: false },
    ])
    expect(opened.reason).toContain(payment.payment_id)
    expect(opened.reason).toContain('pre_dispute')

    world.dodo.moveDispute(id, 'dispute_challenged', 'dispute')
    await world.eventually(invoice.lago_id, ({ disputes }) => disputes[0]?.stage === 'dispute')
    world.dodo.moveDispute(id, 'dispute_won')

    const won = await world.eventually(invoice.lago_id, isPaid)
    expect(won.disputes).toMatchObject([{ status: 'dispute_won' }])
    await world.quiet()
    expect(lossesTold(world, invoice.lago_id)).toBe(0)
    expect(invoice.payment_dispute_lost_at).toBeNull()
  })

  test('is as it was when the dispute is cancelled', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const dispute = world.dodo.openDispute(payment.payment_id)
    await world.eventually(invoice.lago_id, isHeld)

    world.dodo.moveDispute(dispute.dispute_id, 'dispute_cancelled')

    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.payment_dispute_lost_at).toBeNull()
  })

  test.each(['dispute_lost', 'dispute_accepted', 'dispute_expired'] as const)(
    'that ends as %s is lost in Lago, which is told once',
    async (status) => {
      const { world } = shared
      const { invoice, payment } = await payInvoice(world)
      const dispute = world.dodo.openDispute(payment.payment_id)
      await world.eventually(invoice.lago_id, isHeld)

      world.dodo.moveDispute(dispute.dispute_id, status)

      const report = await world.eventually(invoice.lago_id, ({ disputes }) => {
        return disputes[0]?.status === status && invoice.payment_dispute_lost_at !== null
      })
      await world.sweep()
      await world.quiet()
      expect(report.state).toBe('attention')
      expect((await world.invoiceReport(invoice.lago_id))?.reason).toContain(dispute.dispute_id)
      expect(lossesTold(world, invoice.lago_id)).toBe(1)
      expect(world.notesOf(invoice.lago_id)).toEqual([])
    },
  )

  test('that Visa gave back by itself is lost in Lago, although only its loss is ever heard of', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.dodo.openDispute(payment.payment_id, { rdr: true })

    const report = await world.eventually(
      invoice.lago_id,
      (now) => isHeld(now) && invoice.payment_dispute_lost_at !== null,
    )
    await world.quiet()
    expect(report.disputes).toMatchObject([{ status: 'dispute_lost', isByRdr: true }])
    expect(report.reason).toContain('Visa')
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(lossesTold(world, invoice.lago_id)).toBe(1)
  })

  test('is not refunded by a credit note while it is not decided, and is once it is won', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const dispute = world.dodo.openDispute(payment.payment_id)
    await world.eventually(invoice.lago_id, isHeld)

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 1_000 })
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.dodo.moveDispute(dispute.dispute_id, 'dispute_won')
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([1_000])
  })

  test('that is lost is not refunded on top by a credit note, which is told so', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const dispute = world.dodo.openDispute(payment.payment_id)
    world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost')
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 1_000,
    })

    await world.eventually(invoice.lago_id, () => note.refund_status === 'failed')
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('attention')
  })

  test('whose events come twice and in any order ends as it ended in Dodo', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    Object.assign(world.dodo.courier.switches, { double: true, reorder: true })

    const dispute = world.dodo.openDispute(payment.payment_id)
    world.dodo.moveDispute(dispute.dispute_id, 'dispute_challenged')
    world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost')

    await world.eventually(invoice.lago_id, ({ disputes }) => {
      return disputes[0]?.status === 'dispute_lost'
    })
    await world.quiet()
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.disputes).toMatchObject([{ status: 'dispute_lost' }])
    expect(lossesTold(world, invoice.lago_id)).toBe(1)
  })

  test('is found by the sweep when nothing was heard of it, and again when it is decided', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const dispute = await world.inSilence(() => world.dodo.openDispute(payment.payment_id))
    await world.sweep()
    await world.eventually(invoice.lago_id, isHeld)

    await world.inSilence(() => world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost'))
    await world.sweep()

    await world.eventually(invoice.lago_id, ({ disputes }) => {
      return disputes[0]?.status === 'dispute_lost' && invoice.payment_dispute_lost_at !== null
    })
  })

  test('is lost in Lago also when the answer of Lago is lost', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    world.lago.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'POST', path: '/lose_dispute$' },
    })

    world.dodo.openDispute(payment.payment_id, { rdr: true })

    await world.eventually(invoice.lago_id, ({ state, reason }) => {
      return state === 'attention' && reason.includes('Lago shows it as lost')
    })
    expect(lossesTold(world, invoice.lago_id)).toBe(1)
  })

  test('of an invoice that is void is lost in Lago all the same', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, isHeld)

    world.dodo.openDispute(payment.payment_id, { rdr: true })

    await world.eventually(invoice.lago_id, () => invoice.payment_dispute_lost_at !== null)
  })
})
