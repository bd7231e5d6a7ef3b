import { and, eq, isNotNull } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import { customers, invoices, payments } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../dodo/objects.ts'
import type { Ledger } from '../domain/ledger.ts'
import { isOfOrganization } from '../domain/metadata.ts'
import { toDodoMinor } from '../domain/money.ts'
import { Later } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'

type Looking = Pick<Deps, 'db' | 'dodo' | 'lago' | 'now' | 'organizationId'>
type Wanted = { invoice: LagoInvoice; ledger: Ledger }
/** What Dodo says of a charge: the payment that it became and, where it was found, its amount. */
export type Charged = { payment_id: string; amount?: number | undefined }

/** How often it is looked whether somebody has settled what claims to pay the invoice. */
const CLAIM_MS = 15 * 60_000
/** A payment that took no money is no reason not to charge. */
const TOOK_NOTHING = ['failed', 'cancelled']

/** Whether a payment says that it is for the invoice. */
export const paysFor =
  ({ lago_id }: LagoInvoice, organizationId: string) =>
  ({ metadata }: DodoPaymentRow) =>
    metadata['lago_invoice_id'] === lago_id && isOfOrganization(metadata, organizationId)

/**
 * What was paid for the invoice already and this ledger, which may be new or older, knows no attempt for. A charge of
 * one of the customer's cards is this charge. Anything else may be a stranger's claim, or the checkout of a lost ledger:
 * as long as it could pay the invoice a person has to say (`Later`), because nothing may be charged beside it.
 */
export async function findPaidBefore(
  deps: Looking,
  { invoice, ledger }: Wanted,
  dodoSubscriptionId: string,
): Promise<Charged | undefined> {
  const own = await deps.organizationId()
  const cards = [dodoSubscriptionId, ...ledger.mandates.map((one) => one.dodoSubscriptionId)]
  // One that was heard of before its charge was found is held as nobody's, until it is found here.
  const known = ledger.payments
    .filter((one) => one.attemptId !== null || one.refunds.length + one.disputes.length > 0)
    .map(({ dodoPaymentId }) => dodoPaymentId)
  const paid = (await listPaid(deps, invoice, cards)).filter(
    ({ payment_id, status, metadata }) =>
      isOfOrganization(metadata, own) &&
      !known.includes(payment_id) &&
      !TOOK_NOTHING.includes(status),
  )
  const ours = paid.filter(paysFor(invoice, own))
  const made = ours.find((one) => isChargeOf(one, cards))
  if (made) return { payment_id: made.payment_id, amount: made.total_amount }
  const due = toDodoMinor(invoice.total_due_amount_cents, invoice.currency)
  const claims = (one: DodoPaymentRow) =>
    one.total_amount >= due && one.currency === invoice.currency && one.refund_status !== 'full'
  const claim = await findUnrecorded(
    deps,
    [...ours, ...paid.filter(isOfRequest)].filter(claims),
    invoice,
  )
  if (!claim) return undefined
  throw new Later(
    `the card is not charged beside ${claim.payment_id}, which says it pays this invoice: record it in Lago under that reference, or refund it`,
    new Date(deps.now().getTime() + CLAIM_MS),
  )
}

/** One request for all cards, where it is known who they belong to. */
async function listPaid({ db, dodo }: Looking, { lago_id }: LagoInvoice, cards: string[]) {
  const [known] = await db
    .select({ dodoCustomerId: customers.dodoCustomerId })
    .from(customers)
    .innerJoin(invoices, eq(invoices.lagoCustomerId, customers.lagoCustomerId))
    .where(eq(invoices.lagoInvoiceId, lago_id))
  if (known?.dodoCustomerId) return dodo.listCustomerPayments(known.dodoCustomerId)
  const listed: DodoPaymentRow[] = []
  for (const card of new Set(cards)) listed.push(...(await dodo.listMandatePayments(card)))
  return listed
}

/**
 * What this ledger asked for, or Lago holds for the invoice that it names, is history. A payment of several invoices
 * names one of them only, so another one may be for this invoice, too.
 */
async function findUnrecorded(
  { db, lago }: Looking,
  claims: DodoPaymentRow[],
  { lago_id }: LagoInvoice,
): Promise<DodoPaymentRow | undefined> {
  if (claims.length === 0) return undefined
  const ids = claims.map(({ payment_id }) => payment_id)
  const asked = await db
    .select({ id: payments.dodoPaymentId })
    .from(payments)
    .where(and(isAnyOf(payments.dodoPaymentId, ids), isNotNull(payments.attemptId)))
  for (const one of claims) {
    if (asked.some(({ id }) => id === one.payment_id)) continue
    const held = await lago.listPayments(one.metadata['lago_invoice_id'] ?? lago_id)
    if (!held.some(({ reference }) => reference === one.payment_id)) return one
  }
  return undefined
}

const isOfRequest = ({ metadata }: DodoPaymentRow) =>
  metadata['lago_payment_request_id'] !== undefined

const isChargeOf = (payment: DodoPaymentRow, cards: readonly string[]) =>
  payment.subscription_id !== null &&
  cards.includes(payment.subscription_id) &&
  !isOfRequest(payment)
