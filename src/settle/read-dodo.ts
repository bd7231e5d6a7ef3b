import { eq } from 'drizzle-orm'

import { attempts, payments } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Attempt } from '../domain/ledger.ts'
import { observePayment } from './observe.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'now'>

/** Reads a payment anew. Returns the invoice that it is about; undefined when Dodo does not know it. */
export async function readPayment(
  { db, dodo, now }: Reading,
  dodoPaymentId: string,
  attemptId?: string,
): Promise<string | null | undefined> {
  const payment = await dodo.findPayment(dodoPaymentId)
  const at = now()
  if (payment) {
    return db.transaction((tx) =>
      observePayment(tx, payment, { source: 'api', at, ...(attemptId && { attemptId }) }),
    )
  }
  // Without this a payment that Dodo forgot would be asked for at every look.
  await db.update(payments).set({ observedAt: at }).where(eq(payments.dodoPaymentId, dodoPaymentId))
  return undefined
}

/** Looks whether somebody has paid, or is paying, in a checkout session of ours. */
export async function readSession(deps: Reading, attempt: Attempt, dodoSessionId: string) {
  const session = await deps.dodo.findSession(dodoSessionId)
  if (session?.payment_id) await readPayment(deps, session.payment_id, attempt.id)
  await deps.db.update(attempts).set({ lookedAt: deps.now() }).where(eq(attempts.id, attempt.id))
}
