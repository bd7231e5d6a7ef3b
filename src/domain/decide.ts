import { assess } from './assess.ts'
import { whyNotCollected, type Standing } from './collectable.ts'
import { findApplied, isFinal, isLive } from './ledger.ts'
import type {
  Attempt,
  Disposition,
  Invoice,
  Ledger,
  MetadataEntry,
  Payment,
  Policy,
  Refund,
} from './ledger.ts'
import { fitsMetadata, findEntry } from './metadata.ts'
import { formatDodo, formatLago, toDodoMinor } from './money.ts'

/** One thing still to do. Each is idempotent, and each is decided anew after the one before it is done. */
export type Step =
  | { do: 'read_payment'; dodoPaymentId: string }
  | { do: 'read_session'; attempt: Attempt; dodoSessionId: string }
  | { do: 'end_attempt'; attempt: Attempt; end: End }
  | { do: 'record_payment'; payment: Payment; amount: number }
  | { do: 'hold_payment'; payment: Payment; disposition: Disposition; why: string }
  | { do: 'credit_refund'; payment: Payment; refund: Refund }
  | { do: 'mark_paid' }
  | { do: 'mark_failed' }
  | {
      do: 'open_checkout'
      resume: Attempt | undefined
      cause: Attempt['cause']
      retryIndex: number
    }
  | { do: 'write_metadata'; entries: readonly MetadataEntry[] }
  | { do: 'rest'; standing: Standing; isPayable: boolean; wakeAt: Date | undefined }

/** How an attempt is over, when, and why in words. */
export type End = {
  status: 'paid' | 'declined' | 'expired' | 'superseded'
  at: Date
  why: string
  declineCode?: string | null
}

/** A session may be paid until Dodo's clock says so; ours may run a little ahead. */
const EXPIRY_MARGIN_MS = 60_000

/**
 * What is to be done next about one invoice: the only place where it is decided. It looks at what is
 * true, not at what happened last, so that lost, doubled, late and reordered events all end the same.
 */
export function decide(invoice: Invoice, unordered: Ledger, policy: Policy, now: Date): Step {
  const ledger = inOrder(unordered)
  return (
    nextReading(ledger, policy, now) ??
    nextPayment(invoice, ledger) ??
    nextCredit(ledger) ??
    nextEnd(invoice, ledger, now) ??
    nextPaidMark(invoice, ledger) ??
    nextFailedMark(invoice, ledger, policy) ??
    nextAttempt(invoice, ledger, policy, now) ??
    nextMetadata(invoice, ledger) ?? {
      do: 'rest',
      standing: assess(invoice, ledger, retryAt(invoice, ledger, policy, now)),
      isPayable: !whyNotCollected(invoice) && !isMoneyInHand(ledger, now),
      wakeAt: retryAt(invoice, ledger, policy, now),
    }
  )
}

const inOrder = (ledger: Ledger): Ledger => ({
  ...ledger,
  attempts: ledger.attempts.toSorted((one, other) => one.number - other.number),
  payments: ledger.payments.toSorted(byAge),
})

/** Nothing is decided on an observation that may have changed meanwhile. */
function nextReading(ledger: Ledger, policy: Policy, now: Date): Step | undefined {
  const isOlderThan = (at: Date, freshForMs: number) => now.getTime() - at.getTime() > freshForMs

  const payment = ledger.payments.find(
    (one) => !isFinal(one) && isOlderThan(one.observedAt, policy.paymentFreshForMs),
  )
  if (payment) return { do: 'read_payment', dodoPaymentId: payment.dodoPaymentId }

  const attempt = ledger.attempts.find(({ status }) => status === 'live')
  if (!attempt?.dodoSessionId) return undefined
  const lookedAt = attempt.lookedAt ?? attempt.startedAt
  const isUnseenSinceExpiry =
    isExpired(attempt, now) && lookedAt.getTime() < (attempt.expiresAt?.getTime() ?? 0)
  if (!isUnseenSinceExpiry && !isOlderThan(lookedAt, policy.sessionFreshForMs)) return undefined
  return { do: 'read_session', attempt, dodoSessionId: attempt.dodoSessionId }
}

/** Money that came in: recorded in Lago if it is exactly what we asked for, else held and shown. */
function nextPayment(invoice: Invoice, ledger: Ledger): Step | undefined {
  const settled = new Map(ledger.recordings.map((one) => [one.dodoPaymentId, one]))
  for (const payment of ledger.payments) {
    if (payment.status !== 'succeeded' || payment.isSetup) continue
    const recording = settled.get(payment.dodoPaymentId)
    if (recording?.status === 'recorded' || recording?.status === 'held') continue
    const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
    // What was begun is finished: the look for its outcome must not depend on what has changed since.
    if (recording) return { do: 'record_payment', payment, amount: recording.amount }
    const problem = findProblem(payment, attempt, invoice, ledger)
    if (problem) return { do: 'hold_payment', payment, ...problem }
    if (attempt) return { do: 'record_payment', payment, amount: attempt.amount }
  }
  return undefined
}

const byAge = (one: Payment, other: Payment) =>
  one.madeAt.getTime() - other.madeAt.getTime() ||
  one.dodoPaymentId.localeCompare(other.dodoPaymentId)

/** Why a succeeded payment must not be recorded as it is, or undefined when it is exactly right. */
function findProblem(
  payment: Payment,
  attempt: Attempt | undefined,
  invoice: Invoice,
  ledger: Ledger,
): { disposition: Disposition; why: string } | undefined {
  const paid = formatDodo(payment.amount, payment.currency)
  if (!attempt) {
    return {
      disposition: 'mismatch',
      why: 'it was not made through a checkout that the bridge opened',
    }
  }
  const asked = formatLago(attempt.amount, attempt.currency)
  const isExact =
    payment.currency === attempt.currency &&
    payment.amount === toDodoMinor(attempt.amount, attempt.currency)
  if (!isExact)
    return { disposition: 'mismatch', why: `${paid} was paid where ${asked} was asked for` }
  if (invoice.status === 'voided') {
    return { disposition: 'late', why: 'the invoice is void in Lago' }
  }
  if (ledger.recordings.some(({ disposition }) => disposition === 'applied')) {
    return { disposition: 'duplicate', why: 'the invoice was paid by an earlier payment' }
  }
  // Lago may say that it is paid because this very payment was recorded and the answer got lost:
  // only a look at Lago's own payments tells, and that is what recording begins with.
  if (invoice.paymentStatus !== 'succeeded' && attempt.amount > invoice.due) {
    const due = formatLago(invoice.due, invoice.currency)
    return { disposition: 'mismatch', why: `${paid} was paid when only ${due} was still due` }
  }
  return undefined
}

/** A refund of a payment that Lago holds as paid becomes a credit note. */
function nextCredit(ledger: Ledger): Step | undefined {
  const done = new Set(
    ledger.credits
      .filter(({ status }) => status === 'credited' || status === 'impossible')
      .map(({ dodoRefundId }) => dodoRefundId),
  )
  const applied = findApplied(ledger)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === applied?.dodoPaymentId)
  const refund = payment?.refunds.find(
    (one) => one.status === 'succeeded' && one.amount !== null && !done.has(one.dodoRefundId),
  )
  return payment && refund ? { do: 'credit_refund', payment, refund } : undefined
}

/** An attempt that can no longer be paid, or must no longer be, is over. */
function nextEnd(invoice: Invoice, ledger: Ledger, now: Date): Step | undefined {
  const attempt = ledger.attempts.find(isLive)
  if (!attempt) return undefined
  const end = findEnd(attempt, invoice, ledger, now)
  return end && { do: 'end_attempt', attempt, end }
}

function findEnd(attempt: Attempt, invoice: Invoice, ledger: Ledger, now: Date): End | undefined {
  const payments = ledger.payments.filter((one) => one.attemptId === attempt.id && !one.isSetup)
  if (payments.some(({ status }) => status === 'succeeded')) {
    return { status: 'paid', at: now, why: 'it was paid' }
  }
  if (payments.some(isSlow)) return undefined
  if (payments.some((one) => !isFinal(one))) {
    const why = 'the customer never finished paying, and the checkout expired'
    return isExpired(attempt, now) ? { status: 'superseded', at: now, why } : undefined
  }
  const lastDecline = payments.at(-1)
  if (lastDecline) {
    const { errorCode: declineCode, changedAt } = lastDecline
    const why = `the payment was declined${declineCode ? ` (${declineCode})` : ''}`
    return { status: 'declined', at: changedAt, why, declineCode }
  }
  if (isExpired(attempt, now)) {
    return { status: 'expired', at: now, why: 'the checkout expired unpaid' }
  }
  const reason = whyNotCollected(invoice)
  if (reason) return { status: 'superseded', at: now, why: reason.reason }
  const isOtherAmount = attempt.amount !== invoice.due || attempt.currency !== invoice.currency
  // An open checkout for an old amount is replaced when somebody comes to pay, not behind their back.
  if (!isOtherAmount || (attempt.status === 'live' && !ledger.requestedBy)) return undefined
  const why = `the amount due is now ${formatLago(invoice.due, invoice.currency)}`
  return { status: 'superseded', at: now, why }
}

/** A bank transfer and its like may take days, whatever became of the session. */
const isSlow = ({ status }: Payment) => status === 'processing'

const isExpired = ({ expiresAt }: Attempt, now: Date) =>
  expiresAt !== null && now.getTime() > expiresAt.getTime() + EXPIRY_MARGIN_MS

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
function nextFailedMark(invoice: Invoice, ledger: Ledger, policy: Policy): Step | undefined {
  const last = ledger.attempts.at(-1)
  const isWaiting = invoice.type === 'credit' && nextWaitMs(last, policy) !== undefined
  const isMarkable = invoice.paymentStatus === 'pending' && whyNotCollected(invoice) === undefined
  const isWrong = last?.status === 'declined' && isMarkable && !isWaiting
  return isWrong ? { do: 'mark_failed' } : undefined
}

/** A collectable invoice without a live attempt gets one when it is new, when its retry is due, or when somebody asks. */
function nextAttempt(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  if (whyNotCollected(invoice) || isMoneyInHand(ledger, now)) return undefined

  const last = ledger.attempts.at(-1)
  if (!last) return open('invoice', 0)
  if (last.status === 'live') return undefined
  // The session of a lost answer cannot be paid, since its URL was in the answer: the same again.
  if (isLive(last)) return open(last.cause, last.retryIndex, last)
  if (ledger.requestedBy) {
    const startsOver = ledger.requestedBy === 'merchant' || nextWaitMs(last, policy) === undefined
    return open(ledger.requestedBy, startsOver ? 0 : last.retryIndex)
  }
  const due = retryAt(invoice, ledger, policy, now)
  return due && due.getTime() <= now.getTime() ? open('retry', last.retryIndex + 1) : undefined
}

const open = (cause: Attempt['cause'], retryIndex: number, resume?: Attempt): Step => ({
  do: 'open_checkout',
  resume,
  cause,
  retryIndex,
})

/**
 * Money that came through an attempt of ours, or may still come, forbids asking for more. What a stranger
 * paid for something else and declared to be for this invoice does not.
 */
const isMoneyInHand = ({ attempts, payments, recordings }: Ledger, now: Date) =>
  payments.some((payment) => {
    const attempt = attempts.find(({ id }) => id === payment.attemptId)
    if (!attempt) return false
    const isTaken = recordings.some(({ dodoPaymentId }) => dodoPaymentId === payment.dodoPaymentId)
    return isTaken || isSlow(payment) || (!isFinal(payment) && !isExpired(attempt, now))
  })

function nextWaitMs(last: Attempt | undefined, policy: Policy): number | undefined {
  return last?.status === 'declined' ? policy.retryScheduleMs[last.retryIndex] : undefined
}

/** When the schedule opens the next attempt; undefined when no decline is waiting for one. */
function retryAt(invoice: Invoice, ledger: Ledger, policy: Policy, now: Date): Date | undefined {
  const last = ledger.attempts.at(-1)
  const waitMs = nextWaitMs(last, policy)
  if (waitMs === undefined || !last?.endedAt) return undefined
  if (whyNotCollected(invoice) || isMoneyInHand(ledger, now)) return undefined
  return new Date(last.endedAt.getTime() + waitMs)
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
    ...(ledger.attempts.length > 0 ? [{ key: 'dodo_pay_url', value: ledger.payUrl }] : []),
    ...(applied ? [{ key: 'dodo_payment_id', value: applied.dodoPaymentId }] : []),
  ]
}
