import type { Deps } from '../../deps.ts'
import { findOrCreateCustomer, recallPayer, updatePayer } from '../../collect/act/payer.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { wakePayer } from '../../collect/wake-payer.ts'
import { putLinkOnInvoice } from './link-on-invoice.ts'
import { noteAccount } from '../../collect/account.ts'
import { asPayer, asReader } from './invoice.ts'

type Syncing = Pick<
  Deps,
  'account' | 'alone' | 'biller' | 'config' | 'db' | 'dodo' | 'lago' | 'log' | 'now' | 'queue'
>

/**
 * Keeps a customer in step in Dodo, and takes their open receivables up again, because what was missing may be
 * there now. To Lago's customer we write at most the link of their account page, once, so this comes back to us once.
 */
export async function syncCustomer(deps: Syncing, payerKey: string): Promise<void> {
  const customer = await deps.lago.findCustomer(payerKey)
  const outcome = customer ? await sync(deps, customer) : 'Lago does not have this customer'
  if (customer) await putLinkOnInvoice(deps, customer)
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['customer', payerKey], { at: deps.now(), outcome })
    await wakePayer(deps, tx, payerKey)
  })
}

async function sync(
  deps: Syncing,
  customer: NonNullable<Awaited<ReturnType<Syncing['lago']['findCustomer']>>>,
): Promise<string> {
  await noteAccount(deps, asReader(customer))
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
