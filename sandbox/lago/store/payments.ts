import { amountsOf } from './amounts.ts'
import { featureUnavailable, invalid, notFound, type ErrorDetails } from './refusal.ts'
import { settleIfPaid } from './settlement.ts'
import type { Invoice, Payment } from './records.ts'
import { timestamp, type LagoWorld } from './store.ts'

const REFERENCE_MAX_LENGTH = 40
const ISO_DAY_OR_TIME =
  /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/**
 * POST /payments: records money collected outside, with Lago's checks in Lago's order. Not
 * idempotent: the same reference twice is two payments, as long as that much is due.
 */
export function recordPayment(world: LagoWorld, input: Record<string, unknown>): Payment {
  const { invoice_id: invoiceId, amount_cents: amountCents } = input
  if (typeof invoiceId !== 'string' || invoiceId.trim() === '') {
    throw invalid({ invoice_id: ['value_is_mandatory'] })
  }
  if (typeof amountCents !== 'number' || !Number.isInteger(amountCents) || amountCents <= 0) {
    throw invalid({ amount_cents: ['invalid_value'] })
  }
  // Then the licence was looked at first, and one of the organisation's integrations last.
  const isEarly = !world.since('1.22.0')
  if (isEarly && !world.premium) throw featureUnavailable()
  // An open invoice, which GET hides, is found here.
  const invoice = world.store.invoices.get(invoiceId)
  if (!invoice) throw notFound('invoice')
  if (isEarly && !world.integrations.includes('manual_payments')) throw featureUnavailable()

  if (invoice.invoice_type !== 'advance_charges') checkAllowed(world, invoice)
  const paidAt = readPaidAt(input['paid_at']) ?? world.now()
  const reference = input['reference'] ?? ''
  if (typeof reference !== 'string') throw invalid({ reference: ['value_is_mandatory'] })
  const problems = problemsOf(world, invoice, { amountCents, reference })
  if (Object.keys(problems).length > 0) throw invalid(problems)

  const payment: Payment = {
    lago_id: crypto.randomUUID(),
    invoice,
    amount_cents: amountCents,
    reference,
    created_at: timestamp(paidAt),
  }
  world.store.payments.push(payment)
  invoice.total_paid_amount_cents += amountCents
  invoice.updated_at = timestamp(world.now())
  settleIfPaid(world, invoice)
  return payment
}

/** The payment, if its invoice is visible. */
export function getPayment(world: LagoWorld, lagoId: string): Payment {
  const payment = visiblePayments(world).find(({ lago_id }) => lago_id === lagoId)
  if (!payment) throw notFound('payment')
  return payment
}

/** Payments as the API lists them, newest first. */
export function visiblePayments(world: LagoWorld): Payment[] {
  return world.store.payments
    .filter(({ invoice }) => invoice.status !== 'open')
    .toSorted((a, b) => b.created_at.localeCompare(a.created_at))
}

/** Lago gives the same answer for no licence and for an invoice in the wrong state. */
function checkAllowed(world: LagoWorld, invoice: Invoice): void {
  const isPayable = invoice.status === 'finalized' || invoice.status === 'open'
  if (!world.premium || !isPayable) throw featureUnavailable()
}

function problemsOf(
  world: LagoWorld,
  invoice: Invoice,
  { amountCents, reference }: { amountCents: number; reference: string },
): ErrorDetails {
  const { due, total } = amountsOf(invoice, world.store)
  const isInexact = invoice.invoice_type === 'credit' && amountCents !== total
  const amount = [
    ...(amountCents > due ? ['value_is_out_of_range'] : []),
    ...(isInexact ? ['invalid_amount'] : []),
  ]
  const text = [
    ...(reference.trim() === '' ? ['value_is_mandatory'] : []),
    ...(reference.length > REFERENCE_MAX_LENGTH ? ['value_is_too_long'] : []),
  ]
  return {
    ...(text.length > 0 && { reference: text }),
    ...(amount.length > 0 && { amount_cents: amount }),
  }
}

function readPaidAt(value: unknown): Date | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const time =
    typeof value === 'string' && ISO_DAY_OR_TIME.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw invalid({ paid_at: ['invalid_date'] })
  return new Date(time)
}
