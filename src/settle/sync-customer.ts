import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wakeWithin } from '../wakes.ts'
import { findOrCreateCustomer, recallCustomer, updateCustomer } from './dodo-customer.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { firstEmail } from './load.ts'

type Syncing = Pick<Deps, 'alone' | 'db' | 'dodo' | 'lago' | 'queue' | 'now' | 'organizationId'>

/**
 * Keeps a customer in step in Dodo, and takes their open invoices up again, because what was missing may be
 * there now. We write nothing to Lago's customer, so nothing of this comes back to us.
 */
export async function syncCustomer(deps: Syncing, lagoCustomerId: string): Promise<void> {
  const customer = await deps.lago.findCustomer(lagoCustomerId)
  const outcome = customer ? await sync(deps, customer) : 'Lago does not have this customer'
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['customer', lagoCustomerId], { at: deps.now(), outcome })
    await wakeCustomer(deps, tx, lagoCustomerId)
  })
}

async function sync(
  deps: Syncing,
  customer: NonNullable<Awaited<ReturnType<Syncing['lago']['findCustomer']>>>,
): Promise<string> {
  if (customer.billing_configuration?.payment_provider) return 'Lago itself collects of them'
  const known = await recallCustomer(deps, customer.external_id)
  if (known) {
    await updateCustomer(deps, known, customer)
    return `in step with ${known.dodoCustomerId}`
  }
  if (!firstEmail(customer.email)) return 'no e-mail address yet'
  const dodoCustomerId = await findOrCreateCustomer(deps, customer)
  return `is ${dodoCustomerId}`
}

/** Has every unpaid invoice of a customer looked at. */
export async function wakeCustomer(
  { queue }: Pick<Deps, 'queue'>,
  db: Executor,
  lagoCustomerId: string,
): Promise<void> {
  const open = await db
    .select({ key: invoices.lagoInvoiceId })
    .from(invoices)
    .where(
      and(
        eq(invoices.lagoCustomerId, lagoCustomerId),
        inArray(invoices.state, ['open', 'failed', 'attention']),
      ),
    )
  const keys = open.map(({ key }) => key)
  await wakeWithin({ db, queue }, 'settle', keys, 'customer_changed')
}
