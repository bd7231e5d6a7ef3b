import { and, eq, isNotNull, type SQL } from 'drizzle-orm'

import { allocateRefunds, type Allocation } from '../collect/decide/allocation.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'
import { formatDodo } from '../collect/money.ts'
import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { creditNotes, credits, payments, recordings, refundOrders, refunds } from '../db/schema.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'
import type { Knowledge } from './compare-ledgers.ts'
import type { About } from './entries.ts'
import { isOfInvoice, readNumbers } from './own-ledger.ts'

/** What of a refund is about one invoice, as our ledger has it. */
export type OwnRefundPart = About & {
  receivableId: string
  dodoPaymentId: string
  madeAt: Date
  /** Whether we saw it succeed. */
  isMade: boolean
}

type Refund = LoadedPayment['refunds'][number]
type Credit = typeof credits.$inferSelect
type Order = LoadedPayment['orders'][number]
/** A refund, with what is about one invoice. */
type Of = { refund: Refund; order: Order | undefined; credited: Credit[]; allocated: Allocation[] }

/** The merchant's own refunds have no order of ours. */
export const MADE_IN_DODO = 'made in Dodo'

/** The parts of the refunds in our ledger, in every status, that meet a condition. */
export async function readOwnRefundParts(
  { db }: { db: Database },
  meet: SQL | undefined,
): Promise<Map<string, OwnRefundPart[]>> {
  const rows = await db
    .select({ id: refunds.dodoRefundId, dodoPaymentId: refunds.dodoPaymentId })
    .from(refunds)
    .innerJoin(payments, eq(payments.dodoPaymentId, refunds.dodoPaymentId))
    .where(and(meet, isOfInvoice))
  const ids = new Set(rows.map(({ id }) => id))
  const paymentIds = [...new Set(rows.map(({ dodoPaymentId }) => dodoPaymentId))]
  const [loaded, credited] = await Promise.all([
    loadPaymentsThat(db, isAnyOf(payments.dodoPaymentId, paymentIds)),
    db.select().from(credits).where(isAnyOf(credits.dodoRefundId, ids)),
  ])
  const parts = loaded.flatMap((payment) => {
    const of = { allocations: allocateRefunds(payment), credited }
    const wanted = payment.refunds.filter(({ dodoRefundId }) => ids.has(dodoRefundId))
    return wanted.map((refund) => [refund.dodoRefundId, partsOf(payment, refund, of)] as const)
  })
  const named = parts.flatMap(([, of]) => of.map(({ receivableId }) => receivableId))
  const numbers = await readNumbers(db, named)
  const withName = (part: OwnRefundPart): OwnRefundPart => ({
    ...part,
    name: numbers.get(part.receivableId) ?? null,
  })
  return new Map(parts.map(([id, of]) => [id, of.map(withName)]))
}

/** A refund that is about nobody, as far as we know, is all about whom its payment was made for. */
function partsOf(
  payment: LoadedPayment,
  refund: Refund,
  of: { allocations: readonly Allocation[]; credited: readonly Credit[] },
): OwnRefundPart[] {
  const isOfIt = (one: { dodoRefundId: string | null }) => one.dodoRefundId === refund.dodoRefundId
  const allocated = of.allocations.filter((one) => isOfIt(one.refund))
  const credited = of.credited.filter(isOfIt)
  const order = payment.orders.find(isOfIt)
  const about = new Set([...allocated, ...credited].map(({ receivableId }) => receivableId))
  if (about.size === 0) about.add(order?.receivableId ?? payment.receivableId ?? '')
  const placed = allocated.reduce((sum, { amount }) => sum + amount, 0)
  const beyond = Math.max(0, (refund.amount ?? 0) - placed)
  return [...about].map((receivableId, index) => {
    const isAbout = (one: { receivableId: string }) => one.receivableId === receivableId
    const own = allocated.filter(isAbout)
    const amount = own.reduce((sum, one) => sum + one.amount, 0) + (index === 0 ? beyond : 0)
    const subject = { refund, order, credited: credited.filter(isAbout), allocated: own }
    return {
      dodoPaymentId: payment.dodoPaymentId,
      receivableId,
      name: null,
      madeAt: refund.madeAt,
      amount: about.size === 1 ? null : amount,
      isMade: refund.status === 'succeeded',
      cause: order?.cause ?? MADE_IN_DODO,
      knowledge:
        refund.status === 'succeeded'
          ? describeKnowledge(subject, refund.currency ?? payment.currency)
          : describeUnmade(subject),
    }
  })
}

function describeKnowledge({ allocated, credited, order }: Of, currency: string): Knowledge {
  const taken = allocated.filter(({ purpose }) => purpose === 'taken')
  const spare = allocated.filter(({ purpose }) => purpose === 'spare')
  if (credited.some(({ status }) => status === 'intended' || status === 'unknown'))
    return { is: 'begun' }
  if (taken.length > 0 && credited.length === 0)
    return { is: order?.creditNoteId ? 'begun' : 'seen' }
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
function describeUnmade({ refund, credited, order }: Of): Knowledge {
  if (credited.some((credit) => credit.status === 'reversed')) {
    return { is: 'owed', why: 'the refund failed after Lago had credited it, and the note says so' }
  }
  if (!order) return { is: 'seen' }
  if (order.creditNoteId === null) return { is: 'refused', why: describeGivenBack(order) }
  const isFailed = refund.status === 'failed'
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
): Promise<(note: OwedNote) => About[]> {
  const ids = [...new Set(notes.map(({ lago_invoice_id }) => lago_invoice_id))]
  const [known, paid, numbers] = await Promise.all([
    db.select().from(creditNotes).where(isAnyOf(creditNotes.receivableId, ids)),
    db
      .selectDistinct({ receivableId: recordings.receivableId })
      .from(recordings)
      .where(and(isAnyOf(recordings.receivableId, ids), eq(recordings.status, 'recorded'))),
    readNumbers(db, ids),
  ])
  const isPaidThroughUs = new Set(paid.map(({ receivableId }) => receivableId))
  return (note) => {
    const { lago_invoice_id: receivableId } = note
    if (!isPaidThroughUs.has(receivableId)) return []
    const row = known.find(({ creditNoteId }) => creditNoteId === note.lago_id)
    const knowledge = describeOwed(note, row)
    const name = numbers.get(receivableId) ?? null
    return [{ receivableId, name, amount: null, cause: 'credit note', knowledge }]
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
