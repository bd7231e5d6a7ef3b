import { whyNotAsked, whyNotCollected, type Standing } from './collectable.ts'
import { isLive, type Attempt, type Invoice, type Ledger, type Policy } from './ledger.ts'

/**
 * The attempt by which the invoice goes on. One that nobody was obliged to pay is passed over when it ends
 * unpaid: a payment request's, or a checkout that was opened because somebody came to the pay link, be it a mail
 * scanner. So is a charge that was never made because its amount was another by then: it was refused by nobody.
 */
export function findLast(invoice: Invoice, ledger: Ledger): Attempt | undefined {
  return ledger.attempts.findLast((one) => {
    if (one.status !== 'expired' && one.status !== 'superseded') return true
    if (one.kind === 'charge') return !isNeverMade(one, invoice, ledger)
    return one.lagoPaymentRequestId === null && one.cause !== 'customer'
  })
}

/** Whether it is a charge that Dodo was not asked for, since another sum was due by then. */
export const isNeverMade = (
  { id, status, amount, currency }: Attempt,
  { due, currency: wanted }: Invoice,
  { payments }: Ledger,
) =>
  status === 'superseded' &&
  (amount !== due || currency !== wanted) &&
  !payments.some(({ attemptId }) => attemptId === id)

/** Whether it brought a part of what was due, which nobody has taken back since: the rest is asked for like it. */
export function isPartOfIt({ id, status }: Attempt, { payments, recordings }: Ledger): boolean {
  if (status !== 'paid') return false
  return payments.some(
    ({ attemptId, dodoPaymentId, refunds, disputes }) =>
      attemptId === id &&
      refunds.length === 0 &&
      disputes.length === 0 &&
      recordings.some((one) => one.dodoPaymentId === dodoPaymentId && one.status === 'recorded'),
  )
}

/** Why nothing can be paid on it now: what is too little alone may be asked for by a payment request. */
export function whyNotPayable(
  invoice: Invoice,
  { attempts }: Ledger,
  policy: Pick<Policy, 'collectSince'>,
): Standing | undefined {
  const isAskedTogether = attempts.find(isLive)?.lagoPaymentRequestId
  return isAskedTogether ? whyNotAsked(invoice, policy) : whyNotCollected(invoice, policy)
}
