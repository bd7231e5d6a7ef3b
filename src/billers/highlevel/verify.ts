import { and, desc, eq, sql } from 'drizzle-orm'

import { orders } from '../../db/schema.ts'
import { messageOf } from '../../errors.ts'
import type { Mode } from '../../highlevel/keys.ts'
import { NotInTime, outcomeOf, type Standing } from '../orders/look.ts'
import { claim } from '../orders/claim.ts'
import { findNamed, type OrderRow } from '../orders/order.ts'
import { answerVerify, nothingOf, type Verdict } from './decide/answers.ts'
import type { HighlevelDeps } from './deps.ts'
import { lookAnew } from './look.ts'
import { whyNotOwed } from './owed.ts'
import { withdrawBeginning } from './recurring/beginning.ts'
import { findSubscription, isEnded, snapshotOf } from './recurring/rows.ts'
import { lookAtSetupsOf } from './recurring/setup.ts'
import { WORDS } from './words.ts'

type Whose = { locationId: string; mode: Mode }
type Asked = { transactionId: string; chargeId: string | undefined }

const scopeOf = ({ locationId, mode }: Whose) =>
  ({ source: 'highlevel', tenant: locationId, mode }) as const

/**
 * The order of a transaction, and of the charge if one is named: a charge belongs to one transaction of one location
 * and mode for ever (P2). Undefined when there is none, and when the two do not belong together.
 */
export async function findOrderOf(
  { db }: Pick<HighlevelDeps, 'db'>,
  whose: Whose,
  { transactionId, chargeId }: Asked,
): Promise<OrderRow | undefined> {
  const charged = chargeId === undefined ? undefined : await findNamed(db, scopeOf(whose), chargeId)
  if (charged) return charged.key === transactionId ? charged : undefined
  const [row] = await db
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, whose.locationId),
        eq(orders.mode, whose.mode),
        eq(orders.key, transactionId),
      ),
    )
    // What HighLevel was told of stays what it was told.
    .orderBy(
      sql`${orders.claimedAt} is null`,
      sql`${orders.supersededAt} is not null`,
      desc(orders.createdAt),
    )
    .limit(1)
  return row
}

type Verifying = Asked & { subscriptionId: string | undefined }

/**
 * Whether a transaction was paid, read from Dodo; what is said to be paid is claimed by that. Whatever is not known for
 * certain is pending: HighLevel voids nothing for it, and is told when it is known.
 */
export async function verify(deps: HighlevelDeps, whose: Whose, asked: Verifying) {
  const free = await verifyFree(deps, whose, asked)
  if (free) return free
  const verdict = await judge(deps, whose, asked)
  const answer = answerVerify(verdict)
  return verdict.is === 'paid' ? { ...answer, ...(await describe(deps, whose, asked)) } : answer
}

async function judge(deps: HighlevelDeps, whose: Whose, asked: Verifying): Promise<Verdict> {
  const pending: Verdict = { is: 'pending', charge: nothingOf(asked.chargeId, deps.now()) }
  const order = await findOrderOf(deps, whose, asked)
  if (!order) {
    const { transactionId, chargeId } = asked
    const about = { ...whose, transactionId, chargeId }
    deps.log.warn(about, 'asked for a charge that is not of the transaction')
    return pending
  }
  try {
    return await judgeOrder(deps, await lookAnew(deps, order.orderId), pending)
  } catch (error) {
    if (!(error instanceof NotInTime)) throw error
    deps.log.warn({ orderId: order.orderId, error: messageOf(error) }, 'verify answers pending')
    return pending
  }
}

async function judgeOrder(
  deps: HighlevelDeps,
  standing: Standing,
  pending: Verdict,
): Promise<Verdict> {
  const { order } = standing
  const { status, payment } = outcomeOf(standing)
  if (status === 'captured' && payment) {
    if (order.claimedAt === null && (await whyNotOwed(deps, order))) return pending
    const isClaimed = await claim(deps, order.orderId, WORDS)
    return isClaimed ? { is: 'paid', charge: payment } : pending
  }
  if (!order.closedAt) return pending
  const charge = payment ?? { dodoPaymentId: '', amount: 0, madeAt: deps.now() }
  return { is: 'failed', charge, why: order.closedReason ?? 'it cannot be paid any more' }
}

/** Without both the subscription stays incomplete in HighLevel, although it is paid. */
async function describe(
  { db }: HighlevelDeps,
  whose: Whose,
  { transactionId, subscriptionId }: Verifying,
) {
  const row = subscriptionId ? await findSubscription(db, whose, subscriptionId) : undefined
  if (!row || row.transactionId !== transactionId || row.status === 'pending') return {}
  const isBefore = row.status === 'trialing' || row.status === 'scheduled'
  const subscriptionStatus = isBefore ? 'trialing' : 'active'
  return { subscriptionStatus, subscriptionSnapshot: snapshotOf(row) }
}

/** A subscription that began with nothing due has no charge to verify. */
async function verifyFree(deps: HighlevelDeps, whose: Whose, asked: Verifying) {
  const { subscriptionId, transactionId } = asked
  if (!subscriptionId || (await findOrderOf(deps, whose, { transactionId, chargeId: undefined })))
    return undefined
  const row = await findSubscription(deps.db, whose, subscriptionId)
  // What is over has been told so: heard after that, that it began would bring it back.
  if (!row || row.transactionId !== transactionId || isEnded(row)) return undefined
  if (row.status === 'pending') await lookAtSetupsOf(deps, row)
  const about = await describe(deps, whose, asked)
  if (!('subscriptionStatus' in about)) return undefined
  await withdrawBeginning(deps, row)
  return { success: true, failed: false, message: '', ...about }
}
