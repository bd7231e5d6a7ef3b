import { describe, expect, test } from 'bun:test'

import type { FaultRule } from '../../sandbox/kit/faults.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'

const byAmount = (one: number | null | undefined, other: number | null | undefined) =>
  (one ?? 0) - (other ?? 0)

async function payInvoice(world: World, amountCents = 10_000) {
  const invoice = world.bill(amountCents)
  const { report } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(await world.follow(report.payUrl))
  await world.eventually(invoice.lago_id, isPaid)
  return { invoice, payment }
}

/** Waits until Lago shows what became of every refund of the invoice. */
async function answered(world: World, lagoInvoiceId: string) {
  const isAnswered = () =>
    world.notesOf(lagoInvoiceId).every(({ refund_status: status }) => status !== 'pending')
  await world.eventually(lagoInvoiceId, isAnswered)
  await world.quiet()
  return world.notesOf(lagoInvoiceId)
}

/** Refunds that Dodo was asked for on behalf of an invoice. */
const refundsSent = async (world: World, lagoInvoiceId: string) => {
  const bodies = await Promise.all(
    world.sent('POST', /^\/refunds$/).map((one) => one.clone().json() as Promise<RefundBody>),
  )
  return bodies.filter(({ metadata }) => metadata['lago_invoice_id'] === lagoInvoiceId)
}
type RefundBody = {
  payment_id: string
  items?: { item_id: string; amount: number; tax_inclusive: boolean }[]
  metadata: Record<string, string>
}

describe('a credit note that wants money given back', () => {
  const shared = shareWorld()

  test('in whole is carried out in Dodo, and Lago hears of it', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 10_000,
    })
    await answered(world, invoice.lago_id)

    const [refund, ...others] = world.refundsOf(payment.payment_id)
    expect(others).toEqual([])
    expect(refund).toMatchObject({ amount: 10_000, status: 'succeeded' })
    expect(refund?.metadata).toMatchObject({
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      lago_customer_id: invoice.customer.external_id,
      lago_organization_id: world.lago.organizationId,
      lago_credit_note_id: note.lago_id,
    })
    expect(note.refund_status).toBe('succeeded')
    expect(note.metadata).toEqual({
      dodo_refund_id: refund?.refund_id ?? '',
      dodo_payment_id: payment.payment_id,
    })
  })

  test('in part names the item, and leaves the invoice paid', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 3_333,
    })
    await answered(world, invoice.lago_id)

    const [body] = await refundsSent(world, invoice.lago_id)
    expect(body?.items).toMatchObject([{ amount: 3_333, tax_inclusive: true }])
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([3_333])
    expect(note.refund_status).toBe('succeeded')
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({
      state: 'paid',
      refunds: [{ amount: 3_333, lagoCreditNoteId: note.lago_id }],
    })
  })

  test('keeps what the merchant wrote in its metadata', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 1_000,
      metadata: { ticket: 'T-17' },
    })
    await answered(world, invoice.lago_id)

    expect(note.metadata).toMatchObject({ ticket: 'T-17', dodo_payment_id: payment.payment_id })
  })

  test('is one of several, which are carried out one after the other', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    world.dodo.behaviour.settleAfterMs = 100
    for (const refundAmountCents of [1_000, 2_000, 3_000]) {
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents })
    }

    const notes = await answered(world, invoice.lago_id)

    expect(notes.map(({ refund_status: status }) => status)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
    ])
    const given = world.refundsOf(payment.payment_id)
    expect(given.map(({ amount }) => amount).toSorted(byAmount)).toEqual([1_000, 2_000, 3_000])
    const named = new Set(notes.map(({ metadata }) => metadata?.['dodo_refund_id']))
    expect(named).toEqual(new Set(given.map(({ refund_id: id }) => id)))
  })

  test('that only credits or offsets moves no money, and is answered by nobody', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      creditAmountCents: 4_000,
    })
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
    // Nor is Lago told of a refund that nobody wanted.
    expect(world.sent('PUT', new RegExp(`/credit_notes/${note.lago_id}$`))).toEqual([])
  })

  test('for forints is counted in the units of each side', async () => {
    const { world } = shared
    const customer = world.addCustomer({ currency: 'HUF', country: 'HU' })
    const invoice = world.bill(20_000, { customer })
    const { report } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(invoice.lago_id, isPaid)

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 5_000 })
    await answered(world, invoice.lago_id)

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([500_000])
  })
})

describe('refunds of both sides', () => {
  const shared = shareWorld()

  test('do not answer each other: a note made for a refund in Dodo causes none', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.dodo.refund(payment.payment_id, 2_500)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    await world.quiet()
    await world.sweep()
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    expect(world.notesOf(invoice.lago_id)).toHaveLength(1)
  })

  test('do not answer each other: a refund made for a note causes none', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
    await answered(world, invoice.lago_id)
    await world.sweep()
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    expect(world.notesOf(invoice.lago_id)).toHaveLength(1)
  })

  test('of one payment add up, in whatever order they are made', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.dodo.refund(payment.payment_id, 2_500)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 3_000 })
    await answered(world, invoice.lago_id)
    world.dodo.refund(payment.payment_id, 4_500)
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 3)
    await answered(world, invoice.lago_id)

    const noted = world.notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)
    expect(noted).toEqual([2_500, 3_000, 4_500])
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
  })

  test('of an excess and of a note are told apart', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
    const payment = world.dodo.pay(sessionId)
    await world.eventually(
      invoice.lago_id,
      (report) => isPaid(report) && report.refunds[0]?.status === 'succeeded',
    )

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 5_000 })
    await answered(world, invoice.lago_id)

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([4_000, 5_000])
  })

  test('of a note that voiding an invoice makes are carried out', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)

    world.lago.voidInvoice(invoice.lago_id, {
      generateCreditNote: true,
      refundAmountCents: 10_000,
    })

    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    await answered(world, invoice.lago_id)
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([10_000])
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
  })
})

describe('a credit note that cannot be carried out', () => {
  const shared = shareWorld()

  test('because more is wanted than is left says so in Lago and to a person', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    // The refund is made while nobody can tell Lago of it.
    await world.inSilence(() => world.dodo.refund(payment.payment_id, 8_000))

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 5_000,
    })

    const report = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(note.refund_status).toBe('failed')
    expect(report.reason).toContain(note.number)
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test.each([
    ['because the refund window is over', 'REFUND_WINDOW_EXPIRED', { refundWindowDays: 0 }],
    [
      'because the payment method gives back no parts',
      'PARTIAL_REFUNDS_NOT_ALLOWED',
      { partialRefunds: false },
    ],
  ] as const)('%s says so in Lago and to a person', async (_why, code, behaviour) => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    Object.assign(world.dodo.behaviour, behaviour)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(note.refund_status).toBe('failed')
    expect(report.reason).toContain(note.number)
    expect(report.reason).toMatch(new RegExp(`${code}|PARTIAL`))
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test('because the bank sends the money back says so, and is not tried again', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    world.dodo.behaviour.refunds = 'fail'

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain(note.number)
    await world.sweep()
    await world.quiet()
    expect(note.refund_status).toBe('failed')
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('after all, although it had been, says so in Lago and to a person', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })
    await answered(world, invoice.lago_id)

    world.dodo.bounceRefund(world.refundsOf(payment.payment_id)[0]?.refund_id ?? '')

    await world.eventually(invoice.lago_id, isHeld)
    expect(note.refund_status).toBe('failed')
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('because the money came by other means is left to the merchant', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 5_000, reference: 'bank' })
    await world.eventually(invoice.lago_id, isPaid)

    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })
    await world.quiet()

    expect(note.refund_status).toBe('pending')
    expect(await refundsSent(world, invoice.lago_id)).toEqual([])
  })
})

describe('while webhooks and answers are lost', () => {
  const shared = shareWorld()

  test('the sweep finds credit notes, and what became of their refunds', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    const note = await world.inSilence(() =>
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 }),
    )
    await world.inSilence(async () => {
      await world.sweep()
      await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 1)
    })

    await world.sweep()
    await answered(world, invoice.lago_id)

    expect(note.refund_status).toBe('succeeded')
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
  })

  test('the sweep tells Lago what became of a refund days later', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world)
    world.dodo.behaviour.refunds = 'hold'
    const note = world.lago.createCreditNote({
      invoiceId: invoice.lago_id,
      refundAmountCents: 2_000,
    })
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'pending')
    const refundId = world.refundsOf(payment.payment_id)[0]?.refund_id ?? ''
    await world.quiet()
    expect(note.refund_status).toBe('pending')

    await world.inSilence(() => world.dodo.settleRefund(refundId, 'succeeded'))
    await world.sweep()
    await answered(world, invoice.lago_id)

    expect(note.refund_status).toBe('succeeded')
  })

  test.each([
    ['is lost', { kind: 'after_drop', times: 1 }],
    ['is a 500', { kind: 'after_status', status: 500, times: 1 }],
  ] as const satisfies readonly (readonly [string, FaultRule])[])(
    'money is given back once when Dodo’s answer %s',
    async (_how, rule) => {
      const { world } = shared
      const { invoice, payment } = await payInvoice(world)
      world.dodo.faults.add({ ...rule, match: { method: 'POST', path: '/refunds$' } })

      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 })
      const [note] = await answered(world, invoice.lago_id)

      expect(note?.refund_status).toBe('succeeded')
      expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    },
  )

  test.each([
    ['is lost', { kind: 'after_drop', times: 1 }],
    ['is a 500', { kind: 'after_status', status: 500, times: 1 }],
  ] as const satisfies readonly (readonly [string, FaultRule])[])(
    'Lago is told again when its answer %s',
    async (_how, rule) => {
      const { world } = shared
      const { invoice, payment } = await payInvoice(world)
      world.lago.faults.add({ ...rule, match: { method: 'PUT', path: '/credit_notes/' } })

      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 })
      const [note] = await answered(world, invoice.lago_id)
      await world.sweep()
      await world.quiet()

      expect(note?.refund_status).toBe('succeeded')
      expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
      await world.eventually(invoice.lago_id, isPaid)
    },
  )

  test('money is given back as soon as it is certain that a lost request was not carried out', async () => {
    const world = await openWorld()
    const { invoice, payment } = await payInvoice(world)
    world.dodo.faults.add({ kind: 'drop', times: 1, match: { method: 'POST', path: '/refunds$' } })
    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 })
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.advance(MINUTE_MS)
    await world.sweep()
    const [note] = await answered(world, invoice.lago_id)

    expect(note?.refund_status).toBe('succeeded')
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    await world.close()
  })
})
