import { and, eq, isNotNull, notLike, type SQL } from 'drizzle-orm'

import { ORDER_PREFIX } from '../billers/orders/ids.ts'
import { allocateRefunds, isOpenOrder } from '../collect/decide/allocation.ts'
import type { Part } from '../collect/ledger.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'
import { formatDodo } from '../collect/money.ts'
import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { payments, receivables } from '../db/schema.ts'
import type { Knowledge } from './compare-ledgers.ts'
import type { About } from './entries.ts'

/** What of a payment is for one invoice, as our ledger has it. */
export type OwnPart = About & {
  receivableId: string
  amount: number
  madeAt: Date
  isSetup: boolean
  isRecorded: boolean
  isByStatus: boolean
}

type Recording = LoadedPayment['recordings'][number]

const STRANGE = 'it was not made through a checkout that the bridge opened'

/** What is for an order is no invoice's, and stands in a section of its own. */
export const isOfInvoice = and(
  isNotNull(payments.receivableId),
  notLike(payments.receivableId, `${ORDER_PREFIX.replace('_', '\\_')}%`),
)

/** The parts of the succeeded payments in our ledger that meet a condition; the oldest invoice first. */
export async function readOwnParts(
  { db }: { db: Database },
  meet: SQL | undefined,
): Promise<Map<string, OwnPart[]>> {
  const loaded = await loadPaymentsThat(
    db,
    and(meet, eq(payments.status, 'succeeded'), isOfInvoice),
  )
  const named = loaded.flatMap(({ parts }) => parts.map(({ receivableId }) => receivableId))
  const numbers = await readNumbers(db, named)
  return new Map(
    loaded.map((payment) => {
      const amounts = divide(payment)
      const parts = payment.parts.map((part, index) => ({
        ...describePart(payment, part, amounts[index] ?? 0),
        name: numbers.get(part.receivableId) ?? null,
      }))
      return [payment.dodoPaymentId, parts]
    }),
  )
}

/** The numbers of receivables, as far as we know them. */
export async function readNumbers(db: Database, receivableIds: readonly string[]) {
  const rows = await db
    .select({ id: receivables.receivableId, number: receivables.number })
    .from(receivables)
    .where(isAnyOf(receivables.receivableId, [...new Set(receivableIds)]))
  return new Map(rows.map(({ id, number }) => [id, number]))
}

/** What of a payment is for each of its parts: all of it is for somebody, what nobody asked for for the first. */
function divide({ amount, parts }: LoadedPayment): number[] {
  let rest = amount
  const amounts = parts.map(({ share }) => {
    const own = Math.min(share, rest)
    rest -= own
    return own
  })
  return amounts.map((own, index) => (index === 0 ? own + rest : own))
}

function describePart(payment: LoadedPayment, part: Part, amount: number): Omit<OwnPart, 'name'> {
  const { receivableId } = part
  const recording = payment.recordings.find((one) => one.receivableId === receivableId)
  const isRecorded = recording?.status === 'recorded'
  return {
    receivableId,
    madeAt: payment.madeAt,
    isSetup: payment.isSetup,
    amount,
    isRecorded,
    isByStatus: isRecorded && recording.through === 'status',
    cause: causeOf(part, recording),
    knowledge: describeKnowledge(payment, part, { recording, amount }),
  }
}

function causeOf({ share, taken }: Part, recording: Recording | undefined): string | undefined {
  if (recording?.status === 'held') return recording.disposition
  return recording?.status === 'recorded' && taken < share ? 'overpayment' : undefined
}

function describeKnowledge(
  payment: LoadedPayment,
  part: Part,
  { recording, amount }: { recording: Recording | undefined; amount: number },
): Knowledge {
  if (!recording)
    return payment.attemptId === null ? { is: 'refused', why: STRANGE } : { is: 'seen' }
  if (recording.status === 'intended' || recording.status === 'unknown') return { is: 'begun' }
  const rest = amount - part.taken
  return rest > 0 ? describeRest(payment, part, { recording, rest }) : { is: 'done' }
}

/** What has become of the money that the invoice does not take. */
function describeRest(
  payment: LoadedPayment,
  part: Part,
  { recording, rest }: { recording: Recording; rest: number },
): Knowledge {
  const { currency } = payment
  const amount = recording.status === 'recorded' ? recording.amount : 0
  const why = describeReason(part, recording)
  const ofIt = amount > 0 ? `${formatDodo(rest, currency)} of it ` : ''
  const back = findGivenBack(payment, part)
  if (back.given >= rest)
    return {
      is: 'partly',
      amount,
      why: `${ofIt}given back with ${back.refundIds.join(', ')}: ${why}`,
    }
  if (back.isUnderWay) return { is: 'partly', amount, why: `${ofIt}being given back: ${why}` }
  if (recording.ruling === 'accepted')
    return { is: 'partly', amount, why: `${ofIt}settled by other means, by ${recording.ruledWhy}` }
  const refusal = back.orders.find(({ status }) => status === 'refused')?.reason
  const reason = refusal ? `${why}; Dodo does not refund it: ${refusal}` : why
  if (amount === 0) return { is: 'refused', why: reason }
  const left = formatDodo(rest - back.given, currency)
  return { is: 'partly', amount, why: `${left} of it held: ${reason}` }
}

function describeReason({ share, taken }: Part, { status, reason }: Recording): string {
  if (status === 'held') return reason ?? 'a person must look'
  return taken < share ? 'it is more than was due' : 'it is more than was asked for'
}

function findGivenBack(payment: LoadedPayment, { receivableId }: Part) {
  const spare = allocateRefunds(payment).filter(
    (one) => one.purpose === 'spare' && one.receivableId === receivableId,
  )
  const orders = payment.orders.filter(
    (one) => one.creditNoteId === null && one.receivableId === receivableId,
  )
  return {
    given: spare.reduce((sum, { amount }) => sum + amount, 0),
    refundIds: [...new Set(spare.map(({ refund }) => refund.dodoRefundId))],
    orders,
    isUnderWay: orders.some((order) => isOpenOrder(order, payment)),
  }
}
