import { spareOf } from './allocation.ts'
import { isIdentified, whyNotCollected } from './collectable.ts'
import { findLast, isNeverMade, isPartOfIt } from './course.ts'
import { classifyDecline } from './declines.ts'
import {
  isFinal,
  isLive,
  isLost,
  isUnheardOf,
  type Attempt,
  type Invoice,
  type Ledger,
  type Mandate,
  type Payment,
  type Policy,
} from './ledger.ts'
import type { Beginning, Step } from './steps.ts'

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

/** The customer's permission to charge this invoice, if there is one that works. */
export function findMandate(
  { currency, customer }: Invoice,
  { mandates }: Ledger,
  { collection }: Policy,
): Mandate | undefined {
  if (collection !== 'automatic' || !isIdentified(customer)) return undefined
  return mandates
    .filter((one) => one.currency === currency && one.status === 'active')
    .filter(({ isEnding, refusal }) => !isEnding && refusal === null)
    .toSorted((one, other) => other.renewedAt.getTime() - one.renewedAt.getTime())[0]
}

/**
 * Money that came through an attempt of ours and Lago does not count, or that may still come, forbids asking
 * for more. What a stranger paid for something else and declared to be for this invoice does not.
 */
export function isMoneyInHand(invoice: Invoice, ledger: Ledger, now: Date): boolean {
  const { attempts, payments, recordings, lagoInvoiceId } = ledger
  const recorded = recordings
    .filter(({ status, through }) => status === 'recorded' && through === 'payment')
    .reduce((sum, { amount }) => sum + amount, 0)
  // Lago's answer is older than what it recorded for us.
  if (recorded > invoice.paid) return true
  return payments.some((payment) => {
    const attempt = attempts.find(({ id }) => id === payment.attemptId)
    if (!attempt || payment.isSetup || isUnheardOf(payment, now)) return false
    if (!isFinal(payment)) return isSlow(payment) || stuckUntil(attempt, payment) > now
    if (payment.status !== 'succeeded' || payment.disputes.some(isLost)) return false
    const recording = recordings.find((one) => one.dodoPaymentId === payment.dodoPaymentId)
    if (recording?.status === 'recorded') return false
    return recording?.status !== 'held' || spareOf(payment, lagoInvoiceId) !== 0
  })
}

/** A collectable invoice without a live attempt gets one when it is new, when its retry is due, or when somebody asks. */
export function nextAttempt(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  const isWanted = !whyNotCollected(invoice, policy) && !isMoneyInHand(invoice, ledger, now)
  const begun = ledger.attempts.find(isLive)
  if (begun?.kind === 'charge' && begun.status !== 'live') {
    const { cause, retryIndex } = begun
    const mandate = ledger.mandates.find(
      ({ dodoSubscriptionId }) => dodoSubscriptionId === begun.dodoSubscriptionId,
    )
    const isExact = begun.amount === invoice.due && begun.currency === invoice.currency
    return {
      do: 'charge_mandate',
      mandate,
      isWanted: isWanted && isExact,
      resume: begun,
      cause,
      retryIndex,
    }
  }
  if (!isWanted || begun?.status === 'live' || begun?.lagoPaymentRequestId) return undefined
  // The session of a lost answer cannot be paid, since its URL was in the answer: the same again.
  if (begun)
    return open(invoice, policy, {
      cause: begun.cause,
      retryIndex: begun.retryIndex,
      resume: begun,
    })
  return begin(invoice, ledger, policy, now)
}

function begin(invoice: Invoice, ledger: Ledger, policy: Policy, now: Date): Step | undefined {
  const mandate = findMandate(invoice, ledger, policy)
  const last = findLast(invoice, ledger)
  if (!last) return beginFirst(invoice, ledger, policy, mandate)

  const again = (cause: Attempt['cause'], retryIndex = last.retryIndex): Beginning => ({
    cause,
    retryIndex,
    resume: undefined,
  })
  if (ledger.requestedBy === 'customer') {
    return open(
      invoice,
      policy,
      again('customer', nextWaitMs(last, policy) === undefined ? 0 : undefined),
    )
  }
  const chargeable = wantsCustomer(invoice, ledger, mandate)
    ? undefined
    : (mandate ?? findHeld(last, invoice, ledger, policy))
  if (ledger.requestedBy === 'merchant')
    return charge(invoice, policy, chargeable, again('merchant', 0))
  if (chargeable && isPartOfIt(last, ledger))
    return charge(invoice, policy, chargeable, again('invoice', 0))
  if (mandate && isRenewedSince(last, mandate))
    return charge(invoice, policy, mandate, again('mandate'))
  if (last.kind === 'charge' && last.status !== 'paid' && !chargeable)
    return open(invoice, policy, again('retry'))
  const due = retryAt(invoice, ledger, policy, now)
  if (!due || due > now) return undefined
  return charge(invoice, policy, chargeable, again('retry', last.retryIndex + 1))
}

/** A checkout that was opened for somebody who came, or for a request, is made good for by the card alone. */
function beginFirst(
  invoice: Invoice,
  { attempts, requestedBy }: Ledger,
  policy: Policy,
  mandate: Mandate | undefined,
): Step | undefined {
  const first = { retryIndex: 0, resume: undefined }
  // Who stands at the pay link is not made to wait for a card that is busy with another charge.
  if (requestedBy === 'customer') return open(invoice, policy, { ...first, cause: 'customer' })
  if (requestedBy === 'merchant')
    return charge(invoice, policy, mandate, { ...first, cause: 'merchant' })
  if (attempts.length > 0 && !mandate) return undefined
  return charge(invoice, policy, mandate, { ...first, cause: 'invoice' })
}

/**
 * A decline may put the mandate on hold, which Dodo's on-demand guide calls information and not a lock: the
 * schedule goes on with it until Dodo refuses. For other invoices the customer is asked instead.
 */
function findHeld(
  last: Attempt,
  { currency, customer }: Invoice,
  { mandates }: Ledger,
  { collection }: Policy,
): Mandate | undefined {
  if (!isIdentified(customer)) return undefined
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
const open = ({ customer }: Invoice, { collection }: Policy, beginning: Beginning): Step => ({
  do: 'open_checkout',
  kind: collection === 'automatic' && isIdentified(customer) ? 'mandate' : 'checkout',
  ...beginning,
})

const charge = (
  invoice: Invoice,
  policy: Policy,
  mandate: Mandate | undefined,
  beginning: Beginning,
): Step =>
  mandate
    ? { do: 'charge_mandate', mandate, isWanted: true, ...beginning }
    : open(invoice, policy, beginning)

/** Whether the customer gave a card after what this attempt could have known. */
const isRenewedSince = ({ kind, startedAt, endedAt }: Attempt, { renewedAt }: Mandate) =>
  renewedAt > (kind === 'charge' ? (endedAt ?? startedAt) : startedAt)

/** Whether charging without the customer again would only repeat what was refused. */
function wantsCustomer(invoice: Invoice, ledger: Ledger, mandate: Mandate | undefined): boolean {
  const last = ledger.attempts.findLast(
    (one) =>
      one.kind === 'charge' &&
      one.dodoSubscriptionId === mandate?.dodoSubscriptionId &&
      !isNeverMade(one, invoice, ledger),
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
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Date | undefined {
  const last = findLast(invoice, ledger)
  const waitMs = nextWaitMs(last, policy)
  if (waitMs === undefined || !last?.endedAt) return undefined
  if (whyNotCollected(invoice, policy) || isMoneyInHand(invoice, ledger, now)) return undefined
  return new Date(declinedAt(last, last.endedAt).getTime() + waitMs)
}

/** A charge is repeated at its own hour of the day, however long the bank took to decline it. */
function declinedAt({ kind, startedAt }: Attempt, endedAt: Date): Date {
  if (kind !== 'charge') return endedAt
  const days = Math.round((endedAt.getTime() - startedAt.getTime()) / DAY_MS)
  return new Date(startedAt.getTime() + days * DAY_MS)
}

/** When the invoice must be looked at again although nobody says so. */
export function nextWake(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Date | undefined {
  const live = ledger.attempts.find(isLive)
  if (!live) return retryAt(invoice, ledger, policy, now)
  const stuck = ledger.payments.find(
    (payment) => payment.attemptId === live.id && !isFinal(payment) && !isSlow(payment),
  )
  if (stuck) return stuckUntil(live, stuck)
  return resumesAt(live, invoice, ledger, policy)
}

/** When the schedule may go on that a checkout has interrupted which would be passed over: not before it is over. */
function resumesAt(
  live: Attempt,
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
): Date | undefined {
  const { expiresAt } = live
  if (!expiresAt || whyNotCollected(invoice, policy)) return undefined
  const overAt = new Date(expiresAt.getTime() + EXPIRY_MARGIN_MS + 1)
  const attempts = ledger.attempts.map((one) =>
    one.id === live.id ? { ...one, status: 'expired' as const } : one,
  )
  const afterwards = { ...ledger, attempts }
  if (begin(invoice, { ...afterwards, requestedBy: null }, policy, overAt)) return overAt
  return retryAt(invoice, afterwards, policy, overAt)
}
