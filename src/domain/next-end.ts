import { whyNotCollected } from './collectable.ts'
import {
  isFinal,
  isLive,
  type Attempt,
  type Invoice,
  type Ledger,
  type Mandate,
  type Policy,
} from './ledger.ts'
import { formatLago } from './money.ts'
import { findMandate, isExpired, isSlow, stuckUntil } from './next-attempt.ts'
import type { End, Step } from './steps.ts'

/** An attempt that can no longer be paid, or must no longer be, is over. */
export function nextEnd(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  const attempt = ledger.attempts.find(isLive)
  if (!attempt) return undefined
  const mandate = findSavedCard(attempt, invoice, ledger, policy)
  // The card may have been saved by paying in this very checkout, which only a look at it tells.
  if (
    mandate &&
    attempt.dodoSessionId &&
    (attempt.lookedAt ?? attempt.startedAt) < mandate.renewedAt
  )
    return { do: 'read_session', attempt, dodoSessionId: attempt.dodoSessionId }
  const end =
    findPaidEnd(attempt, ledger, now) ?? findUnpaidEnd(attempt, invoice, ledger, { policy, now })
  return end && { do: 'end_attempt', attempt, end }
}

const paymentsOf = ({ id }: Attempt, { payments }: Ledger) =>
  payments.filter((one) => one.attemptId === id && !one.isSetup)

/** What has become of the payments made through it. */
function findPaidEnd(attempt: Attempt, ledger: Ledger, now: Date): End | undefined {
  const payments = paymentsOf(attempt, ledger)
  if (payments.some(({ status }) => status === 'succeeded')) {
    return { status: 'paid', at: now, why: 'it was paid' }
  }
  const unfinished = payments.find((one) => !isFinal(one))
  if (unfinished) {
    if (isSlow(unfinished) || stuckUntil(attempt, unfinished) > now) return undefined
    const why =
      attempt.kind === 'charge'
        ? 'the bank wanted the customer, who was not there'
        : 'the customer never finished paying, and the checkout expired'
    return { status: 'superseded', at: now, why }
  }
  const lastDecline = payments.at(-1)
  if (!lastDecline) return undefined
  const { errorCode: declineCode, changedAt } = lastDecline
  const why = `the payment was declined${declineCode ? ` (${declineCode})` : ''}`
  return { status: 'declined', at: changedAt, why, declineCode }
}

/** Why an attempt that nobody has paid through is of no use any more. */
function findUnpaidEnd(
  attempt: Attempt,
  invoice: Invoice,
  ledger: Ledger,
  { policy, now }: { policy: Policy; now: Date },
): End | undefined {
  if (paymentsOf(attempt, ledger).length > 0) return undefined
  if (isExpired(attempt, now)) {
    return { status: 'expired', at: now, why: 'the checkout expired unpaid' }
  }
  // A charge ends with its payment, and a payment request's checkout is not one invoice's to end.
  if (attempt.kind === 'charge' || attempt.lagoPaymentRequestId) return undefined
  const why = findObsolete(attempt, invoice, ledger, policy)
  const isUnseen = findSavedCard(attempt, invoice, ledger, policy) !== undefined
  return why === undefined ? undefined : { status: 'superseded', at: now, why, isUnseen }
}

function findObsolete(
  attempt: Attempt,
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
): string | undefined {
  const reason = whyNotCollected(invoice, policy)
  if (reason) return reason.reason
  const isOpen = attempt.status === 'live'
  if (findSavedCard(attempt, invoice, ledger, policy)) return 'the customer saved a card'
  const isOtherAmount = attempt.amount !== invoice.due || attempt.currency !== invoice.currency
  // An open checkout for an old amount is replaced when somebody comes to pay, not behind their back.
  if (!isOtherAmount || (isOpen && !ledger.requestedBy)) return undefined
  return `the amount due is now ${formatLago(invoice.due, invoice.currency)}`
}

/** A checkout that nobody was sent to cannot be paid, so the card that was saved since may be charged instead. */
function findSavedCard(
  attempt: Attempt,
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
): Mandate | undefined {
  const isReplaceable =
    attempt.status === 'live' &&
    attempt.kind !== 'charge' &&
    !attempt.lagoPaymentRequestId &&
    !attempt.handedOutAt &&
    !whyNotCollected(invoice, policy)
  const mandate = isReplaceable ? findMandate(invoice, ledger, policy) : undefined
  return mandate && mandate.renewedAt > attempt.startedAt ? mandate : undefined
}
