import { eq } from 'drizzle-orm'

import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { reasonOf } from '../errors.ts'
import type { Trouble } from '../queue/queue.ts'

/** An outage is to be seen on the invoices that wait for its end, not only in the log. */
export async function noteTrouble(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  lagoInvoiceId: string,
  { error, nextRunAt }: Trouble,
): Promise<void> {
  await db
    .update(invoices)
    .set({ lastError: reasonOf(error), lastErrorAt: now(), nextRunAt })
    .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
}
