import { sql } from 'drizzle-orm'

import { receivables, payments } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { messageOf } from '../../errors.ts'
import { describeRelease } from '../../lago/release.ts'
import { rememberPayLinks } from './pay-token.ts'

type Looking = Pick<Deps, 'config' | 'db' | 'dodo' | 'lago' | 'log' | 'now'>

/** A start is not held up by a Lago of any size: what is beyond so many pages of a hundred is not counted. */
const MAX_PAGES = 100
const DODO_PAYMENT = /^pay_/

type LookAtServices = () => Promise<void>

/** Looks once a day whether the services are as the bridge needs them, and says once what is not. */
export function createLookAtServices(deps: Looking): LookAtServices {
  const said = new Set<string>()
  const sayOnce = (what: string) => {
    if (said.has(what)) return
    said.add(what)
    deps.log.warn(what)
  }
  return async () => {
    if (deps.config.lago.isOn) await attempt(deps, () => tellRelease(deps, sayOnce))
    await attempt(deps, () => tellDisabledEndpoints(deps))
  }
}

/** What is found here changes nothing, so neither does a look that fails. */
async function attempt({ log }: Looking, look: () => Promise<void>) {
  try {
    await look()
  } catch (error) {
    log.info({ error: messageOf(error) }, 'a look at the services failed')
  }
}

async function tellRelease({ lago, config, log }: Looking, sayOnce: (what: string) => void) {
  await lago.release.known()
  const lagoRelease = lago.release.number()
  if (lagoRelease) log.info({ lagoRelease }, 'Lago found')
  else sayOnce('Lago does not say which release it is, and is taken for the newest')
  for (const what of describeRelease(lago.release, config.lago.signature)) sayOnce(what)
}

/** Dodo's courier gives up on an endpoint that failed for five days, and sends it nothing until a person says so. */
async function tellDisabledEndpoints({ dodo, config, log }: Looking) {
  for (const { url, disabled } of await dodo.listWebhookEndpoints()) {
    if (!disabled || !isOurs(url, config.publicUrl)) continue
    log.warn(
      { url },
      'Dodo has disabled our webhook endpoint: enable it in Dodo > Developer > Webhooks and replay what is missing',
    )
  }
}

const isOurs = (url: string, publicUrl: string) =>
  URL.parse(url)?.host === URL.parse(publicUrl)?.host

/**
 * A bridge on an empty ledger says what Lago already holds of an earlier one, and takes over the links that were
 * written on what is still open.
 */
export async function greetEmptyLedger(deps: Looking): Promise<void> {
  if (!deps.config.lago.isOn) return
  await attempt(deps, async () => {
    if (!(await isEmpty(deps))) return
    const found = await countTraces(deps)
    await rememberPayLinks(deps, found.open)
    deps.log.info(
      { dodoPayments: found.dodoPayments, payLinks: found.payLinks },
      `empty ledger; Lago holds ${describeTraces(found)}`,
    )
  })
}

async function isEmpty({ db }: Looking): Promise<boolean> {
  const [row] = await db.execute<{ is_empty: boolean }>(sql`
    select not exists (select 1 from ${receivables}) and not exists (select 1 from ${payments}) as is_empty`)
  return row?.is_empty === true
}

async function countTraces({ lago }: Looking) {
  const open = await lago.listUnpaidInvoices({ maxPages: MAX_PAGES })
  const listed = await lago.listAllPayments({ maxPages: MAX_PAGES })
  const all = (await lago.countPayments()) ?? listed.length
  const hasLink = open.filter(({ metadata }) => metadata.some(({ key }) => key === 'dodo_pay_url'))
  return {
    open,
    payLinks: hasLink.length,
    dodoPayments: listed.filter(({ reference }) => DODO_PAYMENT.test(reference ?? '')).length,
    listed: listed.length,
    all,
  }
}

function describeTraces({
  dodoPayments,
  payLinks,
  listed,
  all,
}: Awaited<ReturnType<typeof countTraces>>) {
  const of = all > listed ? ` among the newest ${count(listed)} of ${count(all)}` : ''
  return `${count(dodoPayments)} payments with Dodo references${of}, and ${count(payLinks)} open receivables with pay links`
}

const count = (number: number) => number.toLocaleString('en-US')
