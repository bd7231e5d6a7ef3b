import { and, asc, eq, gt, inArray, lte, ne, or, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { mails } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wakeWithin } from '../wakes.ts'
import type { MailKind } from '../mail-kinds.ts'

export type MailRow = typeof mails.$inferSelect
export type PlannedMail = {
  kind: MailKind
  subject: string
  occasion?: string
  payerKey: string
  /** It goes no sooner: what may still change by itself is not worth a mail. */
  dueAt: Date
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** How long after a try the next one is made; the last one goes on. */
const BACKOFF_MS = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS]
const MAX_WOKEN = 100
/** More than these in a day are one. */
export const MOST_A_DAY = 3
const LOCK = 4_711_002

/** Plans mails, each occasion once for ever: within the transaction that notes what they are about. */
export async function planMails(
  tx: Executor,
  planned: readonly PlannedMail[],
  at: Date,
): Promise<void> {
  if (planned.length === 0) return
  await tx
    .insert(mails)
    .values(
      planned.map(({ dueAt, ...mail }) => ({
        ...mail,
        state: 'waiting' as const,
        plannedAt: at,
        nextTryAt: dueAt,
      })),
    )
    .onConflictDoNothing()
}

/** Wakes whatever is due to be mailed. Safe to run on every replica at once. */
export async function wakeMails({
  db,
  queue,
  now,
}: Pick<Deps, 'db' | 'queue' | 'now'>): Promise<void> {
  const due = await db
    .select({ id: mails.id })
    .from(mails)
    .where(lte(mails.nextTryAt, now()))
    .orderBy(asc(mails.nextTryAt))
    .limit(MAX_WOKEN)
  if (due.length === 0) return
  const ids = due.map(({ id }) => id)
  await db.transaction((tx) => wakeWithin({ db: tx, queue }, 'mail', ids, 'notification'))
}

export type BegunMail = MailRow & {
  /** It is one too many for a day. */
  isTooMuch: boolean
}

/**
 * Writes the try down before anything leaves, so that a crash costs one wait. Undefined where nothing is due. Those to
 * one payer begin one after the other, so that each is counted.
 */
export async function beginMail(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  id: string,
): Promise<BegunMail | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx.select().from(mails).where(eq(mails.id, id)).for('update')
    const at = now()
    if (row?.state !== 'waiting' || !row.nextTryAt || row.nextTryAt > at) return undefined
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK}, hashtext(${row.payerKey}))`)
    const others = await countLately(tx, row, at)
    const waitMs = BACKOFF_MS[row.tries] ?? BACKOFF_MS.at(-1) ?? HOUR_MS
    const nextTryAt = new Date(at.getTime() + waitMs)
    const tried = { tries: row.tries + 1, nextTryAt, reason: null }
    await tx.update(mails).set(tried).where(eq(mails.id, id))
    return { ...row, ...tried, isTooMuch: others >= MOST_A_DAY }
  })
}

/** Those to the same payer that were sent within a day, or are being sent. */
const countLately = (tx: Executor, { id, payerKey }: MailRow, at: Date) =>
  tx.$count(
    mails,
    and(
      eq(mails.payerKey, payerKey),
      ne(mails.id, id),
      or(
        and(eq(mails.state, 'sent'), gt(mails.endedAt, new Date(at.getTime() - DAY_MS))),
        and(eq(mails.state, 'waiting'), gt(mails.tries, 0)),
      ),
    ),
  )

type Ending = {
  state: Exclude<MailRow['state'], 'waiting'>
  reason?: string | null
  address?: string | null
}

/** False where it had ended already. */
export async function endMail(tx: Executor, id: string, ending: Ending, at: Date) {
  const ended = await tx
    .update(mails)
    .set({ reason: null, ...ending, endedAt: at, nextTryAt: null })
    .where(and(eq(mails.id, id), eq(mails.state, 'waiting')))
    .returning({ id: mails.id })
  return ended.length > 0
}

export const noteTry = (db: Executor, id: string, reason: string) =>
  db
    .update(mails)
    .set({ reason })
    .where(and(eq(mails.id, id), eq(mails.state, 'waiting')))

/** One that was given up is to be sent after all. */
export const planAgain = ({ db, now }: Pick<Deps, 'db' | 'now'>, id: string) =>
  db
    .update(mails)
    .set({ state: 'waiting', tries: 0, plannedAt: now(), endedAt: null, nextTryAt: now() })
    .where(and(eq(mails.id, id), eq(mails.state, 'failed')))

/**
 * Plans the one mail that tells of all that is too much, once a day: a day after the last of its kind, else a day after
 * the first mail of the last day. One that waits already tells of this, too.
 */
export async function planOneOfAll(tx: Executor, payerKey: string, at: Date): Promise<void> {
  const isTheirs = eq(mails.payerKey, payerKey)
  const isWaiting = and(isTheirs, eq(mails.kind, 'account'), eq(mails.state, 'waiting'))
  if ((await tx.$count(mails, isWaiting)) > 0) return
  const [since] = await tx
    .select({ at: mails.endedAt })
    .from(mails)
    .where(
      and(isTheirs, eq(mails.state, 'sent'), gt(mails.endedAt, new Date(at.getTime() - DAY_MS))),
    )
    .orderBy(
      sql`${mails.kind} = 'account' desc`,
      sql`case when ${mails.kind} = 'account' then ${mails.endedAt} end desc`,
      asc(mails.endedAt),
    )
    .limit(1)
  const dueAt = new Date((since?.at ?? at).getTime() + DAY_MS)
  const occasion = dueAt.toISOString()
  await planMails(tx, [{ kind: 'account', subject: payerKey, occasion, payerKey, dueAt }], at)
}

/** The addresses of somebody that no mailbox is behind. */
export async function listBounced(db: Executor, payerKey: string): Promise<string[]> {
  const rows = await db
    .selectDistinct({ address: mails.address })
    .from(mails)
    .where(and(eq(mails.payerKey, payerKey), eq(mails.state, 'failed')))
  return rows.flatMap(({ address }) => address ?? [])
}

/** What of a mail is told to operators: never its address. */
export const describeMail = ({ kind, subject, occasion, state, tries, ...rest }: MailRow) => {
  const { reason, plannedAt, endedAt, nextTryAt } = rest
  return { kind, subject, occasion, state, tries, reason, plannedAt, endedAt, nextTryAt }
}

/** What was, or is to be, mailed about something, or to somebody; the newest first. */
export const listMails = (
  db: Executor,
  { subjects, payerKey }: { subjects?: readonly string[]; payerKey?: string },
): Promise<MailRow[]> =>
  db
    .select()
    .from(mails)
    .where(
      and(
        subjects && inArray(mails.subject, [...subjects]),
        payerKey === undefined ? undefined : eq(mails.payerKey, payerKey),
      ),
    )
    .orderBy(sql`${mails.plannedAt} desc`)
    .limit(50)
