import { desc, lt } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { operatorActions } from '../../db/schema.ts'
import { PAGE_ROWS, pageOf, type Listing } from '../../db/cursor.ts'

type AuditRow = typeof operatorActions.$inferSelect

/** What people did, the newest first. */
export async function listActions(
  db: Database,
  before: string | undefined,
  limit = PAGE_ROWS,
): Promise<Listing<AuditRow>> {
  const from = /^\d{1,15}$/.test(before ?? '') ? Number(before) : undefined
  const rows = await db
    .select()
    .from(operatorActions)
    .where(from === undefined ? undefined : lt(operatorActions.id, from))
    .orderBy(desc(operatorActions.id))
    .limit(limit + 1)
  return pageOf(rows, limit, ({ id }) => String(id))
}
