import { and, asc, eq, gt, inArray, isNull, or, sql, type SQL } from 'drizzle-orm'

import {
  attempts,
  payers,
  deliveries,
  receivables,
  mandates,
  payments,
  shares,
  topUps,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { count, type Write } from '../print/text.ts'
import { emptyDeliveries } from './empty-deliveries.ts'
import { eraseBuyer, findBuyer, type Buyer } from './erase-orders.ts'
import { eraseCustomer, OPEN_STATES } from './erase.ts'
import type { Source } from '../webhook-sources.ts'

type Forgetting = Pick<Deps, 'config' | 'db' | 'log' | 'now'>

const PAGE_DELIVERIES = 1_000
const NOBODY: Buyer = { payerKeys: [], orderIds: [] }

/**
 * Forgets who a customer is, at once: name and e-mail address in the ledger, and every processed delivery about
 * them. Ids, amounts and what was done stay, for they are the books. The exit code is 1 if nobody is known
 * by that id.
 */
export async function forget(deps: Forgetting, payerKey: string, write: Write): Promise<number> {
  const { config, db, log, now } = deps
  const hasSources = config.openfront !== undefined || config.highlevel !== undefined
  const buyer = hasSources ? await findBuyer(db, payerKey) : NOBODY
  const keys = [...new Set([payerKey, ...buyer.payerKeys])]
  const found = await findTraces(deps, keys, buyer)
  const why = 'an operator had the customer forgotten'
  const erased = await db.transaction(async (tx) => {
    await eraseBuyer(tx, buyer)
    const ofEach: string[] = []
    for (const key of keys) ofEach.push(...(await eraseCustomer(tx, key, { at: now(), why })))
    return ofEach
  })
  const emptied = await emptyAllAbout(deps, found)
  if (!found.isKnown && emptied.processed + emptied.waiting === 0) {
    write(`The bridge holds nothing about a customer ${payerKey}.`)
    return 1
  }
  log.info(
    { payerKey, invoices: erased.length, deliveries: emptied.processed },
    'customer forgotten',
  )
  const ofOrders = buyer.orderIds.length > 0 ? ` and ${count(buyer.orderIds.length, 'order')}` : ''
  const blanked = `the name on ${count(erased.length, 'invoice')}${ofOrders} is blank`
  write(
    `Customer ${payerKey} is forgotten: ${blanked}, ${count(emptied.processed, 'delivery', 'deliveries')} emptied.`,
  )
  if (emptied.waiting > 0) {
    write(
      `Not processed yet, so kept: ${count(emptied.waiting, 'delivery', 'deliveries')}. Run this again later.`,
    )
  }
  if (found.open > 0) {
    write(
      `Still open: ${count(found.open, 'invoice')}. Collecting brings the name back; run this again afterwards.`,
    )
  }
  write('Lago and Dodo keep what they hold: have it erased there, too.')
  return 0
}

type Traces = { isKnown: boolean; open: number; isAbout: SQL | undefined }

/** Everything by which a delivery may be about the customer. */
async function findTraces(
  { db }: Forgetting,
  payerKeys: string[],
  { orderIds }: Buyer,
): Promise<Traces> {
  const known = await db
    .select({ payerKey: payers.payerKey, dodoCustomerId: payers.dodoCustomerId })
    .from(payers)
    .where(inArray(payers.payerKey, payerKeys))
  const own = await db
    .select({
      id: receivables.receivableId,
      kind: receivables.kind,
      state: receivables.state,
    })
    .from(receivables)
    .where(
      or(inArray(receivables.payerKey, payerKeys), inArray(receivables.receivableId, orderIds)),
    )
  const invoiceIds = own.map(({ id }) => id)
  const paid = await db
    .selectDistinct({ id: payments.dodoPaymentId })
    .from(payments)
    .leftJoin(attempts, eq(attempts.id, payments.attemptId))
    .leftJoin(shares, eq(shares.attemptId, attempts.id))
    .where(or(inArray(payments.receivableId, invoiceIds), inArray(shares.receivableId, invoiceIds)))
  const others = await Promise.all([
    db
      .select({ id: mandates.dodoSubscriptionId })
      .from(mandates)
      .where(inArray(mandates.payerKey, payerKeys)),
    db
      .select({ id: topUps.lagoWalletTransactionId })
      .from(topUps)
      .where(inArray(topUps.payerKey, payerKeys)),
  ])
  const paymentIds = paid.map(({ id }) => id)
  const keys = [...payerKeys, ...invoiceIds, ...paymentIds, ...others.flat().map(({ id }) => id)]
  return {
    isKnown: known.length > 0 || own.length > 0,
    open: own.filter(
      ({ kind, state }) => kind === 'invoice' && OPEN_STATES.some((one) => one === state),
    ).length,
    isAbout: or(
      inArray(deliveries.wakesKey, keys),
      inArray(deliveries.dodoPaymentId, paymentIds),
      ...payerKeys
        .flatMap((payerKey) => {
          const dodo = known.find((one) => one.payerKey === payerKey)?.dodoCustomerId
          return spellings(payerKey, dodo ?? undefined)
        })
        .map((text) => sql`position(convert_to(${text}, 'UTF8') in ${deliveries.body}) > 0`),
      ...payerKeys.filter((named) => named.includes('@')).map(isNaming),
    ),
  }
}

/**
 * An e-mail address, as a value of its own. Of whom nothing else is left in the ledger, what waited, or came since, is
 * found by it alone.
 */
const isNaming = (email: string) =>
  sql`position(${JSON.stringify(email.toLowerCase())} in lower(encode(${deliveries.body}, 'escape'))) > 0`

/** How the bodies of both services name a customer; a bare id might be anything. */
function spellings(payerKey: string, dodoCustomerId: string | undefined): string[] {
  const written = JSON.stringify(payerKey)
  // Rails writes these three as escapes.
  const inRails = written.replaceAll(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`)
  const values = [...new Set([written, inRails])]
  const names = ['external_id', 'external_customer_id', 'lago_customer_id']
  return [
    ...names.flatMap((name) =>
      values.flatMap((value) => [`"${name}":${value}`, `"${name}": ${value}`]),
    ),
    ...(dodoCustomerId ? [JSON.stringify(dodoCustomerId)] : []),
  ]
}

/** Page by page along the primary key, so that no statement reads the whole inbox. */
async function emptyAllAbout({ db }: Forgetting, { isAbout }: Traces) {
  const total = { processed: 0, waiting: 0 }
  let after: SQL | undefined
  for (;;) {
    const page = await db
      .select({ source: deliveries.source, deliveryId: deliveries.deliveryId })
      .from(deliveries)
      .where(after)
      .orderBy(asc(deliveries.source), asc(deliveries.deliveryId))
      .limit(PAGE_DELIVERIES)
    const last = page.at(-1)
    if (!last) return total
    total.processed += await emptyDeliveries(db, page, isAbout)
    total.waiting += await countWaiting(db, page, isAbout)
    after = or(
      gt(deliveries.source, last.source),
      and(eq(deliveries.source, last.source), gt(deliveries.deliveryId, last.deliveryId)),
    )
  }
}

async function countWaiting(
  db: Forgetting['db'],
  page: readonly { source: Source; deliveryId: string }[],
  isAbout: SQL | undefined,
): Promise<number> {
  const ids = page.map(({ deliveryId }) => deliveryId)
  const sources = [...new Set(page.map(({ source }) => source))]
  return db.$count(
    deliveries,
    and(
      inArray(deliveries.source, sources),
      inArray(deliveries.deliveryId, ids),
      isNull(deliveries.processedAt),
      isAbout,
    ),
  )
}
