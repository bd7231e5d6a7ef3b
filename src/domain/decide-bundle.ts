import { whyNotAsked } from './collectable.ts'
import { isLive, type Attempt, type Invoice, type Ledger, type Policy } from './ledger.ts'
import { isExpired, isMoneyInHand } from './next-attempt.ts'

/** What one invoice of a payment request still wants, in Lago's minor units. */
export type Share = { lagoInvoiceId: string; amount: number }

export type BundleAttempt = Pick<
  Attempt,
  'id' | 'number' | 'kind' | 'status' | 'startedAt' | 'expiresAt' | 'handedOutAt'
> & {
  shares: readonly Share[]
  /** A payment was made through it, so what becomes of it is its invoices' business. */
  isBeingPaid: boolean
}

export type BundleStep =
  | { do: 'end_attempt'; attempt: BundleAttempt; status: 'expired' | 'superseded'; why: string }
  | { do: 'open_checkout'; resume: BundleAttempt | undefined; shares: readonly Share[] }
  | { do: 'rest' }

/** What an invoice adds to the sum: nothing while other money for it is here or on its way. */
export function shareOf(
  invoice: Invoice | undefined,
  ledger: Ledger,
  now: Date,
  policy: Pick<Policy, 'collectSince'>,
): Share {
  const { lagoInvoiceId } = ledger
  const isCharged = ledger.attempts.some((one) => isLive(one) && one.kind === 'charge')
  const isAsked =
    invoice && !whyNotAsked(invoice, policy) && !isMoneyInHand(invoice, ledger, now) && !isCharged
  return { lagoInvoiceId, amount: isAsked ? invoice.due : 0 }
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
  if (live.isBeingPaid) return { do: 'rest' }
  if (isExpired(live, now)) {
    return {
      do: 'end_attempt',
      attempt: live,
      status: 'expired',
      why: 'the checkout expired unpaid',
    }
  }
  const isSame = isEqual(live.shares, shares)
  // An open checkout for an old sum is replaced when somebody comes to pay, not behind their back.
  const isReplaceable = live.status !== 'live' || isRequested || !live.handedOutAt
  if (!isSame && isReplaceable) {
    return {
      do: 'end_attempt',
      attempt: live,
      status: 'superseded',
      why: 'the sum due is another now',
    }
  }
  if (live.status === 'live') return { do: 'rest' }
  return { do: 'open_checkout', resume: live, shares }
}

const isEqual = (some: readonly Share[], others: readonly Share[]) =>
  some.length === others.length &&
  some.every(({ lagoInvoiceId, amount }) =>
    others.some((one) => one.lagoInvoiceId === lagoInvoiceId && one.amount === amount),
  )
