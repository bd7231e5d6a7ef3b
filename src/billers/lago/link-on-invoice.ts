import { eq } from 'drizzle-orm'

import { accountUrlOf, ensureAccount } from '../../collect/account.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import { accountPages } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { messageOf } from '../../errors.ts'
import type { CustomerMetadata } from '../../lago/client.ts'
import type { LagoCustomer } from '../../lago/objects.ts'

type Linking = Pick<Deps, 'config' | 'db' | 'lago' | 'log' | 'now'>

const KEY = 'pay_online'
/** Lago's own limits (lago-api `models/metadata/customer_metadata.rb`). */
const MAX_ENTRIES = 5
const MAX_VALUE = 100

const entryOf = ({ metadata }: LagoCustomer) => metadata.find(({ key }) => key === KEY)

/** Whether a customer is without the link that their invoices are to carry. */
export const isLinkWanting = ({ config }: Pick<Deps, 'config'>, customer: LagoCustomer): boolean =>
  config.mail.isLinkOnInvoice &&
  !customer.billing_configuration?.payment_provider &&
  entryOf(customer) === undefined

/**
 * Writes the link of a customer's account page to Lago, which prints it on every later invoice. Each link is written
 * once: who takes it off in Lago is not argued with, and neither is a Lago that does not take it.
 */
export async function putLinkOnInvoice(deps: Linking, customer: LagoCustomer): Promise<void> {
  const { config, db, log } = deps
  if (!config.mail.isLinkOnInvoice || customer.billing_configuration?.payment_provider) return
  const { external_id: payerKey } = customer
  const account = await ensureAccount(deps, payerKey)
  const link = accountUrlOf(config.publicUrl, account.token)
  if (account.linkOnInvoice === link) return
  const why = await write(deps, customer, link)
  if (why) log.warn({ payerKey, why }, 'the account page is not put on invoices')
  await db
    .update(accountPages)
    .set({ linkOnInvoice: link })
    .where(eq(accountPages.payerKey, payerKey))
}

/** Why it cannot be written; undefined once it is there. */
async function write(
  { lago }: Linking,
  customer: LagoCustomer,
  link: string,
): Promise<string | undefined> {
  const held = entryOf(customer)
  if (held?.value === link && held.display_in_invoice === true) return undefined
  if (link.length > MAX_VALUE) return `the link is longer than ${MAX_VALUE} characters`
  const entries = entriesWith(customer, link)
  if (entries.length > MAX_ENTRIES) return `Lago takes ${MAX_ENTRIES} entries of metadata`
  try {
    await lago.writeCustomerMetadata(customer.external_id, entries)
    return undefined
  } catch (error) {
    if (!isRefused(error)) throw error
    return messageOf(error)
  }
}

/** Lago replaces the whole list, so all that there was is sent again as it was. */
function entriesWith(customer: LagoCustomer, link: string): CustomerMetadata[] {
  const own = { key: KEY, value: link, display_in_invoice: true }
  const held = entryOf(customer)
  const others = customer.metadata
    .filter((entry) => entry !== held)
    .map(({ lago_id: id, key, value, display_in_invoice: isShown }) => ({
      id,
      key,
      value,
      display_in_invoice: isShown === true,
    }))
  return [...others, held ? { id: held.lago_id, ...own } : own]
}
