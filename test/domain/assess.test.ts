import { describe, expect, test } from 'bun:test'

import { assess } from '../../src/billers/lago/decide/assess.ts'
import { decide } from '../../src/billers/lago/decide/decide.ts'
import { whyNotCollected } from '../../src/billers/lago/decide/collectable.ts'
import type { Recording } from '../../src/collect/ledger.ts'
import type { State } from '../../src/collect/receivable.ts'
import type { Invoice, InvoiceLedger as Ledger } from '../../src/billers/lago/decide/invoice.ts'
import {
  attempt,
  credit,
  ended,
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

describe('whyNotCollected', () => {
  test('an ordinary invoice is collected', () => {
    expect(whyNotCollected(invoice(), policy())).toBeUndefined()
  })

  test.each<[Partial<Invoice>, State, string]>([
    [{ status: 'voided' }, 'void', 'the invoice is void in Lago'],
    [{ status: 'draft' }, 'skipped', 'Lago has not finalised the invoice: it is draft'],
    [{ paymentStatus: 'succeeded' }, 'paid', 'paid in Lago'],
    [{ type: 'advance_charges' }, 'skipped', 'its fees were already paid in advance'],
    [{ total: 0 }, 'skipped', 'nothing is due'],
    [{ isSelfBilled: true }, 'skipped', 'self-billed: the merchant owes this to the partner'],
    [{ nativeProvider: 'adyen' }, 'skipped', 'Lago itself collects it through adyen'],
    [{ currency: 'BHD' }, 'attention', 'BHD cannot be collected'],
    [{ total: 49 }, 'attention', '0.49 USD is less than the 0.50 USD that Dodo collects at least'],
    [{ currency: 'HUF', total: 174 }, 'attention', '174 HUF is less than the 175.00 HUF'],
    [{ currency: 'JPY', total: 49 }, 'attention', '49 JPY is less than the 50 JPY'],
  ])('%j is %s, because %s', (fields, state, reason) => {
    expect(whyNotCollected(invoice(fields), policy())).toMatchObject({
      state,
      reason: expect.stringContaining(reason),
    })
  })

  test('what is not owed is not worth attention', () => {
    const odd = { currency: 'BHD' }

    expect(whyNotCollected(invoice({ ...odd, total: 0 }), policy())?.state).toBe('skipped')
    expect(whyNotCollected(invoice({ ...odd, nativeProvider: 'stripe' }), policy())?.state).toBe(
      'skipped',
    )
    expect(whyNotCollected(invoice({ ...odd, status: 'voided' }), policy())?.state).toBe('void')
  })
})

describe('COLLECT_SINCE', () => {
  const since = (at: string, isByInstallation = false) =>
    policy({ collectSince: { at: new Date(at), isByInstallation } })

  test.each([
    [
      '2026-07-31',
      '2026-08-01T00:00:00Z',
      'issued before COLLECT_SINCE (2026-08-01T00:00:00.000Z)',
    ],
    ['2026-08-01', '2026-08-01T00:00:00Z', undefined],
    ['2026-08-01', '2026-08-01T15:00:00Z', undefined],
    ['2026-08-02', '2026-08-01T15:00:00Z', undefined],
    [null, '2026-08-01T00:00:00Z', undefined],
  ])('of %p since %s: %p', (issuedOn, at, reason) => {
    expect(whyNotCollected(invoice({ issuedOn }), since(at))?.reason).toBe(reason as string)
  })

  test('what a new installation leaves alone is skipped', () => {
    expect(whyNotCollected(invoice({ issuedOn: '2026-07-01' }), since('2026-08-01', true))).toEqual(
      {
        state: 'skipped',
        reason: 'older than this installation',
      },
    )
  })

  test('what is paid, void or not ours is said to be that', () => {
    const old = { issuedOn: '2026-07-01' }

    expect(whyNotCollected(invoice({ ...old, status: 'voided' }), since('2026-08-01'))?.state).toBe(
      'void',
    )
    expect(
      whyNotCollected(invoice({ ...old, paymentStatus: 'succeeded' }), since('2026-08-01'))?.state,
    ).toBe('paid')
  })

  test('money that came for an old invoice is recorded all the same', () => {
    const old = invoice({ issuedOn: '2026-07-01' })
    const about = ledger({ attempts: [ended('paid')], payments: [payment()] })

    expect(decide(old, about, since('2026-08-01'), NOW).do).toBe('record_payment')
  })
})

const standing = (about: Partial<Ledger>, fields: Partial<Invoice> = {}) =>
  assess(invoice(fields), ledger(about), policy(), NOW)
const standingOfPaid = (about: Ledger) => assess(paidInvoice(), about, policy(), NOW)

describe('assess', () => {
  test('a checkout that is open waits for the customer', () => {
    expect(standing({ attempts: [attempt()] })).toEqual({
      state: 'open',
      reason: 'waiting for the customer to pay 108.00 USD',
    })
  })

  test('a customer who is at the bank page is about to pay', () => {
    const payments = [payment({ status: 'requires_customer_action' })]

    expect(standing({ attempts: [attempt()], payments })).toEqual({
      state: 'open',
      reason: 'waiting for the customer to pay 108.00 USD; the customer is about to pay',
    })
  })

  test.each(['expired', 'superseded'] as const)(
    'a checkout that is %s can be had again',
    (status) => {
      expect(standing({ attempts: [ended(status)] })).toEqual({
        state: 'open',
        reason: 'the checkout is over; the pay link opens a new one',
      })
    },
  )

  test('a decline says its code, and when the next attempt opens', () => {
    const attempts = [ended('declined', { declineCode: 'DO_NOT_HONOR' })]

    expect(standing({ attempts })).toEqual({
      state: 'failed',
      reason: 'declined (DO_NOT_HONOR); the next attempt opens at 2026-08-24T11:59:00.000Z',
    })
  })

  test('the last decline says what starts again', () => {
    expect(standing({ attempts: [ended('declined', { retryIndex: 3 })] })).toEqual({
      state: 'failed',
      reason: 'declined; no retry is left; the pay link or the Retry button start again',
    })
  })

  test('a slow payment is being processed', () => {
    const payments = [payment({ status: 'processing' })]

    expect(standing({ attempts: [attempt()], payments })).toEqual({
      state: 'processing',
      reason: 'payment pay_1 is being processed by the bank',
    })
  })

  test("a stranger's slow payment does not make the invoice look processed", () => {
    const payments = [payment({ attemptId: null, status: 'processing' })]

    expect(standing({ attempts: [attempt()], payments }).state).toBe('open')
  })

  test('a recorded payment makes it paid', () => {
    expect(standingOfPaid(paidLedger())).toEqual({
      state: 'paid',
      reason: 'paid with Dodo payment pay_1',
    })
  })

  test('a recording that was only begun does not', () => {
    const begun = paidLedger({ recordings: [recording({ status: 'unknown' })] })

    expect(assess(invoice(), begun, policy(), NOW).state).not.toBe('paid')
  })

  test('a held payment wants attention before all else, also on a paid invoice', () => {
    const held = recording({
      dodoPaymentId: 'pay_2',
      disposition: 'mismatch',
      status: 'held',
      reason: '108.00 USD was paid where 90.00 USD was asked for',
    })
    const about = paidLedger({
      payments: [payment(), payment({ dodoPaymentId: 'pay_2' })],
      recordings: [recording(), held],
    })

    expect(standingOfPaid(about)).toEqual({
      state: 'attention',
      code: 'held_mismatch',
      reason:
        '108.00 USD of payment pay_2 is held, not recorded: 108.00 USD was paid where 90.00 USD was asked for; refund it in Dodo, or settle it by hand',
    })
  })

  describe('money of ours that is held for what is still due', () => {
    const held = (fields: Partial<Recording> = {}) =>
      recording({ disposition: 'mismatch', status: 'held', amount: 0, ...fields })
    const of = (fields: Partial<Recording>, about: Partial<Ledger> = {}) => {
      const attempts = [ended('paid')]
      return standing({ attempts, payments: [payment()], recordings: [held(fields)], ...about })
    }
    const accepted = { ruling: 'accepted', ruledAt: NOW, ruledAmount: 10_800 } as const

    test('and that a person settled otherwise is not said to be asked for', () => {
      expect(of(accepted)).toEqual({
        state: 'attention',
        code: 'held_mismatch',
        reason:
          '108.00 USD is due in Lago, and is not asked for beside the 108.00 USD that payment pay_1 brought for it and that is dealt with: mark the invoice as paid in Lago, or make it void',
      })
    })

    test('nor what was put aside', () => {
      const { reason } = of({ reason: 'another sum was due' })

      expect(of({ reason: 'another sum was due' }, { dismissed: [reason] })).toMatchObject({
        state: 'attention',
        reason: expect.stringContaining('is not asked for beside the 108.00 USD'),
      })
    })

    test('asks for nothing while it is on its way back', () => {
      const ordered = order({ dodoRefundId: null, status: 'unknown', amount: 10_800 })
      const payments = [payment({ orders: [{ ...ordered, orderedAt: NOW }] })]
      const ruled = { ruling: 'give_back', ruledAt: NOW, ruledAmount: 10_800 } as const

      expect(of(ruled, { payments })).toEqual({
        state: 'open',
        reason:
          'money that came for it is on its way back; the pay link asks for nothing until it is there',
      })
    })

    test('is asked for anew when all of it has gone back', () => {
      const payments = [payment({ refunds: [refund({ amount: 10_800 })] })]

      expect(of({ ruling: 'give_back' }, { payments })).toEqual({
        state: 'open',
        reason: 'the checkout is over; the pay link opens a new one',
      })
    })
  })

  test('a refund that cannot be credited wants attention', () => {
    const about = paidLedger({
      payments: [payment({ refunds: [refund()] })],
      credits: [credit({ status: 'impossible', reason: 'no premium licence' })],
    })

    expect(standingOfPaid(about)).toEqual({
      state: 'attention',
      code: 'credit_impossible',
      reason: 'refund ref_1 has no credit note: no premium licence',
    })
  })

  test('what Lago says of the invoice goes before what became of the checkout', () => {
    expect(standing({ attempts: [ended('declined')] }, { status: 'voided' }).state).toBe('void')
    expect(standing({ attempts: [ended('expired')] }, { paymentStatus: 'succeeded' }).state).toBe(
      'paid',
    )
  })
})
