import { and, eq, inArray, isNull } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { attempts, shares } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { End } from '../decide/steps.ts'
import type { Attempt, Ledger } from '../ledger.ts'
import { Later } from '../../errors.ts'
import type { Share } from '../ledger.ts'
import { isOwn } from '../decide/course.ts'
import { isAsSeen } from '../fence.ts'
import { note } from '../timeline.ts'

const TAKEN_MS = 1_000

/** Each receivable counts its own attempts. */
export const nextNumber = (ledger: Ledger) =>
  Math.max(0, ...ledger.attempts.filter((one) => isOwn(one, ledger)).map(({ number }) => number)) +
  1

/**
 * Writes an attempt with its shares down, committed before the call. The unique index on live ones makes a
 * second one impossible: `Later` when another one came first.
 */
export async function begin(
  { account, db, now }: Pick<Deps, 'account' | 'now'> & { db: Executor },
  {
    attempt,
    shares: asked,
    takenUntil = async () => new Date(now().getTime() + TAKEN_MS),
  }: {
    attempt: Omit<typeof attempts.$inferInsert, 'account'>
    shares: readonly Share[]
    /** When the one that came first may be over. */
    takenUntil?: () => Promise<Date>
  },
): Promise<string> {
  try {
    return await db.transaction(async (tx) => {
      const [row] = await tx
        .insert(attempts)
        .values({ ...attempt, account })
        .returning({ id: attempts.id })
      if (!row) throw new Error('the attempt was not written')
      await tx.insert(shares).values(
        asked.map((one, position) => ({
          ...one,
          position,
          attemptId: row.id,
          isLive: true,
        })),
      )
      return row.id
    })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new Later('another attempt came first', await takenUntil())
  }
}

/** An attempt whose call is under way, or was, and that nobody has ended meanwhile. */
export const isBegun = (attemptId: string) =>
  and(eq(attempts.id, attemptId), inArray(attempts.status, ['intended', 'unknown']))

/** Takes up again what was begun, before the same call is made again; false when it is not as it must be any more. */
export async function resumeAttempt(
  db: Executor,
  attemptId: string,
  change: Partial<Pick<typeof attempts.$inferInsert, 'kind' | 'repeatableAt'>>,
  seen?: Pick<Attempt, 'status' | 'repeatableAt'>,
): Promise<boolean> {
  const rows = await db
    .update(attempts)
    .set({ status: 'intended', ...change })
    .where(and(isBegun(attemptId), seen && isAsSeen(attempts, seen)))
    .returning({ id: attempts.id })
  return rows.length > 0
}

/** The call may have been carried out: it is looked for, and may be made again from then on. */
export const doubtAttempt = (db: Executor, attemptId: string, repeatableAt: Date | null = null) =>
  db.update(attempts).set({ status: 'unknown', repeatableAt }).where(isBegun(attemptId))

/** Closes an attempt, if it is still open, and says so to all that it asked for. */
export async function endAttempt(
  { db, log, now }: Pick<Deps, 'log' | 'now'> & { db: Executor },
  receivableId: string,
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
    const asked = await tx
      .update(shares)
      .set({ isLive: false })
      .where(eq(shares.attemptId, attempt.id))
      .returning({ id: shares.receivableId })
    const told = new Set([receivableId, ...asked.map(({ id }) => id)])
    for (const one of told)
      await note(tx, one, `attempt ${attempt.number} is ${status}: ${why}`, now())
  })
  log.info({ receivableId, attempt: attempt.number, status }, 'attempt ended')
}

const UNIQUE_VIOLATION = '23505'

/** Whether somebody else came first; drizzle wraps what Postgres says. */
export function isUniqueViolation(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return (cause as { code?: unknown } | null)?.code === UNIQUE_VIOLATION
}
