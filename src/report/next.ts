import type { Step } from '../billers/lago/decide/steps.ts'
import { isLive } from '../collect/ledger.ts'
import type { Config } from '../config.ts'
import type { InvoiceReport } from './invoice.ts'
import { describeStep } from './next-step.ts'

export type Policy = Pick<Config, 'collection' | 'voidPayments' | 'reconcileEveryMs'>

/**
 * What will happen next to an invoice, when, and by whose doing: what is decided about it, where that is known.
 * A step that a person must make possible first is not foretold.
 */
export function describeNext(shown: InvoiceReport, policy: Policy, step?: Step): string {
  const { lastError, nextRunAt } = shown
  if (lastError && nextRunAt) {
    return `it is tried again at ${nextRunAt.toISOString()}: the last look did not come to its end (${lastError})`
  }
  const isForeseen = step !== undefined && shown.state !== 'attention'
  const due = isForeseen && step.do !== 'rest' ? describeStep(step) : undefined
  if (due) return due
  const invoice = isForeseen && step.do === 'rest' ? atRest(shown, step) : shown
  const sweeps = `the sweep looks again every ${describeDuration(policy.reconcileEveryMs)}`
  const refunding = describeRefunding(invoice)
  switch (invoice.state) {
    case 'paid':
      return refunding ?? 'nothing; a refund or a dispute in Dodo would be seen and written here'
    case 'void':
      return refunding ?? describeVoid(policy)
    case 'skipped':
      return 'nothing, until the invoice changes in Lago'
    case 'processing':
      return describeProcessing(invoice, sweeps)
    case 'attention':
      return describeAttention(invoice, refunding, sweeps)
    case 'failed':
      return describeFailed(invoice, policy)
    case 'open':
      return refunding ? `${refunding}; ${describeOpen(invoice)}` : describeOpen(invoice)
  }
}

/** The report of an invoice as it is decided to be now: time alone may have changed it. */
const atRest = (
  invoice: InvoiceReport,
  { standing, isPayable, wakeAt }: Extract<Step, { do: 'rest' }>,
): InvoiceReport => ({
  ...invoice,
  state: standing.state,
  reason: standing.reason,
  reasonCode: standing.state === 'attention' ? (standing.code ?? null) : null,
  isPayable,
  nextWakeAt: wakeAt ?? null,
})

/** Money on its way back to the customer, whoever asked for it. */
function describeRefunding({ refunds, refundOrders, creditNotes }: InvoiceReport) {
  const pending = refunds.find(({ status }) => status !== 'succeeded' && status !== 'failed')
  if (pending) {
    const then = pending.lagoCreditNoteId ? 'Lago is told' : 'it is shown here'
    return `Dodo carries out refund ${pending.dodoRefundId} (${pending.status}), then ${then}`
  }
  const order = refundOrders.find(({ status }) => status !== 'refused')
  if (order) {
    return order.status === 'intended'
      ? `a refund of payment ${order.dodoPaymentId} is asked for`
      : `whether Dodo refunds payment ${order.dodoPaymentId} is looked for, before it is asked for again`
  }
  const note = creditNotes.find(({ refundStatus }) => refundStatus === 'pending')
  return note && `the refund that credit note ${note.number ?? note.lagoCreditNoteId} wants is made`
}

const describeVoid = ({ voidPayments }: Policy) =>
  voidPayments === 'refund'
    ? 'nothing; a payment that still arrives is given back and shown'
    : 'nothing; a payment that still arrives is kept apart and shown'

function describeProcessing({ attempts }: InvoiceReport, sweeps: string): string {
  const charge = attempts.find((one) => one.kind === 'charge' && isLive(one))
  if (!charge) return `Dodo tells when the bank is done; ${sweeps}`
  if (charge.status === 'live')
    return `Dodo tells whether the saved card could be charged; ${sweeps}`
  return 'whether the saved card was charged is looked for in Dodo, before it is charged again'
}

const isOpen = ({ outcome }: InvoiceReport['disputes'][number]) => outcome === 'open'

function describeAttention(
  { disputes, reason, reasonCode }: InvoiceReport,
  refunding: string | undefined,
  sweeps: string,
): string {
  // Of several it is the one that is shown: another may have been put aside.
  const named = disputes.find((one) => isOpen(one) && reason.includes(one.dodoDisputeId))
  const open = named ?? disputes.find(isOpen)
  if (reasonCode === 'dispute_open' && open) {
    return `a person answers dispute ${open.dodoDisputeId} in Dodo; when it is won this ends, and when it is lost Lago is told`
  }
  if (reasonCode === 'dispute_lost') {
    return 'nothing by itself: a person collects the money anew or writes it off'
  }
  const person = `a person mends what the state names; ${sweeps} and goes on from there`
  return refunding ? `${refunding}; ${person}` : person
}

function describeFailed(invoice: InvoiceReport, { collection }: Policy): string {
  const { nextWakeAt, attempts, mandate } = invoice
  if (!nextWakeAt) {
    const card = collection === 'automatic' ? ', another card' : ''
    return `nothing by itself, as no retry is left; the pay link${card} or Retry payment in Lago starts again`
  }
  const at = nextWakeAt.toISOString()
  const own = attempts.filter(({ lagoPaymentRequestId }) => lagoPaymentRequestId === null)
  const next = Math.max(0, ...own.map(({ number }) => number)) + 1
  const isCharged = collection === 'automatic' && mandate?.isChargeable
  const what = isCharged ? `the saved card is charged as attempt ${next}` : `attempt ${next} opens`
  return `${what} at ${at}; the pay link works at any time before`
}

function describeOpen(invoice: InvoiceReport): string {
  const { attempts, amountDue, number, nextWakeAt } = invoice
  if (number === null || (attempts.length === 0 && amountDue === 0)) {
    return 'it is settled for the first time as soon as a bridge is running'
  }
  const live = attempts.find(({ status }) => status === 'live')
  if (live?.expiresAt && !invoice.isPayable && nextWakeAt) {
    return `the customer is about to pay; what is not finished by ${nextWakeAt.toISOString()} is given up`
  }
  if (live?.expiresAt) return describeCheckout(live, live.expiresAt, invoice)
  const isBegun = attempts.some(({ status }) => status === 'intended' || status === 'unknown')
  if (isBegun) return 'the checkout that was begun is finished as soon as Dodo answers'
  if (!invoice.isPayable)
    return 'what came in is dealt with; until then the pay link asks for nothing'
  return 'the customer opens the pay link, which opens a new checkout'
}

function describeCheckout(
  { kind, lagoPaymentRequestId }: InvoiceReport['attempts'][number],
  expiresAt: Date,
  { paymentRequests }: InvoiceReport,
): string {
  const until = `the checkout expires at ${expiresAt.toISOString()}, and the pay link opens a new one after that`
  const request = paymentRequests.find((one) => one.lagoPaymentRequestId === lagoPaymentRequestId)
  if (request) return `the customer pays it together with others at ${request.payUrl}; ${until}`
  const saves = kind === 'mandate' ? ', which also saves a card for later invoices' : ''
  return `the customer pays${saves}; ${until}`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A duration as the configuration writes it. */
export function describeDuration(durationMs: number): string {
  const [name, unitMs] = UNITS.find(([, ms]) => durationMs % ms === 0) ?? ['ms', 1]
  return `${durationMs / unitMs}${name}`
}
