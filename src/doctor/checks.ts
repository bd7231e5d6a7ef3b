import type { Config } from '../config.ts'
import { bodyLimit, proxyBody, publicUrl } from './address.ts'
import type { Check } from './check.ts'
import { clock } from './clock.ts'
import { database, embedded, schema } from './database.ts'
import { dodoKey, dodoMode, dodoReach } from './dodo-access.ts'
import { dodoCheckout, dodoProducts } from './dodo-products.ts'
import { dodoTestKey, dodoTestSignature, dodoTestWebhook } from './dodo-test.ts'
import { dodoSignature, dodoWebhook } from './dodo-webhook.ts'
import { HIGHLEVEL_CHECKS } from './highlevel.ts'
import { lagoKey, lagoPermissions, lagoReach } from './lago-access.ts'
import { currencies, lagoLicense, lagoProviders, lagoTax } from './lago-ledger.ts'
import { lagoSignature, lagoWebhook } from './lago-webhook.ts'
import { OPENFRONT_CHECKS } from './openfront.ts'
import { dodoMail, lagoMail, mail, smtp } from './mail.ts'
import { branding, notifying } from './told.ts'
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
  lagoMail,
  dodoReach,
  dodoMode,
  dodoKey,
  dodoWebhook,
  dodoSignature,
  dodoProducts,
  dodoCheckout,
  recovery,
  dodoMail,
  currencies,
  queue,
  sweep,
  collecting,
  attention,
  replicas,
  smtp,
  mail,
  notifying,
  branding,
]

/** What asks Lago, or sends as Lago does. */
const OF_LAGO = /^(?:lago\..+|body_limit|currencies|dodo\.products|dodo\.checkout)$/

/** Those that there is something to look at for: of what is off, nothing is asked. */
export const checksFor = ({
  lago,
  dodoTest,
  openfront,
  highlevel,
}: Pick<Config, 'lago' | 'dodoTest' | 'openfront' | 'highlevel'>) => [
  ...CHECKS.filter(({ id }) => lago.isOn || !OF_LAGO.test(id)),
  ...(dodoTest ? [dodoTestKey, dodoTestWebhook, dodoTestSignature] : []),
  ...(openfront ? OPENFRONT_CHECKS : []),
  ...(highlevel ? HIGHLEVEL_CHECKS : []),
]
