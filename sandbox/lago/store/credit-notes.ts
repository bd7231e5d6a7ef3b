import { creditNotesOf } from './amounts.ts'
import { checkCreditable, problemsOf, readItems, type NoteAmounts } from './credit-note-checks.ts'
import { valueOf, type ItemsValue } from './credit-note-amounts.ts'
import { showCreditNote, showEstimate } from './credit-note-shapes.ts'
import { round, roundTo, subtract } from './exact.ts'
import { getInvoice } from './invoices.ts'
import { crash, invalid, notAllowed, notFound } from './refusal.ts'
import { settleIfPaid } from './settlement.ts'
import { takeBackCredits } from './spent-credits.ts'
import {
  CREDIT_NOTE_REASONS,
  type CreditNote,
  type CreditNoteItem,
  type CreditNoteReason,
  type Invoice,
} from './records.ts'
import { day, timestamp, type LagoWorld } from './store.ts'

const PRECISE_DIGITS = 5
const METADATA_MAX_KEYS = 50
const METADATA_KEY_MAX_LENGTH = 100
const METADATA_VALUE_MAX_LENGTH = 255
const REFUND_STATUSES = ['pending', 'succeeded', 'failed'] as const

/** POST /credit_notes, with Lago's checks in Lago's order. */
export function createCreditNote(world: LagoWorld, input: Record<string, unknown>): CreditNote {
  const invoice = getInvoice(world, input['invoice_id'])
  const amounts: NoteAmounts = {
    refund: readCents(input['refund_amount_cents']),
    credit: readCents(input['credit_amount_cents']),
    offset: world.since('1.40.0') ? readCents(input['offset_amount_cents']) : 0,
  }
  checkCreditable(world, invoice, amounts)
  // A note has no status to take over from an invoice whose taxes are unresolved.
  if (invoice.status === 'pending' || invoice.status === 'failed') throw crash()
  const reason = readReason(input['reason'])
  const items = readItems(world, invoice, input['items'], { truncates: false })
  const metadata = metadataOf(world, input)
  const value = valueOf(items, invoice, creditNotesOf(invoice, world.store))
  const problems = problemsOf(world, invoice, amounts, value)
  if (Object.keys(problems).length > 0) throw invalid(problems)

  const description = typeof input['description'] === 'string' ? input['description'] : null
  const texts = { reason, description, metadata }
  const note = newNote(world, invoice, items, value, adjusted(amounts, value), texts)
  world.store.creditNotes.push(note)
  takeBackCredits(world, note)
  if (note.status === 'finalized') finalizeCreditNote(world, note)
  return note
}

/** Announces a note that has become final; an offset may have settled its invoice. */
export function finalizeCreditNote(world: LagoWorld, note: CreditNote): void {
  note.status = 'finalized'
  world.announce('credit_note.created', 'credit_note', showCreditNote(note))
  if (note.offset_amount_cents > 0) settleIfPaid(world, note.invoice)
}

/** POST /credit_notes/estimate: what a note over these items could be worth. */
export function estimateCreditNote(world: LagoWorld, input: Record<string, unknown>) {
  const invoice = getInvoice(world, input['invoice_id'])
  checkCreditable(world, invoice)
  const items = readItems(world, invoice, input['items'], { truncates: true })
  const notes = creditNotesOf(invoice, world.store)
  return showEstimate(invoice, items, notes, valueOf(items, invoice, notes))
}

/** The note, unless it is a draft. */
export function getCreditNote(world: LagoWorld, lagoId: string): CreditNote {
  const note = world.store.creditNotes.find(({ lago_id }) => lago_id === lagoId)
  if (!note || note.status === 'draft') throw notFound('credit_note')
  return note
}

/** PUT /credit_notes/:id: any refund status may follow any other; metadata is merged. No webhook. */
export function updateCreditNote(world: LagoWorld, lagoId: string, input: Record<string, unknown>) {
  const note = getCreditNote(world, lagoId)
  const metadata = metadataOf(world, input)
  if ('refund_status' in input) {
    const status = REFUND_STATUSES.find((known) => known === input['refund_status'])
    if (!status) throw invalid({ refund_status: ['value_is_invalid'] })
    note.refund_status = status
  }
  if (metadata) note.metadata = readMetadata({ ...note.metadata, ...metadata })
  note.updated_at = timestamp(world.now())
  return note
}

/** Replaces the metadata of a note. */
export function setCreditNoteMetadata(world: LagoWorld, lagoId: string, given: unknown) {
  const note = getCreditNote(world, lagoId)
  note.metadata = readMetadata(given)
  note.updated_at = timestamp(world.now())
  return note
}

/** PUT /credit_notes/:id/void: burns what is left of the credit; neither fees nor refunds come back. */
export function voidCreditNote(world: LagoWorld, lagoId: string): CreditNote {
  const note = getCreditNote(world, lagoId)
  if (note.balance_amount_cents === 0) throw notAllowed('no_voidable_amount')
  const updatedAt = timestamp(world.now())
  return Object.assign(note, {
    balance_amount_cents: 0,
    credit_status: 'voided' as const,
    updated_at: updatedAt,
  })
}

/**
 * Moves the amounts so that their sum is the rounded subtotal plus the rounded tax. This happens
 * after validation; without a credit part the refund takes the whole sum, whatever the offset.
 */
function adjusted(amounts: NoteAmounts, value: ItemsValue): NoteAmounts {
  const total = round(subtract(value.items, value.coupons)) + round(value.taxes)
  if (total === amounts.refund + amounts.credit + amounts.offset) return amounts
  if (amounts.credit === 0) return { ...amounts, refund: total }
  return { ...amounts, credit: total - amounts.refund - amounts.offset }
}

function newNote(
  world: LagoWorld,
  invoice: Invoice,
  items: CreditNoteItem[],
  value: ItemsValue,
  { refund, credit, offset }: NoteAmounts,
  texts: Pick<CreditNote, 'reason' | 'description' | 'metadata'>,
): CreditNote {
  const now = world.now()
  const sequentialId = creditNotesOf(invoice, world.store).length + 1
  return {
    ...texts,
    lago_id: crypto.randomUUID(),
    invoice,
    sequential_id: sequentialId,
    number: `${invoice.number}-CN${String(sequentialId).padStart(3, '0')}`,
    status: invoice.status === 'draft' ? 'draft' : 'finalized',
    items,
    applied_taxes: value.lines,
    taxes_rate: value.taxesRate,
    precise_coupons: roundTo(value.coupons, PRECISE_DIGITS),
    precise_taxes: roundTo(value.taxes, PRECISE_DIGITS),
    taxes_amount_cents: round(value.taxes),
    sub_total_excluding_taxes_amount_cents: round(subtract(value.items, value.coupons)),
    total_amount_cents: refund + credit + offset,
    credit_amount_cents: credit,
    refund_amount_cents: refund,
    offset_amount_cents: offset,
    balance_amount_cents: credit,
    credit_status: 'available',
    refund_status: refund > 0 ? 'pending' : null,
    issuing_date: day(now),
    created_at: timestamp(now),
    updated_at: timestamp(now),
  }
}

function readReason(value: unknown): CreditNoteReason {
  if (value === undefined || value === null) return 'other'
  const reason = CREDIT_NOTE_REASONS.find((known) => known === value)
  if (!reason) throw invalid({ reason: ['value_is_invalid'] })
  return reason
}

/** Lago asks the value for its sign, which breaks on a text. */
function readCents(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number') throw crash()
  return Math.trunc(value)
}

/** Before 1.37 notes have none, and what is given is dropped without a word. */
const metadataOf = (world: LagoWorld, input: Record<string, unknown>) =>
  world.since('1.37.0') ? readMetadata(input['metadata']) : undefined

/** The limits are Lago's; the codes of their refusal are ours, since nothing documents them. */
function readMetadata(value: unknown): Record<string, string | null> | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid({ metadata: ['invalid_type'] })

  const entries = Object.entries(value)
  if (entries.length > METADATA_MAX_KEYS) throw invalid({ metadata: ['too_many_keys'] })
  for (const [key, text] of entries) {
    if (key.length > METADATA_KEY_MAX_LENGTH) throw invalid({ metadata: ['key_too_long'] })
    if (text === null) continue
    if (typeof text !== 'string') throw invalid({ metadata: ['value_is_invalid'] })
    if (text.length > METADATA_VALUE_MAX_LENGTH) throw invalid({ metadata: ['value_is_too_long'] })
  }
  return { ...value }
}
