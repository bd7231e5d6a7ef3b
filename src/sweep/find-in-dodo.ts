import { inArray } from 'drizzle-orm'

import { disputes, mandates, payments, refunds } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { invoiceNamedBy, type DodoPaymentRow } from '../dodo/objects.ts'
import { listMandateProducts } from '../settle/dodo-product.ts'

type Searching = Pick<Deps, 'db' | 'dodo'>
type Found = { dodoPaymentId: string; lagoInvoiceId: string | null; what: string }

/** Payments, refunds and disputes of Dodo, in every status, that our ledger does not hold as they are. */
export async function findInDodo(deps: Searching, since: Date): Promise<Found[]> {
  return [
    ...(await findPayments(deps, since)),
    ...(await findRefunds(deps, since)),
    ...(await findDisputes(deps, since)),
  ]
}

async function findDisputes({ db, dodo }: Searching, since: Date): Promise<Found[]> {
  const listed = await dodo.listDisputesSince(since)
  if (listed.length === 0) return []
  const paymentIds = listed.map(({ payment_id }) => payment_id)
  const disputeIds = listed.map(({ dispute_id }) => dispute_id)
  const [ofPayments, held] = await Promise.all([
    db.select().from(payments).where(inArray(payments.dodoPaymentId, paymentIds)),
    db.select().from(disputes).where(inArray(disputes.dodoDisputeId, disputeIds)),
  ])
  const invoices = new Map(ofPayments.map((one) => [one.dodoPaymentId, one.lagoInvoiceId]))
  const statuses = new Map(held.map(({ dodoDisputeId, status }) => [dodoDisputeId, status]))
  return listed
    .filter(
      ({ dispute_id, payment_id, dispute_status }) =>
        invoices.has(payment_id) && statuses.get(dispute_id) !== dispute_status,
    )
    .map(({ dispute_id, payment_id, dispute_status }) => ({
      dodoPaymentId: payment_id,
      lagoInvoiceId: invoices.get(payment_id) ?? null,
      what: `Dodo dispute ${dispute_id} is ${dispute_status}, not ${statuses.get(dispute_id) ?? 'known'}`,
    }))
}

type FoundMandate = { key: string; what: string }

/** Mandates that became something else than we know. Dodo's list has no filter by change, so all are read. */
export async function findMandates(deps: Searching): Promise<FoundMandate[]> {
  const found: FoundMandate[] = []
  for (const { dodoProductId } of await listMandateProducts(deps)) {
    const listed = await deps.dodo.listSubscriptions(dodoProductId)
    const ids = listed.map(({ subscription_id }) => subscription_id)
    const held = ids.length
      ? await deps.db.select().from(mandates).where(inArray(mandates.dodoSubscriptionId, ids))
      : []
    const known = new Map(held.map((one) => [one.dodoSubscriptionId, one]))
    for (const one of listed) {
      const row = known.get(one.subscription_id)
      const isSame =
        row?.status === one.status &&
        row.isEnding === one.cancel_at_next_billing_date &&
        row.dodoPaymentMethodId === one.payment_method_id
      const what = `mandate ${one.subscription_id} is ${one.status}, not ${row?.status ?? 'known'}`
      if (!isSame) found.push({ key: one.subscription_id, what })
    }
  }
  return found
}

async function findPayments({ db, dodo }: Searching, since: Date): Promise<Found[]> {
  const listed = await dodo.listPaymentsSince(since)
  if (listed.length === 0) return []
  const ids = listed.map(({ payment_id }) => payment_id)
  const held = await db.select().from(payments).where(inArray(payments.dodoPaymentId, ids))
  const statuses = new Map(held.map(({ dodoPaymentId, status }) => [dodoPaymentId, status]))
  return listed
    .filter(({ payment_id, status, metadata }) => {
      const known = statuses.get(payment_id)
      return known === undefined ? invoiceNamedBy(metadata) !== null : known !== status
    })
    .map((payment) => ({
      dodoPaymentId: payment.payment_id,
      lagoInvoiceId: invoiceNamedBy(payment.metadata),
      what: describe(payment, statuses.get(payment.payment_id)),
    }))
}

const describe = ({ payment_id, status }: DodoPaymentRow, known: string | undefined) =>
  known === undefined
    ? `Dodo payment ${payment_id} (${status}) was not known`
    : `Dodo payment ${payment_id} is ${status}, not ${known}`

async function findRefunds({ db, dodo }: Searching, since: Date): Promise<Found[]> {
  const listed = await dodo.listRefundsSince(since)
  if (listed.length === 0) return []
  const paymentIds = listed.map(({ payment_id }) => payment_id)
  const refundIds = listed.map(({ refund_id }) => refund_id)
  const [ofPayments, held] = await Promise.all([
    db.select().from(payments).where(inArray(payments.dodoPaymentId, paymentIds)),
    db.select().from(refunds).where(inArray(refunds.dodoRefundId, refundIds)),
  ])
  const invoices = new Map(ofPayments.map((one) => [one.dodoPaymentId, one.lagoInvoiceId]))
  const statuses = new Map(held.map(({ dodoRefundId, status }) => [dodoRefundId, status]))
  return listed
    .filter(
      ({ refund_id, payment_id, status }) =>
        invoices.get(payment_id) !== undefined && statuses.get(refund_id) !== status,
    )
    .map(({ refund_id, payment_id, status }) => ({
      dodoPaymentId: payment_id,
      lagoInvoiceId: invoices.get(payment_id) ?? null,
      what: `Dodo refund ${refund_id} is ${status}, not ${statuses.get(refund_id) ?? 'known'}`,
    }))
}
