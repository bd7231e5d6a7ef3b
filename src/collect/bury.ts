import { eq } from 'drizzle-orm'

import { receivables } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { ensureReceivable } from './load.ts'
import { note } from './timeline.ts'

/** A job that ended dead puts what it was about before a person. The next sweep takes it up again. */
export async function buryReceivable(
  deps: Pick<Deps, 'db' | 'now'>,
  receivableId: string,
  error: string,
): Promise<void> {
  const reason = `gave up for now, the sweep tries again: ${error}`
  await ensureReceivable(deps, { receivableId })
  await deps.db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({
        state: 'attention',
        reason,
        reasonCode: 'gave_up',
        lastError: null,
        lastErrorAt: null,
        nextRunAt: null,
      })
      .where(eq(receivables.receivableId, receivableId))
    await note(tx, receivableId, `attention: ${reason}`, deps.now())
  })
}
