import { and, eq } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { payers, mandates, products } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoSubscription } from '../../dodo/objects.ts'
import { keyIn } from '../../account-key.ts'
import { finishDeliveries } from '../finish-deliveries.ts'
import { wakePayer } from '../wake-payer.ts'

type Syncing = Pick<Deps, 'account' | 'biller' | 'db' | 'dodo' | 'queue' | 'log' | 'now'>

/** Dodo lets nobody be charged by it any more. */
export const ENDED = ['cancelled', 'expired', 'failed']

/** Follows what becomes of a mandate, whatever event said that something did; what a person stopped, Dodo is told. */
export async function syncMandate(deps: Syncing, dodoSubscriptionId: string): Promise<void> {
  const found = await deps.dodo.findSubscription(dodoSubscriptionId)
  const isToBeEnded = found !== undefined && !ENDED.includes(found.status)
  const isStopped = isToBeEnded && (await isStoppedByPerson(deps, dodoSubscriptionId))
  // Said twice it is the same: a cancelled one stays so.
  const subscription = isStopped ? await deps.dodo.cancelSubscription(dodoSubscriptionId) : found
  const isOurs = subscription ? await observeMandate(deps, subscription) : false
  const outcome = isOurs ? `mandate ${subscription?.status}` : 'not a mandate of ours'
  const key = keyIn(deps.account, dodoSubscriptionId)
  await finishDeliveries(deps.db, ['mandate', key], { at: deps.now(), outcome })
}

/** Whether a person does not want it charged any more, as of now. */
export async function isStoppedByPerson(
  { db }: Pick<Syncing, 'db'>,
  dodoSubscriptionId: string,
): Promise<boolean> {
  const [row] = await db
    .select({ stoppedAt: mandates.stoppedAt })
    .from(mandates)
    .where(eq(mandates.dodoSubscriptionId, dodoSubscriptionId))
  return (row?.stoppedAt ?? null) !== null
}

/** The same, so that nobody stops it before this transaction ends: what is begun by then is under way. */
export async function isStoppedBefore(tx: Executor, dodoSubscriptionId: string): Promise<boolean> {
  const [row] = await tx
    .select({ stoppedAt: mandates.stoppedAt })
    .from(mandates)
    .where(eq(mandates.dodoSubscriptionId, dodoSubscriptionId))
    .for('share')
  return (row?.stoppedAt ?? null) !== null
}

/** Dodo, or the bank behind it, will not have it charged again until the customer renews it. */
export async function refuseMandate(db: Executor, dodoSubscriptionId: string, refusal: string) {
  await db
    .update(mandates)
    .set({ refusal })
    .where(eq(mandates.dodoSubscriptionId, dodoSubscriptionId))
}

/**
 * Writes a mandate down if it is one of ours: made with a product of ours for a customer of ours, which no
 * stranger can do; its metadata anybody can write. A new, revived or replaced card takes the customer's
 * open invoices up again. `madeBy`: whose it is, where it was made on a page that nobody else could use, and Dodo made another
 * customer of them there than we knew.
 */
export async function observeMandate(
  deps: Syncing,
  subscription: DodoSubscription,
  madeBy?: string,
): Promise<boolean> {
  const { account, biller, db, log, now } = deps
  const { subscription_id: dodoSubscriptionId, status } = subscription
  const [customer] = await db
    .select()
    .from(payers)
    .where(eq(payers.dodoCustomerId, subscription.customer.customer_id))
  const [product] = await db
    .select()
    .from(products)
    .where(and(eq(products.account, account), eq(products.dodoProductId, subscription.product_id)))
  const [before] = await db
    .select()
    .from(mandates)
    .where(and(eq(mandates.dodoSubscriptionId, dodoSubscriptionId), eq(mandates.account, account)))
  const payerKey = customer?.payerKey ?? madeBy ?? before?.payerKey
  if (!payerKey || product?.kind !== 'mandate' || !subscription.on_demand) return false
  if (await biller.isForeign(subscription.metadata)) return false

  const isNewCard = before?.dodoPaymentMethodId !== subscription.payment_method_id
  const isRenewed = status === 'active' && (before?.status !== 'active' || isNewCard)
  const at = now()
  const observed = {
    status,
    isEnding: subscription.cancel_at_next_billing_date,
    dodoPaymentMethodId: subscription.payment_method_id,
    observedAt: at,
    // What a person stopped stays so, whatever card is put into it before Dodo has ended it.
    ...(isRenewed && { renewedAt: at, ...(!before?.stoppedAt && { refusal: null }) }),
  }
  await db.transaction(async (tx) => {
    await tx
      .insert(mandates)
      .values({
        dodoSubscriptionId,
        account,
        payerKey,
        currency: subscription.currency,
        madeAt: subscription.created_at,
        renewedAt: at,
        ...observed,
      })
      .onConflictDoUpdate({
        target: mandates.dodoSubscriptionId,
        set: observed,
        setWhere: eq(mandates.account, account),
      })
    const isChanged = before?.status !== status || before.isEnding !== observed.isEnding
    if (isRenewed || isChanged) await wakePayer(deps, tx, payerKey)
  })
  if (before?.status !== status) log.info({ dodoSubscriptionId, status }, 'mandate observed')
  return true
}
