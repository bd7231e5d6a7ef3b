import { assess } from './assess.ts'
import { whyNotCollected } from './collectable.ts'
import { findLast, whyNotPayable } from './course.ts'
import {
  findApplied,
  isFinal,
  isLost,
  isUnheardOf,
  missingUntil,
  recordedPayments,
  type Invoice,
  type Ledger,
  type MetadataEntry,
  type Policy,
} from './ledger.ts'
import { fitsMetadata, findEntry } from './metadata.ts'
import { isExpired, isMoneyInHand, nextAttempt, nextWake, nextWaitMs } from './next-attempt.ts'
import { nextEnd } from './next-end.ts'
import { nextCredit, nextLookAtNotes } from './next-credit.ts'
import { byAge, nextPayment } from './next-payment.ts'
import { findWaiting, nextRefund } from './next-refund.ts'
import type { Step } from './steps.ts'

/**
 * What is to be done next about one invoice: the only place where it is decided. It looks at what is
 * true, not at what happened last, so that lost, doubled, late and reordered events all end the same.
 */
export function decide(invoice: Invoice, unordered: Ledger, policy: Policy, now: Date): Step {
  const whole = inOrder(unordered)
  // What only a webhook told of, and Dodo does not know, is asked about again, and otherwise as good as not there.
  const ledger = {
    ...whole,
    payments: whole.payments.filter((payment) => !isUnheardOf(payment, now)),
  }
  return (
    nextReading(whole, policy, now) ??
    nextPayment(invoice, ledger, policy) ??
    nextDispute(invoice, ledger) ??
    nextLookAtNotes(ledger, policy) ??
    nextRefund(invoice, ledger, policy, now) ??
    nextCredit(invoice, ledger, policy) ??
    nextEnd(invoice, ledger, policy, now) ??
    nextPaidMark(invoice, ledger) ??
    nextFailedMark(invoice, ledger, policy, now) ??
    nextAttempt(invoice, ledger, policy, now) ??
    nextMetadata(invoice, ledger) ?? {
      do: 'rest',
      standing: assess(invoice, ledger, policy, now),
      isPayable: !whyNotPayable(invoice, ledger, policy) && !isMoneyInHand(invoice, ledger, now),
      wakeAt: earliest([
        nextWake(invoice, ledger, policy, now),
        ...findWaiting(ledger).map(({ repeatableAt }) => repeatableAt),
        ...ledger.payments.filter(({ status }) => status === 'missing').map(missingUntil),
      ]),
    }
  )
}

const earliest = (times: readonly (Date | null | undefined)[]) =>
  times.flatMap((time) => time ?? []).toSorted((one, other) => one.getTime() - other.getTime())[0]

const inOrder = (ledger: Ledger): Ledger => ({
  ...ledger,
  attempts: ledger.attempts.toSorted(
    (one, other) =>
      one.startedAt.getTime() - other.startedAt.getTime() || one.number - other.number,
  ),
  payments: ledger.payments.toSorted(byAge),
})

/** Nothing is decided on an observation that may have changed meanwhile, nor on a webhook's word alone. */
function nextReading(ledger: Ledger, policy: Policy, now: Date): Step | undefined {
  const isOlderThan = (at: Date, freshForMs: number) => now.getTime() - at.getTime() > freshForMs

  const payment = ledger.payments.find((one) =>
    isFinal(one) ? !one.isConfirmed : isOlderThan(one.observedAt, policy.paymentFreshForMs),
  )
  if (payment) return { do: 'read_payment', dodoPaymentId: payment.dodoPaymentId }

  const attempt = ledger.attempts.find(({ status }) => status === 'live')
  const charged = attempt?.kind === 'charge' ? attempt.dodoPaymentId : null
  const isSeen = ledger.payments.some(({ dodoPaymentId }) => dodoPaymentId === charged)
  if (attempt && charged && !isSeen) {
    const isDue = !attempt.lookedAt || isOlderThan(attempt.lookedAt, policy.paymentFreshForMs)
    return isDue ? { do: 'read_payment', dodoPaymentId: charged } : undefined
  }
  if (!attempt?.dodoSessionId) return undefined
  const lookedAt = attempt.lookedAt ?? attempt.startedAt
  const isUnseenSinceExpiry =
    isExpired(attempt, now) && lookedAt.getTime() < (attempt.expiresAt?.getTime() ?? 0)
  // Whoever pays after this look pays what Lago counts already, whatever the clocks say.
  const { paidElsewhere } = ledger
  const isUnseenSincePaid =
    paidElsewhere !== null && paidElsewhere.amount > 0 && lookedAt < paidElsewhere.at
  const isOld = isOlderThan(lookedAt, policy.sessionFreshForMs)
  if (!isUnseenSinceExpiry && !isUnseenSincePaid && !isOld) return undefined
  return { do: 'read_session', attempt, dodoSessionId: attempt.dodoSessionId }
}

/** Lago has no other word for money that was taken back than a lost dispute. */
function nextDispute(invoice: Invoice, ledger: Ledger): Step | undefined {
  const canBeTold = invoice.status === 'finalized' || invoice.status === 'voided'
  if (invoice.isDisputeLost || !canBeTold) return undefined
  const lost = recordedPayments(ledger)
    .flatMap(({ disputes }) => disputes)
    .find(isLost)
  return lost && { do: 'lose_dispute', dodoDisputeId: lost.dodoDisputeId }
}

/** A `failed` that was under way when the payment was recorded may have reached Lago after it. */
function nextPaidMark(invoice: Invoice, ledger: Ledger): Step | undefined {
  const applied = findApplied(ledger)
  const isSettled = invoice.paid === invoice.total || applied?.through === 'status'
  const isWrong = invoice.status === 'finalized' && invoice.paymentStatus !== 'succeeded'
  return applied && isSettled && isWrong ? { do: 'mark_paid' } : undefined
}

/**
 * Lago shows a declined invoice as failed. A top-up is only marked when no retry is left, because Lago
 * fails its wallet transaction with it (lago-api `svc/invoices/update_service.rb`).
 */
function nextFailedMark(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  const last = findLast(invoice, ledger)
  const isWaiting =
    invoice.type === 'credit' &&
    (nextWaitMs(last, policy) !== undefined ||
      nextAttempt(invoice, ledger, policy, now) !== undefined)
  const isMarkable =
    invoice.status === 'finalized' &&
    invoice.paymentStatus === 'pending' &&
    whyNotCollected(invoice, policy) === undefined
  const isWrong = last?.status === 'declined' && isMarkable && !isWaiting
  return isWrong ? { do: 'mark_failed' } : undefined
}

/** What Lago is told beside the amounts: where to pay, and what it was paid with. */
function nextMetadata(invoice: Invoice, ledger: Ledger): Step | undefined {
  if (invoice.status !== 'finalized' || ledger.metadataRefusal) return undefined
  const wanted = wantedMetadata(ledger).filter(
    ({ key, value }) => findEntry(invoice.metadata, key)?.value !== value,
  )
  const entries = wanted.reduce<MetadataEntry[]>(
    (chosen, entry) =>
      fitsMetadata(invoice.metadata, [...chosen, entry]) ? [...chosen, entry] : chosen,
    [],
  )
  return entries.length > 0 ? { do: 'write_metadata', entries } : undefined
}

/** The entries that an invoice of ours carries in Lago. */
export function wantedMetadata(ledger: Ledger) {
  const applied = findApplied(ledger)
  return [
    ...(ledger.attempts.length > 0 && !ledger.isPayUrlGuessed
      ? [{ key: 'dodo_pay_url', value: ledger.payUrl }]
      : []),
    ...(applied ? [{ key: 'dodo_payment_id', value: applied.dodoPaymentId }] : []),
  ]
}
