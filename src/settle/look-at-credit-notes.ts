import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { creditNotes, credits, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { findUnmended } from '../domain/next-credit.ts'
import type { Ledger } from '../domain/ledger.ts'
import { formatLago, toLagoMinor } from '../domain/money.ts'
import type { Uncredited } from '../domain/steps.ts'
import type { LagoCreditNote, LagoInvoice } from '../lago/objects.ts'
import { note } from './timeline.ts'

type Looking = Pick<Deps, 'db' | 'lago' | 'log' | 'now'>

/**
 * Looks through the invoice's credit notes for what a person did about what we could not: a note written by hand for
 * a refund that has none, a failed note that was settled. Whatever is mended in Lago clears the attention by itself.
 */
export async function lookAtCreditNotes(
  deps: Looking,
  { invoice, ledger }: { invoice: LagoInvoice; ledger: Ledger },
  uncredited: readonly Uncredited[],
): Promise<void> {
  const notes = await deps.lago.listCreditNotes(invoice)
  await acceptSettled(deps, { invoice, ledger }, notes)
  const taken = await claimedNotes(deps.db, invoice, notes)
  for (const one of uncredited) {
    const byHand = notes.find(
      (written) => !taken.has(written.lago_id) && isFor(written, one, ledger),
    )
    if (!byHand) continue
    taken.add(byHand.lago_id)
    await give(deps, invoice, one, byHand)
  }
  await deps.db
    .update(invoices)
    .set({ notesLookedAt: deps.now() })
    .where(eq(invoices.lagoInvoiceId, invoice.lago_id))
}

/** The notes that stand for some refund already. */
async function claimedNotes(db: Executor, invoice: LagoInvoice, notes: readonly LagoCreditNote[]) {
  const rows = await db
    .select({ lagoCreditNoteId: credits.lagoCreditNoteId })
    .from(credits)
    .where(and(eq(credits.lagoInvoiceId, invoice.lago_id), eq(credits.status, 'credited')))
  const named = notes.filter(({ metadata }) => metadata?.['dodo_refund_id'])
  return new Set([
    ...rows.flatMap(({ lagoCreditNoteId }) => lagoCreditNoteId ?? []),
    ...named.map(({ lago_id }) => lago_id),
  ])
}

const isFor = (
  { lago_id, refund_amount_cents }: LagoCreditNote,
  { payment, amount }: Uncredited,
  { payments }: Ledger,
) =>
  refund_amount_cents > 0 &&
  refund_amount_cents === toLagoMinor(amount, payment.currency) &&
  !payments.some(({ orders }) =>
    orders.some((order) => order.lagoCreditNoteId === lago_id && order.status !== 'refused'),
  )

/** Notes that we could not carry out, or whose refund failed after all, and that are settled in Lago now. */
async function acceptSettled(
  { db, now }: Looking,
  { invoice, ledger }: { invoice: LagoInvoice; ledger: Ledger },
  notes: readonly LagoCreditNote[],
) {
  const isSettled = (lagoCreditNoteId: string | null) =>
    notes.find(({ lago_id }) => lago_id === lagoCreditNoteId)?.refund_status === 'succeeded'
  const failed = ledger.creditNotes
    .filter((one) => one.refundStatus === 'failed' && isSettled(one.lagoCreditNoteId))
    .map(({ lagoCreditNoteId }) => lagoCreditNoteId)
  const reversed = findUnmended(ledger).flatMap(({ lagoCreditNoteId }) =>
    isSettled(lagoCreditNoteId) ? (lagoCreditNoteId ?? []) : [],
  )
  if (failed.length + reversed.length === 0) return
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null, observedAt: at })
      .where(inArray(creditNotes.lagoCreditNoteId, failed))
    await tx
      .update(credits)
      .set({ status: 'settled' })
      .where(and(eq(credits.status, 'reversed'), inArray(credits.lagoCreditNoteId, reversed)))
    for (const lagoCreditNoteId of new Set([...failed, ...reversed]))
      await note(tx, invoice.lago_id, `credit note ${lagoCreditNoteId} was settled in Lago`, at)
  })
}

/** Gives a refund the note that is there already: Lago learns that the money went back, and our ledger that it knows. */
export async function takeCreditNote(
  deps: Looking,
  invoice: LagoInvoice,
  { uncredited, lagoCreditNoteId }: { uncredited: Uncredited; lagoCreditNoteId: string },
): Promise<void> {
  const fresh = await deps.lago.findCreditNote(lagoCreditNoteId)
  if (fresh) return give(deps, invoice, uncredited, fresh)
  // It is gone from Lago, so nothing is to be carried out or made good by it any more.
  await deps.db.transaction(async (tx) => {
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'gone', observedAt: deps.now() })
      .where(eq(creditNotes.lagoCreditNoteId, lagoCreditNoteId))
    await tx
      .update(credits)
      .set({ status: 'settled' })
      .where(and(eq(credits.status, 'reversed'), eq(credits.lagoCreditNoteId, lagoCreditNoteId)))
  })
}

async function give(
  { db, lago, log, now }: Looking,
  invoice: LagoInvoice,
  { payment, refund, sequence }: Uncredited,
  creditNote: LagoCreditNote,
) {
  const { dodoRefundId } = refund
  const { lago_id: lagoCreditNoteId, refund_amount_cents: amount } = creditNote
  await lago.setRefundStatus(lagoCreditNoteId, 'succeeded', {
    dodo_refund_id: dodoRefundId,
    dodo_payment_id: payment.dodoPaymentId,
  })
  const at = now()
  const credited = {
    status: 'credited' as const,
    amount,
    refunded: amount,
    lagoCreditNoteId,
    reason: null,
    needsLicense: false,
    repeatableAt: at,
    creditedAt: at,
    toldAt: at,
  }
  await db.transaction(async (tx) => {
    await tx
      .insert(credits)
      .values({ dodoRefundId, lagoInvoiceId: invoice.lago_id, sequence, ...credited })
      .onConflictDoUpdate({
        target: [credits.dodoRefundId, credits.lagoInvoiceId, credits.sequence],
        set: credited,
      })
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null, observedAt: at })
      .where(eq(creditNotes.lagoCreditNoteId, lagoCreditNoteId))
    const name = creditNote.number ?? lagoCreditNoteId
    const what = `refund ${dodoRefundId} of ${formatLago(amount, invoice.currency)} is what credit note ${name} stands for`
    await note(tx, invoice.lago_id, what, at)
  })
  log.info({ lagoInvoiceId: invoice.lago_id, dodoRefundId, lagoCreditNoteId }, 'refund credited')
}
