import { inArray } from 'drizzle-orm'

import { payments, refunds } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { invoiceNamedBy, type DodoPaymentRow } from '../dodo/objects.ts'

type Searching = Pick<Deps, 'db' | 'dodo'>
type Found = { dodoPaymentId: string; lagoInvoiceId: string | null; what: string }

/** Payments and refunds of Dodo, in every status, that our ledger does not hold as they are. */
export async function findInDodo(deps: Searching, since: Date): Promise<Found[]> {
  const [fromPayments, fromRefunds] = [
    await findPayments(deps, since),
    await findRefunds(deps, since),
  ]
  return [...fromPayments, ...fromRefunds]
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
