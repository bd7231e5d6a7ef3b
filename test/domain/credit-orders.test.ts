import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Payment } from '../../src/collect/ledger.ts'
import type { InvoiceLedger as Ledger } from '../../src/billers/lago/decide/invoice.ts'
import {
  credit,
  creditNote,
  dispute,
  ended,
  HOUR_MS,
  ago,
  INVOICE_ID,
  ledger,
  NOW,
  order,
  paidInvoice,
  paidLedger,
  payment,
  policy,
  recording,
  refund,
} from './builders.ts'

const next = (about: Ledger) => decide(paidInvoice(), about, policy(), NOW)
const noted = (made: Partial<Payment> = {}, ...notes: ReturnType<typeof creditNote>[]) =>
  paidLedger({
    payments: [payment(made)],
    creditNotes: notes.length > 0 ? notes : [creditNote()],
  })
const orderOfNote = (fields: Parameters<typeof order>[0] = {}) =>
  order({ creditNoteId: 'note_1', cause: 'credit note', ...fields })

describe('a credit note of the merchant’s that wants money given back', () => {
  test('becomes a refund of its amount', () => {
    expect(next(noted())).toEqual({
      do: 'order_refund',
      payment: payment(),
      resume: undefined,
      amount: 5_400,
      cause: 'credit note',
      creditNote: creditNote(),
    })
  })

  test.each(['succeeded', 'failed', 'gone'])('and is %s by now wants nothing', (refundStatus) => {
    expect(next(noted({}, creditNote({ refundStatus }))).do).toBe('rest')
  })

  test('is not answered while its refund is under way', () => {
    const orders = [orderOfNote()]

    expect(next(noted({ orders })).do).toBe('rest')
    expect(next(noted({ orders, refunds: [refund({ status: 'pending' })] })).do).toBe('rest')
  })

  test('is answered with its refund once that succeeded', () => {
    const given = { orders: [orderOfNote()], refunds: [refund()] }

    expect(next(noted(given))).toEqual({
      do: 'answer_credit_note',
      creditNote: creditNote(),
      outcome: 'succeeded',
      reason: null,
      refunds: [{ payment: payment(given), dodoRefundId: 'ref_1', amount: 5_400 }],
    })
  })

  test('causes no credit note of ours for that refund', () => {
    const about = noted(
      { orders: [orderOfNote()], refunds: [refund()] },
      creditNote({ refundStatus: 'succeeded' }),
    )

    expect(next(about)).toMatchObject({ do: 'rest', standing: { state: 'paid' } })
  })

  test.each<[string, Partial<Payment>, string]>([
    [
      'Dodo refuses it',
      { orders: [orderOfNote({ status: 'refused', dodoRefundId: null, reason: 'too late' })] },
      'too late',
    ],
    [
      'its refund failed',
      { orders: [orderOfNote()], refunds: [refund({ status: 'failed' })] },
      'Dodo could not carry out refund ref_1',
    ],
    [
      'it wants more than is left',
      { refunds: [refund({ dodoRefundId: 'ref_0', amount: 6_000 })] },
      '54.00 USD is to be given back, and only 48.00 USD of what was paid is left',
    ],
    [
      'a bank took the money back',
      { disputes: [dispute({ status: 'dispute_lost' })] },
      '54.00 USD is to be given back, and only 0.00 USD of what was paid is left',
    ],
  ])('is answered as failed, with the reason, when %s', (_, made, reason) => {
    const about = { ...noted(made), credits: [credit({ dodoRefundId: 'ref_0' })] }
    const step = decide(paidInvoice({ isDisputeLost: true }), about, policy(), NOW)

    expect(step).toMatchObject({ do: 'answer_credit_note', outcome: 'failed', reason })
  })

  test('that failed wants a person', () => {
    const failed = creditNote({ refundStatus: 'failed', reason: 'too late' })

    expect(next(noted({}, failed))).toMatchObject({
      do: 'rest',
      standing: {
        state: 'attention',
        reason: 'credit note ACM-014-003-CN001 was not refunded: too late',
      },
    })
  })

  test('waits while the payment is disputed, and is carried out once that is won', () => {
    expect(next(noted({ disputes: [dispute()] })).do).toBe('rest')
    expect(next(noted({ disputes: [dispute({ status: 'dispute_won' })] })).do).toBe('order_refund')
  })

  test('waits while the merchant’s own refund is pending', () => {
    const refunds = [refund({ dodoRefundId: 'ref_0', amount: 800, status: 'pending' })]

    expect(next(noted({ refunds })).do).toBe('rest')
  })

  test('on an invoice that was paid outside Dodo is none of our business', () => {
    expect(next(ledger({ creditNotes: [creditNote()] })).do).toBe('rest')
  })

  test('that a lost answer cut off is looked for', () => {
    const begun = orderOfNote({ status: 'unknown', dodoRefundId: null })

    expect(next(noted({ orders: [begun] }))).toMatchObject({
      do: 'order_refund',
      resume: begun,
      creditNote: { creditNoteId: 'note_1' },
    })
  })

  test('leaves nothing for a second one that wants the same money', () => {
    const both = [
      creditNote({ amount: 8_000 }),
      creditNote({ creditNoteId: 'note_2', amount: 8_000 }),
    ]
    const about = noted({ orders: [orderOfNote({ amount: 8_000 })] }, ...both)

    expect(next(about)).toMatchObject({
      do: 'answer_credit_note',
      creditNote: { creditNoteId: 'note_2' },
      outcome: 'failed',
    })
  })

  test('is carried out after an earlier one that leaves enough', () => {
    const both = [creditNote({ refundStatus: 'succeeded' }), creditNote({ creditNoteId: 'note_2' })]
    const about = noted({ orders: [orderOfNote()], refunds: [refund()] }, ...both)

    expect(next(about)).toMatchObject({
      do: 'order_refund',
      amount: 5_400,
      creditNote: { creditNoteId: 'note_2' },
    })
  })
})

/** 60.00 USD and then 48.00 USD were paid, through two checkouts. */
const inTwo = (early: Partial<Payment> = {}, late: Partial<Payment> = {}) =>
  ledger({
    attempts: [ended('paid', { amount: 6_000 }), ended('paid', { number: 2, amount: 4_800 })],
    payments: [
      payment({ amount: 6_000, madeAt: ago(HOUR_MS), ...early }),
      payment({ dodoPaymentId: 'pay_2', attemptId: 'attempt_2', amount: 4_800, ...late }),
    ],
    recordings: [
      recording({ amount: 6_000 }),
      recording({ dodoPaymentId: 'pay_2', amount: 4_800 }),
    ],
    creditNotes: [creditNote({ amount: 10_000 })],
  })

describe('a credit note of more than one payment', () => {
  const first = orderOfNote({ dodoPaymentId: 'pay_2', amount: 4_800 })
  const done = {
    orders: [first],
    refunds: [refund({ amount: 4_800 })],
  }

  test('takes from the last payment first', () => {
    expect(next(inTwo())).toMatchObject({
      do: 'order_refund',
      payment: { dodoPaymentId: 'pay_2' },
      amount: 4_800,
    })
  })

  test('goes on with the other once the first refund succeeded, not before', () => {
    expect(next(inTwo({}, { orders: [first] })).do).toBe('rest')
    expect(next(inTwo({}, done))).toMatchObject({
      do: 'order_refund',
      payment: { dodoPaymentId: 'pay_1' },
      amount: 5_200,
    })
  })

  test('is answered with both', () => {
    const other = orderOfNote({ id: 'order_2', amount: 5_200, dodoRefundId: 'ref_2' })
    const refunds = [refund({ dodoRefundId: 'ref_2', amount: 5_200 })]

    expect(next(inTwo({ orders: [other], refunds }, done))).toMatchObject({
      do: 'answer_credit_note',
      outcome: 'succeeded',
      refunds: [
        { dodoRefundId: 'ref_1', amount: 4_800 },
        { dodoRefundId: 'ref_2', amount: 5_200 },
      ],
    })
  })
})

describe('a refund that the merchant made in Dodo', () => {
  test('that failed after Lago had credited it is taken back', () => {
    const about = paidLedger({
      payments: [payment({ refunds: [refund({ status: 'failed' })] })],
      credits: [credit()],
    })

    expect(next(about)).toEqual({ do: 'reverse_credit', dodoRefundId: 'ref_1' })
  })

  test('that was taken back is not taken back again, but shown', () => {
    const about = paidLedger({
      payments: [payment({ refunds: [refund({ status: 'failed' })] })],
      credits: [credit({ status: 'reversed' })],
    })

    expect(next(about)).toMatchObject({
      do: 'rest',
      standing: { state: 'attention', reason: expect.stringContaining('refund ref_1 failed') },
    })
  })

  test('that only a licence was wanting for is credited as soon as there is one', () => {
    const about = paidLedger({
      payments: [payment({ refunds: [refund()] })],
      credits: [credit({ status: 'impossible', needsLicense: true })],
    })

    expect(decide(paidInvoice(), about, policy({ isFreeLicense: true }), NOW).do).toBe('rest')
    expect(next(about)).toMatchObject({ do: 'credit_refund', amount: 5_400 })
  })

  test('of a payment for several invoices is credited on each for its share', () => {
    const parts = [
      { receivableId: 'invoice_0', share: 4_000, taken: 4_000, isSettled: true },
      { receivableId: INVOICE_ID, share: 6_800, taken: 6_800, isSettled: true },
    ]
    const about = paidLedger({
      attempts: [ended('paid', { share: 6_800, receivableId: 'request_1' })],
      payments: [payment({ parts, refunds: [refund()] })],
      recordings: [recording({ amount: 6_800 })],
    })
    const older = { ...about, receivableId: 'invoice_0' }

    expect(next(about)).toMatchObject({ do: 'credit_refund', amount: 1_400 })
    expect(next(older)).toMatchObject({ do: 'credit_refund', amount: 4_000 })
  })
})
