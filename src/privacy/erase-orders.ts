import { and, eq, inArray, like, or, sql, type SQL } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { highlevelSubscriptions, orders, payers, receivables } from '../db/schema.ts'
import { eraseTexts } from './erase-texts.ts'
import { isLongEnough } from './forgotten.ts'

/** Whom a shop or an agency may call a customer: a contact of HighLevel, or somebody's e-mail address. */
export type Buyer = { payerKeys: string[]; orderIds: string[] }

/** Everything of other sources than Lago that is held of somebody, by the contact's id, our key, or an e-mail address. */
export async function findBuyer(db: Executor, named: string): Promise<Buyer> {
  const ofContact = `highlevel:%:${encodeURIComponent(named).replaceAll(/[\\%_]/g, '\\$&')}`
  const isTheirs = (key: typeof payers.payerKey | typeof receivables.payerKey) =>
    or(and(eq(key, named), like(key, 'highlevel:%')), like(key, ofContact))
  const [known, subscribed, asked] = await Promise.all([
    db.select({ key: payers.payerKey }).from(payers).where(isTheirs(payers.payerKey)),
    db
      .select({ key: highlevelSubscriptions.payerKey })
      .from(highlevelSubscriptions)
      .where(
        or(
          eq(highlevelSubscriptions.contactId, named),
          eq(highlevelSubscriptions.payerKey, named),
          isEmail(highlevelSubscriptions.email, named),
        ),
      ),
    db
      .select({ id: orders.orderId, key: receivables.payerKey })
      .from(orders)
      .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))
      .where(or(isEmail(orders.email, named), isTheirs(receivables.payerKey))),
  ])
  const keys = [...known, ...subscribed, ...asked].flatMap(({ key }) => key ?? [])
  return { payerKeys: [...new Set(keys)], orderIds: asked.map(({ id }) => id) }
}

const isEmail = (
  column: typeof orders.email | typeof highlevelSubscriptions.email,
  named: string,
): SQL | undefined =>
  named.includes('@') ? sql`lower(${column}) = ${named.toLowerCase()}` : undefined

/** Blanks who they are on what a source asked for; ids and amounts stay. Returns of how many orders. */
export async function eraseBuyer(tx: Executor, { payerKeys, orderIds }: Buyer): Promise<number> {
  const nobody = { email: null, name: null }
  if (payerKeys.length > 0)
    await tx
      .update(highlevelSubscriptions)
      .set(nobody)
      .where(inArray(highlevelSubscriptions.payerKey, payerKeys))
  if (orderIds.length === 0) return 0
  await eraseTexts(tx, { own: ordersOf(tx, orderIds), names: await readNames(tx, orderIds) })
  await tx.update(orders).set(nobody).where(inArray(orders.orderId, orderIds))
  await tx
    .update(receivables)
    .set({ payerName: null })
    .where(inArray(receivables.receivableId, orderIds))
  return orderIds.length
}

/** Those orders, as a part of another query. */
export const ordersOf = (tx: Executor, orderIds: readonly string[]) =>
  tx
    .select({ id: receivables.receivableId })
    .from(receivables)
    .where(inArray(receivables.receivableId, [...orderIds]))

async function readNames(tx: Executor, orderIds: readonly string[]): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ name: orders.name })
    .from(orders)
    .where(inArray(orders.orderId, [...orderIds]))
  return rows.flatMap(({ name }) => name ?? []).filter(isLongEnough)
}
