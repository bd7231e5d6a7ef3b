import { whyNotAsked, type Standing } from './collectable.ts'
import {
  isFinal,
  isLive,
  type Attempt,
  type Invoice,
  type Ledger,
  type Payment,
  type Policy,
} from './ledger.ts'
import { isExpired, isMoneyInHand, isSlow } from './next-attempt.ts'

/** What one invoice of a payment request still wants, in Lago's minor units. */
export type Share = { lagoInvoiceId: string; amount: number }

/** Why nothing may be asked for on an invoice that is owed. */
type HoldUp = 'bank' | 'charge' | 'customer' | 'recording' | 'held'

/** An invoice of a payment request. */
export type Member = {
  share: Share
  number: string
  holdUp: HoldUp | undefined
  /** Why it is not asked for, by what Lago says of it. */
  standing: Standing
  /** It may well be owed, but is not ours to ask for. */
  isUncollected: boolean
}

export type BundleAttempt = Pick<
  Attempt,
  | 'id'
  | 'number'
  | 'kind'
  | 'status'
  | 'startedAt'
  | 'expiresAt'
  | 'handedOutAt'
  | 'lookedAt'
  | 'dodoSessionId'
> & {
  shares: readonly Share[]
  /** The last that was made through it. What becomes of one that is not over is its invoices' business. */
  payment: Pick<Payment, 'status' | 'changedAt' | 'errorCode'> | undefined
}

export type BundleStep =
  | { do: 'read_session'; attempt: BundleAttempt; dodoSessionId: string }
  | {
      do: 'end_attempt'
      attempt: BundleAttempt
      status: 'declined' | 'expired' | 'superseded'
      why: string
      /** What is asked for instead, in the same moment, so that no invoice asks for itself in between. */
      instead: readonly Share[]
    }
  | { do: 'open_checkout'; resume: BundleAttempt | undefined; shares: readonly Share[] }
  | { do: 'rest' }

/** Whoever comes to pay must not be sent to a session that was paid a moment ago. */
const FRESH_MS = 2_000

/** What an invoice adds to the sum: nothing while other money for it is here or on its way. */
export function shareOf(
  invoice: Invoice | undefined,
  ledger: Ledger,
  now: Date,
  policy: Pick<Policy, 'collectSince'>,
): Share {
  const { lagoInvoiceId } = ledger
  const isAsked =
    invoice && !whyNotAsked(invoice, policy) && findHoldUp(invoice, ledger, now) === undefined
  return { lagoInvoiceId, amount: isAsked ? invoice.due : 0 }
}

/** An invoice as a payment request sees it. */
export function memberOf(
  invoice: (Invoice & { number: string }) | undefined,
  ledger: Ledger,
  now: Date,
  policy: Pick<Policy, 'collectSince'>,
): Member {
  const unknown: Standing = { state: 'skipped', reason: 'Lago does not show one of its invoices' }
  const settled = invoice ? whyNotAsked(invoice, policy) : unknown
  const number = invoice?.number ?? ledger.lagoInvoiceId
  return {
    share: shareOf(invoice, ledger, now, policy),
    number,
    // Lago is told before a payment is at rest here, so its word is enough.
    holdUp: invoice && !settled ? findHoldUp(invoice, ledger, now) : undefined,
    standing: settled ?? { state: 'open', reason: `${number} is due` },
    isUncollected: settled?.state === 'skipped' && !isNothing(invoice),
  }
}

const isNothing = (invoice: Invoice | undefined) =>
  invoice?.status === 'finalized' && (invoice.due <= 0 || invoice.type === 'advance_charges')

function findHoldUp(invoice: Invoice, ledger: Ledger, now: Date): HoldUp | undefined {
  const { attempts, payments, recordings } = ledger
  const ours = payments.filter(({ attemptId }) => attempts.some(({ id }) => id === attemptId))
  if (ours.some((one) => isSlow(one) && !one.isSetup)) return 'bank'
  if (attempts.some((one) => isLive(one) && one.kind === 'charge')) return 'charge'
  if (!isMoneyInHand(invoice, ledger, now)) return undefined
  if (ours.some((one) => !isFinal(one) && !one.isSetup)) return 'customer'
  return recordings.some(({ status }) => status === 'held') ? 'held' : 'recording'
}

/** What is to be done about the one checkout that pays several invoices. */
export function decideBundle(
  attempts: readonly BundleAttempt[],
  wanted: readonly Share[],
  { isRequested, now }: { isRequested: boolean; now: Date },
): BundleStep {
  const shares = wanted.filter(({ amount }) => amount > 0)
  const live = attempts.find(isLive)
  if (!live) {
    const isDue = shares.length > 0 && (attempts.length === 0 || isRequested)
    return isDue ? { do: 'open_checkout', resume: undefined, shares } : { do: 'rest' }
  }
  const { dodoSessionId } = live
  if (dodoSessionId && !isSeen(live, { isRequested, now }))
    return { do: 'read_session', attempt: live, dodoSessionId }
  if (live.payment) return decidePaid(live, live.payment)
  if (isExpired(live, now)) return end(live, 'expired', 'the checkout expired unpaid')
  const isSame = isEqual(live.shares, shares)
  // An open checkout for an old sum is replaced when somebody comes to pay, not behind their back.
  const isReplaceable = live.status !== 'live' || isRequested || !live.handedOutAt
  if (!isSame && isReplaceable) return end(live, 'superseded', 'the sum due is another now', shares)
  if (live.status === 'live') return { do: 'rest' }
  return { do: 'open_checkout', resume: live, shares }
}

/** Whether somebody has looked if it was paid, since that could last have changed what is to be done. */
function isSeen(
  { startedAt, lookedAt, expiresAt, ...live }: BundleAttempt,
  { isRequested, now }: { isRequested: boolean; now: Date },
): boolean {
  if (live.status !== 'live') return true
  const seenAt = lookedAt ?? startedAt
  if (isExpired({ expiresAt }, now) && expiresAt && seenAt < expiresAt) return false
  return !isRequested || now.getTime() - seenAt.getTime() <= FRESH_MS
}

/** Of one that is not over, only its invoices know when it no longer can be finished. */
function decidePaid(
  live: BundleAttempt,
  payment: NonNullable<BundleAttempt['payment']>,
): BundleStep {
  if (!isFinal(payment) || payment.status === 'succeeded') return { do: 'rest' }
  const code = payment.errorCode ? ` (${payment.errorCode})` : ''
  return end(live, 'declined', `the payment was declined${code}`)
}

const end = (
  attempt: BundleAttempt,
  status: Extract<BundleStep, { do: 'end_attempt' }>['status'],
  why: string,
  instead: readonly Share[] = [],
): BundleStep => ({ do: 'end_attempt', attempt, status, why, instead })

const isEqual = (some: readonly Share[], others: readonly Share[]) =>
  some.length === others.length &&
  some.every(({ lagoInvoiceId, amount }) =>
    others.some((one) => one.lagoInvoiceId === lagoInvoiceId && one.amount === amount),
  )
