import { eq } from 'drizzle-orm'

import { highlevelSubscriptions } from '../../../db/schema.ts'
import type { OrderRow } from '../../orders/order.ts'
import type { Told } from '../../orders/source.ts'
import { snapshotInHundredths } from '../decide/answers.ts'
import type { HighlevelDeps } from '../deps.ts'
import { claimToTell, isFirstTry, isTold, send, type Fact } from '../tell.ts'
import { ACTIVE, readSubject, TRIALING } from './beginning.ts'
import { findSubscription, isEnded, snapshotOf, type SubscriptionRow } from './rows.ts'
import { UPDATED } from './settle.ts'

export const CHARGED = 'subscription.charged'

const UNINSTALLED: Told = { is: 'dropped', why: 'the location has uninstalled the app' }

/** HighLevel is told of its end; that it began, heard after that, would bring it back. Its money is told by itself. */
const OVER: Told = { is: 'dropped', why: 'the subscription is over' }

export const isOfSubscription = (what: string) => what.startsWith('subscription.')

/** Tells HighLevel something of a subscription, with the order that it is about. */
export async function tellOfSubscription(
  deps: HighlevelDeps,
  order: OrderRow,
  telling: Fact,
): Promise<Told> {
  const subscriptionId = order.metadata['highlevel_subscription_id'] ?? ''
  const whose = { locationId: order.tenant, mode: order.mode }
  const row = await findSubscription(deps.db, whose, subscriptionId)
  if (!row) return { is: 'failed', why: 'its subscription is not known any more' }
  // Money that HighLevel was not told of needs a person; a schedule that ended with the app is nobody's to hear of.
  if (telling.what === UPDATED)
    return (await deps.locations.isUninstalled(order.tenant))
      ? UNINSTALLED
      : tellUpdated(deps, row, telling)
  const isBeginning = telling.what === ACTIVE || telling.what === TRIALING
  if (isBeginning && isFirstTry(telling) && order.claimedAt) return { is: 'done' }
  if (isBeginning && isEnded(row)) return OVER
  const payment = await claimToTell(deps, order)
  if (isTold(payment)) return payment
  return send(deps, whose, {
    event: telling.what,
    chargeId: payment.dodoPaymentId,
    ...(isBeginning && { ghlTransactionId: order.key }),
    ghlSubscriptionId: row.subscriptionId,
    chargeSnapshot: snapshotInHundredths('succeeded', payment),
    subscriptionSnapshot: snapshotOf(row),
  })
}

/** What has changed again since then is not told any more. */
async function tellUpdated(
  deps: HighlevelDeps,
  row: SubscriptionRow,
  { fact }: Pick<Fact, 'fact'>,
): Promise<Told> {
  if (row.status !== fact) return { is: 'done' }
  return send(deps, row, {
    event: UPDATED,
    ghlSubscriptionId: row.subscriptionId,
    subscriptionSnapshot: snapshotOf(row),
  })
}

/** The same where nothing was paid, and so no order is there: a subscription began with nothing due. */
export async function tellOfBeginning(
  deps: HighlevelDeps,
  subject: string,
  { what, fact }: Fact,
): Promise<Told> {
  const id = readSubject(subject)
  const [row] = id
    ? await deps.db.select().from(highlevelSubscriptions).where(eq(highlevelSubscriptions.id, id))
    : []
  if (!row) return { is: 'failed', why: 'its subscription is not known any more' }
  if (await deps.locations.isUninstalled(row.locationId)) return UNINSTALLED
  if (what === UPDATED) return tellUpdated(deps, row, { fact })
  if (isEnded(row)) return OVER
  return send(deps, row, {
    event: what,
    chargeId: '',
    ghlTransactionId: row.transactionId,
    ghlSubscriptionId: row.subscriptionId,
    subscriptionSnapshot: snapshotOf(row),
  })
}
