import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'

import type { NewInvoice } from '../../sandbox/lago/store/invoices.ts'
import { openWorld, WEBHOOK_SECRET, type Report, type World } from '../support/world.ts'

const DAY_MS = 24 * 3_600_000
const isPaid = ({ state }: Report) => state === 'paid'

describe('a refund in Dodo', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const payInvoice = async (amountCents = 10_000, made: Partial<NewInvoice> = {}) => {
    const invoice = world.bill(amountCents, made)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    return { invoice, payment }
  }
  const notesOf = (lagoInvoiceId: string) =>
    [...world.lago.store.creditNotes.values()].filter(
      ({ invoice }) => invoice.lago_id === lagoInvoiceId,
    )
  const credited = (lagoInvoiceId: string, count: number) =>
    world.eventually(
      lagoInvoiceId,
      ({ refunds }) =>
        refunds.length === count && refunds.every(({ lagoCreditNoteId }) => lagoCreditNoteId),
    )

  test('in parts becomes one credit note each, exact to the cent, until all is given back', async () => {
    const { invoice, payment } = await payInvoice(10_000, {
      fees: [{ amountCents: 7_001 }, { amountCents: 2_999 }],
      taxes: [{ rate: 20 }],
      coupons: [{ amountCents: 1_000 }],
    })
    expect(payment.total_amount).toBe(10_800)

    const amounts = [3_332, 4, 4_566, 2_898]
    const refundIds: string[] = []
    for (const [index, amount] of amounts.entries()) {
      refundIds.push(world.dodo.refund(payment.payment_id, amount).refund_id)
      await credited(invoice.lago_id, index + 1)
    }

    const notes = notesOf(invoice.lago_id)
    expect(notes.map((note) => note.refund_amount_cents)).toEqual(amounts)
    expect(notes.map(({ metadata }) => metadata)).toEqual(
      refundIds.map((id) => ({ dodo_refund_id: id, dodo_payment_id: payment.payment_id })),
    )
    expect(notes.every((note) => note.refund_status === 'succeeded')).toBe(true)
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
  })

  test('of an amount that tax rounding cannot reach is one cent off, for which the last one makes up', async () => {
    const { invoice, payment } = await payInvoice(9_000, { taxes: [{ rate: 20 }] })

    for (const [index, amount] of [3_333, 4_569, 2_898].entries()) {
      world.dodo.refund(payment.payment_id, amount)
      await credited(invoice.lago_id, index + 1)
    }

    const noted = notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)
    expect(
      noted.map((cents, index) => Math.abs(cents - ([3_333, 4_569, 2_898][index] ?? 0))),
    ).toEqual([1, 1, 2])
    expect(noted.reduce((sum, cents) => sum + cents, 0)).toBe(10_800)
  })

  test('in whole becomes a credit note of all that was paid', async () => {
    const { invoice, payment } = await payInvoice(9_999, { taxes: [{ rate: 19 }] })

    world.dodo.refund(payment.payment_id)
    await credited(invoice.lago_id, 1)

    expect(notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)).toEqual([
      payment.total_amount,
    ])
  })

  test('of forints is counted in the units of each side', async () => {
    const customer = world.addCustomer({ currency: 'HUF', country: 'HU' })
    const { invoice, payment } = await payInvoice(20_000, { customer } as object)

    world.dodo.refund(payment.payment_id, 500_000)
    await credited(invoice.lago_id, 1)

    expect(notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)).toEqual([5_000])
  })

  test('of less than a forint cannot be held by Lago, which is a matter for a person', async () => {
    const customer = world.addCustomer({ currency: 'HUF', country: 'HU' })
    const { invoice, payment } = await payInvoice(20_000, { customer } as object)

    world.dodo.refund(payment.payment_id, 500_050)

    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(notesOf(invoice.lago_id)).toEqual([])
  })

  test('that fails after all becomes nothing', async () => {
    const { invoice, payment } = await payInvoice()
    world.dodo.behaviour.refunds = 'fail'

    world.dodo.refund(payment.payment_id)
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'failed')
    world.dodo.behaviour.refunds = 'succeed'
    await world.quiet()

    expect(notesOf(invoice.lago_id)).toEqual([])
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
  })

  test('is credited once, however often and under whatever name it is told', async () => {
    const { invoice, payment } = await payInvoice()
    world.dodo.courier.switches.lose = true
    const refund = world.dodo.refund(payment.payment_id, 2_500)
    await world.dodo.idle()
    world.dodo.courier.switches.lose = false

    const tell = (type: string, data: unknown) => {
      const body = JSON.stringify({ business_id: 'bus_x', type, timestamp: new Date(), data })
      const [id, at] = [`msg_${crypto.randomUUID()}`, new Date()]
      return world.get('/webhooks/dodo', {
        method: 'POST',
        body,
        headers: {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
          'webhook-signature': new Webhook(WEBHOOK_SECRET).sign(id, at, body),
        },
      })
    }
    const asRefund = { ...world.dodo.store.refunds.get(refund.refund_id), payload_type: 'Refund' }
    expect((await tell('payment.refunded', asRefund)).status).toBe(200)
    await credited(invoice.lago_id, 1)
    await tell('refund.succeeded', asRefund)
    await tell('payment.refunded', world.dodo.store.payments.get(payment.payment_id))
    await world.quiet()

    expect(notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)).toEqual([2_500])
  })

  test('told as payment.refunded with the payment for its object is credited', async () => {
    const { invoice, payment } = await payInvoice()
    world.dodo.courier.switches.lose = true
    world.dodo.refund(payment.payment_id, 1_500)
    await world.dodo.idle()
    world.dodo.courier.switches.lose = false

    const body = JSON.stringify({
      type: 'payment.refunded',
      data: world.dodo.store.payments.get(payment.payment_id),
    })
    const [id, at] = [`msg_${crypto.randomUUID()}`, new Date()]
    await world.get('/webhooks/dodo', {
      method: 'POST',
      body,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(WEBHOOK_SECRET).sign(id, at, body),
      },
    })

    await credited(invoice.lago_id, 1)
  })

  test('that is settled days later is credited by the sweep when its webhook is lost', async () => {
    const later = await openWorld({ dodo: { behaviour: { refunds: 'hold' } } })
    const invoice = later.bill(10_000)
    const { sessionId } = await later.openCheckout(invoice.lago_id)
    const payment = later.dodo.pay(sessionId)
    await later.eventually(invoice.lago_id, isPaid)
    const refund = later.dodo.refund(payment.payment_id, 4_000)
    await later.sweep()
    await later.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'pending')

    later.advance(4 * DAY_MS)
    await later.sweep()
    later.dodo.courier.switches.lose = true
    later.dodo.settleRefund(refund.refund_id, 'succeeded')
    await later.sweep()

    await later.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    await later.close()
  })
})
