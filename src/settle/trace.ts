import { and, eq, isNull } from 'drizzle-orm'

import { deliveries } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { readPayment } from './read-dodo.ts'

type Tracing = Pick<Deps, 'db' | 'dodo' | 'queue' | 'now'>

/**
 * Finds out which invoice a payment belongs to, for deliveries that do not say (refunds and disputes carry
 * no metadata of the payment), and wakes it. Dodo's answer is written down on the way.
 */
export async function tracePayment(deps: Tracing, dodoPaymentId: string): Promise<void> {
  const lagoInvoiceId = await readPayment(deps, dodoPaymentId)
  const outcome = describeOutcome(dodoPaymentId, lagoInvoiceId)
  await deps.db.transaction(async (tx) => {
    await tx
      .update(deliveries)
      .set({ processedAt: deps.now(), outcome })
      .where(
        and(
          eq(deliveries.dodoPaymentId, dodoPaymentId),
          isNull(deliveries.lagoInvoiceId),
          isNull(deliveries.processedAt),
        ),
      )
    if (!lagoInvoiceId) return
    await deps.queue.send(tx, 'settle', [
      { key: lagoInvoiceId, priority: 10, data: { cause: 'trace' } },
    ])
  })
}

function describeOutcome(dodoPaymentId: string, lagoInvoiceId: string | null | undefined) {
  if (lagoInvoiceId) return `woke invoice ${lagoInvoiceId}`
  if (lagoInvoiceId === null) return `payment ${dodoPaymentId} is not for an invoice of Lago`
  return `Dodo does not know payment ${dodoPaymentId}`
}
