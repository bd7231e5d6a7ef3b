import { creditNotesOf } from './amounts.ts'
import { creditableOf, refundableOf, spread } from './credit-note-amounts.ts'
import { createCreditNote, finalizeCreditNote, voidCreditNote } from './credit-notes.ts'
import { finalize, getInvoice } from './invoices.ts'
import { crash, featureUnavailable, invalid, notAllowed, notFound } from './refusal.ts'
import type { CreditNote, Invoice } from './records.ts'
import { timestamp, type LagoWorld } from './store.ts'
import { returnCredits } from './spent-credits.ts'
import { announceInvoice } from './announcements.ts'

/** PUT /invoices/:id/finalize: a draft becomes due, and its draft credit notes become final with it. */
export function finalizeInvoice(world: LagoWorld, lagoId: string): Invoice {
  const invoice = getInvoice(world, lagoId)
  if (invoice.status !== 'draft') throw notFound('invoice')

  finalize(world, invoice)
  for (const note of creditNotesOf(invoice, world.store)) {
    note.number = `${invoice.number}-CN${String(note.sequential_id).padStart(3, '0')}`
    finalizeCreditNote(world, note)
  }
  return invoice
}

/**
 * POST /invoices/:id/void: what is finalized is voided, paid or not, and neither payments nor the
 * payment status are touched. The body has no root key.
 */
export function voidInvoice(
  world: LagoWorld,
  lagoId: string,
  input: Record<string, unknown> = {},
): Invoice {
  const invoice = getInvoice(world, lagoId)
  if (invoice.status !== 'finalized') throw notAllowed('not_voidable')

  const isCredited = input['generate_credit_note'] === true && world.since('1.31.0')
  const notes = isCredited ? plannedNotes(world, invoice, input) : []
  const at = timestamp(world.now())
  Object.assign(invoice, { status: 'voided', voided_at: at, updated_at: at })
  announceInvoice(world, 'invoice.voided', invoice)
  for (const issue of notes) issue()
  if (notes.length === 0) returnCredits(world, invoice)
  return invoice
}

/** One note for what is given back, and one, voided at once, for the rest of the invoice. */
function plannedNotes(world: LagoWorld, invoice: Invoice, input: Record<string, unknown>) {
  if (!world.premium) throw featureUnavailable()
  const refund = readCents(input['refund_amount'])
  const credit = readCents(input['credit_amount'])
  const notes = creditNotesOf(invoice, world.store)
  const creditable = creditableOf(invoice, notes)
  if (refund > refundableOf(invoice, notes) || refund + credit > creditable) {
    throw invalid({ credit_refund_amount: ['total_amount_exceeds_invoice_amount'] })
  }

  const issue = (refundCents: number, creditCents: number): CreditNote =>
    createCreditNote(world, {
      invoice_id: invoice.lago_id,
      refund_amount_cents: refundCents,
      credit_amount_cents: creditCents,
      items: spread(invoice, world.store, refundCents + creditCents),
    })
  const rest = creditable - refund - credit
  return [
    ...(refund + credit > 0 ? [() => issue(refund, credit)] : []),
    ...(rest > 0 ? [() => voidCreditNote(world, issue(0, rest).lago_id)] : []),
  ]
}

function readCents(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number') throw crash()
  return Math.trunc(value)
}
