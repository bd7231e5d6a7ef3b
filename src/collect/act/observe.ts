import { and, asc, eq, inArray, lte, not, or, sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { attempts, disputes, payments, refunds, shares } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoDispute, DodoPayment, DodoRefund } from '../../dodo/objects.ts'
import { Later } from '../../errors.ts'
import type { Payment } from '../ledger.ts'
import { formatDodo } from '../money.ts'
import { wakeWithin } from '../../wakes.ts'
import { note } from '../timeline.ts'

/** An answer of the API is the truth of its moment; a webhook may have been overtaken on the way. */
export type Source = 'api' | 'webhook'

export type Observation = {
  source: Source
  at: Date
  /** Passed by whoever knows it from the session. */
  attemptId?: string | undefined
  /** What is being settled just now: it need not be woken. */
  settling?: string | undefined
}
type Observing = Pick<Deps, 'account' | 'biller' | 'queue'> & { db: Executor }

const ENDED = ['succeeded', 'failed', 'cancelled']

/**
 * Writes down a payment of Dodo, its refunds and its disputes, as observed. Monotonic: a late observation
 * never undoes a success. Returns the receivables it is about, the oldest first, and wakes those that nobody is
 * settling when something is new.
 */
export async function observePayment(
  { account, biller, db, queue }: Observing,
  payment: DodoPayment,
  observation: Observation,
): Promise<string[]> {
  const attempt = await findAttempt({ account, biller, db }, payment, observation.attemptId)
  const receivableIds = attempt
    ? await receivablesOf(db, attempt.id)
    : [biller.named(payment.metadata)].filter((named) => named !== null)

  const news = [
    await writePayment(db, payment, {
      ...observation,
      account,
      attempt,
      receivableId: receivableIds[0],
    }),
  ]
  // A webhook's word alone moves nothing: refunds and disputes are read from Dodo, which their own webhooks cause.
  if (observation.source === 'api') {
    for (const refund of payment.refunds) news.push(await writeRefund(db, refund, observation.at))
    for (const dispute of payment.disputes)
      news.push(await writeDispute(db, dispute, observation.at))
  }

  const lines = news.filter((line) => line !== undefined)
  for (const receivableId of receivableIds) {
    for (const line of lines) await note(db, receivableId, line, observation.at)
  }
  const others = receivableIds.filter((one) => one !== observation.settling)
  if (observation.settling && lines.length > 0)
    await wakeWithin({ db, queue }, 'settle', others, 'payment')
  return receivableIds
}

/**
 * The attempt of ours that a payment was made through: by its session, by the charge that it became, or by
 * the mandate, which nobody else can charge. Never by metadata alone, which a buyer can forge, and never one of
 * another Dodo account.
 */
async function findAttempt(
  { account, biller, db }: Omit<Observing, 'queue'>,
  payment: DodoPayment,
  attemptId: string | undefined,
) {
  const { checkout_session_id: session, subscription_id: mandate, metadata } = payment
  const conditions = [
    attemptId && eq(attempts.id, attemptId),
    session && eq(attempts.dodoSessionId, session),
    eq(attempts.dodoPaymentId, payment.payment_id),
    mandate &&
      and(
        eq(attempts.kind, 'charge'),
        eq(attempts.dodoSubscriptionId, mandate),
        eq(attempts.receivableId, biller.named(metadata) ?? ''),
        eq(attempts.number, Number(metadata['bridge_attempt']) || 0),
      ),
  ]
  for (const condition of conditions) {
    if (!condition) continue
    const [attempt] = await db
      .select()
      .from(attempts)
      .where(and(eq(attempts.account, account), condition))
    if (attempt) return attempt
  }
  return undefined
}

/**
 * Decides only on what the payment is known to be of: its checkout may have been written down since it was loaded. The
 * row is kept as it is until the transaction ends.
 */
export async function assureAttempt(
  tx: Executor,
  { dodoPaymentId, attemptId }: Pick<Payment, 'dodoPaymentId' | 'attemptId'>,
  now: Date,
): Promise<void> {
  const [row] = await tx
    .select({ attemptId: payments.attemptId })
    .from(payments)
    .where(eq(payments.dodoPaymentId, dodoPaymentId))
    .for('share')
  if (row && row.attemptId !== attemptId)
    throw new Later(`which attempt payment ${dodoPaymentId} is of was not known yet`, now)
}

const receivablesOf = (db: Executor, attemptId: string) =>
  db
    .select({ receivableId: shares.receivableId })
    .from(shares)
    .where(eq(shares.attemptId, attemptId))
    .orderBy(asc(shares.position))
    .then((rows) => rows.map(({ receivableId }) => receivableId))

/** Returns what is new about it, in words. */
async function writePayment(
  db: Executor,
  payment: DodoPayment,
  {
    source,
    at,
    account,
    attempt,
    receivableId = '',
  }: Observation & {
    account: string
    attempt: { id: string } | undefined
    receivableId: string | undefined
  },
): Promise<string | undefined> {
  const [before] = await db
    .select({ status: payments.status })
    .from(payments)
    .where(eq(payments.dodoPaymentId, payment.payment_id))
  const observed = {
    receivableId: receivableId || null,
    attemptId: attempt?.id ?? null,
    dodoSessionId: payment.checkout_session_id,
    dodoSubscriptionId: payment.subscription_id,
    status: payment.status,
    currency: payment.currency,
    amount: payment.total_amount,
    tax: payment.tax,
    settlementAmount: payment.settlement_amount,
    settlementCurrency: payment.settlement_currency,
    errorCode: payment.error_code,
    ...cardOf(payment),
    // What took money is money, whatever else it is said to be.
    isSetup: payment.is_update_payment_method && payment.total_amount === 0,
    madeAt: payment.created_at,
    changedAt: payment.updated_at ?? payment.created_at,
    observedAt: at,
  }
  // A success that only a webhook told of is not one yet; one that the API told of is not a webhook's to change.
  const isMonotonic =
    source === 'api'
      ? or(not(isConfirmedSuccess), sql`excluded.status = 'succeeded'`)
      : not(isConfirmedSuccess)
  const isOvertakenWebhook = source === 'webhook' && !ENDED.includes(payment.status)
  const isNewer = lte(payments.observedAt, sql`excluded.observed_at`)
  const setWhere = isOvertakenWebhook
    ? and(isMonotonic, not(inArray(payments.status, ENDED)))
    : and(isMonotonic, or(isNewer, sql`excluded.status = 'succeeded'`))
  const isThisAccounts = eq(payments.account, account)
  // Whose payment it is, too, is for Dodo's API to say.
  const isOnlyTold = source === 'api' ? sql`not ${payments.isConfirmed}` : sql`false`
  const isStillConfirmed = sql<boolean>`${payments.isConfirmed} and ${payments.status} = excluded.status`
  const [written] = await db
    .insert(payments)
    .values({
      dodoPaymentId: payment.payment_id,
      account,
      ...observed,
      isConfirmed: source === 'api',
    })
    .onConflictDoUpdate({
      target: payments.dodoPaymentId,
      set: {
        ...observed,
        attemptId: sql`case when ${isOnlyTold} then excluded.attempt_id else coalesce(excluded.attempt_id, ${payments.attemptId}) end`,
        receivableId: sql`case when ${isOnlyTold} then excluded.receivable_id else coalesce(${payments.receivableId}, excluded.receivable_id) end`,
        isConfirmed: source === 'api' ? true : isStillConfirmed,
        ...(source === 'api' && { missingSince: null }),
      },
      // An id of Dodo is one account's: what another one says of it changes nothing.
      setWhere: and(isThisAccounts, setWhere) ?? isThisAccounts,
    })
    .returning({ status: payments.status })
  return written && before?.status !== payment.status ? describePayment(payment) : undefined
}

/** Nothing but the last four digits, whatever a webhook carries. */
const cardOf = ({ card_network, card_last_four }: DodoPayment) => ({
  cardNetwork: card_network?.slice(0, 20) ?? null,
  cardLastFour: /^\d{4}$/.test(card_last_four ?? '') ? card_last_four : null,
})

/** Whether Dodo's API itself has shown that the money came. */
export const isConfirmedSuccess = sql<boolean>`(${payments.status} = 'succeeded' and ${payments.isConfirmed})`

function describePayment({ payment_id, status, total_amount, currency, error_code }: DodoPayment) {
  const code = error_code ? ` (${error_code})` : ''
  return `Dodo payment ${payment_id} of ${formatDodo(total_amount, currency)}: ${status}${code}`
}

/** Writes down a refund as Dodo's API shows it, and returns what is new about it, in words. */
export async function writeRefund(
  db: Executor,
  refund: DodoRefund,
  at: Date,
): Promise<string | undefined> {
  const observed = {
    dodoPaymentId: refund.payment_id,
    status: refund.status,
    currency: refund.currency,
    amount: refund.amount,
    refundReason: refund.reason,
    madeAt: refund.created_at,
    observedAt: at,
  }
  const [before] = await db
    .select({ status: refunds.status })
    .from(refunds)
    .where(eq(refunds.dodoRefundId, refund.refund_id))
  const written = await db
    .insert(refunds)
    .values({ dodoRefundId: refund.refund_id, ...observed })
    .onConflictDoUpdate({
      target: refunds.dodoRefundId,
      // What is known of it is not forgotten because an answer leaves it out.
      set: { ...observed, amount: sql`coalesce(excluded.amount, ${refunds.amount})` },
      // Answers may overtake each other on the way to the database.
      setWhere: lte(refunds.observedAt, sql`excluded.observed_at`),
    })
    .returning({ status: refunds.status })
  if (written.length === 0) return undefined
  if (before?.status === refund.status) return undefined
  const amount =
    refund.amount === null ? '' : ` of ${formatDodo(refund.amount, refund.currency ?? '')}`
  return `Dodo refund ${refund.refund_id}${amount}: ${refund.status}`
}

async function writeDispute(
  db: Executor,
  dispute: DodoDispute,
  at: Date,
): Promise<string | undefined> {
  const observed = {
    dodoPaymentId: dispute.payment_id,
    status: dispute.dispute_status,
    stage: dispute.dispute_stage,
    isByRdr: dispute.is_resolved_by_rdr,
    amount: dispute.amount,
    currency: dispute.currency,
    ...(dispute.created_at && { openedAt: dispute.created_at }),
    observedAt: at,
  }
  const [before] = await db
    .select({ status: disputes.status, stage: disputes.stage })
    .from(disputes)
    .where(eq(disputes.dodoDisputeId, dispute.dispute_id))
  await db
    .insert(disputes)
    .values({ dodoDisputeId: dispute.dispute_id, ...observed })
    .onConflictDoUpdate({
      target: disputes.dodoDisputeId,
      set: observed,
      setWhere: lte(disputes.observedAt, sql`excluded.observed_at`),
    })
  const isKnown = before?.status === observed.status && before.stage === observed.stage
  if (isKnown) return undefined
  const how = observed.isByRdr ? ', resolved by Visa RDR' : ''
  return `Dodo dispute ${dispute.dispute_id} on ${dispute.payment_id}: ${observed.status} (${observed.stage}${how})`
}
