import type { Deps } from '../../deps.ts'
import { findOrCreateCustomer, recallPayer, updatePayer } from '../../collect/act/payer.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { wakePayer } from '../../collect/wake-payer.ts'
import { asPayer } from './invoice.ts'

type Syncing = Pick<Deps, 'alone' | 'biller' | 'db' | 'dodo' | 'lago' | 'now' | 'queue'>

/**
 * Keeps a customer in step in Dodo, and takes their open receivables up again, because what was missing may be
 * there now. We write nothing to Lago's customer, so nothing of this comes back to us.
 */
export async function syncCustomer(deps: Syncing, payerKey: string): Promise<void> {
  const customer = await deps.lago.findCustomer(payerKey)
  const outcome = customer ? await sync(deps, customer) : 'Lago does not have this customer'
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['customer', payerKey], { at: deps.now(), outcome })
    await wakePayer(deps, tx, payerKey)
  })
}

async function sync(
  deps: Syncing,
  customer: NonNullable<Awaited<ReturnType<Syncing['lago']['findCustomer']>>>,
): Promise<string> {
  if (customer.billing_configuration?.payment_provider) return 'Lago itself collects of them'
  const payer = asPayer(customer)
  const known = await recallPayer(deps, payer.key)
  if (known) {
    await updatePayer(deps, known, payer)
    return `in step with ${known.dodoCustomerId}`
  }
  if (!payer.email) return 'no e-mail address yet'
  const dodoCustomerId = await findOrCreateCustomer(deps, payer)
  return `is ${dodoCustomerId}`
}
