import { withDeadline } from '../../deadline.ts'
import { messageOf } from '../../errors.ts'
import type { Order, Transaction } from '../../highlevel/objects.ts'
import { supersede } from '../orders/ensure.ts'
import { closeOrder } from '../orders/claim.ts'
import { findNamed, type OrderRow } from '../orders/order.ts'
import { isShown } from './compare.ts'
import { findDisagreement, isRefusal, readMoney, type Money } from './decide/asked.ts'
import type { HighlevelDeps } from './deps.ts'
import { WORDS } from './words.ts'

/** HighLevel waits for our answer while we wait for its. */
const READ_MS = 3_000

/** What HighLevel's API holds for a payment. */
export type Owed =
  | { is: 'transaction'; found: Transaction }
  /** The transaction could not be read: until it can, its order says what is owed. */
  | { is: 'order'; found: Order }

/** The transaction, or the order where that cannot be read before it is paid; undefined when there is neither. */
export async function readOwed(
  { locations }: Pick<HighlevelDeps, 'locations'>,
  named: { locationId: string; transactionId: string; orderId: string | undefined },
): Promise<Owed | undefined> {
  const client = locations.clientFor(named.locationId)
  const transaction = await client.findTransaction(named.transactionId)
  if (transaction) return { is: 'transaction', found: transaction }
  const order = named.orderId === undefined ? undefined : await client.findOrder(named.orderId)
  return order && { is: 'order', found: order }
}

const isSame = (found: Transaction | Order, { amount, currency }: Money) => {
  const money = readMoney({ amount: found.amount, currency: found.currency ?? '' })
  return !isRefusal(money) && money.amount === amount && money.currency === currency
}

/**
 * Whether HighLevel still asks for exactly what a checkout is about to be opened for (P3). If not, the order is
 * superseded or closed by that. Throws when HighLevel does not answer: then nothing is asked for.
 */
export async function confirm(deps: HighlevelDeps, order: OrderRow): Promise<boolean> {
  const { tenant: locationId, mode, key, orderId, amount, currency } = order
  const owed = await readOwed(deps, {
    locationId,
    transactionId: key,
    orderId: order.metadata['highlevel_order_id'],
  })
  const money = { amount, currency }
  const at = deps.now()
  if (owed && !isSame(owed.found, money)) {
    await deps.db.transaction((tx) => supersede(tx, orderId, WORDS, at))
    return false
  }
  const reason = owed
    ? findDisagreement({ locationId, mode, money }, owed.found)?.why
    : 'HighLevel does not know the transaction any more'
  if (reason === undefined) return true
  await deps.db.transaction((tx) => closeOrder(tx, orderId, { reason, at }))
  return false
}

const ANOTHER_AMOUNT = 'HighLevel asks for another amount than was paid'
const PAID_OTHERWISE =
  'HighLevel has it as paid by other means: one of the two payments is to be given back'

/**
 * Why HighLevel's transaction does not ask any more for what was paid: it may have changed after the checkout was opened, been
 * paid otherwise, or not have been readable then. What it does not say, or not in time, is no reason to keep it from what was
 * paid.
 */
export async function whyNotOwed(
  deps: HighlevelDeps,
  order: OrderRow,
): Promise<string | undefined> {
  const { tenant, key, orderId } = order
  try {
    const reading = deps.locations.clientFor(tenant).findTransaction(key)
    const found = await withDeadline('HighLevel', READ_MS, reading)
    const why = found && (await whyNot(deps, order, found))
    if (why) deps.log.warn({ orderId, why }, 'the transaction does not ask for what was paid')
    return why
  } catch (error) {
    deps.log.warn({ orderId, error: messageOf(error) }, 'the transaction could not be read')
    return undefined
  }
}

/** Once HighLevel was told of it, that it shows it as paid says nothing. */
async function whyNot({ db }: HighlevelDeps, order: OrderRow, found: Transaction) {
  if (!isSame(found, order)) return ANOTHER_AMOUNT
  if (order.claimedAt !== null || !isShown(found)) return undefined
  const of = found.chargeId === null ? undefined : await findNamed(db, order, found.chargeId)
  return of?.key === order.key ? undefined : PAID_OTHERWISE
}
