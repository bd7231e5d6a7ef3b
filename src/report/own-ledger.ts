import { and, asc, between, eq, isNotNull } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { receivables, payments, recordings, shares } from '../db/schema.ts'
import { allocateRefunds, isOpenOrder } from '../collect/decide/allocation.ts'
import { formatDodo, isSupportedCurrency, toDodoMinor } from '../collect/money.ts'
import { loadAttempts, loadPayments, type LoadedPayment } from '../collect/load.ts'
import type { Knowledge } from './compare-ledgers.ts'
import type { Period } from './period.ts'

export type Wanted = { ids: string[] } | { period: Period }

/** An invoice that a payment or a refund is about. */
export type OwnInvoice = { lagoInvoiceId: string; number: string | null }

export type OwnPayment = {
  /** The oldest first; several when a payment request was paid. */
  invoices: (OwnInvoice & { isRecorded: boolean; isByStatus: boolean })[]
  madeAt: Date
  isSetup: boolean
  /** Why not all of it is in Lago, one word for each reason. */
  causes: string[]
  knowledge: Knowledge
}

type Row = typeof payments.$inferSelect
type Recording = typeof recordings.$inferSelect
/** What of a payment is for one invoice; `share` is null when it came through no attempt of ours. */
type OwnPart = OwnInvoice & { share: number | null; recording: Recording | undefined }

const STRANGE = 'it was not made through a checkout that the bridge opened'

/** The succeeded payments in our ledger that were made in a period, or are among some. */
export async function readOwnPayments(
  { db }: { db: Database },
  wanted: Wanted,
): Promise<Map<string, OwnPayment>> {
  const condition =
    'ids' in wanted
      ? isAnyOf(payments.dodoPaymentId, wanted.ids)
      : between(payments.madeAt, wanted.period.from, wanted.period.until)
  const rows = await db
    .select()
    .from(payments)
    .where(and(condition, eq(payments.status, 'succeeded'), isNotNull(payments.receivableId)))
  const findParts = await readParts(db, rows)
  const readInFull = createFullReader(db)
  const own = new Map<string, OwnPayment>()
  for (const row of rows) {
    const parts = findParts(row)
    const isWhole = recordedOf(row, parts) >= row.amount
    const payment = isWhole ? undefined : await readInFull(row)
    own.set(row.dodoPaymentId, {
      invoices: parts.map(({ lagoInvoiceId, number, recording }) => ({
        lagoInvoiceId,
        number,
        isRecorded: recording?.status === 'recorded',
        isByStatus: recording?.status === 'recorded' && recording.through === 'status',
      })),
      madeAt: row.madeAt,
      isSetup: row.isSetup,
      causes: causesOf(parts),
      knowledge: describeKnowledge(row, parts, payment),
    })
  }
  return own
}

/** Reads payments with all that became of them; those of one invoice are read together, once. */
export function createFullReader(db: Database) {
  const loaded = new Map<string, Promise<LoadedPayment[]>>()
  return async function readInFull(payment: {
    dodoPaymentId: string
    receivableId: string | null
  }): Promise<LoadedPayment | undefined> {
    const { dodoPaymentId, receivableId: lagoInvoiceId } = payment
    if (lagoInvoiceId === null) return undefined
    const ofInvoice = loaded.get(lagoInvoiceId) ?? loadOf(db, lagoInvoiceId)
    loaded.set(lagoInvoiceId, ofInvoice)
    return (await ofInvoice).find((one) => one.dodoPaymentId === dodoPaymentId)
  }
}

const loadOf = async (db: Database, lagoInvoiceId: string) =>
  loadPayments(db, lagoInvoiceId, await loadAttempts(db, lagoInvoiceId))

/** The numbers of receivables, as far as we know them. */
export async function readNumbers(db: Database, lagoInvoiceIds: readonly string[]) {
  const rows = await db
    .select({ lagoInvoiceId: receivables.receivableId, number: receivables.number })
    .from(receivables)
    .where(isAnyOf(receivables.receivableId, [...new Set(lagoInvoiceIds)]))
  return new Map(rows.map(({ lagoInvoiceId, number }) => [lagoInvoiceId, number]))
}

async function readParts(db: Database, rows: readonly Row[]) {
  const attemptIds = rows.flatMap(({ attemptId }) => attemptId ?? [])
  const [asked, recorded] = await Promise.all([
    db
      .select()
      .from(shares)
      .where(isAnyOf(shares.attemptId, attemptIds, 'uuid'))
      .orderBy(asc(shares.position)),
    db
      .select()
      .from(recordings)
      .where(
        isAnyOf(
          recordings.dodoPaymentId,
          rows.map(({ dodoPaymentId }) => dodoPaymentId),
        ),
      ),
  ])
  const ofAttempt = Map.groupBy(asked, ({ attemptId }) => attemptId)
  const ofPayment = Map.groupBy(recorded, ({ dodoPaymentId }) => dodoPaymentId)
  const numbers = await readNumbers(db, [
    ...asked.map(({ receivableId }) => receivableId),
    ...rows.flatMap(({ receivableId }) => receivableId ?? []),
  ])
  return function findParts({ dodoPaymentId, attemptId, receivableId }: Row): OwnPart[] {
    const known = ofAttempt.get(attemptId ?? '') ?? []
    const wanted = known.length
      ? known.map((one) => ({ lagoInvoiceId: one.receivableId, share: one.amount }))
      : receivableId
        ? [{ lagoInvoiceId: receivableId, share: null }]
        : []
    return wanted.map((part) => ({
      ...part,
      number: numbers.get(part.lagoInvoiceId) ?? null,
      recording: ofPayment
        .get(dodoPaymentId)
        ?.find((one) => one.receivableId === part.lagoInvoiceId),
    }))
  }
}

const asDodo = (amount: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

/** What we have recorded in Lago, in Lago's minor units. */
const recordedInLago = (parts: readonly OwnPart[]) =>
  parts.reduce(
    (sum, { recording }) => sum + (recording?.status === 'recorded' ? recording.amount : 0),
    0,
  )

const recordedOf = ({ currency }: Row, parts: readonly OwnPart[]) =>
  asDodo(recordedInLago(parts), currency)

function causesOf(parts: readonly OwnPart[]): string[] {
  const causes = parts.flatMap(({ recording, share }) => {
    if (recording?.status === 'held') return recording.disposition
    const isLess = share !== null && recording?.status === 'recorded' && recording.amount < share
    return isLess ? 'overpayment' : []
  })
  return [...new Set(causes)]
}

function describeKnowledge(
  row: Row,
  parts: readonly OwnPart[],
  payment: LoadedPayment | undefined,
): Knowledge {
  const statuses = parts.map(({ recording }) => recording?.status)
  if (statuses.includes('intended') || statuses.includes('unknown')) return { is: 'begun' }
  if (statuses.includes(undefined)) {
    if (row.attemptId === null) return { is: 'refused', why: STRANGE }
    return { is: statuses.every((status) => status === undefined) ? 'seen' : 'begun' }
  }
  const rest = row.amount - recordedOf(row, parts)
  if (rest <= 0) return { is: 'done' }
  return describeRest(row, parts, { payment, rest })
}

/** What has become of the money that no invoice takes. */
function describeRest(
  { currency }: Row,
  parts: readonly OwnPart[],
  { payment, rest }: { payment: LoadedPayment | undefined; rest: number },
): Knowledge {
  const amount = recordedInLago(parts)
  const why = describeReasons(parts)
  const ofIt = amount > 0 ? `${formatDodo(rest, currency)} of it ` : ''
  const back = payment ? findGivenBack(payment) : { given: 0, refundIds: [], isUnderWay: false }
  if (back.given >= rest) {
    const refundIds = back.refundIds.join(', ')
    return { is: 'partly', amount, why: `${ofIt}given back with ${refundIds}: ${why}` }
  }
  if (back.isUnderWay) return { is: 'partly', amount, why: `${ofIt}being given back: ${why}` }
  const refusal = payment?.orders.find(({ status }) => status === 'refused')?.reason
  const reason = refusal ? `${why}; Dodo does not refund it: ${refusal}` : why
  if (amount === 0) return { is: 'refused', why: reason }
  const left = formatDodo(rest - back.given, currency)
  return { is: 'partly', amount, why: `${left} of it held: ${reason}` }
}

function describeReasons(parts: readonly OwnPart[]): string {
  const reasons = parts.flatMap(({ recording, share }) => {
    if (recording?.status === 'held') return recording.reason ?? 'a person must look'
    return share !== null && (recording?.amount ?? 0) < share ? 'it is more than was due' : []
  })
  return [...new Set(reasons)].join('; ') || 'it is more than was asked for'
}

function findGivenBack(payment: LoadedPayment) {
  const spare = allocateRefunds(payment).filter(({ purpose }) => purpose === 'spare')
  return {
    given: spare.reduce((sum, { amount }) => sum + amount, 0),
    refundIds: [...new Set(spare.map(({ refund }) => refund.dodoRefundId))],
    isUnderWay: payment.orders.some(
      (order) => order.creditNoteId === null && isOpenOrder(order, payment),
    ),
  }
}
