import { sql } from 'drizzle-orm'

import { isLost, isUndecided } from '../../collect/ledger.ts'
import type { Executor } from '../../db/client.ts'
import { DISPUTE_DAYS } from '../../metrics/ledger.ts'

const DAY_MS = 24 * 3_600_000
/** Disputes are rare; more at once are no list that anybody answers. */
const MAX_ROWS = 1_000

export const DISPUTE_OUTCOMES = ['open', 'lost', 'kept'] as const

export type ListedDispute = {
  dodoDisputeId: string
  dodoPaymentId: string
  status: string
  stage: string
  outcome: (typeof DISPUTE_OUTCOMES)[number]
  isByRdr: boolean
  /** As Dodo writes it. */
  amount: string
  currency: string
  receivableId: string | null
  kind: 'invoice' | 'payment_request' | 'selection' | 'order' | null
  number: string | null
  openedAt: Date | null
  /** Until when it must be answered in Dodo's dashboard; null once it is decided, or where Dodo does not say. */
  dueAt: Date | null
  /** Whether Lago was told that it is lost; null while there is nothing to tell. */
  isToldLost: boolean | null
}

type Row = {
  id: string
  payment: string
  status: string
  stage: string
  rdr: boolean
  amount: string
  currency: string
  opened_at: Date | null
  receivable_id: string | null
  kind: ListedDispute['kind']
  number: string | null
  told: boolean | null
}

/** What is disputed, or was: those to be answered first, by their deadline, then the newest. */
export async function listDisputes(
  db: Executor,
  { outcome }: { outcome?: string | undefined } = {},
): Promise<ListedDispute[]> {
  const rows = await db.execute<Row>(sql`
    select d.dodo_dispute_id as id, d.dodo_payment_id as payment, d.status, d.stage, d.is_by_rdr as rdr, d.amount,
      d.currency, d.opened_at, i.receivable_id, i.kind, i.number, (i.snapshot->>'isDisputeLost')::boolean as told
    from disputes d left join payments p using (dodo_payment_id)
    left join receivables i on i.receivable_id = p.receivable_id
    order by coalesce(d.opened_at, d.observed_at) desc limit ${MAX_ROWS}`)
  const listed = rows.map(asListed)
  return listed
    .filter((one) => outcome === undefined || one.outcome === outcome)
    .toSorted((one, other) => dueOf(one) - dueOf(other))
}

const dueOf = ({ outcome, dueAt }: ListedDispute) =>
  outcome === 'open' ? (dueAt?.getTime() ?? 0) : Number.MAX_SAFE_INTEGER

function asListed(row: Row): ListedDispute {
  const outcome = isLost(row) ? 'lost' : isUndecided(row) ? 'open' : 'kept'
  const openedAt = row.opened_at && new Date(row.opened_at)
  return {
    dodoDisputeId: row.id,
    dodoPaymentId: row.payment,
    status: row.status,
    stage: row.stage,
    outcome,
    isByRdr: row.rdr,
    amount: row.amount,
    currency: row.currency,
    receivableId: row.receivable_id,
    kind: row.kind,
    number: row.number,
    openedAt,
    dueAt:
      outcome === 'open' && openedAt ? new Date(openedAt.getTime() + DISPUTE_DAYS * DAY_MS) : null,
    isToldLost: outcome === 'lost' ? row.told === true : null,
  }
}
