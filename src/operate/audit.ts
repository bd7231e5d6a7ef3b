import { eq } from 'drizzle-orm'

import { operatorActions } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { reasonOf } from '../errors.ts'

/** Somebody who was let in, by the name that they gave. */
type Operator = { who: string; role: 'admin' | 'viewer' }
/** What is to be done, and by which form: the same form does it once. */
export type Request = Operator & { formId: string; action: string; subject: string }
/** What came of it, in words. */
export type Outcome = { isDone: boolean; said: string }

/** The outcome of what has not come to its end. */
export const BEGUN = 'begun'
const MAX_OUTCOME_LENGTH = 500
/** No action takes so long, also where a service that it asks does not answer. */
const LONGEST_MS = 5 * 60_000
const LEFT = 'the process that did it has ended before it'

type Auditing = Pick<Deps, 'db' | 'log' | 'now'>

/**
 * Does what an operator asked for, once, and writes down who, when, what and what came of it. The record is there
 * before it is begun, so that nothing is done without one. Whoever sends the same form again is told what became
 * of it the first time.
 */
export async function audited(
  { db, log, now }: Auditing,
  { formId, who, role, action, subject }: Request,
  act: () => Promise<Outcome>,
): Promise<void> {
  const claimed = await db
    .insert(operatorActions)
    .values({ formId, at: now(), who, role, action, subject, outcome: BEGUN })
    .onConflictDoNothing({ target: operatorActions.formId })
    .returning({ id: operatorActions.id })
  if (claimed.length === 0) return
  try {
    const { isDone, said } = await act()
    await conclude(db, formId, `${isDone ? 'done' : 'refused'}: ${said}`)
    log.info({ who, action, subject, isDone }, 'operator acted')
  } catch (error) {
    await conclude(db, formId, `failed: ${reasonOf(error)}`)
    throw error
  }
}

const conclude = (db: Auditing['db'], formId: string, outcome: string) =>
  db
    .update(operatorActions)
    .set({ outcome: outcome.slice(0, MAX_OUTCOME_LENGTH) })
    .where(eq(operatorActions.formId, formId))

/** What became of one request; undefined for a form that nobody sent. Whoever was ended in the middle of it says nothing more. */
export async function findAction({ db, now }: Pick<Auditing, 'db' | 'now'>, formId: string) {
  const [row] = await db.select().from(operatorActions).where(eq(operatorActions.formId, formId))
  const isLeft = row?.outcome === BEGUN && now().getTime() - row.at.getTime() > LONGEST_MS
  return isLeft ? { ...row, outcome: `failed: ${LEFT}` } : row
}

/** Whether that very form was sent for that very thing by that very person: a form may have been used for something else. */
export async function isOnRecord(
  deps: Pick<Auditing, 'db' | 'now'>,
  { formId, who, action, subject }: Request,
): Promise<boolean> {
  const row = await findAction(deps, formId)
  return row?.who === who && row.action === action && row.subject === subject
}
