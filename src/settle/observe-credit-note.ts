import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { creditNotes } from '../db/schema.ts'
import type { LagoCreditNote } from '../lago/objects.ts'
import type { Source } from './observe.ts'

/** Whether the note wants money given back that nobody has given back: ours name the refund they came from. */
export const wantsRefund = ({ refund_amount_cents, refund_status, metadata }: LagoCreditNote) =>
  refund_amount_cents > 0 && refund_status === 'pending' && !metadata?.['dodo_refund_id']

/**
 * Writes down a credit note of the merchant's. A webhook tells what was true when it was sent, so of a note
 * that is known only an answer of the API says anything new.
 */
export async function observeCreditNote(
  db: Executor,
  note: LagoCreditNote,
  { source, at }: { source: Source; at: Date },
): Promise<void> {
  if (!wantsRefund(note)) return
  const observed = { refundStatus: 'pending', observedAt: at }
  const insert = db.insert(creditNotes).values({
    lagoCreditNoteId: note.lago_id,
    lagoInvoiceId: note.lago_invoice_id,
    number: note.number ?? null,
    amount: note.refund_amount_cents,
    ...observed,
  })
  if (source === 'webhook') await insert.onConflictDoNothing()
  else
    await insert.onConflictDoUpdate({
      target: creditNotes.lagoCreditNoteId,
      set: observed,
      // A note that was made good already is not undone by a list that was read before.
      setWhere: sql`${creditNotes.refundStatus} <> 'succeeded'`,
    })
}
