import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { creditNotes, credits, receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import { findDoubtful } from '../decide/next-credit-note.ts'
import { findUnmended } from '../decide/next-credit.ts'
import { formatBooks, toBooksMinor } from '../../../collect/money.ts'
import type { Uncredited } from '../decide/steps.ts'
import type { LagoCreditNote, LagoInvoice } from '../../../lago/objects.ts'
import type { InvoiceLedger } from '../decide/invoice.ts'
import { note } from '../../../collect/timeline.ts'

type Looking = Pick<Deps, 'db' | 'lago' | 'log' | 'now'>

/**
 * Looks through the invoice's credit notes for what a person did about what we could not: a note written by hand for
 * a refund that has none, a failed note that was settled. Whatever is mended in Lago clears the attention by itself.
 */
export async function lookAtCreditNotes(
  deps: Looking,
  { invoice, ledger }: { invoice: LagoInvoice; ledger: InvoiceLedger },
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
    .update(receivables)
    .set({ notesLookedAt: deps.now() })
    .where(eq(receivables.receivableId, invoice.lago_id))
}

/** The notes that stand for some refund already. */
async function claimedNotes(db: Executor, invoice: LagoInvoice, notes: readonly LagoCreditNote[]) {
  const rows = await db
    .select({ creditNoteId: credits.creditNoteId })
    .from(credits)
    .where(and(eq(credits.receivableId, invoice.lago_id), eq(credits.status, 'credited')))
  const named = notes.filter(({ metadata }) => metadata?.['dodo_refund_id'])
  return new Set([
    ...rows.flatMap(({ creditNoteId }) => creditNoteId ?? []),
    ...named.map(({ lago_id }) => lago_id),
  ])
}

const isFor = (
  { lago_id, refund_amount_cents }: LagoCreditNote,
  { payment, amount }: Uncredited,
  { payments }: InvoiceLedger,
) =>
  refund_amount_cents > 0 &&
  refund_amount_cents === toBooksMinor(amount, payment.currency) &&
  !payments.some(({ orders }) =>
    orders.some((order) => order.creditNoteId === lago_id && order.status !== 'refused'),
  )

/** Notes that we could not carry out, or left to a person, or whose refund failed after all, and that are settled in Lago now. */
async function acceptSettled(
  { db, now }: Looking,
  { invoice, ledger }: { invoice: LagoInvoice; ledger: InvoiceLedger },
  notes: readonly LagoCreditNote[],
) {
  const isSettled = (creditNoteId: string | null) =>
    notes.find(({ lago_id }) => lago_id === creditNoteId)?.refund_status === 'succeeded'
  const failed = [
    ...ledger.creditNotes.filter(({ refundStatus }) => refundStatus === 'failed'),
    ...findDoubtful(ledger),
  ]
    .map(({ creditNoteId }) => creditNoteId)
    .filter(isSettled)
  const reversed = findUnmended(ledger).flatMap(({ creditNoteId }) =>
    isSettled(creditNoteId) ? (creditNoteId ?? []) : [],
  )
  if (failed.length + reversed.length === 0) return
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null, observedAt: at })
      .where(inArray(creditNotes.creditNoteId, failed))
    await tx
      .update(credits)
      .set({ status: 'settled' })
      .where(and(eq(credits.status, 'reversed'), inArray(credits.creditNoteId, reversed)))
    for (const creditNoteId of new Set([...failed, ...reversed]))
      await note(tx, invoice.lago_id, `credit note ${creditNoteId} was settled in Lago`, at)
  })
}

/** Gives a refund the note that is there already: Lago learns that the money went back, and our ledger that it knows. */
export async function takeCreditNote(
  deps: Looking,
  invoice: LagoInvoice,
  { uncredited, creditNoteId }: { uncredited: Uncredited; creditNoteId: string },
): Promise<void> {
  const fresh = await deps.lago.findCreditNote(creditNoteId)
  if (fresh) return give(deps, invoice, uncredited, fresh)
  // It is gone from Lago, so nothing is to be carried out or made good by it any more.
  await deps.db.transaction(async (tx) => {
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'gone', observedAt: deps.now() })
      .where(eq(creditNotes.creditNoteId, creditNoteId))
    await tx
      .update(credits)
      .set({ status: 'settled' })
      .where(and(eq(credits.status, 'reversed'), eq(credits.creditNoteId, creditNoteId)))
  })
}

async function give(
  { db, lago, log, now }: Looking,
  invoice: LagoInvoice,
  { payment, refund, sequence }: Uncredited,
  creditNote: LagoCreditNote,
) {
  const { dodoRefundId } = refund
  const { lago_id: creditNoteId, refund_amount_cents: amount } = creditNote
  await lago.setRefundStatus(creditNoteId, 'succeeded', {
    dodo_refund_id: dodoRefundId,
    dodo_payment_id: payment.dodoPaymentId,
  })
  const at = now()
  const credited = {
    status: 'credited' as const,
    amount,
    refunded: amount,
    creditNoteId,
    reason: null,
    needsLicense: false,
    repeatableAt: at,
    creditedAt: at,
    toldAt: at,
  }
  await db.transaction(async (tx) => {
    await tx
      .insert(credits)
      .values({ dodoRefundId, receivableId: invoice.lago_id, sequence, ...credited })
      .onConflictDoUpdate({
        target: [credits.dodoRefundId, credits.receivableId, credits.sequence],
        set: credited,
      })
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null, observedAt: at })
      .where(eq(creditNotes.creditNoteId, creditNoteId))
    const name = creditNote.number ?? creditNoteId
    const what = `refund ${dodoRefundId} of ${formatBooks(amount, invoice.currency)} is what credit note ${name} stands for`
    await note(tx, invoice.lago_id, what, at)
  })
  log.info({ receivableId: invoice.lago_id, dodoRefundId, creditNoteId }, 'refund credited')
}
