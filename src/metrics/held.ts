import { sql } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import type { Executor } from '../db/client.ts'
import { payments } from '../db/schema.ts'
import { underWay } from '../collect/decide/allocation.ts'
import { acceptedOf, findSpares } from '../collect/decide/next-refund.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'

type Candidate = {
  dodo_payment_id: string
  receivable_id: string
  number: string | null
  customer: string | null
}

/** Money of a payment that a receivable in attention does not take. */
type Held = {
  dodoPaymentId: string
  lagoInvoiceId: string
  number: string | null
  customer: string | null
  currency: string
  disposition: 'duplicate' | 'overpaid' | 'late' | 'mismatch'
  /** Dodo's minor units. */
  held: number
}

/**
 * What no invoice takes, by payment and invoice, as the page of each invoice has it: of what is in attention, without
 * what is on its way back, and what a person has settled otherwise or put aside.
 */
export async function listHeld(db: Executor): Promise<Held[]> {
  const candidates = await findCandidates(db)
  if (candidates.length === 0) return []
  const ids = new Set(candidates.map((one) => one.dodo_payment_id))
  const loaded = await loadPaymentsThat(db, isAnyOf(payments.dodoPaymentId, ids))
  const byId = new Map(loaded.map((payment) => [payment.dodoPaymentId, payment]))
  return candidates.flatMap((one) => {
    const payment = byId.get(one.dodo_payment_id)
    return payment ? heldOf(payment, one) : []
  })
}

/** Who may hold some: not who took a payment as a whole, nor for whom all of one has gone back. */
const findCandidates = (db: Executor) =>
  db.execute<Candidate>(sql`
    select p.dodo_payment_id, i.receivable_id, i.number, i.payer_key as customer
    from receivables i join recordings r using (receivable_id) join payments p using (dodo_payment_id)
    where i.state = 'attention' and (r.status = 'held' or (r.status = 'recorded' and r.amount <> p.amount))
      and p.amount > (select coalesce(sum(f.amount), 0) from refunds f
        where f.dodo_payment_id = p.dodo_payment_id and f.status = 'succeeded')
      and not exists (select from dismissals d where d.receivable_id = i.receivable_id
        and position(p.dodo_payment_id in d.reason) > 0)`)

function heldOf(payment: LoadedPayment, { receivable_id: receivableId, ...of }: Candidate): Held[] {
  const { dodoPaymentId, currency } = payment
  const recordings = payment.recordings.filter((one) => one.receivableId === receivableId)
  const isGoing = underWay(
    payment,
    (order) => order.receivableId === receivableId && order.creditNoteId === null,
  )
  return findSpares({ receivableId, payments: [payment], recordings }).flatMap((spare) => {
    const { status, disposition } = spare.recording
    const held = spare.amount - acceptedOf(spare) - isGoing
    const isWhole = status === 'held' && disposition !== 'applied'
    const why = isWhole ? disposition : ('overpaid' as const)
    const { number, customer } = of
    const about = { dodoPaymentId, lagoInvoiceId: receivableId, number, customer, currency }
    return held > 0 ? [{ ...about, disposition: why, held }] : []
  })
}

/** The same by payment alone: one that is held for an invoice says more than one that another took a part of. */
export function byPayment(rows: readonly Held[]): Held[] {
  const ofPayments = Map.groupBy(rows, ({ dodoPaymentId }) => dodoPaymentId)
  return [...ofPayments.values()].flatMap((of) => {
    const told = of.find(({ disposition }) => disposition !== 'overpaid') ?? of[0]
    return told ? [{ ...told, held: of.reduce((sum, { held }) => sum + held, 0) }] : []
  })
}
