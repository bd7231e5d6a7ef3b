import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type Report, type World } from '../support/world.ts'
import { explained } from '../report/support.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const isFailed = ({ state }: Report) => state === 'failed'

/** What the bridge can do with each Lago. */
const RELEASES = [
  {
    name: '1.0.0',
    release: '1.0.0',
    records: false,
    asksTogether: false,
    hidden: 'shown',
    retry: 'again',
    off: 9,
  },
  {
    name: '1.18.0',
    release: '1.18.0',
    records: false,
    asksTogether: true,
    hidden: 'never',
    retry: 'again',
    off: 4,
  },
  {
    name: '1.22.0',
    release: '1.22.0',
    records: true,
    asksTogether: true,
    hidden: 'never',
    retry: 'again',
    off: 2,
  },
  {
    name: '1.33.3',
    release: '1.33.3',
    records: true,
    asksTogether: true,
    hidden: 'never',
    retry: 'mute',
    off: 3,
  },
  {
    name: '1.36.0',
    release: '1.36.0',
    records: true,
    asksTogether: true,
    hidden: 'taken',
    retry: 'mute',
    off: 2,
  },
  {
    name: '1.40.0',
    release: '1.40.0',
    records: true,
    asksTogether: true,
    hidden: 'taken',
    retry: 'told',
    off: 0,
  },
  {
    name: '1.48.0',
    release: '1.48.0',
    records: true,
    asksTogether: true,
    hidden: 'taken',
    retry: 'told',
    off: 0,
  },
  {
    name: 'of today',
    release: undefined,
    records: true,
    asksTogether: true,
    hidden: 'taken',
    retry: 'told',
    off: 0,
  },
] as const

describe.each(RELEASES)(
  'with Lago $name',
  ({ release, records, asksTogether, hidden, retry, off }) => {
    let world: World
    beforeAll(async () => {
      world = await openWorld({ lago: release === undefined ? {} : { release } })
    })
    afterAll(() => world.close())

    const spoil = (method: string, path: string) =>
      world.lago.faults.add({
        kind: 'after_status',
        status: 500,
        times: 1,
        match: { method, path },
      })

    test('an invoice is paid, refunded from both sides, and nothing is done twice for a lost answer', async () => {
      const invoice = world.bill(5_000)
      const { sessionId, report } = await world.openCheckout(invoice.lago_id)
      if (records) spoil('POST', '/api/v1/payments')

      const payment = world.dodo.pay(sessionId)
      await world.eventually(invoice.lago_id, isPaid)

      expect(invoice.payment_status).toBe('succeeded')
      expect(world.paidIn(invoice.lago_id).map(({ reference }) => reference)).toEqual(
        records ? [payment.payment_id] : [],
      )

      if (records) spoil('POST', '/api/v1/credit_notes$')
      world.dodo.refund(payment.payment_id, 2_000)
      await world.eventually(invoice.lago_id, ({ refunds, reason }) =>
        records ? !!refunds[0]?.lagoCreditNoteId : reason.includes('without a premium licence'),
      )
      const note = world.lago.createCreditNote({
        invoiceId: invoice.lago_id,
        refundAmountCents: 1_000,
      })
      await world.eventually(invoice.lago_id, () => note.refund_status === 'succeeded')
      world.dodo.refund(payment.payment_id, 2_000)
      await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 3)
      await world.quiet()
      await world.sweep()
      await world.quiet()

      expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([
        2_000, 1_000, 2_000,
      ])
      expect(
        world.notesOf(invoice.lago_id).map((one) => [one.refund_amount_cents, one.refund_status]),
      ).toEqual(
        records
          ? [
              [2_000, 'succeeded'],
              [1_000, 'succeeded'],
              [2_000, 'succeeded'],
            ]
          : [[1_000, 'succeeded']],
      )
      expect(invoice.metadata.find(({ key }) => key === 'dodo_pay_url')?.value).toBe(report.payUrl)
      expect(world.paidIn(invoice.lago_id)).toHaveLength(records ? 1 : 0)
      const { text } = await explained(world, invoice.number)
      const said = text.split('\n').filter((line) => line.includes(`(Lago ${release};`))
      expect(said).toHaveLength(off)
    })

    test(`the Retry button: ${retry}`, async () => {
      const invoice = world.bill(5_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
      await world.eventually(invoice.lago_id, isFailed)

      world.lago.pressRetry(invoice.lago_id)

      if (retry === 'mute') await world.quiet()
      else await world.openCheckout(invoice.lago_id, 2)
      const report = await world.invoiceReport(invoice.lago_id)
      expect(report?.attempts).toHaveLength(retry === 'mute' ? 1 : 2)
    })

    test('several invoices are asked for together where Lago has payment requests', async () => {
      const customer = world.addCustomer()
      const invoices = [1_500, 2_500].map((amountCents) => world.bill(amountCents, { customer }))
      for (const { lago_id } of invoices) {
        await world.openCheckout(lago_id)
        world.lago.markOverdue(lago_id)
      }
      world.lago.requestPayment({
        externalCustomerId: customer.external_id,
        invoiceIds: invoices.map(({ lago_id }) => lago_id),
      })
      await world.quiet()

      const report = await world.invoiceReport(invoices[0]?.lago_id ?? '')
      expect(report?.paymentRequests).toHaveLength(asksTogether ? 1 : 0)
      if (!asksTogether) return
      world.dodo.pay(await world.follow(report?.paymentRequests[0]?.payUrl ?? ''))
      for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)
    })

    test(`a top-up that must be paid first: ${hidden}`, async () => {
      const customer = world.addCustomer({ currency: 'USD' })
      const [transaction] = world.lago.topUpWallet({
        externalCustomerId: customer.external_id,
        paidCredits: '25',
        invoiceRequiresSuccessfulPayment: true,
      })
      const lagoInvoiceId = transaction?.invoice?.lago_id ?? ''
      await world.quiet()

      if (hidden === 'never') {
        expect(await world.invoiceReport(lagoInvoiceId)).toBeUndefined()
        expect(await world.sweep()).not.toContainEqual(
          expect.objectContaining({ what: expect.stringContaining('top-up') }),
        )
      } else {
        const { sessionId } = await world.openCheckout(lagoInvoiceId)
        world.dodo.pay(sessionId)
        await world.eventually(lagoInvoiceId, isPaid)
        expect(transaction?.status).toBe('settled')
      }
    })
  },
)
