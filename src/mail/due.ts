import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm'

import { isChargeable } from '../collect/chargeable.ts'
import { today } from '../customer/format.ts'
import { accountPages, attempts, mandates, receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { planMails, type PlannedMail } from './mails.ts'
import { isMailOn, mailsOfCard, mailsOfEnding } from './plan.ts'

type Planning = Pick<Deps, 'config' | 'db' | 'now'>

const DAY_MS = 24 * 3_600_000
/** A reminder whose day was missed, while nothing worked, is made up for the next day and not later. */
const LATE_DAYS = 1
/** From then on somebody reads it. */
const FIRST_HOUR = 8
const NEWS_DAYS = 3
/** So many are read at once; how many there are is the merchant's. */
const PAGE = 1_000

/** Plans what time alone brings: reminders, and cards that cannot be charged any more. Safe on every replica at once. */
export async function planDueMails(deps: Planning): Promise<void> {
  const { config, db, now } = deps
  if (!isMailOn(config.mail)) return
  const at = now()
  for (const find of [findReminders, findCards, findEnding]) {
    let after: string | undefined = ''
    while (after !== undefined) {
      const found: Found = await find(deps, at, after)
      await planMails(db, found.planned, at)
      after = found.next
    }
  }
}

/** What of a page is to be mailed, and after which one the next page begins; undefined where there is none. */
type Found = { planned: PlannedMail[]; next: string | undefined }
const NOTHING: Found = { planned: [], next: undefined }

function page<Row>(
  rows: readonly Row[],
  idOf: (row: Row) => string,
  plan: (row: Row) => PlannedMail[],
): Found {
  const last = rows.length === PAGE ? rows.at(-1) : undefined
  return { planned: rows.flatMap(plan), next: last && idOf(last) }
}

/** Of each invoice at most one: after a pause nobody is reminded three times at once. */
async function findReminders({ config, db }: Planning, at: Date, after: string): Promise<Found> {
  const { kinds, reminderDays } = config.mail
  if (!kinds.includes('reminder') || reminderDays.length === 0) return NOTHING
  // A day's difference between time zones either way; which day it is with them is seen below.
  const near = reminderDays.flatMap((days) =>
    [-1, 0, 1, 2].map((late) => dayOf(new Date(at.getTime() - (days + late) * DAY_MS))),
  )
  const rows = await db
    .select({
      receivableId: receivables.receivableId,
      payerKey: receivables.payerKey,
      dueOn: receivables.dueOn,
      timezone: accountPages.timezone,
    })
    .from(receivables)
    .leftJoin(accountPages, eq(accountPages.payerKey, receivables.payerKey))
    .where(
      and(
        eq(receivables.kind, 'invoice'),
        inArray(receivables.state, ['open', 'failed']),
        receivables.isPayable,
        isNotNull(receivables.payerKey),
        inArray(receivables.dueOn, [...new Set(near)]),
        gt(receivables.receivableId, after),
      ),
    )
    .orderBy(asc(receivables.receivableId))
    .limit(PAGE)
  const idOf = ({ receivableId }: (typeof rows)[number]) => receivableId
  return page(rows, idOf, ({ receivableId, payerKey, dueOn, timezone }) => {
    if (dueOn === null || payerKey === null || hourOf(at, timezone) < FIRST_HOUR) return []
    const since = (Date.parse(today(at, timezone)) - Date.parse(dueOn)) / DAY_MS
    const days = reminderDays
      .filter((one) => since >= one && since - one <= LATE_DAYS)
      .toSorted((one, other) => other - one)[0]
    if (days === undefined) return []
    return [{ kind: 'reminder', subject: receivableId, occasion: `${days}d`, payerKey, dueAt: at }]
  })
}

const dayOf = (at: Date) => at.toISOString().slice(0, 10)

function hourOf(at: Date, timezone: string | null): number {
  try {
    const options = { hour: 'numeric', hourCycle: 'h23', timeZone: timezone ?? 'UTC' } as const
    return Number(new Intl.DateTimeFormat('en', options).format(at))
  } catch {
    return at.getUTCHours()
  }
}

/** Only of Lago's customers: others are mailed by whoever sells to them. */
const IS_OF_LAGO = sql`exists (select 1 from ${receivables} where ${receivables.payerKey} = ${mandates.payerKey}
  and ${receivables.kind} = 'invoice')`

/** What ended long ago is no news. */
async function findCards({ config, db }: Planning, at: Date, after: string): Promise<Found> {
  if (!config.mail.kinds.includes('card')) return NOTHING
  const since = sql`${new Date(at.getTime() - NEWS_DAYS * DAY_MS).toISOString()}::timestamptz`
  const rows = await db
    .select()
    .from(mandates)
    .where(
      and(
        sql`(${mandates.status} <> 'active' or ${mandates.refusal} is not null)`,
        sql`(${mandates.observedAt} > ${since} or exists (
          select 1 from ${attempts} where ${attempts.dodoSubscriptionId} = ${mandates.dodoSubscriptionId}
            and ${attempts.endedAt} > ${since}))`,
        IS_OF_LAGO,
        gt(mandates.dodoSubscriptionId, after),
      ),
    )
    .orderBy(asc(mandates.dodoSubscriptionId))
    .limit(PAGE)
  return page(rows, idOfCard, (card) => mailsOfCard(card, config, at))
}

/** Cards that are charged still, and end with this month or the next. */
async function findEnding({ config, db }: Planning, at: Date, after: string): Promise<Found> {
  if (!config.mail.kinds.includes('card')) return NOTHING
  const months = [0, 1].map((later) =>
    new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later, 1)).toISOString().slice(0, 7),
  )
  const rows = await db
    .select()
    .from(mandates)
    .where(
      and(
        isChargeable,
        inArray(mandates.cardEnds, months),
        IS_OF_LAGO,
        gt(mandates.dodoSubscriptionId, after),
      ),
    )
    .orderBy(asc(mandates.dodoSubscriptionId))
    .limit(PAGE)
  return page(rows, idOfCard, (card) => mailsOfEnding(card, config, at))
}

const idOfCard = ({ dodoSubscriptionId }: typeof mandates.$inferSelect) => dodoSubscriptionId
