import { eq } from 'drizzle-orm'

import { receivables } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { reasonOf } from '../errors.ts'
import type { Trouble } from '../queue/queue.ts'

/** An outage is to be seen on the receivables that wait for its end, not only in the log. */
export async function noteTrouble(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  receivableId: string,
  { error, nextRunAt }: Trouble,
): Promise<void> {
  await db
    .update(receivables)
    .set({ lastError: reasonOf(error), lastErrorAt: now(), nextRunAt })
    .where(eq(receivables.receivableId, receivableId))
}
