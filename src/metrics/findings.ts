import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'

export const SWEEP_KINDS = [
  'payment',
  'refund',
  'dispute',
  'mandate',
  'invoice',
  'invoice_changed',
  'credit_note',
  'payment_request',
  'top_up',
  'unfinished',
  'other',
] as const
type SweepKind = (typeof SWEEP_KINDS)[number]
export const LOST_SOURCES = ['lago', 'dodo'] as const
type Source = (typeof LOST_SOURCES)[number]

/** What a sweep says of what it found, what kind that is, and whose webhook should have told of it. */
const FINDINGS: readonly (readonly [RegExp, SweepKind, Source | undefined])[] = [
  [/^Dodo payment (\S+) /, 'payment', 'dodo'],
  [/^Dodo refund (\S+) /, 'refund', 'dodo'],
  [/^Dodo dispute (\S+) /, 'dispute', 'dodo'],
  [/^(?:mandate|subscription|saved card) (\S+) /i, 'mandate', undefined],
  [/^invoice (\S+) was not known$/, 'invoice', 'lago'],
  [/^invoice /, 'invoice_changed', undefined],
  [/^credit note (\S+) wants a refund$/, 'credit_note', 'lago'],
  [/^payment request (\S+) was not known$/, 'payment_request', 'lago'],
  [/^top-up (\S+) was not known$/, 'top_up', 'lago'],
  [
    /needs attention|not finished|not recorded|no credit note|was begun|not refunded|not at rest/,
    'unfinished',
    undefined,
  ],
]

type Finding = { receivableId: string | null; what: string }
/** Something that a webhook should have told of, by the id that the webhook would name. */
export type Suspect = { source: Source; id: string }

/** What kind of finding it is, and what to look for among the webhooks. */
export function classify({ receivableId, what }: Finding): {
  kind: SweepKind
  suspect?: Suspect
} {
  for (const [sentence, kind, source] of FINDINGS) {
    const match = sentence.exec(what)
    if (!match) continue
    const id = kind === 'invoice' ? (receivableId ?? match[1]) : match[1]
    return source && id ? { kind, suspect: { source, id } } : { kind }
  }
  return { kind: 'other' }
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
