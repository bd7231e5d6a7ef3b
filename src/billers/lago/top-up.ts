import { and, eq } from 'drizzle-orm'

import { recordings, topUps } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { isSupportedCurrency, toBooksMinorOf } from '../../collect/money.ts'
import type { LagoInvoice, LagoWalletTransaction } from '../../lago/objects.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { ensureReceivable } from '../../collect/load.ts'
import { wake } from '../../wakes.ts'

type Collecting = Pick<Deps, 'db' | 'lago' | 'queue' | 'log' | 'now'>

/** Whether its invoice is one that Lago shows to nobody until it is paid, and that is not paid. */
export const isHiddenTopUp = (transaction: LagoWalletTransaction) =>
  transaction.invoice_requires_successful_payment &&
  transaction.transaction_status === 'purchased' &&
  transaction.transaction_type === 'inbound' &&
  transaction.status === 'pending'

/**
 * Recognises a top-up from its wallet transaction, because its invoice is neither listed nor announced before
 * it is paid (lago-api `svc/invoices/paid_credit_service.rb`), and has it collected like any other.
 */
export async function settleTopUp(
  deps: Collecting,
  lagoWalletTransactionId: string,
): Promise<void> {
  const transaction = await deps.lago.findWalletTransaction(lagoWalletTransactionId)
  if (!deps.lago.can('top_up_invoices')) return giveUp(deps, lagoWalletTransactionId)
  const receivableId = transaction && (await remember(deps, transaction))
  const outcome = receivableId ? `woke invoice ${receivableId}` : 'nothing to collect'
  await finishDeliveries(deps.db, ['topup', lagoWalletTransactionId], { at: deps.now(), outcome })
  if (receivableId) await wake(deps, 'settle', [receivableId], 'top_up')
}

/** An older Lago never says which invoice a top-up has, so there is nothing to wait for; shown ones are invoices. */
async function giveUp({ db, log, now }: Collecting, lagoWalletTransactionId: string) {
  const outcome =
    'not collected by itself: this Lago never says which invoice a top-up has (it does since 1.35.0)'
  log.warn({ lagoWalletTransactionId }, 'a hidden top-up cannot be collected before Lago 1.35.0')
  await finishDeliveries(db, ['topup', lagoWalletTransactionId], { at: now(), outcome })
}

async function remember(deps: Collecting, transaction: LagoWalletTransaction) {
  const { lago_id, lago_invoice_id: receivableId, lago_wallet_id, amount } = transaction
  if (!isHiddenTopUp(transaction)) return receivableId
  // Lago bills it in a job of its own; the run is repeated with backoff until it has.
  if (!receivableId) throw new Error(`wallet transaction ${lago_id} is not billed yet`)
  const wallet = await deps.lago.findWallet(lago_wallet_id)
  if (!wallet) throw new Error(`Lago does not show wallet ${lago_wallet_id}`)
  const { currency, external_customer_id: payerKey } = wallet
  await ensureReceivable(deps, { receivableId })
  await deps.db
    .insert(topUps)
    .values({
      receivableId,
      lagoWalletTransactionId: lago_id,
      payerKey,
      currency,
      amount: isSupportedCurrency(currency) ? toBooksMinorOf(amount, currency) : 0,
      createdAt: deps.now(),
    })
    .onConflictDoNothing()
  return receivableId
}

/**
 * The invoice as Lago has it; for a hidden top-up what its wallet transaction says of it, with the status
 * `open` that Lago gives it.
 */
export async function findInvoice(
  deps: Pick<Deps, 'db' | 'lago'>,
  receivableId: string,
): Promise<LagoInvoice | undefined> {
  const visible = await deps.lago.findInvoice(receivableId)
  if (visible) return visible
  const [topUp] = await deps.db.select().from(topUps).where(eq(topUps.receivableId, receivableId))
  return topUp && describeHidden(deps, topUp)
}

async function describeHidden(
  { db, lago }: Pick<Deps, 'db' | 'lago'>,
  { receivableId, lagoWalletTransactionId, payerKey, currency, amount }: typeof topUps.$inferSelect,
): Promise<LagoInvoice | undefined> {
  const [transaction, customer, [recorded]] = await Promise.all([
    lago.findWalletTransaction(lagoWalletTransactionId),
    lago.findCustomer(payerKey),
    db
      .select()
      .from(recordings)
      .where(and(eq(recordings.receivableId, receivableId), eq(recordings.status, 'recorded'))),
  ])
  // Between our payment and Lago's finalising it, the invoice is paid and still hidden.
  const isPaid = recorded !== undefined
  if (!transaction || !customer || (!isPaid && !isHiddenTopUp(transaction))) return undefined
  return {
    lago_id: receivableId,
    number: `top-up ${lagoWalletTransactionId}`,
    invoice_type: 'credit',
    status: 'open',
    payment_status: isPaid ? 'succeeded' : 'pending',
    currency,
    total_amount_cents: amount,
    total_paid_amount_cents: isPaid ? amount : 0,
    total_due_amount_cents: isPaid ? 0 : amount,
    self_billed: false,
    issuing_date: null,
    payment_due_date: null,
    billing_entity_code: customer.billing_entity_code,
    payment_dispute_lost_at: null,
    web_url: null,
    customer,
    metadata: [],
    fees: [],
  }
}
