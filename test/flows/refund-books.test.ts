import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { isCall, tap } from '../support/tap.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'

async function payInvoice(world: World, amountCents = 10_000) {
  const invoice = world.bill(amountCents)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  return { invoice, payment }
}
const noted = (world: World, lagoInvoiceId: string) =>
  world.notesOf(lagoInvoiceId).map((note) => note.refund_amount_cents)
const sum = (amounts: readonly number[]) => amounts.reduce((total, one) => total + one, 0)

describe('a refund that is heard of late', () => {
  test('gets what is missing of its note by another one', async () => {
    const world = await openWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } })
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    // Dodo shows only what it is told to: the first of both refunds is not there yet when the second is told.
    await world.inSilence(() => world.dodo.refund(payment.payment_id, 4_000))
    const first = world.refundsOf(payment.payment_id)[0]?.refund_id
    let isHidden = true
    tap(world, 'dodo', async (request, go) => {
      const answer = await go()
      if (!isHidden || !isCall(request, 'GET', /^\/payments\/[^/]+$/)) return answer
      const body = (await answer.json()) as { refunds?: { refund_id: string }[] }
      const refunds = body.refunds?.filter(({ refund_id }) => refund_id !== first)
      return Response.json({ ...body, refunds })
    })
    await Bun.sleep(5)
    world.dodo.refund(payment.payment_id, 5_000)
    await world.eventually(invoice.lago_id, () => noted(world, invoice.lago_id).length > 0)
    await world.quiet()
    expect(noted(world, invoice.lago_id)).toEqual([1_000])

    isHidden = false
    await world.sweep()
    await world.quiet()

    expect(noted(world, invoice.lago_id)).toEqual([1_000, 4_000])
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })
})

describe('spare money', () => {
  const shared = shareWorld()

  test('that went back already is not given back again by a ledger that has not heard of it', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, (now) => isPaid(now) && now.refunds.length === 1)
    await world.quiet()
    for (const table of ['refunds', 'refund_orders'])
      await world.bridge.db.execute(sql.raw(`delete from ${table}`))
    await world.bridge.db.execute(sql`update receivables set state = 'attention'`)

    await world.sweep()
    await world.quiet()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([4_000])
    expect(noted(world, invoice.lago_id)).toEqual([])
  })
})

describe('what the merchant mends in Lago', () => {
  const shared = shareWorld()
  const refuseNotes = (world: World, times: number) =>
    world.lago.faults.add({
      kind: 'status',
      status: 422,
      times,
      match: { method: 'POST', path: '/credit_notes$' },
    })

  test('by hand for a refund that has no note is taken for its note, and not paid out', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    refuseNotes(world, 1)
    world.dodo.refund(payment.payment_id, 1_210)
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 1_210,
    })

    const report = await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(note.refund_status).toBe('succeeded')
    expect(report.refunds).toMatchObject([{ lagoCreditNoteId: note.lago_id }])
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('by hand in two notes for a refund that has none is taken for it, and not paid out', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    refuseNotes(world, 1)
    world.dodo.refund(payment.payment_id, 1_210)
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()

    const invoiceId = invoice.lago_id
    const first = world.lago.createCreditNote({ invoiceId, refundAmountCents: 605 })
    const held = await world.eventually(invoiceId, ({ reason }) => reason.includes('not paid out'))
    expect(held).toMatchObject({ state: 'attention', reasonCode: 'credit_note_unrefunded' })
    const second = world.lago.createCreditNote({ invoiceId, refundAmountCents: 605 })

    await world.eventually(invoiceId, isPaid)
    await world.quiet()
    expect([first, second].map((note) => note.refund_status)).toEqual(['succeeded', 'succeeded'])
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('by one note for two refunds that have none is not paid out', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const invoiceId = invoice.lago_id
    for (const amount of [1_000, 500]) {
      refuseNotes(world, 1)
      const { refund_id } = world.dodo.refund(payment.payment_id, amount)
      await world.eventually(invoiceId, ({ timeline }) =>
        timeline.some(({ what }) => what.includes(refund_id) && what.includes('not credited')),
      )
      await world.quiet()
    }

    const note = world.lago.createCreditNote({ invoiceId, refundAmountCents: 1_500 })
    await world.eventually(invoiceId, ({ reason }) => reason.includes('not paid out'))
    await world.quiet()
    expect(note.refund_status).toBe('pending')
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)

    world.lago.setRefundStatus(note.lago_id, 'succeeded')
    await world.sweep()
    await world.eventually(invoiceId, ({ reason }) => !reason.includes('not paid out'))
    expect(world.refundsOf(payment.payment_id)).toHaveLength(2)
  })

  test('by hand for a refund in units that Lago lacks is not paid out', async () => {
    const { world } = shared
    const invoice = world.bill(1_000, { currency: 'HUF' })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    world.dodo.refund(payment.payment_id, 12_345)
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 123 })

    await world.eventually(invoice.lago_id, ({ reason }) => reason.includes('not paid out'))
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('by a note that is settled at once is noticed by the next sweep', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    refuseNotes(world, 1)
    world.dodo.refund(payment.payment_id, 1_210)
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    await world.inSilence(() => {
      const note = world.lago.createCreditNote({
        invoiceId: invoice.lago_id,
        refundAmountCents: 1_210,
      })
      world.lago.setRefundStatus(note.lago_id, 'succeeded')
    })

    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('by refunding again what bounced makes the same note good', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const refund = world.dodo.refund(payment.payment_id, 3_000)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    await world.quiet()
    world.dodo.bounceRefund(refund.refund_id)
    await world.eventually(invoice.lago_id, isHeld)
    expect(world.notesOf(invoice.lago_id).map(({ refund_status }) => refund_status)).toEqual([
      'failed',
    ])

    world.dodo.refund(payment.payment_id, 3_000)

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(noted(world, invoice.lago_id)).toEqual([3_000])
    expect(world.notesOf(invoice.lago_id).map(({ refund_status }) => refund_status)).toEqual([
      'succeeded',
    ])
  })
})

describe('a refund that Dodo cannot pay for yet', () => {
  test('waits where a person sees it, and is made in some hours', async () => {
    const world = await openWorld()
    const { invoice, payment } = await payInvoice(world)
    let isShort = true
    tap(world, 'dodo', async (request, go) =>
      isShort && isCall(request, 'POST', /^\/refunds$/)
        ? Response.json({ code: 'INSUFFICIENT_WALLET_FUNDS', message: 'x' }, { status: 409 })
        : go(),
    )
    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })
    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain('balance')
    expect(report.reason).toContain(payment.payment_id)
    expect(report.nextWakeAt).not.toBeNull()
    await world.quiet()
    expect(note.refund_status).toBe('pending')

    isShort = false
    world.advance(3 * 3_600_000)
    await world.sweep()

    await world.eventually(invoice.lago_id, (now) => {
      return isPaid(now) && note.refund_status === 'succeeded'
    })
    expect(sum(world.refundsOf(payment.payment_id).map(({ amount }) => amount ?? 0))).toBe(2_000)
    await world.close()
  })
})
