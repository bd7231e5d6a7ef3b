import { heardOf } from '../../../collect/decide/decide.ts'
import { isMoneyInHand, isSlow } from '../../../collect/decide/next-attempt.ts'
import { isFinal, isLive } from '../../../collect/ledger.ts'
import type { Share } from '../../../collect/ledger.ts'
import type { Standing } from '../../../collect/receivable.ts'
import { whyNotAsked } from './collectable.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy } from './invoice.ts'
import { asReceivable } from './receivable.ts'

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

type Since = Pick<InvoicePolicy, 'collectSince'>

/** What an invoice adds to the sum: nothing while other money for it is here or on its way. */
export function shareOf(
  invoice: Invoice | undefined,
  ledger: InvoiceLedger,
  now: Date,
  policy: Since,
): Share {
  const { receivableId } = ledger
  const isAsked =
    invoice &&
    !whyNotAsked(invoice, policy) &&
    findHoldUp(invoice, ledger, now, policy) === undefined
  return { receivableId, amount: isAsked ? invoice.due : 0 }
}

/** An invoice as a payment request sees it. */
export function memberOf(
  invoice: (Invoice & { number: string }) | undefined,
  ledger: InvoiceLedger,
  now: Date,
  policy: Since,
): Member {
  const unknown: Standing = { state: 'skipped', reason: 'Lago does not show one of its invoices' }
  const settled = invoice ? whyNotAsked(invoice, policy) : unknown
  const number = invoice?.number ?? ledger.receivableId
  return {
    share: shareOf(invoice, ledger, now, policy),
    number,
    // Lago is told before a payment is at rest here, so its word is enough.
    holdUp: invoice && !settled ? findHoldUp(invoice, ledger, now, policy) : undefined,
    standing: settled ?? { state: 'open', reason: `${number} is due` },
    isUncollected: settled?.state === 'skipped' && !isNothing(invoice),
  }
}

const isNothing = (invoice: Invoice | undefined) =>
  invoice?.status === 'finalized' && (invoice.due <= 0 || invoice.type === 'advance_charges')

function findHoldUp(
  invoice: Invoice,
  ledger: InvoiceLedger,
  now: Date,
  policy: Since,
): HoldUp | undefined {
  const { attempts, payments, recordings } = heardOf(ledger, now)
  const ours = payments.filter(({ attemptId }) => attempts.some(({ id }) => id === attemptId))
  if (ours.some((one) => isSlow(one) && !one.isSetup)) return 'bank'
  if (attempts.some((one) => isLive(one) && one.kind === 'charge')) return 'charge'
  if (!isMoneyInHand(asReceivable(invoice, ledger, policy), ledger, now)) return undefined
  if (ours.some((one) => !isFinal(one) && !one.isSetup)) return 'customer'
  return recordings.some(({ status }) => status === 'held') ? 'held' : 'recording'
}
