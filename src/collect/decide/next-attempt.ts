import { spareOf } from './allocation.ts'
import { isIdentified, type Receivable } from '../receivable.ts'
import { findLast, isNeverMade, isOwn, isPartOfIt } from './course.ts'
import { classifyDecline } from '../declines.ts'
import {
  isFinal,
  isLive,
  isLost,
  isUnbegun,
  isUnheardOf,
  type Attempt,
  type Ledger,
  type Mandate,
  type Payment,
  type Policy,
} from '../ledger.ts'
import type { Beginning, MoneyStep } from './steps.ts'

/** A session may be paid until Dodo's clock says so; ours may run a little ahead. */
const EXPIRY_MARGIN_MS = 60_000
/** A charge that wants the customer has no page for them, so it is not waited for as a checkout is. */
const STUCK_CHARGE_MS = 3_600_000
const DAY_MS = 24 * 3_600_000

/** A bank transfer and its like may take days, whatever became of the session. */
export const isSlow = ({ status }: { status: string }) => status === 'processing'

export const isExpired = ({ expiresAt }: Pick<Attempt, 'expiresAt'>, now: Date) =>
  expiresAt !== null && now.getTime() > expiresAt.getTime() + EXPIRY_MARGIN_MS

/** Until when a payment that is neither final nor with the bank may still be finished. */
export function stuckUntil({ expiresAt }: Attempt, { changedAt }: Payment): Date {
  if (expiresAt) return new Date(expiresAt.getTime() + EXPIRY_MARGIN_MS)
  return new Date(changedAt.getTime() + STUCK_CHARGE_MS)
}

/**
 * The customer's permission to charge this receivable, if there is one that works. Who asks for others charges nobody:
 * each of them is charged by itself, and a sum that was taken for all would be for none of them.
 */
export function findMandate(
  { currency, payer, members }: Receivable,
  { mandates }: Ledger,
  { collection }: Policy,
): Mandate | undefined {
  if (members || collection !== 'automatic' || !isIdentified(payer)) return undefined
  return mandates
    .filter((one) => one.currency === currency && one.status === 'active')
    .filter(({ isEnding, refusal }) => !isEnding && refusal === null)
    .toSorted((one, other) => other.renewedAt.getTime() - one.renewedAt.getTime())[0]
}

/**
 * Money that came through an attempt of ours and the books do not count, or that may still come, forbids asking
 * for more. What a stranger paid for something else and declared to be for this receivable does not.
 */
export function isMoneyInHand({ paid, members }: Receivable, ledger: Ledger, now: Date): boolean {
  // Who asks for others asks for none of whom there is money in hand.
  if (members) return false
  const { attempts, payments, recordings, receivableId } = ledger
  const recorded = recordings
    .filter(({ status, through }) => status === 'recorded' && through === 'payment')
    .reduce((sum, { amount }) => sum + amount, 0)
  // The books' answer is older than what was recorded in them for us.
  if (recorded > paid) return true
  return payments.some((payment) => {
    const attempt = attempts.find(({ id }) => id === payment.attemptId)
    if (!attempt || payment.isSetup || isUnheardOf(payment, now)) return false
    if (isUnbegun(payment, attempts)) return false
    if (!isFinal(payment)) return isSlow(payment) || stuckUntil(attempt, payment) > now
    if (payment.status !== 'succeeded' || payment.disputes.some(isLost)) return false
    const recording = recordings.find((one) => one.dodoPaymentId === payment.dodoPaymentId)
    if (recording?.status === 'recorded') return false
    return recording?.status !== 'held' || spareOf(payment, receivableId) !== 0
  })
}

/** What is to be collected and has no live attempt gets one when it is new, when its retry is due, or when somebody asks. */
export function nextAttempt(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): MoneyStep | undefined {
  const isWanted = !receivable.whyNotCollected && !isMoneyInHand(receivable, ledger, now)
  const begun = ledger.attempts.find(isLive)
  if (begun?.kind === 'charge' && begun.status !== 'live') {
    const { cause, retryIndex } = begun
    const mandate = ledger.mandates.find(
      ({ dodoSubscriptionId }) => dodoSubscriptionId === begun.dodoSubscriptionId,
    )
    const isExact = begun.amount === receivable.due && begun.currency === receivable.currency
    return {
      do: 'charge_mandate',
      mandate,
      isWanted: isWanted && isExact,
      resume: begun,
      cause,
      retryIndex,
    }
  }
  if (!isWanted || begun?.status === 'live' || (begun && !isOwn(begun, ledger))) return undefined
  // The session of a lost answer cannot be paid, since its URL was in the answer: the same again.
  if (begun)
    return open(receivable, policy, {
      cause: begun.cause,
      retryIndex: begun.retryIndex,
      resume: begun,
    })
  return begin(receivable, ledger, policy, now)
}

function begin(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): MoneyStep | undefined {
  const mandate = findMandate(receivable, ledger, policy)
  const last = findLast(receivable, ledger)
  if (!last) return beginFirst(receivable, ledger, policy, mandate)

  const again = (cause: Attempt['cause'], retryIndex = last.retryIndex): Beginning => ({
    cause,
    retryIndex,
    resume: undefined,
  })
  if (ledger.requestedBy === 'customer') {
    return open(
      receivable,
      policy,
      again('customer', nextWaitMs(last, policy) === undefined ? 0 : undefined),
    )
  }
  const chargeable = wantsCustomer(receivable, ledger, mandate)
    ? undefined
    : (mandate ?? findHeld(last, receivable, ledger, policy))
  if (ledger.requestedBy === 'merchant')
    return charge(receivable, policy, chargeable, again('merchant', 0))
  if (chargeable && isPartOfIt(last, ledger))
    return charge(receivable, policy, chargeable, again('invoice', 0))
  if (mandate && isRenewedSince(last, mandate))
    return charge(receivable, policy, mandate, again('mandate'))
  if (last.kind === 'charge' && last.status !== 'paid' && !chargeable)
    return open(receivable, policy, again('retry'))
  const due = retryAt(receivable, ledger, policy, now)
  if (!due || due > now) return undefined
  return charge(receivable, policy, chargeable, again('retry', last.retryIndex + 1))
}

/** A checkout that was opened for somebody who came, or for a request, is made good for by the card alone. */
function beginFirst(
  receivable: Receivable,
  { attempts, requestedBy }: Ledger,
  policy: Policy,
  mandate: Mandate | undefined,
): MoneyStep | undefined {
  const first = { retryIndex: 0, resume: undefined }
  // Who stands at the pay link is not made to wait for a card that is busy with another charge.
  if (requestedBy === 'customer') return open(receivable, policy, { ...first, cause: 'customer' })
  if (requestedBy === 'merchant')
    return charge(receivable, policy, mandate, { ...first, cause: 'merchant' })
  if (attempts.length > 0 && !mandate) return undefined
  return charge(receivable, policy, mandate, { ...first, cause: receivable.cause })
}

/**
 * A decline may put the mandate on hold, which Dodo's on-demand guide calls information and not a lock: the
 * schedule goes on with it until Dodo refuses. For anything else the customer is asked instead.
 */
function findHeld(
  last: Attempt,
  { currency, payer }: Receivable,
  { mandates }: Ledger,
  { collection }: Policy,
): Mandate | undefined {
  if (!isIdentified(payer)) return undefined
  const isSoft = last.status === 'declined' && classifyDecline(last.declineCode) === 'soft'
  if (collection !== 'automatic' || last.kind !== 'charge' || !isSoft) return undefined
  return mandates.find(
    (one) =>
      one.dodoSubscriptionId === last.dodoSubscriptionId &&
      one.status === 'on_hold' &&
      one.currency === currency &&
      !one.isEnding &&
      one.refusal === null,
  )
}

/** In automatic collection every checkout of somebody who can have a mandate renews it. */
export const open = (
  { payer }: Receivable,
  { collection }: Policy,
  beginning: Beginning,
): Extract<MoneyStep, { do: 'open_checkout' }> => ({
  do: 'open_checkout',
  kind: collection === 'automatic' && isIdentified(payer) ? 'mandate' : 'checkout',
  ...beginning,
})

const charge = (
  receivable: Receivable,
  policy: Policy,
  mandate: Mandate | undefined,
  beginning: Beginning,
): MoneyStep =>
  mandate
    ? { do: 'charge_mandate', mandate, isWanted: true, ...beginning }
    : open(receivable, policy, beginning)

/** Whether the customer gave a card after what this attempt could have known. */
const isRenewedSince = ({ kind, startedAt, endedAt }: Attempt, { renewedAt }: Mandate) =>
  renewedAt > (kind === 'charge' ? (endedAt ?? startedAt) : startedAt)

/** Whether charging without the customer again would only repeat what was refused. */
function wantsCustomer(
  receivable: Receivable,
  ledger: Ledger,
  mandate: Mandate | undefined,
): boolean {
  const last = ledger.attempts.findLast(
    (one) =>
      one.kind === 'charge' &&
      one.dodoSubscriptionId === mandate?.dodoSubscriptionId &&
      !isNeverMade(one, receivable, ledger),
  )
  if (!mandate || !last || isRenewedSince(last, mandate)) return false
  if (last.status === 'superseded') return true
  return last.status === 'declined' && classifyDecline(last.declineCode) !== 'soft'
}

export function nextWaitMs(last: Attempt | undefined, policy: Policy): number | undefined {
  return last?.status === 'declined' ? policy.retryScheduleMs[last.retryIndex] : undefined
}

/** When the schedule opens the next attempt; undefined when no decline is waiting for one. */
export function retryAt(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Date | undefined {
  const last = findLast(receivable, ledger)
  const waitMs = nextWaitMs(last, policy)
  if (waitMs === undefined || !last?.endedAt) return undefined
  if (receivable.whyNotCollected || isMoneyInHand(receivable, ledger, now)) return undefined
  return new Date(declinedAt(last, last.endedAt).getTime() + waitMs)
}

/** A charge is repeated at its own hour of the day, however long the bank took to decline it. */
function declinedAt({ kind, startedAt }: Attempt, endedAt: Date): Date {
  if (kind !== 'charge') return endedAt
  const days = Math.round((endedAt.getTime() - startedAt.getTime()) / DAY_MS)
  return new Date(startedAt.getTime() + days * DAY_MS)
}

/** When it must be looked at again although nobody says so. */
export function nextWake(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Date | undefined {
  const live = ledger.attempts.find(isLive)
  if (!live) return retryAt(receivable, ledger, policy, now)
  const stuck = ledger.payments.find(
    (payment) => payment.attemptId === live.id && !isFinal(payment) && !isSlow(payment),
  )
  if (stuck) return stuckUntil(live, stuck)
  return resumesAt(live, receivable, ledger, policy)
}

/** When the schedule may go on that a checkout has interrupted which would be passed over: not before it is over. */
function resumesAt(
  live: Attempt,
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
): Date | undefined {
  const { expiresAt } = live
  if (!expiresAt || receivable.whyNotCollected) return undefined
  const overAt = new Date(expiresAt.getTime() + EXPIRY_MARGIN_MS + 1)
  const attempts = ledger.attempts.map((one) =>
    one.id === live.id ? { ...one, status: 'expired' as const } : one,
  )
  const afterwards = { ...ledger, attempts }
  if (begin(receivable, { ...afterwards, requestedBy: null }, policy, overAt)) return overAt
  return retryAt(receivable, afterwards, policy, overAt)
}
