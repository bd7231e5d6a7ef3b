import { sql } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { creditNotes } from '../../../db/schema.ts'
import type { LagoCreditNote } from '../../../lago/objects.ts'
import type { Source } from '../../../collect/act/observe.ts'

/** Before 1.37 notes keep no metadata, and ours are told by the description that we give them. */
const OUR_DESCRIPTION = /^Refund (ref_\S+) in Dodo Payments$/

/** The refund that a note of ours came from; undefined for one of the merchant's. */
export const refundCreditedBy = ({ metadata, description }: LagoCreditNote): string | undefined =>
  metadata?.['dodo_refund_id'] ?? OUR_DESCRIPTION.exec(description ?? '')?.[1]

/** Whether the note wants money given back that nobody has given back: ours name the refund they came from. */
export const wantsRefund = (note: LagoCreditNote) =>
  note.refund_amount_cents > 0 && note.refund_status === 'pending' && !refundCreditedBy(note)

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
    creditNoteId: note.lago_id,
    receivableId: note.lago_invoice_id,
    number: note.number ?? null,
    amount: note.refund_amount_cents,
    ...observed,
  })
  if (source === 'webhook') await insert.onConflictDoNothing()
  else
    await insert.onConflictDoUpdate({
      target: creditNotes.creditNoteId,
      set: observed,
      // A note that was made good already is not undone by a list that was read before.
      setWhere: sql`${creditNotes.refundStatus} <> 'succeeded'`,
    })
}
