import type { Deps } from '../deps.ts'
import type { JobKind } from '../../jobs.ts'
import { wakeWithin } from '../../wakes.ts'

export const FINDING_KINDS = [
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

/** What kind of finding it is, and which one it is about, by the id that a webhook would name. */
export type About = { kind: (typeof FINDING_KINDS)[number]; id?: string }

/** One thing that was not as it should be, in words for a person; programs go by what it is about. */
export type Finding = { receivableId: string | null; what: string; about: About }

/** Something to be looked at: which kind of job, of which key. */
export type Found = Finding & { kind: JobKind; key: string }

/** More than a person reads, and than is kept in memory for them. */
const MAX_TOLD = 20_000

export type Collected = ReturnType<typeof collectFindings>

/**
 * Takes in what a sweep finds, page by page: each thing is woken at once, so that nothing is lost when the rest
 * fails. A sweep is content with any job that waits already; a person who asks for one wants it all now.
 */
export function collectFindings(
  { db, queue }: Pick<Deps, 'db' | 'queue'>,
  { isDryRun, isThorough }: { isDryRun: boolean; isThorough: boolean },
) {
  const cause = isThorough ? 'sweep_by_person' : 'sweep'
  const told: Finding[] = []
  let count = 0
  let skipped = 0

  async function take(found: readonly Found[]) {
    if (found.length === 0) return
    count += found.length
    told.push(
      ...found
        .slice(0, Math.max(MAX_TOLD - told.length, 0))
        .map(({ receivableId, what, about }) => ({ receivableId, what, about })),
    )
    await wake(found)
  }

  /** Wakes what is no news. */
  async function wake(found: readonly Pick<Found, 'kind' | 'key'>[]) {
    if (isDryRun || found.length === 0) return
    const byKind = Map.groupBy(found, ({ kind }) => kind)
    await db.transaction(async (tx) => {
      for (const [kind, ofKind] of byKind) {
        const keys = ofKind.map(({ key }) => key)
        await wakeWithin({ db: tx, queue }, kind, keys, cause)
      }
    })
  }

  /** Counts what was new and is not to be collected. */
  function skip(invoices: number) {
    skipped += invoices
  }

  return { take, wake, skip, told, counts: () => ({ found: count, skipped }) }
}
