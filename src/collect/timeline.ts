import { asc, eq } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { timeline } from '../db/schema.ts'

const MAX_LINE_LENGTH = 500

/** Writes one readable line into a receivable's history, in the transaction of what it tells. */
export async function note(db: Executor, receivableId: string, what: string, at: Date) {
  await db.insert(timeline).values({ receivableId, at, what: what.slice(0, MAX_LINE_LENGTH) })
}

/** What was written down about a receivable, the oldest first. */
export const readTimeline = (db: Executor, receivableId: string) =>
  db
    .select({ at: timeline.at, what: timeline.what })
    .from(timeline)
    .where(eq(timeline.receivableId, receivableId))
    .orderBy(asc(timeline.id))
