import { and, asc, eq, isNull } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts, members, receivables, selections, shares } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { wakeWithin } from '../wakes.ts'
import { isUniqueViolation } from './act/attempts.ts'
import { newPayToken } from './load.ts'

type Choosing = Pick<Deps, 'db' | 'queue' | 'now'>
type Within = { db: Executor } & Pick<Deps, 'queue' | 'now'>

/** What a payer wants to pay together: their own, of one currency, the oldest first. */
export type Choice = { payerKey: string; currency: string; receivableIds: readonly string[] }

/**
 * Makes several receivables one, which is asked for like a payment request, and returns its id. Chosen again, it is the
 * same one; chosen otherwise, another takes its place. Two tabs that choose at once end with one of both.
 */
export async function choose(deps: Choosing, choice: Choice): Promise<string> {
  try {
    return await chooseOnce(deps, choice)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    return chooseOnce(deps, choice)
  }
}

const chooseOnce = ({ db, queue, now }: Choosing, choice: Choice) =>
  db.transaction(async (tx) => {
    const { payerKey, currency, receivableIds } = choice
    const [current] = await tx
      .select({ id: selections.receivableId, state: receivables.state })
      .from(selections)
      .innerJoin(receivables, eq(receivables.receivableId, selections.receivableId))
      .where(
        and(
          eq(selections.payerKey, payerKey),
          eq(selections.currency, currency),
          isNull(selections.supersededAt),
        ),
      )
      .for('update')
    if (current) {
      const isSame = isSameSet(await chosenBy(tx, current.id), receivableIds)
      if (isSame && current.state !== 'paid' && current.state !== 'void') return current.id
      await supersede({ db: tx, queue, now }, current.id)
    }
    return insert({ db: tx, now }, choice)
  })

async function insert(
  { db, now }: Pick<Within, 'db' | 'now'>,
  { payerKey, currency, receivableIds }: Choice,
): Promise<string> {
  const receivableId = `sel_${crypto.randomUUID()}`
  const createdAt = now()
  await db.insert(receivables).values({
    receivableId,
    kind: 'selection',
    payerKey,
    currency,
    payToken: newPayToken(),
    createdAt,
  })
  await db.insert(selections).values({ receivableId, payerKey, currency, createdAt })
  await db
    .insert(members)
    .values(receivableIds.map((memberId, position) => ({ receivableId, memberId, position })))
  return receivableId
}

/** Lets it go: its checkout ends unless somebody is paying there, and what it asked for is asked for by itself again. */
async function supersede({ db, queue, now }: Within, receivableId: string) {
  const at = now()
  await db
    .update(selections)
    .set({ supersededAt: at })
    .where(and(eq(selections.receivableId, receivableId), isNull(selections.supersededAt)))
  // A moment before the wish that it makes way for, which so is not taken for the one that was answered.
  await db
    .update(receivables)
    .set({ requestedAt: new Date(at.getTime() - 1), requestedBy: 'customer' })
    .where(eq(receivables.receivableId, receivableId))
  await wakeWithin({ db, queue }, 'bundle', [receivableId], 'customer')
}

/** Whoever wants to pay one alone does not want to pay it together with others any more. */
export async function giveWay(deps: Within, receivableId: string): Promise<void> {
  const id = await findSelecting(deps.db, receivableId)
  if (id) await supersede(deps, id)
}

/** The selection whose checkout asks for it now. */
export async function findSelecting(
  db: Executor,
  receivableId: string,
): Promise<string | undefined> {
  const [found] = await db
    .select({ id: selections.receivableId })
    .from(shares)
    .innerJoin(attempts, eq(attempts.id, shares.attemptId))
    .innerJoin(selections, eq(selections.receivableId, attempts.receivableId))
    .where(and(eq(shares.receivableId, receivableId), shares.isLive))
  return found?.id
}

/** Whether it is a selection, and still what its payer wants. */
export async function findSelection(db: Executor, receivableId: string) {
  const [found] = await db
    .select({ row: receivables, supersededAt: selections.supersededAt })
    .from(selections)
    .innerJoin(receivables, eq(receivables.receivableId, selections.receivableId))
    .where(eq(selections.receivableId, receivableId))
  return found && { row: found.row, isSuperseded: found.supersededAt !== null }
}

/** What was let go asks for nobody any more, and so need not hear of them. */
export const forgetMembers = (db: Executor, receivableId: string) =>
  db.delete(members).where(eq(members.receivableId, receivableId))

const chosenBy = (db: Executor, receivableId: string) =>
  db
    .select({ id: members.memberId })
    .from(members)
    .where(eq(members.receivableId, receivableId))
    .orderBy(asc(members.position))
    .then((rows) => rows.map(({ id }) => id))

const isSameSet = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((id) => other.includes(id))
