import { sql } from 'drizzle-orm'

import { loadLedger, type ReceivableRow } from '../../collect/load.ts'
import { readRows, rowsOf } from '../../db/rows.ts'
import { creditNotes, findings } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { COLLECT_SINCE_FINDING } from './collect-since.ts'
import type { InvoiceLedger } from './decide/invoice.ts'
import { LICENSE_FINDINGS } from './license.ts'

type Finding = typeof findings.$inferSelect
/** What has been found out about the installation, by name, as deciding goes by it. */
export type Found = ReadonlyMap<string, Finding>

const NAMES = [COLLECT_SINCE_FINDING, ...LICENSE_FINDINGS]

/** All that we hold about one invoice's money, and about what Lago holds of it, in one moment. */
export async function loadInvoice(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  receivableId: string,
): Promise<{ row: ReceivableRow; ledger: InvoiceLedger; found: Found }> {
  const id = sql`${receivableId}::text`
  const more = {
    credit_notes: rowsOf(creditNotes, sql`${creditNotes.receivableId} = ${id}`),
    findings: rowsOf(findings, sql`${findings.name} = any (${sql.param(NAMES)}::text[])`),
  }
  const loaded = await loadLedger({ db, config }, receivableId, { more })
  const { row, ledger, credits: ownCredits } = loaded
  const ownNotes = readRows(creditNotes, loaded.more['credit_notes'])
  const found = new Map(readRows(findings, loaded.more['findings']).map((one) => [one.name, one]))
  // A note that says of itself nothing (Lago before 1.37) may be the one that we are about to find again.
  const isCrediting = ownCredits.some(({ status }) => status === 'intended' || status === 'unknown')
  const ours = new Set(ownCredits.map(({ creditNoteId }) => creditNoteId))
  return {
    row,
    found,
    ledger: {
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
    },
  }
}
