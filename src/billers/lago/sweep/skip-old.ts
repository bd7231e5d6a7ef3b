import { receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import { newPayToken } from '../../../collect/load.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'

/**
 * Writes down receivables that are new to us and too old to be collected, as settling them one by one would: there
 * may be tens of thousands. One that somebody else has written down meanwhile is theirs.
 */
export async function skipOld(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  tooOld: readonly { invoice: LagoInvoice; reason: string }[],
): Promise<number> {
  if (tooOld.length === 0) return 0
  const at = now()
  const written = await db
    .insert(receivables)
    .values(
      tooOld.map(({ invoice, reason }) => ({
        receivableId: invoice.lago_id,
        number: invoice.number,
        payerKey: invoice.customer.external_id,
        payerName: invoice.customer.name ?? invoice.customer.legal_name,
        currency: invoice.currency,
        amountDue: invoice.total_due_amount_cents,
        lagoStatus: invoice.status,
        lagoPaymentStatus: invoice.payment_status,
        lagoUpdatedAt: invoice.updated_at ?? null,
        state: 'skipped' as const,
        reason,
        payToken: newPayToken(),
        settledAt: at,
        createdAt: at,
      })),
    )
    .onConflictDoNothing()
    .returning({ receivableId: receivables.receivableId })
  return written.length
}
