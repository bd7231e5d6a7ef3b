import * as fc from 'fast-check'

import type { Step } from '../../src/domain/decide.ts'
import type { Attempt, Invoice, Ledger, Payment, Recording } from '../../src/domain/ledger.ts'
import { mergeMetadata } from '../../src/domain/metadata.ts'
import {
  ago,
  ahead,
  attempt,
  DAY_MS,
  HOUR_MS,
  invoice,
  ledger,
  MINUTE_MS,
  NOW,
  payment,
  recording,
  refund,
} from './builders.ts'

/** All that a decision is made on, less the clock and the policy. */
export type Case = { invoice: Invoice; ledger: Ledger }

const OVER = ['paid', 'declined', 'expired', 'superseded'] as const
const LIVE = ['intended', 'live', 'unknown'] as const

const attemptsArbitrary: fc.Arbitrary<Attempt[]> = fc
  .array(
    fc.record({
      over: fc.constantFrom(...OVER),
      live: fc.constantFrom(...LIVE),
      isLive: fc.boolean(),
      retryIndex: fc.nat({ max: 4 }),
      amount: fc.constantFrom(10_800, 10_800, 10_800, 5_000),
      ageMs: fc.constantFrom(2 * MINUTE_MS, HOUR_MS, 30 * HOUR_MS, 10 * DAY_MS),
      lookedMsAgo: fc.constantFrom(0, MINUTE_MS, 2 * HOUR_MS, 29 * HOUR_MS),
    }),
    { maxLength: 3 },
  )
  .map((drawn) =>
    drawn.map((one, index) => {
      const isLive = one.isLive && index === drawn.length - 1
      const status = isLive ? one.live : one.over
      const hasSession = status !== 'intended' && status !== 'unknown'
      return attempt({
        number: index + 1,
        status,
        retryIndex: one.retryIndex,
        amount: one.amount,
        startedAt: ago(one.ageMs),
        dodoSessionId: hasSession ? `cks_${index + 1}` : null,
        expiresAt: hasSession ? new Date(ago(one.ageMs).getTime() + DAY_MS) : null,
        lookedAt: hasSession ? ago(Math.min(one.lookedMsAgo, one.ageMs)) : null,
        endedAt: isLive ? null : ago(MINUTE_MS),
      })
    }),
  )

const STATUSES = [
  'succeeded',
  'failed',
  'cancelled',
  'processing',
  'requires_customer_action',
  'unknown',
]

const paymentsArbitrary: fc.Arbitrary<Payment[]> = fc
  .array(
    fc.record({
      attemptId: fc.constantFrom('attempt_1', 'attempt_2', 'attempt_3', 'elsewhere', null),
      status: fc.constantFrom(...STATUSES),
      currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
      amount: fc.constantFrom(10_800, 10_800, 10_800, 5_000, 10_799),
      observedAt: fc.constantFrom(NOW, ago(HOUR_MS)),
      refunds: fc.constantFrom(0, 0, 1, 2),
    }),
    { maxLength: 4 },
  )
  .map((drawn) =>
    drawn.map(({ refunds, ...fields }, index) =>
      payment({
        ...fields,
        dodoPaymentId: `pay_${index + 1}`,
        madeAt: ago((index + 1) * MINUTE_MS),
        refunds: Array.from({ length: fields.status === 'succeeded' ? refunds : 0 }, (_, nth) =>
          refund({ dodoRefundId: `ref_${index + 1}_${nth}`, amount: 100 * (nth + 1) }),
        ),
      }),
    ),
  )

const invoiceArbitrary: fc.Arbitrary<Invoice> = fc
  .record({
    type: fc.constantFrom('subscription', 'subscription', 'credit', 'advance_charges'),
    status: fc.constantFrom('finalized', 'finalized', 'finalized', 'finalized', 'draft', 'voided'),
    paymentStatus: fc.constantFrom('pending', 'pending', 'failed', 'succeeded'),
    isSelfBilled: fc.constantFrom(false, false, false, true),
    nativeProvider: fc.constantFrom(null, null, null, 'stripe'),
    currency: fc.constantFrom('USD', 'USD', 'USD', 'KWD'),
    total: fc.constantFrom(10_800, 10_800, 10_800, 0, 49),
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

/** Money that Lago knows of already, or whose recording a crash cut off. */
const recordingArbitrary = fc.option(
  fc.record({
    status: fc.constantFrom<Recording['status'][]>('intended', 'unknown', 'recorded', 'held'),
    nth: fc.nat({ max: 3 }),
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
  })
  .map(({ begun, invoice: about, attempts, payments, requestedBy }) => {
    const known = begun && payments.filter(isOurs(attempts))[begun.nth]
    const recordings =
      known && begun
        ? [
            recording({
              dodoPaymentId: known.dodoPaymentId,
              status: begun.status,
              disposition: begun.status === 'held' ? 'mismatch' : 'applied',
            }),
          ]
        : []
    return { invoice: about, ledger: ledger({ attempts, payments, recordings, requestedBy }) }
  })

/** A payment that was made through one of these attempts, for exactly what it asked for. */
export const isOurs =
  (attempts: readonly Attempt[]) =>
  ({ attemptId, status, amount, currency }: Payment) =>
    status === 'succeeded' &&
    attempts.some(
      (one) => one.id === attemptId && one.amount === amount && one.currency === currency,
    )

/** What is true after a step, if every call does what it says: Lago and Dodo at their simplest. */
export function apply({ invoice: about, ledger: held }: Case, step: Step): Case {
  switch (step.do) {
    case 'read_payment':
      return {
        invoice: about,
        ledger: {
          ...held,
          payments: held.payments.map((one) =>
            one.dodoPaymentId === step.dodoPaymentId ? { ...one, observedAt: NOW } : one,
          ),
        },
      }
    case 'read_session':
      return withAttempt(about, held, { ...step.attempt, lookedAt: NOW })
    case 'end_attempt': {
      const { status, at, declineCode = null } = step.end
      return withAttempt(about, held, { ...step.attempt, status, endedAt: at, declineCode })
    }
    case 'open_checkout': {
      const number = step.resume?.number ?? held.attempts.length + 1
      const opened = attempt({
        number,
        cause: step.cause,
        retryIndex: step.retryIndex,
        amount: about.due,
        startedAt: NOW,
        lookedAt: NOW,
        expiresAt: ahead(DAY_MS),
      })
      return withAttempt(about, held, opened)
    }
    case 'record_payment':
      return record(about, held, step.payment, step.amount)
    case 'hold_payment':
      return withRecording(about, held, {
        dodoPaymentId: step.payment.dodoPaymentId,
        disposition: step.disposition,
        status: 'held',
      })
    case 'credit_refund': {
      const { dodoRefundId } = step.refund
      const done = { dodoRefundId, status: 'credited' as const, reason: null, repeatableAt: NOW }
      return { invoice: about, ledger: { ...held, credits: [...held.credits, done] } }
    }
    case 'mark_paid':
      return { invoice: { ...about, paymentStatus: 'succeeded' }, ledger: held }
    case 'mark_failed':
      return { invoice: { ...about, paymentStatus: 'failed' }, ledger: held }
    case 'write_metadata': {
      const metadata = mergeMetadata(about.metadata, step.entries) ?? about.metadata
      const known = metadata.map((entry) => ({ id: `id of ${entry.key}`, ...entry }))
      return { invoice: { ...about, metadata: known }, ledger: held }
    }
    case 'rest':
      return { invoice: about, ledger: held }
  }
}

/** Lago records only what is still due on a finalised invoice, and is paid when nothing is. */
function record(about: Invoice, held: Ledger, { dodoPaymentId }: Payment, amount: number): Case {
  if (about.paymentStatus === 'succeeded' || about.status !== 'finalized' || amount > about.due) {
    return withRecording(about, held, { dodoPaymentId, disposition: 'duplicate', status: 'held' })
  }
  const paid = about.paid + amount
  const due = about.due - amount
  const paymentStatus = due === 0 ? 'succeeded' : about.paymentStatus
  return withRecording({ ...about, paid, due, paymentStatus }, held, {
    dodoPaymentId,
    disposition: 'applied',
    status: 'recorded',
    amount,
  })
}

function withRecording(about: Invoice, held: Ledger, fields: Partial<Recording>): Case {
  const others = held.recordings.filter((one) => one.dodoPaymentId !== fields.dodoPaymentId)
  return { invoice: about, ledger: { ...held, recordings: [...others, recording(fields)] } }
}

function withAttempt(about: Invoice, held: Ledger, changed: Attempt): Case {
  const others = held.attempts.filter(({ number }) => number !== changed.number)
  const attempts = [...others, changed].toSorted((one, other) => one.number - other.number)
  return { invoice: about, ledger: { ...held, attempts } }
}
