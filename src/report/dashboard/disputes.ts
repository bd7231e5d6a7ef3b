import { desc, eq, sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { disputes, payments, receivables } from '../../db/schema.ts'
import { DISPUTE_DAYS } from '../../metrics/ledger.ts'
import { outcomeOf } from '../disputes.ts'

const DAY_MS = 24 * 3_600_000
export const DISPUTE_OUTCOMES = ['open', 'lost', 'kept'] as const

export type ListedDispute = Awaited<ReturnType<typeof listDisputes>>[number]

/**
 * What is disputed, or was: those to be answered first, by their deadline, then the newest. All of them: disputes are
 * rare, and one that is left out is lost.
 */
export async function listDisputes(db: Executor, wanted: { outcome?: string | undefined } = {}) {
  const rows = await db
    .select({
      dodoDisputeId: disputes.dodoDisputeId,
      dodoPaymentId: disputes.dodoPaymentId,
      status: disputes.status,
      stage: disputes.stage,
      isByRdr: disputes.isByRdr,
      amount: disputes.amount,
      currency: disputes.currency,
      receivableId: receivables.receivableId,
      kind: receivables.kind,
      number: receivables.number,
      openedAt: disputes.openedAt,
      isToldLost: sql<boolean | null>`(${receivables.snapshot}->>'isDisputeLost')::boolean`,
    })
    .from(disputes)
    .leftJoin(payments, eq(payments.dodoPaymentId, disputes.dodoPaymentId))
    .leftJoin(receivables, eq(receivables.receivableId, payments.receivableId))
    .orderBy(desc(sql`coalesce(${disputes.openedAt}, ${disputes.observedAt})`))
  return rows
    .map(({ dodoDisputeId, dodoPaymentId, status, stage, openedAt, isToldLost, ...rest }) => {
      const { outcome, ...standing } = standingOf({ status, openedAt, isToldLost })
      return { dodoDisputeId, dodoPaymentId, status, stage, outcome, ...rest, ...standing }
    })
    .filter((one) => wanted.outcome === undefined || one.outcome === wanted.outcome)
    .toSorted((one, other) => dueOf(one) - dueOf(other))
}

const dueOf = ({ outcome, dueAt }: { outcome: string; dueAt: Date | null }) =>
  outcome === 'open' ? (dueAt?.getTime() ?? 0) : Number.MAX_SAFE_INTEGER

type Told = { isToldLost: boolean | null; openedAt: Date | null; status: string }

/** What is to be done about it, and until when. */
function standingOf({ openedAt, isToldLost, ...dispute }: Told) {
  const outcome = outcomeOf(dispute)
  const dueAt = openedAt && new Date(openedAt.getTime() + DISPUTE_DAYS * DAY_MS)
  return {
    outcome,
    openedAt,
    /** Until when it must be answered in Dodo's dashboard; null once it is decided, or where Dodo does not say. */
    dueAt: outcome === 'open' ? dueAt : null,
    /** Whether Lago was told that it is lost; null while there is nothing to tell. */
    isToldLost: outcome === 'lost' ? isToldLost === true : null,
  }
}
