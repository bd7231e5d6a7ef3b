import { eq, sql } from 'drizzle-orm'

import { attempts, payments } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { Attempt } from '../ledger.ts'
import { observePayment, type Observation } from './observe.ts'

type Reading = Pick<Deps, 'biller' | 'db' | 'dodo' | 'queue' | 'now'>
type Known = Pick<Observation, 'attemptId' | 'settling'>

/** Reads a payment anew. Returns the receivables that it is about; undefined when Dodo does not know it. */
export async function readPayment(
  { biller, db, dodo, queue, now }: Reading,
  dodoPaymentId: string,
  known: Known = {},
): Promise<string[] | undefined> {
  const payment = await dodo.findPayment(dodoPaymentId)
  const at = now()
  if (payment && (await biller.isForeign(payment.metadata))) return []
  if (payment) {
    return db.transaction((tx) =>
      observePayment({ biller, db: tx, queue }, payment, { source: 'api', at, ...known }),
    )
  }
  // Said by a webhook alone, it is not to be believed; asked for again at every look, it would cost for ever.
  await db
    .update(payments)
    .set({
      status: 'missing',
      missingSince: sql`coalesce(${payments.missingSince}, ${at.toISOString()}::timestamptz)`,
      observedAt: at,
    })
    .where(eq(payments.dodoPaymentId, dodoPaymentId))
  await db.update(attempts).set({ lookedAt: at }).where(eq(attempts.dodoPaymentId, dodoPaymentId))
  return undefined
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
  if (session?.payment_id) await readPayment(deps, session.payment_id, { attemptId, settling })
  const at = deps.now()
  await deps.db
    .update(attempts)
    .set({ lookedAt: at, ...(!session?.payment_id && { unpaidAt: askedAt }) })
    .where(eq(attempts.id, attemptId))
}
