import { and, eq } from 'drizzle-orm'

import { disputes, payments, refunds } from '../../db/schema.ts'
import { isAnyOf } from '../../db/any-of.ts'
import type { Deps } from '../deps.ts'
import type { DodoDispute, DodoPaymentRow, DodoRefund } from '../../dodo/objects.ts'
import type { Finding } from './report-found.ts'

type Searching = Pick<Deps, 'account' | 'db'>
export type FoundPayment = Finding & { dodoPaymentId: string }

/** Payments of a page, in every status, that our ledger does not hold as they are. */
export async function findPayments(
  { account, biller, db }: Searching & Pick<Deps, 'biller'>,
  page: DodoPaymentRow[],
) {
  const ids = page.map(({ payment_id }) => payment_id)
  const held = await db
    .select()
    .from(payments)
    .where(and(eq(payments.account, account), isAnyOf(payments.dodoPaymentId, ids)))
  const statuses = new Map(held.map(({ dodoPaymentId, status }) => [dodoPaymentId, status]))
  const found: FoundPayment[] = []
  for (const payment of page) {
    const { payment_id, status, metadata } = payment
    const known = statuses.get(payment_id)
    const receivableId = biller.named(metadata)
    const isNews = known === undefined ? receivableId !== null : known !== status
    // Several tenants may share an account, each with a bridge.
    const isOurs = known !== undefined || !(await isForeign(biller, metadata))
    if (isNews && isOurs)
      found.push({
        dodoPaymentId: payment_id,
        receivableId,
        what: describe(payment, known),
        about: { kind: 'payment', id: payment_id },
      })
  }
  return found
}

/** The books may be away just now; whose it is is then found out when the payment is traced. */
const isForeign = (biller: Deps['biller'], metadata: Record<string, string>) =>
  biller.isForeign(metadata).catch(() => false)

const describe = ({ payment_id, status }: DodoPaymentRow, known: string | undefined) =>
  known === undefined
    ? `Dodo payment ${payment_id} (${status}) was not known`
    : `Dodo payment ${payment_id} is ${status}, not ${known}`

/** Refunds of a page, of payments that we know, that our ledger does not hold as they are. */
export async function findRefunds(deps: Searching, page: DodoRefund[]) {
  const { db } = deps
  const known = await receivablesOf(
    deps,
    page.map(({ payment_id }) => payment_id),
  )
  const ids = page.map(({ refund_id }) => refund_id)
  const held = await db.select().from(refunds).where(isAnyOf(refunds.dodoRefundId, ids))
  const statuses = new Map(held.map(({ dodoRefundId, status }) => [dodoRefundId, status]))
  return page
    .filter(
      ({ refund_id, payment_id, status }) =>
        known.get(payment_id) !== undefined && statuses.get(refund_id) !== status,
    )
    .map(({ refund_id, payment_id, status }): FoundPayment => ({
      dodoPaymentId: payment_id,
      receivableId: known.get(payment_id) ?? null,
      what: `Dodo refund ${refund_id} is ${status}, not ${statuses.get(refund_id) ?? 'known'}`,
      about: { kind: 'refund', id: refund_id },
    }))
}

/** The same for disputes. */
export async function findDisputes(deps: Searching, page: DodoDispute[]) {
  const { db } = deps
  const known = await receivablesOf(
    deps,
    page.map(({ payment_id }) => payment_id),
  )
  const ids = page.map(({ dispute_id }) => dispute_id)
  const held = await db.select().from(disputes).where(isAnyOf(disputes.dodoDisputeId, ids))
  const statuses = new Map(held.map(({ dodoDisputeId, status }) => [dodoDisputeId, status]))
  return page
    .filter(
      ({ dispute_id, payment_id, dispute_status }) =>
        known.has(payment_id) && statuses.get(dispute_id) !== dispute_status,
    )
    .map(({ dispute_id, payment_id, dispute_status }): FoundPayment => ({
      dodoPaymentId: payment_id,
      receivableId: known.get(payment_id) ?? null,
      what: `Dodo dispute ${dispute_id} is ${dispute_status}, not ${statuses.get(dispute_id) ?? 'known'}`,
      about: { kind: 'dispute', id: dispute_id },
    }))
}

async function receivablesOf({ account, db }: Searching, dodoPaymentIds: string[]) {
  const held = await db
    .select()
    .from(payments)
    .where(and(eq(payments.account, account), isAnyOf(payments.dodoPaymentId, dodoPaymentIds)))
  return new Map(held.map((one) => [one.dodoPaymentId, one.receivableId]))
}
