import { asc, desc, eq } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { bundles, dismissals, invoices } from '../../db/schema.ts'

const MAX_ROWS = 100

/** Payment requests that a person must look at, the oldest first. */
export const listTroubledRequests = (db: Database) =>
  db
    .select()
    .from(bundles)
    .where(eq(bundles.state, 'attention'))
    .orderBy(asc(bundles.createdAt))
    .limit(MAX_ROWS)

/** The reasons that people have put aside, the newest first. */
export const listPutAside = (db: Database) =>
  db
    .select({
      lagoInvoiceId: dismissals.lagoInvoiceId,
      number: invoices.number,
      reason: dismissals.reason,
      dismissedAt: dismissals.dismissedAt,
    })
    .from(dismissals)
    .leftJoin(invoices, eq(invoices.lagoInvoiceId, dismissals.lagoInvoiceId))
    .orderBy(desc(dismissals.dismissedAt))
    .limit(MAX_ROWS)
