import type { Deps } from '../deps.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { readPayment } from './read-dodo.ts'

type Tracing = Pick<Deps, 'db' | 'dodo' | 'queue' | 'now'>

/**
 * Finds out which invoices a payment belongs to, for deliveries that do not say (refunds and disputes carry
 * no metadata of the payment), and wakes them. Dodo's answer is written down on the way.
 */
export async function tracePayment(deps: Tracing, dodoPaymentId: string): Promise<void> {
  const lagoInvoiceIds = await readPayment(deps, dodoPaymentId)
  const outcome = describeOutcome(dodoPaymentId, lagoInvoiceIds)
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['trace', dodoPaymentId], { at: deps.now(), outcome })
    const jobs = (lagoInvoiceIds ?? []).map((key) => ({
      key,
      priority: 10,
      data: { cause: 'trace' },
    }))
    await deps.queue.send(tx, 'settle', jobs)
  })
}

function describeOutcome(dodoPaymentId: string, lagoInvoiceIds: string[] | undefined) {
  if (!lagoInvoiceIds) return `Dodo does not know payment ${dodoPaymentId}`
  if (lagoInvoiceIds.length === 0) return `payment ${dodoPaymentId} is not for an invoice of Lago`
  return `woke invoice ${lagoInvoiceIds.join(', ')}`
}
