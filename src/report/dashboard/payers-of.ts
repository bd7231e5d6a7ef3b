import { isAnyOf } from '../../db/any-of.ts'
import type { Database } from '../../db/client.ts'
import { receivables } from '../../db/schema.ts'
import type { Entry } from '../compare-ledgers.ts'

export type Payer = { id: string; name: string | null }

/** Whose invoices the entries of a statement are, as far as the ledger knows. */
export async function readPayersOf(
  db: Database,
  entries: readonly Pick<Entry, 'receivableId'>[],
): Promise<(lagoInvoiceId: string | null) => Payer | undefined> {
  const ids = new Set(entries.flatMap(({ receivableId }) => receivableId ?? []))
  if (ids.size === 0) return () => undefined
  const rows = await db
    .select({
      receivableId: receivables.receivableId,
      id: receivables.payerKey,
      name: receivables.payerName,
    })
    .from(receivables)
    .where(isAnyOf(receivables.receivableId, ids))
  const byInvoice = new Map(
    rows.flatMap(({ receivableId, id, name }) =>
      id === null ? [] : [[receivableId, { id, name }] as const],
    ),
  )
  return (lagoInvoiceId) => byInvoice.get(lagoInvoiceId ?? '')
}
