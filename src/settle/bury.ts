import { eq } from 'drizzle-orm'

import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { ensureInvoice } from './load.ts'
import { note } from './timeline.ts'

/** A job that ended dead puts its invoice before a person. The next sweep takes it up again. */
export async function buryInvoice(
  deps: Pick<Deps, 'db' | 'now'>,
  lagoInvoiceId: string,
  error: string,
): Promise<void> {
  const reason = `gave up for now, the sweep tries again: ${error}`
  await ensureInvoice(deps, lagoInvoiceId)
  await deps.db.transaction(async (tx) => {
    await tx
      .update(invoices)
      .set({ state: 'attention', reason, lastError: null, lastErrorAt: null, nextRunAt: null })
      .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
    await note(tx, lagoInvoiceId, `attention: ${reason}`, deps.now())
  })
}
