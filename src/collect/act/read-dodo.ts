import { and, eq, not, sql } from 'drizzle-orm'

import { attempts, payments } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoRefund, DodoSession } from '../../dodo/objects.ts'
import { UNBEGUN, type Attempt } from '../ledger.ts'
import { isConfirmedSuccess, observePayment, type Observation } from './observe.ts'

type Reading = Pick<Deps, 'account' | 'biller' | 'db' | 'dodo' | 'queue' | 'now'>
type Known = Pick<Observation, 'attemptId' | 'settling'>

/** Reads a payment anew. Returns the receivables that it is about; undefined when Dodo does not know it. */
export async function readPayment(
  { account, biller, db, dodo, queue, now }: Reading,
  dodoPaymentId: string,
  known: Known = {},
): Promise<string[] | undefined> {
  const found = await dodo.findPayment(dodoPaymentId)
  const payment = found && { ...found, refunds: await withAmounts(dodo, found.refunds) }
  const at = now()
  if (payment && (await biller.isForeign(payment.metadata))) return []
  if (payment) {
    return db.transaction((tx) =>
      observePayment({ account, biller, db: tx, queue }, payment, { source: 'api', at, ...known }),
    )
  }
  const isThis = and(eq(payments.dodoPaymentId, dodoPaymentId), eq(payments.account, account))
  const [shown] = await db.select({ isPaid: isConfirmedSuccess }).from(payments).where(isThis)
  // Money that Dodo itself has shown does not vanish because it once says otherwise: it is asked again.
  if (shown?.isPaid)
    throw new Error(
      `Dodo does not know payment ${dodoPaymentId}, which it has shown before: is DODO_API_KEY of the same account?`,
    )
  // Said by a webhook alone, it is not to be believed; asked for again at every look, it would cost for ever.
  await db
    .update(payments)
    .set({
      status: 'missing',
      missingSince: sql`coalesce(${payments.missingSince}, ${at.toISOString()}::timestamptz)`,
      observedAt: at,
    })
    .where(and(isThis, not(isConfirmedSuccess)))
  await db
    .update(attempts)
    .set({ lookedAt: at })
    .where(and(eq(attempts.dodoPaymentId, dodoPaymentId), eq(attempts.account, account)))
  return undefined
}

/** Of what was given back, how much: a payment may leave that out, which the refund itself then says. */
function withAmounts(dodo: Reading['dodo'], refunds: readonly DodoRefund[]): Promise<DodoRefund[]> {
  const known = refunds.map(async (refund) =>
    refund.amount === null ? ((await dodo.findRefund(refund.refund_id)) ?? refund) : refund,
  )
  return Promise.all(known)
}

/** Looks whether somebody has paid, or is paying, in a checkout session of ours. */
export async function readSession(
  deps: Reading,
  attempt: Pick<Attempt, 'id'>,
  { dodoSessionId, settling }: { dodoSessionId: string; settling?: string },
) {
  // What is paid while the answer is on its way is paid after the question.
  const askedAt = deps.now()
  const session = await deps.dodo.findSession(dodoSessionId)
  const attemptId = attempt.id
  const isUnpaid = !session?.payment_id || session.payment_status === UNBEGUN
  if (session?.payment_id && !(await isOverAsSaid(deps, attemptId, session)))
    await readPayment(deps, session.payment_id, { attemptId, settling })
  const at = deps.now()
  await deps.db
    .update(attempts)
    .set({ lookedAt: at, ...(isUnpaid && { unpaidAt: askedAt }) })
    .where(eq(attempts.id, attemptId))
}

/** Whether the session shows the payment as it is known to have ended, which is not worth another request. */
async function isOverAsSaid(
  { account, db }: Pick<Reading, 'account' | 'db'>,
  attemptId: string,
  { payment_id: dodoPaymentId, payment_status: status }: DodoSession,
): Promise<boolean> {
  if (!dodoPaymentId || (status !== 'failed' && status !== 'cancelled')) return false
  const isThis = and(
    eq(payments.account, account),
    eq(payments.dodoPaymentId, dodoPaymentId),
    eq(payments.attemptId, attemptId),
    eq(payments.status, status),
    eq(payments.isConfirmed, true),
  )
  return (await db.$count(payments, isThis)) > 0
}
