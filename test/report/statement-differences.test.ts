import { describe, expect, test } from 'bun:test'

import { collect, givenBack, inWorld, openBundle, stated } from './support.ts'
import type { World } from '../support/world.ts'

/** The line of one currency: payments on both sides, refunds on both sides, and what is left over. */
const usd = (payments: string, refunds: string, difference: string) =>
  new RegExp(`USD +${payments} +${refunds} +${difference}\n`.replaceAll('.', '\\.'))

const openInvoice = async (world: World, amount: number) => {
  const invoice = world.bill(amount)
  return { invoice, ...(await world.openCheckout(invoice.lago_id)) }
}

/** The bridge has seen it paid before the customer pays it again, which proves that it is paid twice. */
async function payByHand(world: World, lagoInvoiceId: string, amountCents: number) {
  world.lago.recordManualPayment(lagoInvoiceId, { amountCents, reference: 'bank' })
  await world.eventually(lagoInvoiceId, ({ state }) => state === 'paid')
}

describe('money that no invoice takes', () => {
  test('paid on an invoice that was paid by hand is given back, and both are explained', () =>
    inWorld({}, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      await payByHand(world, invoice.lago_id, 4_000)
      const { payment_id } = world.dodo.pay(sessionId)
      await givenBack(world)

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        usd('1 +40.00 USD +0 +0.00 USD', '1 +40.00 USD +0 +0.00 USD', '0.00 USD'),
      )
      expect(text).toContain('1 payment not all taken by an invoice: 1 duplicate')
      expect(text).toContain('1 refund made: 1 duplicate')
      expect(text).toContain('2 differences, 0 unexplained')
      expect(text).toMatch(
        new RegExp(`explained +${payment_id} .*nothing in Lago +given back with`),
      )
      expect(text).toMatch(/explained +ref_.*gives back a second payment: no credit note is wanted/)
    }))

  test.each<[string, (id: string) => { amountCents: number; reference: string }[]]>([
    ['as one of Dodo’s', () => [{ amountCents: 4_000, reference: 'Dodo, 28 Nov' }]],
    ['under words that name it', (id) => [{ amountCents: 4_000, reference: `Dodo ${id}` }]],
    [
      'in two parts',
      (id) => [
        { amountCents: 1_500, reference: id },
        { amountCents: 2_500, reference: id },
      ],
    ],
  ])('that a person wrote down %s agrees', (_how, writtenAs) =>
    inWorld({}, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      await world.inSilence(() => {
        const { payment_id } = world.dodo.pay(sessionId)
        for (const one of writtenAs(payment_id)) {
          world.lago.recordManualPayment(invoice.lago_id, one)
        }
      })
      await world.sweep()
      await world.eventually(invoice.lago_id, ({ payments }) => payments.length > 0)
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(text).toContain('No difference.')
      expect(text).toMatch(/USD +1 +40\.00 USD +\d +40\.00 USD +0 +0\.00 USD/)
      expect(text).not.toContain('no premium licence')
      expect(exitCode).toBe(0)
    }),
  )

  test('held for a person it is explained, and so is the refund that the person makes', () =>
    inWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } }, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      await payByHand(world, invoice.lago_id, 4_000)
      const { payment_id } = world.dodo.pay(sessionId)
      await world.quiet()
      const before = await stated(world)
      world.dodo.refund(payment_id)
      await world.quiet()
      const after = await stated(world)

      expect(before.exitCode).toBe(0)
      expect(before.text).toMatch(new RegExp(`explained +${payment_id} .*nothing in Lago +held: `))
      expect(after.exitCode).toBe(0)
      expect(after.text).toContain('1 refund made: 1 made in Dodo')
      expect(after.text).toMatch(/ref_.*gives back money that no invoice took/)
    }))

  test('paid beyond what was due is recorded in part, and the rest explained', () =>
    inWorld({}, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 10_000)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
      const { payment_id } = world.dodo.pay(sessionId)
      await givenBack(world)
      const given = await stated(world)
      world.dodo.refund(payment_id)
      await world.quiet()
      const all = await stated(world)

      expect(given.exitCode).toBe(0)
      expect(given.text).toMatch(
        usd('1 +100.00 USD +1 +60.00 USD', '1 +40.00 USD +0 +0.00 USD', '0.00 USD'),
      )
      expect(given.text).toMatch(
        /100\.00 USD in Dodo, 60\.00 USD in Lago +40\.00 USD of it given back/,
      )
      expect(all.exitCode).toBe(0)
      expect(all.text).toMatch(
        usd('1 +100.00 USD +1 +60.00 USD', '2 +100.00 USD +1 +60.00 USD', '0.00 USD'),
      )
      expect(all.text).toContain('2 refunds made: 1 made in Dodo, 1 overpayment')
    }))

  test('held beyond what was due, it is a part of what the merchant refunds', () =>
    inWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } }, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 10_000)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
      const { payment_id } = world.dodo.pay(sessionId)
      await world.quiet()
      const before = await stated(world)
      world.dodo.refund(payment_id, 5_000)
      await world.quiet()
      const after = await stated(world)

      expect(before.text).toMatch(/40\.00 USD of it held: it is more than was due/)
      expect(after.exitCode).toBe(0)
      expect(after.text).toMatch(
        /50\.00 USD in Dodo, 10\.00 USD in Lago +40\.00 USD of it gives back money that no invoice took/,
      )
      expect(after.text).toMatch(/USD .* 0\.00 USD\n/)
    }))

  test.each([
    ['hold', 0],
    ['refund', 1],
  ] as const)('paid on a void invoice it is shown as late (%s)', (policy, refunds) =>
    inWorld({ env: { VOID_PAYMENTS: policy } }, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      world.lago.voidInvoice(invoice.lago_id)
      world.dodo.pay(sessionId)
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toContain('1 payment not all taken by an invoice: 1 late')
      expect(text.includes('1 refund made: 1 late')).toBe(refunds === 1)
    }),
  )

  test('a refund that Dodo refuses leaves the money held, with Dodo’s reason', () =>
    inWorld({ dodo: { behaviour: { refundWindowDays: 0 } } }, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      await payByHand(world, invoice.lago_id, 4_000)
      world.dodo.pay(sessionId)
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        /nothing in Lago +held: .*Dodo does not refund it: .*REFUND_WINDOW_EXPIRED/,
      )
    }))

  test('a stranger who names an invoice is held, and one who names none is left out', () =>
    inWorld({}, async (world) => {
      const { invoice, sessionId } = await openInvoice(world, 4_000)
      const session = world.dodo.store.sessions.get(sessionId)
      if (!session) throw new Error('no session')
      const strange = (id: string, metadata: Record<string, string>) => {
        const request = { ...session.request, metadata }
        world.dodo.store.sessions.set(id, { ...session, sessionId: id, request, paymentIds: [] })
        return world.dodo.pay(id)
      }
      const named = strange('cks_named', { lago_invoice_id: invoice.lago_id })
      const ghost = strange('cks_ghost', { lago_invoice_id: 'no-such-invoice' })
      const other = strange('cks_other', {})
      await world.quiet()
      world.advance(2 * 3_600_000)

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      for (const { payment_id } of [named, ghost]) {
        expect(text).toMatch(new RegExp(`explained +${payment_id} .*not made through a checkout`))
      }
      expect(text).not.toContain(other.payment_id)
    }))
})

describe('a payment request', () => {
  test('is one payment in Dodo and one for each invoice in Lago', () =>
    inWorld({}, async (world) => {
      const { sessionId } = await openBundle(world, [3_000, 4_000, 5_000])
      world.dodo.pay(sessionId)
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        usd('1 +120.00 USD +3 +120.00 USD', '0 +0.00 USD +0 +0.00 USD', '0.00 USD'),
      )
      expect(text).toContain('No difference.')
    }))

  test('refunded in Dodo is credited on each invoice, less what was given back before', () =>
    inWorld({}, async (world) => {
      const { invoices, sessionId } = await openBundle(world, [3_000, 4_000, 5_000])
      await payByHand(world, invoices[1].lago_id, 4_000)
      const { payment_id } = world.dodo.pay(sessionId)
      await givenBack(world)
      world.dodo.refund(payment_id, 6_000)
      await world.quiet()

      const { exitCode, text } = await stated(world)
      const { lines } = await stated(world, true)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        usd('1 +120.00 USD +2 +80.00 USD', '2 +100.00 USD +2 +60.00 USD', '0.00 USD'),
      )
      expect(text).toContain('2 differences, 0 unexplained')
      expect(text).toContain('2 refunds made: 1 duplicate, 1 made in Dodo')
      for (const { number } of invoices)
        expect(
          lines.filter((line) => line.startsWith('payment,') && line.includes(number)),
        ).toHaveLength(1)
    }))

  test('recorded twice on one invoice is a fault, whatever its sum', () =>
    inWorld({}, async (world) => {
      const { sessionId } = await openBundle(world, [3_000, 4_000, 5_000])
      world.dodo.pay(sessionId)
      await world.quiet()
      const [first, second] = world.lago.store.payments
      if (!first || !second) throw new Error('not recorded')
      second.invoice = first.invoice

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(1)
      expect(text).toContain('Lago holds it 2 times')
      expect(text).toContain(first.invoice.number)
    }))
})

describe('a credit note of the merchant', () => {
  test('and the refund that carries it out are one', () =>
    inWorld({}, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(/USD .* 1 +25\.00 USD +1 +25\.00 USD +0\.00 USD/)
      expect(text).toContain('1 refund made: 1 for a credit note')
      expect(text).toContain('No difference.')
    }))

  test('that two refunds carried out is divided over them', () =>
    inWorld({}, async (world) => {
      const { invoice, payment } = await collect(world, 10_000)
      world.dodo.courier.switches.lose = true
      const made = [3_000, 2_000].map((cents) => {
        const { refund_id } = world.dodo.refund(payment.payment_id, cents)
        world.dodo.settleRefund(refund_id, 'succeeded')
        return refund_id
      })
      world.lago.courier.switches.lose = true
      const { lago_id } = world.lago.createCreditNote({
        invoiceId: invoice.lago_id,
        refundAmountCents: 5_000,
        metadata: { dodo_refund_id: made.join(','), dodo_payment_id: payment.payment_id },
      })
      world.lago.setRefundStatus(lago_id, 'succeeded')

      const { text } = await stated(world)

      expect(text).toMatch(/USD .* 2 +50\.00 USD +2 +50\.00 USD +0\.00 USD/)
      for (const id of made) expect(text).toMatch(new RegExp(`explained +${id}.*both agree`))
    }))

  test('whose refund Dodo has not carried out yet is owed, and says so', () =>
    inWorld({ dodo: { behaviour: { refunds: 'hold' } } }, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(/explained +ref_.*nothing in Dodo, 25\.00 USD in Lago +Dodo has not/)
    }))

  test('whose refund failed is owed, with the reason', () =>
    inWorld({ dodo: { behaviour: { refunds: 'fail' } } }, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        /explained +ref_.*25\.00 USD in Lago +Dodo could not carry the refund out/,
      )
    }))

  test('that Dodo refuses to refund is owed, with the reason', () =>
    inWorld({ dodo: { behaviour: { refundWindowDays: 0 } } }, async (world) => {
      const { invoice } = await collect(world, 10_000)
      const note = world.lago.createCreditNote({
        invoiceId: invoice.lago_id,
        refundAmountCents: 2_500,
      })
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        new RegExp(`${invoice.number} .*credit note ${note.number} was not refunded`),
      )
    }))

  test('that the bridge never heard of is unexplained after an hour', () =>
    inWorld({}, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.courier.switches.lose = true
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      const early = await stated(world)
      world.advance(2 * 3_600_000)
      const late = await stated(world)

      expect([early.exitCode, late.exitCode]).toEqual([0, 1])
      expect(late.text).toMatch(/UNEXPLAINED .*wants it given back.*run reconcile/)
    }))

  test('on an invoice that was not paid through Dodo is nobody’s business here', () =>
    inWorld({}, async (world) => {
      const { invoice } = await openInvoice(world, 10_000)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 10_000, reference: 'bank' })
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      expect(await stated(world)).toMatchObject({
        exitCode: 0,
        text: expect.stringContaining('No payments and no refunds.'),
      })
    }))
})

describe('a refund', () => {
  test('that failed after Lago had credited it is explained', () =>
    inWorld({}, async (world) => {
      const { payment } = await collect(world, 10_000)
      const { refund_id } = world.dodo.refund(payment.payment_id, 2_500)
      await world.quiet()
      world.dodo.bounceRefund(refund_id)
      await world.quiet()

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(
        new RegExp(`explained +${refund_id} .*failed after Lago had credited it`),
      )
    }))

  test('in many roundings ends without a difference that is not explained', () =>
    inWorld({}, async (world) => {
      const { payment } = await collect(world, 9_000, { taxes: [{ rate: 20 }] })
      for (const cents of [3_333, 4_569, 2_898]) {
        world.dodo.refund(payment.payment_id, cents)
        await world.quiet()
      }

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(/USD .* 3 +108\.00 USD +3 +108\.00 USD +0\.00 USD/)
    }))
})

describe('a dispute', () => {
  const disputed = async (world: World, how: Parameters<World['dodo']['openDispute']>[1] = {}) => {
    const { invoice, payment } = await collect(world, 10_000)
    const dispute = world.dodo.openDispute(payment.payment_id, how)
    await world.quiet()
    return { invoice, payment, dispute }
  }

  test('is counted while it is open, and makes no difference', () =>
    inWorld({}, async (world) => {
      await disputed(world)

      const { exitCode, text } = await stated(world)
      const { lines } = await stated(world, true)

      expect(exitCode).toBe(0)
      expect(text).toContain('1 dispute seen: 1 open')
      expect(text).toContain('No difference.')
      expect(
        lines.filter((line) => /^dispute,.*,USD,100\.00,,,dp_\w+,open\r$/.test(line)),
      ).toHaveLength(1)
    }))

  test('that was won is counted as such', () =>
    inWorld({}, async (world) => {
      const { dispute } = await disputed(world)
      world.dodo.moveDispute(dispute.dispute_id, 'dispute_won')
      await world.quiet()

      expect((await stated(world)).text).toContain('1 dispute seen: 1 won or withdrawn')
      const { lines } = await stated(world, true)
      expect(lines.filter((line) => line.endsWith(',won or withdrawn\r'))).toHaveLength(1)
    }))

  test('that was lost is explained where Lago knows no lost disputes', () =>
    inWorld({ lago: { release: '1.0.1' } }, async (world) => {
      const { invoice, dispute } = await disputed(world)
      world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost')
      await world.eventually(invoice.lago_id, ({ reason }) => reason.includes('cannot be told'))

      const { exitCode, text } = await stated(world)

      expect(text).toMatch(
        /explained +dp_.*dispute lost: the money went back; this Lago cannot be told/,
      )
      expect(exitCode).toBe(0)
    }))

  test('that was lost, accepted or expired is a difference which Lago knows of, also in the CSV', () =>
    inWorld({}, async (world) => {
      const named: string[] = []
      for (const status of ['dispute_lost', 'dispute_accepted', 'dispute_expired'] as const) {
        const { invoice, dispute } = await disputed(world)
        world.dodo.moveDispute(dispute.dispute_id, status)
        named.push(`${dispute.dispute_id} +${invoice.number}`)
      }
      await world.quiet()

      const { exitCode, text } = await stated(world)
      const { lines } = await stated(world, true)

      expect(exitCode).toBe(0)
      expect(text).toContain('3 disputes seen: 3 lost')
      for (const name of named) {
        expect(text).toMatch(new RegExp(`explained +${name} .*Lago shows the invoice as paid`))
      }
      const row =
        /^dispute,\d{4}-\d\d-\d\dT[^,]+Z,pay_\w+,,[^,]+,[^,]+,,USD,100\.00,,"?dp_.*,dp_\w+,lost\r$/
      expect(lines.filter((line) => row.test(line))).toHaveLength(3)
      expect(lines.at(-1)).toBe('sum,,,,,,,USD,300.00,,,,lost\r')
      expect(text).toContain('300.00 USD went back in lost disputes')
    }))

  test('that Visa resolved by itself is lost without a refund', () =>
    inWorld({}, async (world) => {
      const { dispute } = await disputed(world, { rdr: true })

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(0)
      expect(text).toMatch(new RegExp(`${dispute.dispute_id} .*Visa gave the money back by itself`))
    }))

  test('that Lago was not told of is unexplained', () =>
    inWorld({}, async (world) => {
      const { payment } = await collect(world, 10_000)
      world.dodo.courier.switches.lose = true
      world.dodo.openDispute(payment.payment_id, { rdr: true })

      const { exitCode, text } = await stated(world)

      expect(exitCode).toBe(1)
      expect(text).toMatch(/UNEXPLAINED +dp_.*Lago does not know of it yet: run reconcile/)
    }))

  test('about somebody else’s payment is left out', () =>
    inWorld({}, async (world) => {
      const { sessionId } = await openInvoice(world, 4_000)
      const session = world.dodo.store.sessions.get(sessionId)
      if (!session) throw new Error('no session')
      const request = { ...session.request, metadata: {} }
      world.dodo.store.sessions.set('cks_other', {
        ...session,
        sessionId: 'cks_other',
        request,
        paymentIds: [],
      })
      const { payment_id } = world.dodo.pay('cks_other')
      world.dodo.openDispute(payment_id)
      await world.quiet()

      expect((await stated(world)).text).toContain('No payments and no refunds.')
    }))
})
