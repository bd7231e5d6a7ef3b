import { bodyLimit, proxyBody, publicUrl } from './address.ts'
import type { Check } from './check.ts'
import { clock } from './clock.ts'
import { database, embedded, schema } from './database.ts'
import { dodoKey, dodoMode, dodoReach } from './dodo-access.ts'
import { dodoCheckout, dodoProducts } from './dodo-products.ts'
import { dodoSignature, dodoWebhook } from './dodo-webhook.ts'
import { lagoKey, lagoPermissions, lagoReach } from './lago-access.ts'
import { currencies, lagoLicense, lagoProviders, lagoTax } from './lago-ledger.ts'
import { lagoSignature, lagoWebhook } from './lago-webhook.ts'
import { settings } from './settings.ts'
import { attention, collecting, queue, recovery, replicas, sweep } from './work.ts'

/** All checks, in the order in which they are told; each stands behind those that it needs. */
export const CHECKS: readonly Check[] = [
  settings,
  clock,
  database,
  schema,
  embedded,
  publicUrl,
  bodyLimit,
  proxyBody,
  lagoReach,
  lagoKey,
  lagoPermissions,
  lagoWebhook,
  lagoSignature,
  lagoLicense,
  lagoProviders,
  lagoTax,
  dodoReach,
  dodoMode,
  dodoKey,
  dodoWebhook,
  dodoSignature,
  dodoProducts,
  dodoCheckout,
  recovery,
  currencies,
  queue,
  sweep,
  collecting,
  attention,
  replicas,
]
