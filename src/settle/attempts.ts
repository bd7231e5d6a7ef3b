import { and, eq, inArray, isNull } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { End } from '../domain/steps.ts'
import type { Attempt } from '../domain/ledger.ts'
import { note } from './timeline.ts'

/** Closes an attempt, if it is still open. */
export async function endAttempt(
  { db, log, now }: Pick<Deps, 'log' | 'now'> & { db: Executor },
  lagoInvoiceId: string,
  attempt: Pick<Attempt, 'id' | 'number'>,
  { status, at, why, declineCode = null, isUnseen = false }: End,
) {
  await db.transaction(async (tx) => {
    const ended = await tx
      .update(attempts)
      .set({ status, endedAt: at, declineCode })
      .where(
        and(
          eq(attempts.id, attempt.id),
          inArray(attempts.status, ['intended', 'live', 'unknown']),
          isUnseen ? isNull(attempts.handedOutAt) : undefined,
        ),
      )
      .returning({ id: attempts.id })
    if (ended.length === 0) return
    await tx.update(shares).set({ isLive: false }).where(eq(shares.attemptId, attempt.id))
    await note(tx, lagoInvoiceId, `attempt ${attempt.number} is ${status}: ${why}`, now())
  })
  log.info({ lagoInvoiceId, attempt: attempt.number, status }, 'attempt ended')
}

const UNIQUE_VIOLATION = '23505'

/** Whether somebody else came first; drizzle wraps what Postgres says. */
export function isUniqueViolation(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return (cause as { code?: unknown } | null)?.code === UNIQUE_VIOLATION
}
