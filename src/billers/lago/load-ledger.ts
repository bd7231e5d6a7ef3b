import { eq } from 'drizzle-orm'

import { loadLedger, type ReceivableRow } from '../../collect/load.ts'
import { creditNotes, credits } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { InvoiceLedger } from './decide/invoice.ts'

/** All that we hold about one invoice's money, and about what Lago holds of it. */
export async function loadInvoiceLedger(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  row: ReceivableRow,
): Promise<InvoiceLedger> {
  const { receivableId } = row
  const [ledger, ownCredits, ownNotes] = await Promise.all([
    loadLedger({ db, config }, row),
    db.select().from(credits).where(eq(credits.receivableId, receivableId)),
    db.select().from(creditNotes).where(eq(creditNotes.receivableId, receivableId)),
  ])
  // A note that says of itself nothing (Lago before 1.37) may be the one that we are about to find again.
  const isCrediting = ownCredits.some(({ status }) => status === 'intended' || status === 'unknown')
  const ours = new Set(ownCredits.map(({ creditNoteId }) => creditNoteId))
  return {
    ...ledger,
    isPayUrlGuessed: config.isPublicUrlGuessed ?? false,
    metadataRefusal: row.metadataRefusal,
    notesLookedAt: row.notesLookedAt,
    credits: ownCredits.map((one) => ({
      ...one,
      amount: one.refunded ?? one.amount,
      isExact: one.refunded !== null,
    })),
    creditNotes: ownNotes.filter(
      ({ creditNoteId, refundStatus }) =>
        refundStatus !== 'pending' || (!isCrediting && !ours.has(creditNoteId)),
    ),
  }
}
