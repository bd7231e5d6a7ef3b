import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import type { Attempt } from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import {
  ago,
  ahead,
  attempt,
  credit,
  DAY_MS,
  ended,
  HOUR_MS,
  invoice,
  ledger,
  MINUTE_MS,
  NOW,
  paidInvoice,
  paidLedger,
  payment,
  PAY_URL,
  policy,
  recording,
  refund,
  wakeOf,
} from './builders.ts'

const decided = (
  about: { invoice?: Partial<Invoice>; ledger?: Partial<Ledger>; policy?: Partial<Policy> },
  now = NOW,
): Step => decide(invoice(about.invoice), ledger(about.ledger), policy(about.policy), now)

describe('collecting', () => {
  test('a new invoice gets a checkout', () => {
    expect(decided({})).toEqual({
      do: 'open_checkout',
      kind: 'checkout',
      resume: undefined,
      cause: 'invoice',
      retryIndex: 0,
    })
  })

  test('a failed invoice that was never attempted gets one, too', () => {
    expect(decided({ invoice: { paymentStatus: 'failed' } }).do).toBe('open_checkout')
  })

  test.each<[string, Partial<Invoice>, string]>([
    ['draft', { status: 'draft' }, 'skipped'],
    ['pending', { status: 'pending' }, 'skipped'],
    ['failed', { status: 'failed' }, 'skipped'],
    ['of a status nobody knows', { status: 'paused' }, 'skipped'],
    ['voided', { status: 'voided' }, 'void'],
    ['paid', { paymentStatus: 'succeeded' }, 'paid'],
    ['paid by status only, so that all is still due', { paymentStatus: 'succeeded' }, 'paid'],
    ['for nothing', { total: 0 }, 'skipped'],
    ['overpaid', { due: -1 }, 'skipped'],
    ['for charges paid in advance', { type: 'advance_charges' }, 'skipped'],
    ['self-billed', { isSelfBilled: true }, 'skipped'],
    ['collected by Stripe', { nativeProvider: 'stripe' }, 'skipped'],
    ['in a currency that is not carried', { currency: 'KWD' }, 'attention'],
    ['below what Dodo collects', { total: 49 }, 'attention'],
  ])('an invoice that is %s is not collected', (_, fields, state) => {
    const step = decided({ invoice: fields })

    expect(step).toMatchObject({ do: 'rest', standing: { state }, wakeAt: undefined })
  })

  test('neither the customer nor the merchant can have such an invoice collected', () => {
    for (const requestedBy of ['customer', 'merchant'] as const) {
      const step = decided({ invoice: { status: 'voided' }, ledger: { requestedBy } })

      expect(step.do).toBe('rest')
    }
  })

  test.each([
    { email: null, country: 'US' },
    { email: 'a@b.c', country: null },
    { email: null, country: null },
  ])('of a customer with %j a checkout asks what is missing, and no card is saved', (customer) => {
    for (const collection of ['checkout', 'automatic'] as const) {
      const step = decided({ invoice: { customer }, policy: { collection } })

      expect(step).toMatchObject({ do: 'open_checkout', kind: 'checkout' })
    }
  })

  test('the least amount is collected', () => {
    expect(decided({ invoice: { total: 50 } }).do).toBe('open_checkout')
  })

  test('a checkout that is open is waited for', () => {
    expect(decided({ ledger: { attempts: [attempt()] } })).toMatchObject({
      do: 'rest',
      standing: { state: 'open' },
    })
  })

  test.each(['intended', 'unknown'] as const)(
    'an attempt left %s by a lost answer is opened again, not beside',
    (status) => {
      const lost = attempt({ status, dodoSessionId: null, expiresAt: null, lookedAt: null })

      const step = decided({ ledger: { attempts: [lost] } })

      expect(step).toEqual({
        do: 'open_checkout',
        kind: 'checkout',
        resume: lost,
        cause: 'invoice',
        retryIndex: 0,
      })
    },
  )

  test('a lost attempt for another amount is given up first', () => {
    const lost = attempt({ status: 'unknown', dodoSessionId: null, expiresAt: null, amount: 9_999 })

    expect(decided({ ledger: { attempts: [lost] } })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'superseded' },
    })
  })
})

const pending = (observedMsAgo: number) => ({
  attempts: [attempt()],
  payments: [payment({ status: 'processing', observedAt: ago(observedMsAgo) })],
})

describe('reading anew', () => {
  test('a payment that is not final is read again once its observation is old', () => {
    expect(decided({ ledger: pending(6 * MINUTE_MS) })).toEqual({
      do: 'read_payment',
      dodoPaymentId: 'pay_1',
    })
    expect(decided({ ledger: pending(5 * MINUTE_MS) }).do).toBe('rest')
  })

  test.each(['succeeded', 'failed', 'cancelled'])('a payment that %s is not', (status) => {
    const old = payment({ status, observedAt: ago(DAY_MS) })

    expect(decided({ ledger: { attempts: [attempt()], payments: [old] } }).do).not.toBe(
      'read_payment',
    )
  })

  test('a word of Dodo that nobody knows is not final', () => {
    const odd = payment({ status: 'levitating', observedAt: ago(DAY_MS) })

    expect(decided({ ledger: { attempts: [attempt()], payments: [odd] } }).do).toBe('read_payment')
  })

  test('an open session is looked at when the last look is old', () => {
    const old = attempt({ lookedAt: ago(HOUR_MS + 1) })

    expect(decided({ ledger: { attempts: [old] } })).toMatchObject({
      do: 'read_session',
      dodoSessionId: 'cks_1',
    })
  })

  test('an expired session is looked at once more before it is given up', () => {
    const expired = { startedAt: ago(DAY_MS), expiresAt: ago(2 * MINUTE_MS) }
    const seenBefore = attempt({ ...expired, lookedAt: ago(3 * MINUTE_MS) })
    const seenAfter = attempt({ ...expired, lookedAt: ago(MINUTE_MS) })

    expect(decided({ ledger: { attempts: [seenBefore] } }).do).toBe('read_session')
    expect(decided({ ledger: { attempts: [seenAfter] } })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'expired' },
    })
  })
})

const cameIn = (fields: Partial<Ledger>, about: Partial<Invoice> = {}) =>
  decided({ invoice: about, ledger: { attempts: [attempt()], payments: [payment()], ...fields } })

describe('a payment that came in', () => {
  test('of exactly what was asked for is recorded', () => {
    expect(cameIn({})).toMatchObject({
      do: 'record_payment',
      payment: { dodoPaymentId: payment().dodoPaymentId },
      amount: 10_800,
    })
  })

  test('in forints is recorded as Lago counts them', () => {
    const attempts = [attempt({ currency: 'HUF', amount: 45_000 })]
    const payments = [payment({ currency: 'HUF', amount: 4_500_000 })]

    const step = cameIn({ attempts, payments }, { currency: 'HUF', total: 45_000 })

    expect(step).toMatchObject({ do: 'record_payment', amount: 45_000 })
  })

  test.each<[string, Partial<Ledger>, Partial<Invoice>, string]>([
    ['without an attempt of ours', { payments: [payment({ attemptId: null })] }, {}, 'mismatch'],
    ['of an attempt elsewhere', { payments: [payment({ attemptId: 'other' })] }, {}, 'mismatch'],
    ['of one cent less', { payments: [payment({ amount: 10_799 })] }, {}, 'mismatch'],
    ['of one cent more', { payments: [payment({ amount: 10_801 })] }, {}, 'mismatch'],
    ['in another currency', { payments: [payment({ currency: 'EUR' })] }, {}, 'mismatch'],
    [
      'in forints of the wrong unit',
      {
        attempts: [attempt({ currency: 'HUF', amount: 45_000 })],
        payments: [payment({ currency: 'HUF', amount: 45_000 })],
      },
      { currency: 'HUF', total: 45_000 },
      'mismatch',
    ],
    ['on a void invoice', {}, { status: 'voided' }, 'late'],
    [
      'beside a recorded one',
      {
        payments: [payment({ dodoPaymentId: 'pay_2' })],
        recordings: [recording()],
      },
      { paymentStatus: 'succeeded', paid: 10_800 },
      'duplicate',
    ],
    ['when nothing is due any more', {}, { due: 0 }, 'duplicate'],
  ])('%s is held', (_, about, fields, disposition) => {
    const step = cameIn(about, fields)

    expect(step).toMatchObject({ do: 'hold_payment', disposition })
  })

  test('when less is due by now is recorded as far as it is due', () => {
    expect(cameIn({}, { paid: 800 })).toMatchObject({ do: 'record_payment', amount: 10_000 })
  })

  test('is not believed on the word of a webhook: Dodo is asked first', () => {
    expect(cameIn({ payments: [payment({ isConfirmed: false })] })).toEqual({
      do: 'read_payment',
      dodoPaymentId: 'pay_1',
    })
  })

  test('beside another that left something due is recorded, too', () => {
    const payments = [payment({ dodoPaymentId: 'pay_2' })]
    const recordings = [recording({ amount: 10_000 })]

    expect(cameIn({ payments, recordings }, { paid: 10_000 })).toMatchObject({
      do: 'record_payment',
      amount: 800,
    })
  })

  test('through an attempt that is long over is recorded all the same', () => {
    for (const status of ['declined', 'expired', 'superseded'] as const) {
      expect(cameIn({ attempts: [ended(status)] }).do).toBe('record_payment')
    }
  })

  test('on an invoice that Lago holds as paid is looked for there before it is called a duplicate', () => {
    expect(cameIn({}, { paymentStatus: 'succeeded', paid: 10_800 }).do).toBe('record_payment')
  })

  test.each(['intended', 'unknown'] as const)(
    'whose recording is %s is finished, whatever has changed since',
    (status) => {
      const begun = recording({ status, amount: 10_800 })

      expect(cameIn({ recordings: [begun] }, { status: 'voided' })).toMatchObject({
        do: 'record_payment',
        amount: 10_800,
      })
    },
  )

  test('is recorded before a later one, in whatever order they were heard of', () => {
    const early = payment({ dodoPaymentId: 'pay_early', madeAt: ago(HOUR_MS) })
    const late = payment({ dodoPaymentId: 'pay_late' })

    for (const payments of [
      [early, late],
      [late, early],
    ]) {
      expect(cameIn({ payments })).toMatchObject({
        do: 'record_payment',
        payment: { dodoPaymentId: 'pay_early' },
      })
    }
  })

  test('for nothing but a new card is neither recorded nor held', () => {
    const step = cameIn({ payments: [payment({ isSetup: true, amount: 0 })] })

    expect(step.do).not.toMatch(/record_payment|hold_payment/)
  })

  test('for nothing but a new card does not end the attempt as paid', () => {
    const step = cameIn({ payments: [payment({ isSetup: true, amount: 0 })] })

    expect(step).toMatchObject({ do: 'rest', standing: { state: 'open' } })
  })

  test('ends its attempt as paid once it is recorded', () => {
    const step = cameIn({ recordings: [recording()] }, paidInvoice())

    expect(step).toMatchObject({ do: 'end_attempt', end: { status: 'paid' } })
  })
})

const refunded = (...refunds: ReturnType<typeof refund>[]) =>
  paidLedger({ payments: [payment({ refunds })] })

const next = (about: Ledger) => decide(paidInvoice(), about, policy(), NOW)

describe('refunds', () => {
  test('a refund of the recorded payment becomes a credit note', () => {
    expect(next(refunded(refund()))).toMatchObject({
      do: 'credit_refund',
      refund: { dodoRefundId: 'ref_1' },
    })
  })

  test.each(['credited', 'impossible'] as const)(
    'one that is %s is not credited again',
    (status) => {
      const step = next({ ...refunded(refund()), credits: [credit({ status })] })

      expect(step.do).toBe('rest')
    },
  )

  test.each(['intended', 'unknown'] as const)('one left %s is finished', (status) => {
    expect(next({ ...refunded(refund()), credits: [credit({ status })] }).do).toBe('credit_refund')
  })

  test.each(['pending', 'review', 'failed'])('a refund that is %s is no refund', (status) => {
    expect(next(refunded(refund({ status }))).do).toBe('rest')
  })

  test('a refund whose amount Dodo does not say is waited for', () => {
    expect(next(refunded(refund({ amount: null }))).do).toBe('rest')
  })

  test('the second refund follows the first', () => {
    const both = refunded(refund(), refund({ dodoRefundId: 'ref_2' }))

    expect(next({ ...both, credits: [credit()] })).toMatchObject({
      refund: { dodoRefundId: 'ref_2' },
    })
  })

  test('a refund of a payment that is held is not credited: Lago never held it', () => {
    const held = paidLedger({
      payments: [payment(), payment({ dodoPaymentId: 'pay_2', refunds: [refund()] })],
      recordings: [
        recording(),
        recording({ dodoPaymentId: 'pay_2', disposition: 'duplicate', status: 'held' }),
      ],
    })

    expect(decide(paidInvoice(), held, policy({ duplicatePayments: 'hold' }), NOW).do).toBe('rest')
  })
})

const declined = (fields: Partial<Attempt> = {}) => ended('declined', fields)

describe('declines and retries', () => {
  const failed = { paymentStatus: 'failed' }

  test('a declined payment ends the attempt at the time of the decline, not when it began', () => {
    const decline = payment({ status: 'failed', changedAt: ago(7 * MINUTE_MS) })

    const step = decided({ ledger: { attempts: [attempt()], payments: [decline] } })

    expect(step).toEqual({
      do: 'end_attempt',
      attempt: attempt(),
      end: {
        status: 'declined',
        at: ago(7 * MINUTE_MS),
        why: 'the payment was declined (INSUFFICIENT_FUNDS)',
        declineCode: 'INSUFFICIENT_FUNDS',
      },
    })
  })

  test('Lago is told that the payment failed, once', () => {
    expect(decided({ ledger: { attempts: [declined()] } }).do).toBe('mark_failed')
    expect(decided({ invoice: failed, ledger: { attempts: [declined()] } }).do).toBe('rest')
  })

  test('a top-up is told to have failed only when no retry is left', () => {
    const top = { type: 'credit' }

    expect(decided({ invoice: top, ledger: { attempts: [declined()] } }).do).toBe('rest')
    expect(decided({ invoice: top, ledger: { attempts: [declined({ retryIndex: 3 })] } }).do).toBe(
      'mark_failed',
    )
  })

  test.each([
    [0, 3 * DAY_MS],
    [1, 7 * DAY_MS],
    [2, 7 * DAY_MS],
  ])('after decline %i the next attempt waits for the schedule', (retryIndex, waitMs) => {
    const last = declined({ retryIndex, endedAt: ago(HOUR_MS) })
    const dueAt = new Date(ago(HOUR_MS).getTime() + waitMs)
    const about = { invoice: failed, ledger: { attempts: [last] } }

    expect(decided(about)).toMatchObject({ do: 'rest', standing: { state: 'failed' } })
    expect(wakeOf(decided(about))).toEqual(dueAt)
    expect(decided(about, new Date(dueAt.getTime() - 1)).do).toBe('rest')
    expect(decided(about, dueAt)).toEqual({
      do: 'open_checkout',
      kind: 'checkout',
      resume: undefined,
      cause: 'retry',
      retryIndex: retryIndex + 1,
    })
  })

  test('after the last one the invoice stays failed', () => {
    const about = { invoice: failed, ledger: { attempts: [declined({ retryIndex: 3 })] } }

    expect(decided(about, ahead(365 * DAY_MS))).toMatchObject({
      do: 'rest',
      standing: { state: 'failed' },
      wakeAt: undefined,
    })
  })

  test('an empty schedule means no retry', () => {
    const about = { invoice: failed, ledger: { attempts: [declined()] } }

    const step = decided({ ...about, policy: { retryScheduleMs: [] } }, ahead(365 * DAY_MS))

    expect(step).toMatchObject({ do: 'rest', wakeAt: undefined })
  })

  test.each([
    ['customer', 1, 1],
    ['customer', 3, 0],
    ['merchant', 1, 0],
    ['merchant', 3, 0],
  ] as const)(
    'a %s who asks after decline %i gets a checkout once it was looked at the old one, with the schedule at %i',
    (requestedBy, retryIndex, expected) => {
      const decidedOn = (last: Attempt) =>
        decided({ invoice: failed, ledger: { attempts: [last], requestedBy } })

      expect(decidedOn(declined({ retryIndex })).do).toBe('read_session')
      const step = decidedOn(declined({ retryIndex, lookedAt: NOW }))

      expect(step).toMatchObject({
        do: 'open_checkout',
        cause: requestedBy,
        retryIndex: expected,
      })
    },
  )

  test('an expired or superseded checkout comes back when somebody asks, not before', () => {
    for (const status of ['expired', 'superseded'] as const) {
      const attempts = [ended(status)]

      expect(decided({ ledger: { attempts } }, ahead(365 * DAY_MS)).do).toBe('rest')
      expect(decided({ ledger: { attempts, requestedBy: 'customer' } }).do).toBe('open_checkout')
    }
  })

  test('a retry is not due once the invoice was paid elsewhere or voided', () => {
    for (const fields of [{ paymentStatus: 'succeeded' }, { status: 'voided' }]) {
      const step = decided({ invoice: fields, ledger: { attempts: [declined()] } })

      expect(step).toMatchObject({ do: 'rest', wakeAt: undefined })
    }
  })
})

const asking = (fields: Partial<Ledger>) =>
  decided({ ledger: { requestedBy: 'customer', ...fields } }).do

describe('asking for more money', () => {
  test.each([
    ['is being processed', 'processing', ended('expired')],
    ['is being processed through an open checkout', 'processing', attempt()],
    ['waits for the customer', 'requires_customer_action', attempt()],
    ['has a status nobody knows', 'unknown', attempt()],
  ])('never happens while a payment %s', (_, status, made) => {
    expect(asking({ attempts: [made], payments: [payment({ status })] })).toBe('rest')
  })

  test('is not stopped by an open checkout that Dodo lists among its payments, but by a charge that says the same', () => {
    const payments = [payment({ status: 'requires_payment_method' })]
    const other = { amount: 1_000, share: 1_000 }

    expect(asking({ attempts: [attempt(other)], payments })).toBe('end_attempt')
    expect(asking({ attempts: [ended('superseded')], payments })).toBe('open_checkout')
    expect(asking({ attempts: [ended('superseded', { kind: 'charge' })], payments })).toBe('rest')
  })

  test('never happens while the customer pays anew in a checkout that declined once and is still open', () => {
    const decline = payment({ dodoPaymentId: 'pay_0', status: 'failed', madeAt: ago(HOUR_MS) })
    const second = payment({ status: 'requires_customer_action' })

    const step = decided({
      invoice: { paymentStatus: 'failed' },
      ledger: {
        requestedBy: 'customer',
        attempts: [ended('declined')],
        payments: [decline, second],
      },
    })

    expect(step.do).not.toBe('open_checkout')
  })

  test('never happens while a payment is held', () => {
    const held = recording({ status: 'held', disposition: 'mismatch', reason: 'too little' })

    expect(asking({ attempts: [ended('paid')], payments: [payment()], recordings: [held] })).toBe(
      'rest',
    )
  })

  test('is possible again when the customer left a payment behind in an expired checkout', () => {
    const left = payment({ status: 'requires_customer_action' })
    const expired = attempt({ expiresAt: ago(2 * MINUTE_MS) })

    expect(decided({ ledger: { attempts: [expired], payments: [left] } })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'superseded' },
    })
    expect(
      asking({
        attempts: [ended('superseded', { expiresAt: ago(2 * MINUTE_MS) })],
        payments: [left],
      }),
    ).toBe('open_checkout')
  })

  test('is not stopped by a payment for nothing but a new card', () => {
    const payments = [payment({ isSetup: true, amount: 0, status: 'processing' })]

    expect(asking({ attempts: [ended('expired')], payments })).toBe('open_checkout')
  })

  test("is not stopped by a stranger's payment that has not succeeded", () => {
    expect(asking({ payments: [payment({ attemptId: null, status: 'processing' })] })).toBe(
      'open_checkout',
    )
  })
})

describe('an attempt whose invoice has changed', () => {
  test.each<[string, Partial<Invoice>]>([
    ['voided', { status: 'voided' }],
    ['paid by other means', { paymentStatus: 'succeeded', paid: 10_800 }],
    ['settled by an offset', { due: 0 }],
  ])('is superseded when it was %s', (_, fields) => {
    const step = decided({ invoice: fields, ledger: { attempts: [attempt()] } })

    expect(step).toMatchObject({ do: 'end_attempt', end: { status: 'superseded' } })
  })

  test('to another amount is replaced when somebody comes to pay, not before', () => {
    const shrunk = { paid: 800 }
    const attempts = [attempt()]

    expect(decided({ invoice: shrunk, ledger: { attempts } }).do).toBe('rest')
    expect(
      decided({ invoice: shrunk, ledger: { attempts, requestedBy: 'customer' } }),
    ).toMatchObject({ do: 'end_attempt', end: { status: 'superseded' } })
  })

  test('is not given up while the customer is paying in it', () => {
    const paying = {
      attempts: [attempt()],
      payments: [payment({ status: 'requires_customer_action' })],
    }

    expect(decided({ invoice: { status: 'voided' }, ledger: paying }).do).toBe('rest')
  })
})

describe("what Lago's invoice says", () => {
  test('is put right when a late failure undid the success', () => {
    const step = decide(paidInvoice({ paymentStatus: 'failed' }), paidLedger(), policy(), NOW)

    expect(step.do).toBe('mark_paid')
  })

  test('is put right on a free Lago, which never writes what was paid', () => {
    const recordings = [recording({ through: 'status' })]

    const step = decide(
      invoice({ paymentStatus: 'failed' }),
      paidLedger({ recordings }),
      policy(),
      NOW,
    )

    expect(step.do).toBe('mark_paid')
  })

  test('is never made paid without a recorded payment of the whole', () => {
    const partly = paidInvoice({ paid: 5_000, paymentStatus: 'pending' })
    const unfinished = paidLedger({ recordings: [recording({ status: 'intended' })] })

    expect(decide(partly, paidLedger(), policy(), NOW).do).not.toBe('mark_paid')
    expect(decide(partly, unfinished, policy(), NOW).do).not.toBe('mark_paid')
    expect(decide(invoice({ paid: 10_800 }), ledger(), policy(), NOW).do).not.toBe('mark_paid')
  })
})

const theirs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `${index}`, key: `k${index}`, value: 'v' }))

describe('metadata', () => {
  const open = { attempts: [attempt()] }

  test('the pay link is written once there is something to pay', () => {
    expect(decided({ invoice: { metadata: [] }, ledger: open })).toEqual({
      do: 'write_metadata',
      entries: [{ key: 'dodo_pay_url', value: PAY_URL }],
    })
    expect(decided({ ledger: open }).do).toBe('rest')
  })

  test('a pay link that somebody changed is put right', () => {
    const metadata = [{ id: 'meta_1', key: 'dodo_pay_url', value: 'https://evil.example' }]

    expect(decided({ invoice: { metadata }, ledger: open }).do).toBe('write_metadata')
  })

  test('the payment is named once Lago holds it', () => {
    const metadata = [{ id: 'meta_1', key: 'dodo_pay_url', value: PAY_URL }]

    expect(decide(paidInvoice({ metadata }), paidLedger(), policy(), NOW)).toEqual({
      do: 'write_metadata',
      entries: [{ key: 'dodo_payment_id', value: 'pay_1' }],
    })
  })

  test('what Lago refused is not tried again', () => {
    const about = { invoice: { metadata: [] }, ledger: { ...open, metadataRefusal: 'no' } }

    expect(decided(about).do).toBe('rest')
  })

  test('ours are left out when others leave no room', () => {
    expect(decided({ invoice: { metadata: theirs(5) }, ledger: open }).do).toBe('rest')
  })

  test('one of ours is written where there is room for one but not for both', () => {
    const step = decide(paidInvoice({ metadata: theirs(4) }), paidLedger(), policy(), NOW)

    expect(step.do).toBe('write_metadata')
    expect(step.do === 'write_metadata' && step.entries).toHaveLength(1)
  })

  test('nothing is written on an invoice that Lago would not have it on', () => {
    for (const status of ['draft', 'voided']) {
      expect(
        decided({ invoice: { status, metadata: [] }, ledger: { attempts: [ended('superseded')] } })
          .do,
      ).toBe('rest')
    }
  })
})
