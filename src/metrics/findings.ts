import { sql } from 'drizzle-orm'

import type { About } from '../collect/sweep/report-found.ts'
import type { Executor } from '../db/client.ts'

export const LOST_SOURCES = ['lago', 'dodo'] as const
type Source = (typeof LOST_SOURCES)[number]

/** Something that a webhook should have told of, by the id that the webhook would name. */
export type Suspect = { source: Source; id: string }

/** Whose webhook should have told of a finding of its kind. */
const TOLD_BY: Partial<Record<About['kind'], Source>> = {
  payment: 'dodo',
  refund: 'dodo',
  dispute: 'dodo',
  invoice: 'lago',
  credit_note: 'lago',
  payment_request: 'lago',
  top_up: 'lago',
}

/** What to look for among the webhooks, if one should have told of it. */
export function suspectOf({ kind, id }: About): Suspect | undefined {
  const source = TOLD_BY[kind]
  return source && id !== undefined ? { source, id } : undefined
}

/** Adds to what only grows. */
export async function tally(
  db: Executor,
  name: string,
  counted: ReadonlyMap<string, number>,
): Promise<void> {
  for (const [label, value] of counted) {
    await db.execute(sql`
      insert into tallies (name, label, value) values (${name}, ${label}, ${value})
      on conflict (name, label) do update set value = tallies.value + excluded.value`)
  }
}
