import * as fc from 'fast-check'

import type {
  Attempt,
  CreditNote,
  Dispute,
  Mandate,
  Payment,
  Recording,
  Refund,
} from '../../src/collect/ledger.ts'
import type { Invoice, InvoicePolicy as Policy } from '../../src/billers/lago/decide/invoice.ts'
import {
  ago,
  attempt,
  creditNote,
  DAY_MS,
  dispute,
  HOUR_MS,
  invoice,
  ledger,
  mandate,
  MINUTE_MS,
  NOW,
  payment,
  policy,
  recording,
  refund,
} from './builders.ts'
import { isOurs, type Case, type Luck } from './world-model.ts'

const OVER = ['paid', 'declined', 'expired', 'superseded'] as const
const LIVE = ['intended', 'live', 'unknown'] as const
const DECLINES = [null, 'INSUFFICIENT_FUNDS', 'AUTHENTICATION_REQUIRED', 'STOLEN_CARD']

const attemptsArbitrary: fc.Arbitrary<Attempt[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('checkout', 'checkout', 'mandate', 'charge'),
      over: fc.constantFrom(...OVER),
      live: fc.constantFrom(...LIVE),
      isLive: fc.boolean(),
      isHandedOut: fc.boolean(),
      retryIndex: fc.nat({ max: 4 }),
      amount: fc.constantFrom(10_800, 10_800, 10_800, 5_000),
      ageMs: fc.constantFrom(2 * MINUTE_MS, HOUR_MS, 30 * HOUR_MS, 10 * DAY_MS),
      lookedMsAgo: fc.constantFrom(0, MINUTE_MS, 2 * HOUR_MS, 29 * HOUR_MS),
      declineCode: fc.constantFrom(...DECLINES),
    }),
    { maxLength: 3 },
  )
  .map((drawn) =>
    drawn.map((one, index) => {
      const isLive = one.isLive && index === drawn.length - 1
      const status = isLive ? one.live : one.over
      const isCharge = one.kind === 'charge'
      const hasSession = !isCharge && status !== 'intended' && status !== 'unknown'
      return attempt({
        number: index + 1,
        kind: one.kind,
        status,
        retryIndex: one.retryIndex,
        amount: one.amount,
        startedAt: ago(one.ageMs),
        dodoSessionId: hasSession ? `cks_${index + 1}` : null,
        dodoSubscriptionId: isCharge ? 'sub_1' : null,
        expiresAt: hasSession ? new Date(ago(one.ageMs).getTime() + DAY_MS) : null,
        lookedAt: hasSession ? ago(Math.min(one.lookedMsAgo, one.ageMs)) : null,
        handedOutAt: hasSession && one.isHandedOut ? ago(one.ageMs) : null,
        declineCode: status === 'declined' ? one.declineCode : null,
        repeatableAt: isCharge ? ago(one.ageMs) : null,
        endedAt: isLive ? null : ago(MINUTE_MS),
      })
    }),
  )

const STATUSES = [
  'succeeded',
  'succeeded',
  'failed',
  'cancelled',
  'processing',
  'requires_customer_action',
  'unknown',
]
const REFUNDS: Partial<Refund>[][] = [
  [],
  [],
  [{ amount: 100 }],
  [{ amount: 100 }, { amount: 200 }],
  [{ amount: 300, status: 'pending' }],
  [{ amount: 100 }, { amount: 400, status: 'failed' }],
  [{ amount: 5_000 }],
]
const DISPUTES: Partial<Dispute>[][] = [
  [],
  [],
  [],
  [{ status: 'dispute_opened' }],
  [{ status: 'dispute_won' }],
  [{ status: 'dispute_lost' }],
]

const paymentsArbitrary: fc.Arbitrary<Payment[]> = fc
  .array(
    fc.record({
      attemptId: fc.constantFrom('attempt_1', 'attempt_2', 'attempt_3', 'elsewhere', null),
      status: fc.constantFrom(...STATUSES),
      currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
      amount: fc.constantFrom(10_800, 10_800, 10_800, 5_000, 10_799),
      observedAt: fc.constantFrom(NOW, ago(HOUR_MS)),
      isConfirmed: fc.boolean(),
      refunds: fc.constantFrom(...REFUNDS),
      disputes: fc.constantFrom(...DISPUTES),
    }),
    { maxLength: 4 },
  )
  .map((drawn) =>
    drawn.map(({ refunds, disputes, ...fields }, index) => {
      const isPaid = fields.status === 'succeeded'
      return payment({
        ...fields,
        dodoPaymentId: `pay_${index + 1}`,
        madeAt: ago((index + 1) * MINUTE_MS),
        refunds: (isPaid ? refunds : []).map((one, nth) =>
          refund({ ...one, dodoRefundId: `ref_${index + 1}_${nth}`, madeAt: ago(30_000 - nth) }),
        ),
        disputes: (isPaid ? disputes : []).map((one) =>
          dispute({ ...one, dodoDisputeId: `dp_${index + 1}` }),
        ),
      })
    }),
  )

const invoiceArbitrary: fc.Arbitrary<Invoice> = fc
  .record({
    type: fc.constantFrom('subscription', 'subscription', 'credit', 'advance_charges'),
    status: fc.constantFrom('finalized', 'finalized', 'finalized', 'finalized', 'draft', 'voided'),
    paymentStatus: fc.constantFrom('pending', 'pending', 'failed', 'succeeded'),
    isSelfBilled: fc.constantFrom(false, false, false, true),
    nativeProvider: fc.constantFrom(null, null, null, 'stripe'),
    currency: fc.constantFrom('USD', 'USD', 'USD', 'KWD'),
    total: fc.constantFrom(10_800, 10_800, 10_800, 15_800, 0, 49),
    // Four entries of others, which leave room for one of ours, have a test of their own.
    others: fc.constantFrom(0, 1, 3, 5),
    email: fc.constantFrom('a@b.example', 'a@b.example', 'a@b.example', null),
  })
  .map(({ others, email, ...fields }) =>
    invoice({
      ...fields,
      customer: { email, country: 'US' },
      metadata: Array.from({ length: others }, (_, n) => ({
        id: `${n}`,
        key: `k${n}`,
        value: 'v',
      })),
    }),
  )

const mandatesArbitrary: fc.Arbitrary<Mandate[]> = fc
  .array(
    fc.record({
      currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
      status: fc.constantFrom('active', 'active', 'active', 'on_hold', 'cancelled'),
      isEnding: fc.constantFrom(false, false, false, true),
      refusal: fc.constantFrom(null, null, null, 'SUBSCRIPTION_INACTIVE'),
      renewedAt: fc.constantFrom(ago(MINUTE_MS), ago(20 * HOUR_MS), ago(20 * DAY_MS)),
    }),
    { maxLength: 2 },
  )
  .map((drawn) =>
    drawn.map((fields, index) =>
      mandate({
        ...fields,
        dodoSubscriptionId: `sub_${index + 1}`,
        renewedAt: new Date(fields.renewedAt.getTime() - index),
      }),
    ),
  )

const notesArbitrary: fc.Arbitrary<CreditNote[]> = fc
  .array(fc.constantFrom(100, 4_000, 10_800), { maxLength: 2 })
  .map((amounts) =>
    amounts.map((amount, index) =>
      creditNote({ creditNoteId: `note_${index + 1}`, number: null, amount }),
    ),
  )

/** Any choices of the merchant's. */
export const policyArbitrary: fc.Arbitrary<Policy> = fc
  .record({
    collection: fc.constantFrom('checkout', 'automatic'),
    duplicatePayments: fc.constantFrom('refund', 'hold'),
    voidPayments: fc.constantFrom('refund', 'hold'),
    isFreeLicense: fc.constantFrom(false, false, true),
  })
  .map(policy)

/** How what we ask of Dodo turns out, in turn. */
export const luckArbitrary: fc.Arbitrary<Luck> = fc.record({
  refunds: fc.array(
    fc.constantFrom('succeeded', 'succeeded', 'pending', 'failed', 'refused', 'lost'),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
  charges: fc.array(
    fc.constantFrom(
      'succeeded',
      'processing',
      'INSUFFICIENT_FUNDS',
      'STOLEN_CARD',
      'lost',
      'refused',
    ),
    { minLength: 1, maxLength: 5 },
  ),
})

/** Money that Lago knows of already, or whose recording a crash cut off. */
const recordingArbitrary = fc.option(
  fc.record({
    status: fc.constantFrom<Recording['status'][]>('intended', 'unknown', 'recorded', 'held'),
    nth: fc.nat({ max: 3 }),
    isSeen: fc.boolean(),
  }),
  { nil: undefined },
)

/** Any invoice with any history that our own tables would allow. */
export const caseArbitrary: fc.Arbitrary<Case> = fc
  .record({
    invoice: invoiceArbitrary,
    attempts: attemptsArbitrary,
    payments: paymentsArbitrary,
    begun: recordingArbitrary,
    requestedBy: fc.constantFrom(null, null, 'customer' as const, 'merchant' as const),
    mandates: mandatesArbitrary,
    creditNotes: notesArbitrary,
    policy: policyArbitrary,
    luck: luckArbitrary,
  })
  .map(({ begun, invoice: about, policy: choices, luck, ...drawn }) => {
    const { attempts, payments } = drawn
    const known = begun && payments.filter(isOurs(attempts))[begun.nth]
    const recordings =
      known && begun
        ? [
            recording({
              dodoPaymentId: known.dodoPaymentId,
              status: begun.status,
              amount: known.amount,
              disposition: begun.status === 'held' ? 'mismatch' : 'applied',
            }),
          ]
        : []
    const held = ledger({ ...drawn, recordings })
    const isSeen = begun?.isSeen && begun.status === 'recorded'
    const paid = isSeen ? Math.min(known?.amount ?? 0, about.total) : 0
    const seen = { ...about, paid, due: about.total - paid }
    return { invoice: seen, ledger: held, policy: choices, luck, now: NOW, credited: {} }
  })
