import { isFinal, isLive, type Attempt, type Ledger, type Mandate, type Policy } from '../ledger.ts'
import { formatBooks } from '../money.ts'
import type { Receivable } from '../receivable.ts'
import type { Share } from '../ledger.ts'
import { isOwn } from './course.ts'
import { findMandate, isExpired, isSlow, open, stuckUntil } from './next-attempt.ts'
import type { End, MoneyStep } from './steps.ts'

/** An attempt that can no longer be paid, or must no longer be, is over. */
export function nextEnd(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): MoneyStep | undefined {
  const attempt = ledger.attempts.find(isLive)
  if (!attempt) return undefined
  const mandate = findSavedCard(attempt, receivable, ledger, policy)
  // The card may have been saved by paying in this very checkout, which only a look at it tells.
  if (
    mandate &&
    attempt.dodoSessionId &&
    (attempt.lookedAt ?? attempt.startedAt) < mandate.renewedAt
  )
    return { do: 'read_session', attempt, dodoSessionId: attempt.dodoSessionId }
  const paid = findPaidEnd(attempt, ledger, now)
  if (!paid && receivable.members && isOtherSum(attempt, receivable.members, ledger))
    return replace(attempt, receivable, policy, now)
  const end = paid ?? findUnpaidEnd(attempt, receivable, ledger, { policy, now })
  return end && { do: 'end_attempt', attempt, end }
}

const paymentsOf = ({ id }: Attempt, { payments }: Ledger) =>
  payments.filter((one) => one.attemptId === id && !one.isSetup)

/** Whether what is asked for on behalf of others is another sum by now. */
function isOtherSum(attempt: Attempt, members: readonly Share[], ledger: Ledger): boolean {
  if (paymentsOf(attempt, ledger).length > 0) return false
  const { shares } = attempt
  const isSame =
    shares.length === members.length &&
    shares.every(({ receivableId, amount }) =>
      members.some((one) => one.receivableId === receivableId && one.amount === amount),
    )
  // An open checkout for an old sum is replaced when somebody comes to pay, not behind their back.
  return !isSame && (attempt.status !== 'live' || !!ledger.requestedBy || !attempt.handedOutAt)
}

/** The checkout for another sum takes the place of this one at once: nobody may ask for a part of it in between. */
function replace(attempt: Attempt, receivable: Receivable, policy: Policy, now: Date): MoneyStep {
  const why = 'the sum due is another now'
  if (receivable.whyNotCollected)
    return { do: 'end_attempt', attempt, end: { status: 'superseded', at: now, why } }
  const beginning = { cause: receivable.cause, retryIndex: 0, resume: undefined }
  return { ...open(receivable, policy, beginning), replaces: { attempt, why } }
}

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
  receivable: Receivable,
  ledger: Ledger,
  { policy, now }: { policy: Policy; now: Date },
): End | undefined {
  if (paymentsOf(attempt, ledger).length > 0) return undefined
  if (isExpired(attempt, now)) {
    return { status: 'expired', at: now, why: 'the checkout expired unpaid' }
  }
  // A charge ends with its payment, and what asks for others as well is not one's own to end.
  if (attempt.kind === 'charge' || !isOwn(attempt, ledger) || receivable.members) return undefined
  const why = findObsolete(attempt, receivable, ledger, policy)
  const isUnseen = findSavedCard(attempt, receivable, ledger, policy) !== undefined
  return why === undefined ? undefined : { status: 'superseded', at: now, why, isUnseen }
}

function findObsolete(
  attempt: Attempt,
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
): string | undefined {
  if (receivable.whyNotCollected) return receivable.whyNotCollected.reason
  const isOpen = attempt.status === 'live'
  if (findSavedCard(attempt, receivable, ledger, policy)) return 'the customer saved a card'
  const isOtherAmount =
    attempt.amount !== receivable.due || attempt.currency !== receivable.currency
  // An open checkout for an old amount is replaced when somebody comes to pay, not behind their back.
  if (!isOtherAmount || (isOpen && !ledger.requestedBy)) return undefined
  return `the amount due is now ${formatBooks(receivable.due, receivable.currency)}`
}

/** A checkout that nobody was sent to cannot be paid, so the card that was saved since may be charged instead. */
function findSavedCard(
  attempt: Attempt,
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
): Mandate | undefined {
  const isReplaceable =
    attempt.status === 'live' &&
    attempt.kind !== 'charge' &&
    isOwn(attempt, ledger) &&
    !attempt.handedOutAt &&
    !receivable.whyNotCollected
  const mandate = isReplaceable ? findMandate(receivable, ledger, policy) : undefined
  return mandate && mandate.renewedAt > attempt.startedAt ? mandate : undefined
}
