import { and, asc, desc, eq } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { dismissals, receivables } from '../../db/schema.ts'

const MAX_ROWS = 100

/** Payment requests that a person must look at, the oldest first. */
export const listTroubledRequests = (db: Database) =>
  db
    .select()
    .from(receivables)
    .where(and(eq(receivables.kind, 'payment_request'), eq(receivables.state, 'attention')))
    .orderBy(asc(receivables.createdAt))
    .limit(MAX_ROWS)

/** The reasons that people have put aside, the newest first. */
export const listPutAside = (db: Database) =>
  db
    .select({
      lagoInvoiceId: dismissals.receivableId,
      number: receivables.number,
      reason: dismissals.reason,
      dismissedAt: dismissals.dismissedAt,
    })
    .from(dismissals)
    .leftJoin(receivables, eq(receivables.receivableId, dismissals.receivableId))
    .orderBy(desc(dismissals.dismissedAt))
    .limit(MAX_ROWS)
