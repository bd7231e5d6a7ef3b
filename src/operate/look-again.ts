import { and, eq, inArray } from 'drizzle-orm'

import { payers, receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { ASKING_KINDS } from '../collect/receivable.ts'
import { note } from '../collect/timeline.ts'
import { wake, wakeWithin } from '../wakes.ts'
import type { Outcome } from './audit.ts'

/** An operator does not wait longer than this for a look to come to its end. */
const WAIT_MS = 4_000
const POLL_MS = 60

type Looking = Pick<Deps, 'db' | 'queue' | 'now'>

/** Has an invoice looked at, as any cause does, and waits a moment for what comes of it. */
export async function lookAtInvoice(
  deps: Looking,
  receivableId: string,
  who: string,
): Promise<Outcome> {
  const { db, queue, now } = deps
  const at = now()
  const isKnown = await db.transaction(async (tx) => {
    const [row] = await tx
      .select({ id: receivables.receivableId })
      .from(receivables)
      .where(eq(receivables.receivableId, receivableId))
    if (!row) return false
    await note(tx, receivableId, `looked at again by ${who}`, at)
    await wakeWithin({ db: tx, queue }, 'settle', [receivableId], 'operator')
    return true
  })
  if (!isKnown) return { isDone: false, said: 'the bridge does not know this invoice' }
  return { isDone: true, said: await waitForLook(deps, receivableId, at) }
}

/** What the look has found, if it comes to its end soon. */
export async function waitForLook(
  { db }: Pick<Looking, 'db'>,
  receivableId: string,
  since: Date,
): Promise<string> {
  const deadline = performance.now() + WAIT_MS
  while (performance.now() < deadline) {
    const [row] = await db
      .select({
        settledAt: receivables.settledAt,
        state: receivables.state,
        reason: receivables.reason,
      })
      .from(receivables)
      .where(eq(receivables.receivableId, receivableId))
    if (row?.settledAt && row.settledAt >= since) return `it is ${row.state}: ${row.reason}`
    await Bun.sleep(POLL_MS)
  }
  return 'it is in the queue; open this page again in a moment'
}

/** The same for a payment request. */
export async function lookAtRequest(deps: Looking, lagoPaymentRequestId: string): Promise<Outcome> {
  const isKnown = await deps.db.$count(
    receivables,
    and(
      eq(receivables.receivableId, lagoPaymentRequestId),
      inArray(receivables.kind, ASKING_KINDS),
    ),
  )
  if (isKnown === 0) return { isDone: false, said: 'the bridge does not know this payment request' }
  await wake(deps, 'bundle', [lagoPaymentRequestId], 'operator')
  return { isDone: true, said: 'it is in the queue; open this page again in a moment' }
}

/** Compares a customer with Lago's, and takes their open receivables up again. */
export async function lookAtCustomer(deps: Looking, payerKey: string): Promise<Outcome> {
  const { db } = deps
  const known = await Promise.all([
    db.$count(payers, eq(payers.payerKey, payerKey)),
    db.$count(receivables, eq(receivables.payerKey, payerKey)),
  ])
  if (known.every((many) => many === 0)) {
    return { isDone: false, said: 'the bridge does not know this customer' }
  }
  await wake(deps, 'customer', [payerKey], 'operator')
  return { isDone: true, said: 'the customer and what they owe is being looked at' }
}
