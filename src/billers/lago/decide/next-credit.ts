import { allocateRefunds } from '../../../collect/decide/allocation.ts'
import type { Credit, Payment } from '../../../collect/ledger.ts'
import { toDodoMinor } from '../../../collect/money.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy } from './invoice.ts'
import type { BookStep, Uncredited } from './steps.ts'

type License = Pick<InvoicePolicy, 'isFreeLicense'>

/** How far Lago's rounding of tax puts off a total that it cannot reach. */
const ROUNDING = 1

/** A refund that the merchant made in Dodo becomes a credit note, and one that failed after all is taken back. */
export function nextCredit(
  invoice: Invoice,
  ledger: InvoiceLedger,
  policy: InvoicePolicy,
): BookStep | undefined {
  // What Lago shows to nobody yet cannot be credited yet; it is announced as soon as it can.
  if (invoice.status === 'open') return undefined
  for (const payment of ledger.payments) {
    const untold = findUntold(payment, ledger)
    if (untold) return { do: 'tell_credit', ...untold }
    const reversed = findReversed(payment, ledger)
    if (reversed) return { do: 'reverse_credit', dodoRefundId: reversed }
  }
  for (const uncredited of findUncredited(ledger)) {
    const { payment, refund, amount } = uncredited
    const rows = creditsOf(refund.dodoRefundId, ledger)
    const begun = rows.find(isBegun)
    if (begun) {
      const sum = toDodoMinor(begun.amount, payment.currency)
      return { do: 'credit_refund', payment, refund, amount: sum, sequence: begun.sequence }
    }
    const bounced = findBounced(uncredited, ledger)
    if (bounced) return { do: 'take_credit_note', uncredited, creditNoteId: bounced }
    if (rows.some((row) => isStuck(row, policy))) continue
    return { do: 'credit_refund', payment, refund, amount, sequence: uncredited.sequence }
  }
  return undefined
}

/**
 * The refunds, as far as they give back what this invoice took, that no credit note stands for. One may have a note for
 * less than its part, if refunds before it were heard of later: then the rest is missing.
 */
export function findUncredited(ledger: InvoiceLedger): Uncredited[] {
  return ledger.payments
    .filter((one) => isSettled(one, ledger))
    .flatMap((payment) =>
      allocateRefunds(payment)
        .filter(
          ({ purpose, receivableId }) =>
            purpose === 'taken' && receivableId === ledger.receivableId,
        )
        .filter(({ refund }) => !isForCreditNote(refund.dodoRefundId, payment))
        .flatMap(({ refund, amount }) => {
          const rows = creditsOf(refund.dodoRefundId, ledger)
          const credited = rows
            .filter(({ status }) => status === 'credited')
            .reduce((sum, row) => sum + toDodoMinor(row.amount, payment.currency), 0)
          const missing = amount - credited
          const isRounding =
            rows.some(({ isExact }) => !isExact) &&
            credited > 0 &&
            missing <= toDodoMinor(ROUNDING, payment.currency)
          if (missing <= 0 || isRounding) return []
          const unfinished = rows.find(
            ({ status }) =>
              status === 'impossible' || status === 'intended' || status === 'unknown',
          )
          const sequence =
            unfinished?.sequence ?? Math.max(-1, ...rows.map((row) => row.sequence)) + 1
          return [{ payment, refund, sequence, amount: missing }]
        }),
    )
}

/**
 * Until all of a payment is where it belongs, which part a refund gives back is not certain. Nor is it while we do
 * not know whether a refund is the one that we asked for, on behalf of whichever invoice.
 */
const isSettled = ({ dodoPaymentId, parts, orders }: Payment, { recordings }: InvoiceLedger) =>
  recordings.some((one) => one.dodoPaymentId === dodoPaymentId && one.status === 'recorded') &&
  parts.every((part) => part.isSettled) &&
  !orders.some(({ status }) => status === 'intended' || status === 'unknown')

const creditsOf = (dodoRefundId: string, { credits }: InvoiceLedger) =>
  credits.filter((one) => one.dodoRefundId === dodoRefundId)

const isBegun = ({ status }: Credit) => status === 'intended' || status === 'unknown'

/** Whether a note of ours for it is on its way to Lago, or may be. */
export const isCreditBegun = ({ refund }: Uncredited, ledger: InvoiceLedger) =>
  creditsOf(refund.dodoRefundId, ledger).some(isBegun)

const isStuck = ({ status, needsLicense }: Credit, { isFreeLicense }: License) =>
  status === 'impossible' && (!needsLicense || isFreeLicense)

const isForCreditNote = (dodoRefundId: string, { orders }: Payment) =>
  orders.some((order) => order.dodoRefundId === dodoRefundId && order.creditNoteId !== null)

/** A note of ours whose refund Lago was not told to have arrived: the answer was lost, or came to nothing. */
function findUntold({ dodoPaymentId, refunds }: Payment, { credits }: InvoiceLedger) {
  const untold = credits.find(
    ({ dodoRefundId, status, toldAt }) =>
      status === 'credited' &&
      toldAt === null &&
      refunds.some((one) => one.dodoRefundId === dodoRefundId && one.status === 'succeeded'),
  )
  if (!untold) return undefined
  return { dodoRefundId: untold.dodoRefundId, dodoPaymentId, sequence: untold.sequence }
}

const findReversed = ({ refunds }: Payment, { credits }: InvoiceLedger) =>
  refunds.find(
    ({ dodoRefundId, status }) =>
      status === 'failed' &&
      credits.some((one) => one.dodoRefundId === dodoRefundId && one.status === 'credited'),
  )?.dodoRefundId

/** Credits of refunds that failed after all, and that no later refund has made good. */
export const findUnmended = ({ credits }: InvoiceLedger) =>
  credits.filter(
    (one) =>
      one.status === 'reversed' &&
      !credits.some(
        ({ status, creditNoteId }) =>
          status === 'credited' && creditNoteId !== null && creditNoteId === one.creditNoteId,
      ),
  )

/** The note of a refund that failed after all is the next one's, which makes up for it. */
const findBounced = ({ payment, amount }: Uncredited, ledger: InvoiceLedger) =>
  findUnmended(ledger).find(
    (one) => one.creditNoteId !== null && toDodoMinor(one.amount, payment.currency) === amount,
  )?.creditNoteId

/** Refunds that no note could be made for, each with its reason. */
export const findStuck = (ledger: InvoiceLedger, policy: License) =>
  findUncredited(ledger).flatMap((uncredited) => {
    const row = creditsOf(uncredited.refund.dodoRefundId, ledger).find((one) =>
      isStuck(one, policy),
    )
    return row ? [{ uncredited, reason: row.reason }] : []
  })

/**
 * The refunds that a person was told to credit by hand, by Lago's refusal. What only wants a licence is not: it is
 * credited by itself once there is one.
 */
export const findToCredit = (ledger: InvoiceLedger): Uncredited[] =>
  findStuck(ledger, { isFreeLicense: false }).map(({ uncredited }) => uncredited)

/** Another part of the same refund, in a note of its own. */
export const nextSequence = ({ refund }: Uncredited, ledger: InvoiceLedger): number =>
  Math.max(-1, ...creditsOf(refund.dodoRefundId, ledger).map(({ sequence }) => sequence)) + 1

/** What no note could be made for, or whose note is marked failed, is looked for among what a person did meanwhile. */
export function nextLookAtNotes(
  ledger: InvoiceLedger,
  policy: InvoicePolicy,
): BookStep | undefined {
  const { notesLookedAt, creditNotes } = ledger
  if (notesLookedAt && notesLookedAt >= policy.startedAt) return undefined
  const uncredited = findStuck(ledger, policy).map(({ uncredited: one }) => one)
  const isTroubled =
    uncredited.length > 0 ||
    findUnmended(ledger).length > 0 ||
    creditNotes.some(({ refundStatus }) => refundStatus === 'failed')
  return isTroubled ? { do: 'look_at_credit_notes', uncredited } : undefined
}
