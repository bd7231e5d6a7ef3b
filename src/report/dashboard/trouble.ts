import { and, asc, inArray, isNull } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { conditions } from '../../db/schema.ts'
import type { AlertType } from '../../notify/types.ts'

/** What is wrong beside single invoices, the worst first; those are in the list of what needs a person. */
const WORST_FIRST: readonly AlertType[] = [
  'key.refused',
  'service.unreachable',
  'ledger.difference',
  'webhooks.refused',
  'card.unusable',
]
const MAX_SHOWN = 10

export type Trouble = { isBad: boolean; what: string; since: Date }

/** What is wrong now, as whoever watches has written it down: the same that notifications tell. */
export async function readTrouble(db: Executor): Promise<Trouble[]> {
  const rows = await db
    .select()
    .from(conditions)
    .where(and(inArray(conditions.type, [...WORST_FIRST]), isNull(conditions.goneAt)))
    .orderBy(asc(conditions.since))
  const rank = ({ type }: (typeof rows)[number]) => WORST_FIRST.findIndex((one) => one === type)
  return rows
    .toSorted((one, other) => rank(one) - rank(other))
    .slice(0, MAX_SHOWN)
    .map(({ text, since }) => ({
      isBad: text.startsWith('■'),
      what: text.replace(/^[■▲] /, ''),
      since,
    }))
}
