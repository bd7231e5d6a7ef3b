import { and, eq, inArray } from 'drizzle-orm'

import { attempts } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { End } from '../domain/decide.ts'
import type { Attempt } from '../domain/ledger.ts'
import { note } from './timeline.ts'

/** Closes an attempt, if it is still open. */
export async function endAttempt(
  { db, log, now }: Pick<Deps, 'db' | 'log' | 'now'>,
  lagoInvoiceId: string,
  attempt: Attempt,
  { status, at, why, declineCode = null }: End,
) {
  await db.transaction(async (tx) => {
    const ended = await tx
      .update(attempts)
      .set({ status, endedAt: at, declineCode })
      .where(
        and(eq(attempts.id, attempt.id), inArray(attempts.status, ['intended', 'live', 'unknown'])),
      )
      .returning({ id: attempts.id })
    if (ended.length === 0) return
    await note(tx, lagoInvoiceId, `attempt ${attempt.number} is ${status}: ${why}`, now())
  })
  log.info({ lagoInvoiceId, attempt: attempt.number, status }, 'attempt ended')
}
