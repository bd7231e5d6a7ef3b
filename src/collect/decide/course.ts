import { isLive, type Attempt, type Ledger } from '../ledger.ts'
import type { Receivable, Standing } from '../receivable.ts'

/**
 * The attempt by which the receivable goes on. One that nobody was obliged to pay is passed over when it ends
 * unpaid: one that asked for others as well, or a checkout that was opened because somebody came to the pay link, be it a mail
 * scanner. So is a charge that was never made because its amount was another by then: it was refused by nobody.
 */
export function findLast(receivable: Receivable, ledger: Ledger): Attempt | undefined {
  return ledger.attempts.findLast((one) => {
    if (one.status !== 'expired' && one.status !== 'superseded') return true
    if (one.kind === 'charge') return !isNeverMade(one, receivable, ledger)
    return isOwn(one, ledger) && one.cause !== 'customer'
  })
}

/** Whether it asks for this receivable alone, and not for others as well. */
export const isOwn = ({ receivableId }: Attempt, ledger: Ledger) =>
  receivableId === ledger.receivableId

/** Whether it is a charge that Dodo was not asked for, since another sum was due by then. */
export const isNeverMade = (
  { id, status, amount, currency }: Attempt,
  { due, currency: wanted }: Pick<Receivable, 'due' | 'currency'>,
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

/** Why nothing can be paid on it now: what is too little alone may be asked for together with others. */
export function whyNotPayable(receivable: Receivable, ledger: Ledger): Standing | undefined {
  const live = ledger.attempts.find(isLive)
  const isAskedTogether = live && !isOwn(live, ledger)
  return isAskedTogether ? receivable.whyNotAsked : receivable.whyNotCollected
}
