import { inArray, lte } from 'drizzle-orm'

import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'

const MAX_WOKEN = 200

/** Wakes the invoices whose time has come: retries after a decline. Safe to run on every replica at once. */
export async function wakeDue({
  db,
  queue,
  now,
}: Pick<Deps, 'db' | 'queue' | 'now'>): Promise<void> {
  await db.transaction(async (tx) => {
    const due = await tx
      .select({ lagoInvoiceId: invoices.lagoInvoiceId })
      .from(invoices)
      .where(lte(invoices.nextWakeAt, now()))
      .limit(MAX_WOKEN)
      .for('update', { skipLocked: true })
    if (due.length === 0) return
    const keys = due.map(({ lagoInvoiceId }) => lagoInvoiceId)
    await tx.update(invoices).set({ nextWakeAt: null }).where(inArray(invoices.lagoInvoiceId, keys))
    await queue.send(
      tx,
      'settle',
      keys.map((key) => ({ key, priority: 5, data: { cause: 'retry' } })),
    )
  })
}
