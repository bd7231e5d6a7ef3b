import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { holdPayment, recordPayment } from '../../src/billers/lago/act/record-payment.ts'
import { readPayment } from '../../src/collect/act/read-dodo.ts'
import type { Payment } from '../../src/collect/ledger.ts'
import { loadLedger } from '../../src/collect/load.ts'
import { recordings } from '../../src/db/schema.ts'
import { Later } from '../../src/errors.ts'
import { isCall, tap } from '../support/tap.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'

describe('recording a payment', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const metadataOf = (invoice: { metadata: { key: string; value: string }[] }) =>
    Object.fromEntries(invoice.metadata.map(({ key, value }) => [key, value]))
  const addMetadata = (lagoInvoiceId: string, entries: { key: string; value: string }[]) =>
    world.bridge.deps.lago.updateInvoice(lagoInvoiceId, { metadata: entries })

  test('the invoice is paid in Lago, with the Dodo payment as its reference', async () => {
    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)

    const recorded = world.lago.store.payments.filter((one) => one.invoice === invoice)
    expect(recorded).toMatchObject([{ amount_cents: 5_000, reference: payment.payment_id }])
    expect(invoice).toMatchObject({ payment_status: 'succeeded', total_paid_amount_cents: 5_000 })
    expect(metadataOf(invoice)).toEqual({
      dodo_pay_url: report.payUrl,
      dodo_payment_id: payment.payment_id,
    })
  })

  test("other people's metadata is kept", async () => {
    const invoice = world.bill(5_000, { status: 'draft' })
    world.lago.finalizeInvoice(invoice.lago_id)
    await addMetadata(invoice.lago_id, [{ key: 'purchase_order', value: 'PO-17' }])
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)

    const { purchase_order, ...ours } = metadataOf(invoice)
    expect(purchase_order).toBe('PO-17')
    expect(Object.keys(ours).toSorted()).toEqual(['dodo_pay_url', 'dodo_payment_id'])
  })

  test.each([
    ['refuses it', () => Promise.resolve(Response.json({ code: 'not_found' }, { status: 422 }))],
    [
      'does not answer',
      () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
    ],
  ] as const)(
    'what another replica wrote down meanwhile stays, where Lago %s',
    async (_how, spoil) => {
      const { db } = world.bridge
      const booksPaymentId = crypto.randomUUID()
      let paymentId = ''
      const untap = tap(world, 'lago', async (request, go) => {
        if (!isCall(request, 'POST', /\/payments$/)) return go()
        await db
          .update(recordings)
          .set({ status: 'recorded', through: 'payment', booksPaymentId, recordedAt: new Date() })
          .where(eq(recordings.dodoPaymentId, paymentId))
        await go()
        return spoil()
      })
      const invoice = world.bill(5_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      paymentId = world.dodo.pay(sessionId).payment_id
      await world.eventually(invoice.lago_id, isPaid)
      await world.quiet()
      untap()

      const rows = await db.select().from(recordings).where(eq(recordings.dodoPaymentId, paymentId))
      expect(rows).toMatchObject([{ status: 'recorded', booksPaymentId }])
      expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    },
  )

  test("where other people's metadata leaves no room, ours is left out and the timeline says so", async () => {
    const theirs = [1, 2, 3, 4, 5].map((nth) => ({ key: `note_${nth}`, value: String(nth) }))
    world.dodo.faults.add({
      kind: 'delay',
      ms: 200,
      match: { method: 'POST', path: '/checkouts' },
      times: 1,
    })
    const invoice = world.bill(5_000)
    await addMetadata(invoice.lago_id, theirs)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    const report = await world.eventually(invoice.lago_id, isPaid)

    expect(Object.keys(metadataOf(invoice))).toEqual(theirs.map(({ key }) => key))
    const lines = report.timeline.filter(({ what }) => what.includes('no room'))
    expect(lines.map(({ what }) => what.split(' ')[0])).toEqual(['dodo_pay_url', 'dodo_payment_id'])
  })

  test('an invoice that is void before its link was written is not said to have no room for it', async () => {
    const invoice = world.bill(5_000, { status: 'draft' })
    const untap = tap(world, 'dodo', (request, go) => {
      if (!isCall(request, 'POST', /^\/checkouts$/)) return go()
      untap()
      world.lago.voidInvoice(invoice.lago_id)
      return Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    })
    world.lago.finalizeInvoice(invoice.lago_id)

    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'void')

    expect(report.attempts).toHaveLength(1)
    expect(report.timeline.filter(({ what }) => what.includes('no room'))).toEqual([])
  })

  test('a payment that somebody recorded while Dodo was slow is found, and not sent once more', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const untap = tap(world, 'dodo', async (request, go) => {
      const answer = await go()
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return answer
      untap()
      const reference = new URL(request.url).pathname.split('/').at(-1) ?? ''
      // Longer than what Lago has shown of the invoice is believed.
      await Bun.sleep(2_100)
      await world.inSilence(() =>
        world.lago.recordManualPayment(invoice.lago_id, { amountCents: 5_000, reference }),
      )
      return answer
    })
    const before = world.sent('POST', /\/payments$/).length

    const { payment_id } = world.dodo.pay(sessionId)

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.sent('POST', /\/payments$/)).toHaveLength(before)
    expect(world.paidIn(invoice.lago_id)).toMatchObject([{ reference: payment_id }])
  })

  test('a payment that Lago holds already, less a fee, is found, and not recorded beside it', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const { payment_id } = await world.inSilence(() => {
      const payment = world.dodo.pay(sessionId)
      const recorded = { amountCents: 4_800, reference: payment.payment_id }
      world.lago.recordManualPayment(invoice.lago_id, recorded)
      return payment
    })

    await world.sweep()
    await world.eventually(
      invoice.lago_id,
      ({ payments }) => payments[0]?.disposition === 'applied',
    )

    await world.quiet()
    const held = world.paidIn(invoice.lago_id)
    expect(held).toMatchObject([{ reference: payment_id, amount_cents: 4_800 }])
  })

  test('a payment whose answer was lost is searched before it is sent once more, whatever Lago shows of the invoice', async () => {
    const match = { method: 'POST', path: '/payments$' }
    world.lago.faults.add({ kind: 'drop', times: 1, match })
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.requests.length = 0
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, () => world.sent('POST', /\/payments$/).length > 0)
    await world.quiet()
    world.requests.length = 0
    world.advance(80_000)

    await world.eventually(invoice.lago_id, isPaid)

    const ofPayments = world.requests.filter(({ url }) => /\/api\/v1\/payments/.test(url))
    expect(ofPayments.slice(0, 2).map(({ method }) => method)).toEqual(['GET', 'POST'])
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('a payment is held by nobody who knows less of it: once it is recorded, nor as a stranger’s once its checkout is known', async () => {
    const { deps } = world.bridge
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const { payment_id } = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    const shown = await deps.lago.findInvoice(invoice.lago_id)
    const { ledger } = await loadLedger(deps, invoice.lago_id)
    const [payment] = ledger.payments
    if (!shown || !payment) throw new Error('it is not known')
    const isThis = eq(recordings.dodoPaymentId, payment_id)
    const hold = (seen: Payment) =>
      holdPayment(
        deps,
        { invoice: shown, payment: seen, amount: 0 },
        'mismatch',
        'it was seen late',
      )

    await hold(payment)
    expect(await deps.db.select().from(recordings).where(isThis)).toMatchObject([
      { status: 'recorded', disposition: 'applied', amount: 5_000 },
    ])
    await deps.db.delete(recordings).where(isThis)
    const holding = hold({ ...payment, attemptId: null }).catch((error: unknown) => error)
    expect(await holding).toBeInstanceOf(Later)
    expect(await deps.db.select().from(recordings).where(isThis)).toEqual([])
    await world.bridge.settle(invoice.lago_id, { cause: 'operator' })
    await world.eventually(invoice.lago_id, isPaid)
  })

  test('a payment that Lago refuses because the money came by other means just then is held, and Lago’s refusal forgotten', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const untap = tap(world, 'lago', async (request, go) => {
      if (!isCall(request, 'POST', /\/payments$/)) return go()
      untap()
      await world.inSilence(() =>
        world.lago.recordManualPayment(invoice.lago_id, { amountCents: 5_000, reference: 'bank' }),
      )
      return go()
    })

    world.dodo.pay(sessionId)

    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(await world.invoiceReport(invoice.lago_id)).toMatchObject({
      state: 'attention',
      reasonCode: 'held_duplicate',
    })
  })

  test('a payment after the merchant took the money by other means is given back', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 5_000, reference: 'bank' })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    const payment = world.dodo.pay(sessionId)

    const report = await world.eventually(
      invoice.lago_id,
      ({ refunds }) => refunds[0]?.status === 'succeeded',
    )

    expect(report.payments[0]?.disposition).toBe('duplicate')
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([5_000])
    expect(invoice.total_paid_amount_cents).toBe(5_000)
  })

  test('a payment on an invoice that was voided is held for a person, and not recorded', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')

    world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.payments[0]?.disposition).toBe('late')
    expect(invoice.total_paid_amount_cents).toBe(0)
  })

  test('the same success told fifty times at once is recorded once', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const before = world.lago.store.payments.length
    world.dodo.courier.switches.double = true
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await Promise.all(
      Array.from({ length: 50 }, () =>
        world.bridge.settle(invoice.lago_id, { cause: 'operator' }).catch(() => undefined),
      ),
    )
    world.dodo.courier.switches.double = false

    expect(world.lago.store.payments).toHaveLength(before + 1)
  })
})

describe('recording a payment in a free Lago', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ lago: { premium: false } })
  })
  afterAll(() => world.close())

  const payInvoice = async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    return { invoice, payment }
  }

  test('sets the status and names the payment, and the licence is found out once', async () => {
    const { invoice, payment } = await payInvoice()
    await payInvoice()

    expect(invoice.payment_status).toBe('succeeded')
    expect(invoice.metadata.find(({ key }) => key === 'dodo_payment_id')?.value).toBe(
      payment.payment_id,
    )
    expect(world.sent('POST', /\/api\/v1\/payments$/)).toHaveLength(1)
  })

  test('a refund cannot become a credit note, which is a matter for a person', async () => {
    const { invoice, payment } = await payInvoice()

    const refund = world.dodo.refund(payment.payment_id)

    const report = await world.eventually(invoice.lago_id, isHeld)
    expect(report.reason).toContain(refund.refund_id)
    expect(report.reason).toMatch(/licen[cs]e/)
    expect(report.refunds).toMatchObject([{ amount: 5_000, lagoCreditNoteId: null }])
  })

  test('a part of what is due is held, since the status would say that all of it is paid', async () => {
    const { deps } = world.bridge
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const { payment_id } = await world.inSilence(() => world.dodo.pay(sessionId))
    await readPayment(deps, payment_id)
    const shown = await deps.lago.findInvoice(invoice.lago_id)
    const { ledger } = await loadLedger(deps, invoice.lago_id)
    const [payment] = ledger.payments
    if (!shown || !payment) throw new Error('it is not known')

    // Where nobody has tried before, the first finds out that there is no licence.
    for (let nth = 0; nth < 2; nth += 1)
      await recordPayment(deps, { invoice: shown, payment, amount: 4_000 })

    expect(invoice.payment_status).toBe('pending')
    const isThis = eq(recordings.dodoPaymentId, payment_id)
    const rows = await deps.db.select().from(recordings).where(isThis)
    expect(rows).toMatchObject([{ status: 'held', disposition: 'mismatch' }])
    await deps.db.delete(recordings).where(isThis)
    await world.bridge.settle(invoice.lago_id, { cause: 'operator' })
    await world.eventually(invoice.lago_id, isPaid)
  })

  test('a status whose answer is lost is set once, and is ours', async () => {
    world.lago.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'PUT', path: '/invoices/' },
    })

    const { invoice } = await payInvoice()

    expect(invoice.payment_status).toBe('succeeded')
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.payments[0]?.disposition).toBe('applied')
  })
})
