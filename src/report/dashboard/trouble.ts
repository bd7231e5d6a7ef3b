import { and, asc, desc, eq, gt, inArray, isNull } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { conditions, notifications } from '../../db/schema.ts'
import type { AlertType } from '../../alert-types.ts'

/** What is wrong beside single invoices, the worst first; those are in the list of what needs a person. */
const WORST_FIRST: readonly AlertType[] = [
  'key.refused',
  'service.unreachable',
  'ledger.difference',
  'webhooks.refused',
  'card.unusable',
]
const MAX_SHOWN = 10
const DAY_MS = 24 * 3_600_000

export type Trouble = { isBad: boolean; what: string; since: Date }

/** What is wrong now, as whoever watches has written it down: the same that notifications tell. */
export async function readTrouble(db: Executor, now: Date): Promise<Trouble[]> {
  const rows = await db
    .select()
    .from(conditions)
    .where(and(inArray(conditions.type, [...WORST_FIRST]), isNull(conditions.goneAt)))
    .orderBy(asc(conditions.since))
  const rank = ({ type }: (typeof rows)[number]) => WORST_FIRST.findIndex((one) => one === type)
  const current = rows.toSorted((one, other) => rank(one) - rank(other)).slice(0, MAX_SHOWN)
  return [...current, ...(await readLost(db, now))].map(({ text, since }) => ({
    isBad: text.startsWith('■'),
    what: text.replace(/^[■▲] /, ''),
    since,
  }))
}

/** Webhooks that never came are made up for each time, so that nobody would miss them: told of for a day. */
const readLost = (db: Executor, now: Date) =>
  db
    .select({ text: notifications.text, since: notifications.at })
    .from(notifications)
    .where(
      and(
        eq(notifications.type, 'webhooks.lost'),
        gt(notifications.at, new Date(now.getTime() - DAY_MS)),
      ),
    )
    .orderBy(desc(notifications.at))
    .limit(1)
