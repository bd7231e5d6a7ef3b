import {
  and,
  eq,
  exists,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  not,
  notInArray,
  or,
  sql,
} from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'

import { payers, deliveries, highlevelSubscriptions, receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { emptyDeliveries, isEmptiable } from './empty-deliveries.ts'
import { eraseCustomer, OPEN_STATES } from './erase.ts'
import { expireOrders, expireSubscriptions } from './expire-orders.ts'

type Expiring = Pick<Deps, 'config' | 'db' | 'log' | 'now'>

const BATCH_DELIVERIES = 500
/** What is left over is taken up by the next sweep. */
const MAX_BATCHES = 20
const MAX_CUSTOMERS = 200

/**
 * Lets go of personal data that is older than `RETENTION`: of deliveries that have been processed the body and
 * the headers, of payers with nothing open, and of shoppers, the name and the e-mail address.
 */
export async function expirePersonalData(deps: Expiring): Promise<void> {
  const { config, db, log, now } = deps
  if (config.retentionMs === undefined) return
  const before = new Date(now().getTime() - config.retentionMs)
  const emptied = await emptyOldDeliveries(deps, before)
  const idle = await findIdleCustomers(deps, before)
  const why = 'nothing happened for as long as RETENTION says'
  for (const payerKey of idle) {
    await db.transaction((tx) => eraseCustomer(tx, payerKey, { at: now(), why }))
  }
  const isHighlevelOn = config.highlevel !== undefined
  const shoppers =
    (await expireOrders(db, before)) + (isHighlevelOn ? await expireSubscriptions(db, before) : 0)
  if (emptied + idle.length + shoppers === 0) return
  log.info({ deliveries: emptied, customers: idle.length, shoppers }, 'personal data expired')
}

async function emptyOldDeliveries({ db }: Expiring, before: Date): Promise<number> {
  let total = 0
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const keys = await db
      .select({ source: deliveries.source, deliveryId: deliveries.deliveryId })
      .from(deliveries)
      .where(and(lt(deliveries.processedAt, before), isEmptiable))
      .orderBy(deliveries.processedAt)
      .limit(BATCH_DELIVERIES)
    total += await emptyDeliveries(db, keys, lt(deliveries.processedAt, before))
    if (keys.length < BATCH_DELIVERIES) break
  }
  return total
}

/** Of whom something personal is held, with nothing open, and about whom nothing happened since. */
async function findIdleCustomers({ config, db }: Expiring, before: Date): Promise<string[]> {
  const other = alias(receivables, 'other')
  const isBusy = (payerKey: typeof payers.payerKey | typeof receivables.payerKey) =>
    exists(
      db
        .select({ one: sql`1` })
        .from(other)
        .where(
          and(
            eq(other.payerKey, payerKey),
            or(
              and(
                eq(other.kind, 'invoice'),
                or(
                  inArray(other.state, OPEN_STATES),
                  gte(other.settledAt, before),
                  and(isNull(other.settledAt), gte(other.createdAt, before)),
                ),
              ),
              // What nobody came back to pay stays open for ever: only how long ago it was counts.
              and(eq(other.kind, 'order'), gte(other.createdAt, before)),
            ),
          ),
        ),
    )
  const isSubscribed = (payerKey: typeof payers.payerKey | typeof receivables.payerKey) =>
    config.highlevel === undefined
      ? undefined
      : exists(
          db
            .select({ one: sql`1` })
            .from(highlevelSubscriptions)
            .where(
              and(
                eq(highlevelSubscriptions.payerKey, payerKey),
                notInArray(highlevelSubscriptions.status, ['canceled', 'expired']),
              ),
            ),
        )
  const isNobodys = (payerKey: typeof payers.payerKey | typeof receivables.payerKey) => {
    const subscribed = isSubscribed(payerKey)
    return and(not(isBusy(payerKey)), subscribed && not(subscribed))
  }
  const known = await db
    .select({ id: payers.payerKey })
    .from(payers)
    .where(
      and(
        or(isNotNull(payers.name), isNotNull(payers.email)),
        lt(payers.createdAt, before),
        isNobodys(payers.payerKey),
      ),
    )
    .limit(MAX_CUSTOMERS)
  const named = await db
    .selectDistinct({ id: receivables.payerKey })
    .from(receivables)
    .where(and(isNotNull(receivables.payerName), isNobodys(receivables.payerKey)))
    .limit(MAX_CUSTOMERS)
  return [...new Set([...known, ...named].flatMap(({ id }) => id ?? []))]
}
