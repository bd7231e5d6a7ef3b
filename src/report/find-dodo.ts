import { eq, inArray } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { attempts, disputes, payments, refunds, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { formatDodo } from '../collect/money.ts'

/** What an id of Dodo leads to: the invoices that it is about, or what there is to say of it. */
export type FoundInDodo = { lagoInvoiceIds: string[]; what: string }

type Finding = Pick<Deps, 'db' | 'dodo'>
type Find = (deps: Finding, id: string) => Promise<FoundInDodo | undefined>

/** How Dodo's ids begin, and how each is followed. */
const FINDERS: readonly (readonly [prefix: string, find: Find])[] = [
  ['pay_', findPayment],
  ['ref_', findRefund],
  ['dp_', findDispute],
  ['cks_', findSession],
]

export const isDodoId = (id: string) => FINDERS.some(([prefix]) => id.startsWith(prefix))

/** Follows an id as Dodo's own reports show it; undefined when nobody knows it. */
export async function findByDodoId(deps: Finding, id: string): Promise<FoundInDodo | undefined> {
  const [, find] = FINDERS.find(([prefix]) => id.startsWith(prefix)) ?? []
  return find?.(deps, id)
}

async function findPayment({ db, dodo }: Finding, id: string): Promise<FoundInDodo | undefined> {
  const [known] = await db.select().from(payments).where(eq(payments.dodoPaymentId, id))
  if (known) {
    const { status, amount, currency } = known
    const what = `Payment ${id}: ${status}, ${formatDodo(amount, currency)}`
    return { what, lagoInvoiceIds: await invoicesOf(db, known) }
  }
  const payment = await dodo.findPayment(id)
  if (!payment) return undefined
  const { status, total_amount, currency, metadata } = payment
  const named = metadata['lago_invoice_number'] ?? metadata['lago_invoice_id']
  const whose = named
    ? `for invoice ${named}; the bridge has not seen it yet: run \`bridge reconcile\``
    : 'not for an invoice of Lago'
  return {
    what: `Payment ${id} in Dodo: ${status}, ${formatDodo(total_amount, currency)}, ${whose}`,
    lagoInvoiceIds: [],
  }
}

async function findRefund(deps: Finding, id: string): Promise<FoundInDodo | undefined> {
  const [known] = await deps.db.select().from(refunds).where(eq(refunds.dodoRefundId, id))
  const refund = known ?? (await readRefund(deps, id))
  return refund && about(deps, refund.dodoPaymentId, `Refund ${id}: ${refund.status}`)
}

async function readRefund({ dodo }: Finding, id: string) {
  const refund = await dodo.findRefund(id)
  return refund && { dodoPaymentId: refund.payment_id, status: refund.status }
}

async function findDispute(deps: Finding, id: string): Promise<FoundInDodo | undefined> {
  const [known] = await deps.db.select().from(disputes).where(eq(disputes.dodoDisputeId, id))
  if (!known) return undefined
  return about(deps, known.dodoPaymentId, `Dispute ${id}: ${known.status} (${known.stage})`)
}

async function findSession({ db }: Finding, id: string): Promise<FoundInDodo | undefined> {
  const [attempt] = await db.select().from(attempts).where(eq(attempts.dodoSessionId, id))
  if (!attempt) return undefined
  const what = `Checkout ${id}: attempt ${attempt.number}, ${attempt.status}`
  return { what, lagoInvoiceIds: await invoicesOfAttempts(db, [attempt.id]) }
}

/** A refund and a dispute are about what their payment is about. */
async function about(deps: Finding, dodoPaymentId: string, what: string): Promise<FoundInDodo> {
  const payment = await findPayment(deps, dodoPaymentId)
  return {
    what: `${what}, of ${payment?.what ?? `payment ${dodoPaymentId}`}`,
    lagoInvoiceIds: payment?.lagoInvoiceIds ?? [],
  }
}

async function invoicesOf(
  db: Database,
  { attemptId, receivableId }: Pick<typeof payments.$inferSelect, 'attemptId' | 'receivableId'>,
): Promise<string[]> {
  const asked = attemptId ? await invoicesOfAttempts(db, [attemptId]) : []
  return asked.length > 0 ? asked : receivableId ? [receivableId] : []
}

async function invoicesOfAttempts(db: Database, attemptIds: string[]): Promise<string[]> {
  const rows = await db
    .select({ id: shares.receivableId })
    .from(shares)
    .where(inArray(shares.attemptId, attemptIds))
    .orderBy(shares.position)
  return rows.map(({ id }) => id)
}
