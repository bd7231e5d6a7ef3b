import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Payment } from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import {
  credit,
  creditNote,
  dispute,
  ended,
  INVOICE_ID,
  invoice,
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

const second = (fields: Partial<Payment> = {}) =>
  payment({ dodoPaymentId: 'pay_2', attemptId: 'attempt_2', ...fields })

/** The invoice was paid, and then paid again through a second checkout. */
const paidTwice = (
  fields: Partial<Payment> = {},
  disposition: 'duplicate' | 'late' = 'duplicate',
) =>
  paidLedger({
    attempts: [ended('paid'), ended('paid', { number: 2 })],
    payments: [payment(), second(fields)],
    recordings: [
      recording(),
      recording({
        dodoPaymentId: 'pay_2',
        status: 'held',
        disposition,
        amount: 0,
        reason: 'the invoice was paid by pay_1',
      }),
    ],
  })
const next = (about: Ledger, fields: Partial<Policy> = {}, of: Invoice = paidInvoice()) =>
  decide(of, about, policy(fields), NOW)

/** Lago was paid 8.00 USD by hand while a checkout for 108.00 USD was open, which was paid as well. */
const overpaid = ledger({
  attempts: [ended('paid')],
  payments: [payment()],
  recordings: [recording({ amount: 10_000 })],
})

describe('a second payment of one invoice', () => {
  test('is given back in whole, if the merchant wants that', () => {
    expect(next(paidTwice(), { duplicatePayments: 'refund' })).toEqual({
      do: 'order_refund',
      payment: second({
        parts: [{ receivableId: INVOICE_ID, share: 10_800, taken: 0, isSettled: true }],
      }),
      resume: undefined,
      amount: 10_800,
      cause: 'duplicate',
      creditNote: undefined,
    })
  })

  test('that a person had given back before it was contested wants another word once that is won', () => {
    const openedAt = new Date(NOW.getTime() - 60_000)
    const won = dispute({ status: 'dispute_won', openedAt })
    const ruled = (ruledAt: Date) => {
      const about = paidTwice({ disputes: [won] })
      const recordings = about.recordings.map((one) => ({
        ...one,
        ...(one.dodoPaymentId === 'pay_2' && {
          ruling: 'give_back' as const,
          ruledAt,
          ruledAmount: 10_800,
        }),
      }))
      return next({ ...about, recordings }, { duplicatePayments: 'hold' })
    }

    expect(ruled(new Date(openedAt.getTime() - 1_000))).toMatchObject({
      do: 'rest',
      standing: { state: 'attention', code: 'held_duplicate' },
    })
    expect(ruled(new Date(openedAt.getTime() + 1_000))).toMatchObject({ do: 'order_refund' })
  })

  test('is held for a person, if the merchant wants that', () => {
    expect(next(paidTwice(), { duplicatePayments: 'hold' })).toMatchObject({
      do: 'rest',
      standing: {
        state: 'attention',
        reason:
          '108.00 USD of payment pay_2 is held, not recorded: the invoice was paid by pay_1; refund it in Dodo, or settle it by hand',
      },
    })
  })

  test('that a person gave back by hand is no trouble any more', () => {
    const about = paidTwice({ refunds: [refund({ amount: 10_800 })] })

    for (const duplicatePayments of ['refund', 'hold'] as const) {
      expect(next(about, { duplicatePayments })).toMatchObject({
        do: 'rest',
        standing: { state: 'paid' },
      })
    }
  })

  test('of which a person gave a part back is given back as to the rest', () => {
    expect(next(paidTwice({ refunds: [refund({ amount: 800 })] }))).toMatchObject({
      do: 'order_refund',
      amount: 10_000,
    })
  })

  test('is nobody’s any more once a bank took it back', () => {
    const about = paidTwice({ disputes: [dispute({ status: 'dispute_lost' })] })

    expect(next(about)).toMatchObject({ do: 'rest', standing: { state: 'paid' } })
  })
})

describe('a payment of more than is due by then', () => {
  test('is given back as to the excess, if the merchant wants that', () => {
    expect(next(overpaid)).toMatchObject({
      do: 'order_refund',
      amount: 800,
      cause: 'overpayment',
      payment: { dodoPaymentId: 'pay_1' },
    })
  })

  test('is held as to the excess, if the merchant wants that', () => {
    expect(next(overpaid, { duplicatePayments: 'hold' })).toMatchObject({
      do: 'rest',
      standing: {
        state: 'attention',
        reason: expect.stringContaining('8.00 USD of payment pay_1 is held'),
      },
    })
  })

  test('is paid, without a credit note, once the excess was given back', () => {
    const refunds = [refund({ amount: 800 })]
    const done = { ...overpaid, payments: [payment({ refunds, parts: partOf(10_000) })] }

    expect(next(done)).toMatchObject({ do: 'rest', standing: { state: 'paid' } })
  })

  test('has a credit note only for what a refund takes beyond the excess', () => {
    const refunds = [refund({ amount: 1_000 })]
    const more = { ...overpaid, payments: [payment({ refunds, parts: partOf(10_000) })] }

    expect(next(more)).toMatchObject({ do: 'credit_refund', amount: 200 })
  })
})

const partOf = (taken: number) => [
  { receivableId: INVOICE_ID, share: 10_800, taken, isSettled: true },
]

describe('a payment of a void invoice', () => {
  const late = paidTwice({}, 'late')
  const voided = paidInvoice({ status: 'voided' })

  test.each([
    ['refund', 'order_refund'],
    ['hold', 'rest'],
  ] as const)('is given back or held by its own policy: %s', (voidPayments, expected) => {
    const other = voidPayments === 'refund' ? 'hold' : 'refund'
    const step = next(late, { voidPayments, duplicatePayments: other }, voided)

    expect(step.do).toBe(expected)
    if (step.do === 'order_refund') expect(step).toMatchObject({ amount: 10_800, cause: 'late' })
    if (step.do === 'rest') expect(step.standing.state).toBe('attention')
  })
})

describe('an invoice that was made void after it was paid', () => {
  const voided = paidInvoice({ status: 'voided' })
  const standing = (about: Ledger) => {
    const step = next(about, {}, voided)
    return step.do === 'rest' ? step.standing : step
  }

  test('wants a person to say whether the money goes back', () => {
    expect(standing(paidLedger())).toEqual({
      state: 'attention',
      code: 'void_after_paid',
      reason:
        'the invoice was made void after 108.00 USD had been paid with pay_1: refund it in Dodo, or leave it',
    })
  })

  test('waits for the credit note that the merchant wrote on it', () => {
    const about = paidLedger({
      payments: [payment({ orders: [order({ creditNoteId: 'note_1', amount: 10_800 })] })],
      creditNotes: [creditNote({ amount: 10_800 })],
    })

    expect(standing(about)).toMatchObject({ state: 'void' })
  })

  test('is void once the money went back and Lago has its credit note', () => {
    const refunds = [refund({ amount: 10_800 })]
    const credits = [credit({ amount: 10_800 })]

    expect(standing(paidLedger({ payments: [payment({ refunds })], credits }))).toMatchObject({
      state: 'void',
    })
  })
})

describe('what nobody can explain', () => {
  test.each(['refund', 'hold'] as const)('is never given back unasked: %s', (choice) => {
    const held = ledger({
      attempts: [ended('paid')],
      payments: [payment({ amount: 10_799 })],
      recordings: [recording({ status: 'held', disposition: 'mismatch', amount: 0 })],
    })

    const step = next(held, { duplicatePayments: choice, voidPayments: choice }, invoice())

    expect(step).toMatchObject({ do: 'rest', standing: { state: 'attention' } })
  })
})

describe('refunds of one payment', () => {
  test.each<[string, Partial<Payment>]>([
    ['asked for and not seen yet', { orders: [order({ amount: 800 })] }],
    ['pending', { refunds: [refund({ status: 'pending', amount: 800 })] }],
    ['under review', { refunds: [refund({ status: 'review', amount: 800 })] }],
    ['of a status that we do not know', { refunds: [refund({ status: 'queued', amount: 800 })] }],
    ['of an amount that Dodo does not say', { refunds: [refund({ amount: null })] }],
    ['waiting for a dispute', { disputes: [dispute()] }],
  ])('go one at a time: nothing is asked for while one is %s', (_, fields) => {
    expect(next(paidTwice(fields)).do).toBe('rest')
  })

  test.each(['intended', 'unknown'] as const)(
    'that are %s are looked for before anything else is asked for',
    (status) => {
      const begun = order({ dodoPaymentId: 'pay_2', status, dodoRefundId: null, amount: 300 })

      expect(next(paidTwice({ orders: [begun] }))).toMatchObject({
        do: 'order_refund',
        resume: begun,
        amount: 300,
        cause: 'duplicate',
      })
    },
  )

  test('that another invoice began are not this one’s to finish, but are waited for', () => {
    const begun = order({ status: 'unknown', dodoRefundId: null, receivableId: 'invoice_2' })

    expect(next(paidTwice({ orders: [begun] })).do).toBe('rest')
  })

  test.each<[string, Partial<Payment>, string]>([
    [
      'Dodo refused',
      {
        orders: [
          order({
            status: 'refused',
            dodoRefundId: null,
            amount: 10_800,
            reason: 'the refund window is over',
          }),
        ],
      },
      'the refund window is over',
    ],
    [
      'failed after all',
      {
        orders: [order({ amount: 10_800 })],
        refunds: [refund({ amount: 10_800, status: 'failed' })],
      },
      'Dodo could not carry it out',
    ],
  ])('that %s are not asked for again, but shown', (_, fields, reason) => {
    expect(next(paidTwice(fields))).toMatchObject({
      do: 'rest',
      standing: {
        state: 'attention',
        reason: `108.00 USD of payment pay_2 could not be refunded (${reason}): the invoice was paid by pay_1; refund it in Dodo`,
      },
    })
  })

  test('that failed on behalf of another invoice stop none of this one', () => {
    const orders = [
      order({ status: 'refused', dodoRefundId: null, receivableId: 'invoice_2', reason: 'no' }),
    ]

    expect(next(paidTwice({ orders }))).toMatchObject({ do: 'order_refund', amount: 10_800 })
  })

  test('that Dodo refused and a person made are no trouble any more', () => {
    const about = paidTwice({
      orders: [order({ status: 'refused', dodoRefundId: null, reason: 'no' })],
      refunds: [refund({ amount: 10_800 })],
    })

    expect(next(about)).toMatchObject({ do: 'rest', standing: { state: 'paid' } })
  })
})

describe('held money', () => {
  const little = { amount: 10_000 }
  const heldFor = (fields: Partial<Payment>) =>
    next(
      ledger({
        requestedBy: 'customer',
        attempts: [ended('paid')],
        payments: [payment({ ...little, ...fields })],
        recordings: [recording({ status: 'held', disposition: 'mismatch', amount: 0 })],
      }),
      {},
      invoice(),
    )

  test('stops asking for more until it went back', () => {
    expect(heldFor({}).do).toBe('rest')
    expect(heldFor({ refunds: [refund({ amount: 9_000 })] }).do).toBe('rest')
    expect(heldFor({ refunds: [refund({ amount: 10_000 })] }).do).toBe('open_checkout')
  })

  test('that a bank took back stops nothing any more, or wants a person', () => {
    const step = heldFor({ disputes: [dispute({ status: 'dispute_lost' })] })

    const isShown = step.do === 'rest' && step.standing.state === 'attention'
    expect(isShown || step.do === 'open_checkout').toBe(true)
  })

  test('of a stranger stops nothing, and is shown', () => {
    const held = {
      payments: [payment({ attemptId: null })],
      recordings: [recording({ status: 'held', disposition: 'mismatch', amount: 0 })],
    }

    expect(next(ledger(held), {}, invoice()).do).toBe('open_checkout')
    expect(next(paidLedger(held))).toMatchObject({ standing: { state: 'attention' } })
  })
})

describe('after a part payment', () => {
  test('the rest is collected when somebody comes to pay', () => {
    const partly = paidInvoice({ paid: 10_000, paymentStatus: 'pending' })
    const about = ledger({
      attempts: [ended('paid', { amount: 10_000 })],
      payments: [payment({ amount: 10_000 })],
      recordings: [recording({ amount: 10_000 })],
    })

    expect(next(about, {}, partly)).toMatchObject({ do: 'rest', isPayable: true })
    expect(next({ ...about, requestedBy: 'customer' }, {}, partly).do).toBe('open_checkout')
  })
})
