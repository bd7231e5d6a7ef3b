import { and, between, eq, isNotNull } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { creditNotes, credits, payments, recordings, refundOrders, refunds } from '../db/schema.ts'
import { allocateRefunds, type Allocation } from '../collect/decide/allocation.ts'
import { formatDodo } from '../collect/money.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'
import type { Knowledge } from './compare-ledgers.ts'
import { createFullReader, readNumbers, type OwnInvoice, type Wanted } from './own-ledger.ts'

export type OwnRefund = {
  dodoPaymentId: string
  invoices: OwnInvoice[]
  madeAt: Date
  /** Whether we saw it succeed. */
  isMade: boolean
  /** Why it was made. */
  cause: string
  knowledge: Knowledge
}

type Credit = typeof credits.$inferSelect
type Order = typeof refundOrders.$inferSelect

/** The merchant's own refunds have no order of ours. */
export const MADE_IN_DODO = 'made in Dodo'

/** The refunds in our ledger, in every status, that were made in a period, or are among some. */
export async function readOwnRefunds(
  { db }: { db: Database },
  wanted: Wanted,
): Promise<Map<string, OwnRefund>> {
  const condition =
    'ids' in wanted
      ? isAnyOf(refunds.dodoRefundId, wanted.ids)
      : between(refunds.madeAt, wanted.period.from, wanted.period.until)
  const rows = await db
    .select({ refund: refunds, lagoInvoiceId: payments.receivableId })
    .from(refunds)
    .innerJoin(payments, eq(payments.dodoPaymentId, refunds.dodoPaymentId))
    .where(and(condition, isNotNull(payments.receivableId)))
  const ids = rows.map(({ refund }) => refund.dodoRefundId)
  const [ownCredits, ownOrders] = await Promise.all([
    db.select().from(credits).where(isAnyOf(credits.dodoRefundId, ids)),
    db.select().from(refundOrders).where(isAnyOf(refundOrders.dodoRefundId, ids)),
  ])
  const readInFull = createFullReader(db)
  const own = new Map<string, OwnRefund>()
  for (const { refund, lagoInvoiceId } of rows) {
    const { dodoRefundId, dodoPaymentId, status, madeAt } = refund
    const credited = ownCredits.filter((one) => one.dodoRefundId === dodoRefundId)
    const order = ownOrders.find((one) => one.dodoRefundId === dodoRefundId)
    const payment = await readInFull({ dodoPaymentId, receivableId: lagoInvoiceId })
    const allocated = payment
      ? allocateRefunds(payment).filter((one) => one.refund.dodoRefundId === dodoRefundId)
      : []
    const knowledge =
      status === 'succeeded'
        ? describeKnowledge(allocated, {
            credited,
            order,
            currency: refund.currency ?? payment?.currency ?? '',
          })
        : describeUnmade(status, { credited, order })
    const about = [...allocated, ...credited].map((one) => one.receivableId)
    const named = about.length > 0 ? about : [lagoInvoiceId ?? '']
    const cause = order?.cause ?? MADE_IN_DODO
    const numbered = [...new Set(named)].map((one) => ({ lagoInvoiceId: one, number: null }))
    own.set(dodoRefundId, {
      dodoPaymentId,
      invoices: numbered,
      madeAt,
      isMade: status === 'succeeded',
      cause,
      knowledge,
    })
  }
  return withNumbers(db, own)
}

async function withNumbers(db: Database, own: Map<string, OwnRefund>) {
  const all = [...own.values()].flatMap(({ invoices }) => invoices)
  const numbers = await readNumbers(
    db,
    all.map(({ lagoInvoiceId }) => lagoInvoiceId),
  )
  for (const invoice of all) invoice.number = numbers.get(invoice.lagoInvoiceId) ?? null
  return own
}

function describeKnowledge(
  allocated: readonly Allocation[],
  of: { credited: readonly Credit[]; order: Order | undefined; currency: string },
): Knowledge {
  const { credited, order, currency } = of
  const taken = allocated.filter(({ purpose }) => purpose === 'taken')
  const spare = allocated.filter(({ purpose }) => purpose === 'spare')
  const states = taken.map(({ receivableId }) =>
    credited.find((credit) => credit.receivableId === receivableId),
  )
  const isBegun = states.some((one) => one?.status === 'intended' || one?.status === 'unknown')
  if (isBegun) return { is: 'begun' }
  if (states.includes(undefined)) return { is: order?.creditNoteId ? 'begun' : 'seen' }

  const amount = credited
    .filter(({ status }) => status === 'credited')
    .reduce((sum, one) => sum + one.amount, 0)
  const refusals = credited.filter(({ status }) => status === 'impossible')
  const whys = [
    ...refusals.map(({ reason }) => `no credit note: ${reason ?? 'Lago refused it'}`),
    ...describeSpare(spare, { order, currency, isAll: taken.length === 0 }),
  ]
  if (whys.length === 0) return { is: amount > 0 ? 'done' : 'seen' }
  const why = [...new Set(whys)].join('; ')
  return amount > 0 ? { is: 'partly', amount, why } : { is: 'refused', why }
}

const GIVEN_BACK: Readonly<Record<string, string>> = {
  duplicate: 'a second payment',
  overpayment: 'what was paid beyond what was due',
  late: 'what was paid on a void invoice',
}

/** Money that no invoice took needs no credit note when it goes back. */
function describeSpare(
  spare: readonly Allocation[],
  { order, currency, isAll }: { order: Order | undefined; currency: string; isAll: boolean },
): string[] {
  if (spare.length === 0) return []
  const amount = spare.reduce((sum, one) => sum + one.amount, 0)
  const ofIt = isAll ? '' : `${formatDodo(amount, currency)} of it `
  return [`${ofIt}${describeGivenBack(order)}`]
}

const describeGivenBack = (order: Order | undefined) =>
  `gives back ${GIVEN_BACK[order?.cause ?? ''] ?? 'money that no invoice took'}: no credit note is wanted`

/** A refund that gave nothing back, as far as we know, may be held for made by Lago all the same. */
function describeUnmade(
  status: string,
  { credited, order }: { credited: readonly Credit[]; order: Order | undefined },
): Knowledge {
  if (credited.some((credit) => credit.status === 'reversed')) {
    return { is: 'owed', why: 'the refund failed after Lago had credited it, and the note says so' }
  }
  if (!order) return { is: 'seen' }
  if (order.creditNoteId === null) return { is: 'refused', why: describeGivenBack(order) }
  const isFailed = status === 'failed'
  return {
    is: 'owed',
    why: isFailed
      ? 'Dodo could not carry the refund out'
      : 'Dodo has not carried the refund out yet',
  }
}

/** Which refunds are known to have become, or to carry out, which credit note. */
export async function readNotedRefunds(db: Database): Promise<Map<string, string[]>> {
  const [credited, ordered] = await Promise.all([
    db
      .select({ note: credits.creditNoteId, refund: credits.dodoRefundId })
      .from(credits)
      .where(isNotNull(credits.creditNoteId)),
    db
      .select({ note: refundOrders.creditNoteId, refund: refundOrders.dodoRefundId })
      .from(refundOrders)
      .where(and(isNotNull(refundOrders.creditNoteId), isNotNull(refundOrders.dodoRefundId))),
  ])
  const byNote = Map.groupBy([...credited, ...ordered], ({ note }) => note ?? '')
  return new Map(
    [...byNote].map(([note, rows]) => [
      note,
      [...new Set(rows.flatMap((one) => one.refund ?? []))],
    ]),
  )
}

type OwedNote = Pick<LagoCreditNoteRow, 'lago_id' | 'lago_invoice_id' | 'refund_status' | 'number'>

/**
 * Why Lago wants money given back that no refund has given back, on invoices that were paid through us; of
 * others we know nothing, and it is nobody's business here.
 */
export async function readOwedNotes(
  { db }: { db: Database },
  notes: readonly OwedNote[],
): Promise<(note: OwedNote) => { knowledge: Knowledge; number: string | null } | undefined> {
  const ids = [...new Set(notes.map(({ lago_invoice_id }) => lago_invoice_id))]
  const [known, paid] = await Promise.all([
    db.select().from(creditNotes).where(isAnyOf(creditNotes.receivableId, ids)),
    db
      .selectDistinct({ lagoInvoiceId: recordings.receivableId })
      .from(recordings)
      .where(and(isAnyOf(recordings.receivableId, ids), eq(recordings.status, 'recorded'))),
  ])
  const isPaidThroughUs = new Set(paid.map(({ lagoInvoiceId }) => lagoInvoiceId))
  const numbers = await readNumbers(db, ids)
  return (note) => {
    if (!isPaidThroughUs.has(note.lago_invoice_id)) return undefined
    const row = known.find(({ creditNoteId }) => creditNoteId === note.lago_id)
    return { knowledge: describeOwed(note, row), number: numbers.get(note.lago_invoice_id) ?? null }
  }
}

function describeOwed(
  { lago_id, number, refund_status }: OwedNote,
  row: typeof creditNotes.$inferSelect | undefined,
): Knowledge {
  const name = `credit note ${number ?? lago_id}`
  if (refund_status === 'succeeded')
    return { is: 'owed', why: `${name} was marked as refunded by hand` }
  if (refund_status === 'failed')
    return { is: 'owed', why: `${name} was not refunded${row?.reason ? `: ${row.reason}` : ''}` }
  return row ? { is: 'owed', why: `${name} is not refunded yet` } : { is: 'unknown' }
}
