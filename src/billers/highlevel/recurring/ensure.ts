import { highlevelSubscriptions } from '../../../db/schema.ts'
import type { Money } from '../decide/asked.ts'
import { isRefusal, readMoney } from '../decide/asked.ts'
import type { Recurrence } from '../decide/schedule.ts'
import type { HighlevelDeps } from '../deps.ts'
import type { Owed } from '../owed.ts'
import { changePending, findSubscription, type SubscriptionRow, type Whose } from './rows.ts'

export type NewSubscription = {
  subscriptionId: string
  transactionId: string
  account: string
  contactId: string
  payerKey: string
  email?: string | undefined
  name?: string | undefined
  country?: string | undefined
  money: Money
  terms: Recurrence
  dodoSubscriptionId?: string | undefined
  /** From when its cycles are counted; without it, from when it begins. */
  startAt?: Date | undefined
}

/** What HighLevel's own subscription says: how much each cycle is, and for whom. */
export async function readAgreed(
  deps: HighlevelDeps,
  { locationId, mode }: Whose,
  subscriptionId: string,
): Promise<
  | {
      money: Money
      contactId: string | null
      isCancelled: boolean
      status: string
      named: readonly string[]
      /** Its order, where it was made by one; and what else it is called. */
      orderId: string | undefined
      ids: readonly unknown[]
    }
  | undefined
> {
  const found = await deps.locations.clientFor(locationId).findSubscription(subscriptionId)
  if (found?.altId !== locationId || found.liveMode !== (mode === 'live')) return undefined
  const money = readMoney({ amount: found.amount, currency: found.currency ?? '' })
  if (isRefusal(money)) return undefined
  const { contactId, canceledAt, status = '' } = found
  const isCancelled = canceledAt !== null || /^cancell?ed$/i.test(status)
  const named = idsIn(found['recurringProduct'])
  const ids = [subscriptionId, found._id, found['subscriptionId']]
  const orderId = orderIdOf(found)
  return { money, contactId, isCancelled, status: status.toLowerCase(), named, orderId, ids }
}

type Agreed = NonNullable<Awaited<ReturnType<typeof readAgreed>>>

/** The order that a transaction or a subscription is of; undefined where it is of something else, or HighLevel does not say. */
function orderIdOf(found: Record<string, unknown>): string | undefined {
  const { entityType, entityId } = found
  return entityType === 'order' && typeof entityId === 'string' ? entityId : undefined
}

/**
 * Whether HighLevel says that what is to be paid is for something else than the subscription: which of the two belong together
 * a browser has said, and something else may be cheaper.
 */
export function isForAnother({ orderId, ids }: Agreed, owed: Owed): boolean {
  const { found } = owed
  if (owed.is === 'transaction' && owed.found.subscriptionId !== null)
    return !ids.includes(owed.found.subscriptionId)
  const paidOrderId = owed.is === 'order' ? found._id : orderIdOf(found)
  return orderId !== undefined && paidOrderId !== undefined && orderId !== paidOrderId
}

/** The ids that it names a price by, in whatever shape. */
function idsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  const { price, priceId } = value as { price?: unknown; priceId?: unknown }
  return [price, priceId].flatMap((one) => (typeof one === 'string' ? [one] : idsOf(one)))
}
const idsOf = (one: unknown) => {
  const id = typeof one === 'object' && one !== null ? (one as { _id?: unknown })._id : undefined
  return typeof id === 'string' ? [id] : []
}

/** The subscription, written down before anything is asked for; its terms are fixed once it has begun. */
export async function ensureSubscription(
  deps: HighlevelDeps,
  whose: Whose,
  asked: NewSubscription,
): Promise<SubscriptionRow> {
  const { db, now } = deps
  const { money, terms, email, name, country, dodoSubscriptionId, startAt, ...named } = asked
  const fields = {
    ...named,
    ...money,
    ...terms,
    email: email ?? null,
    name: name ?? null,
    country: country ?? null,
    dodoSubscriptionId: dodoSubscriptionId ?? null,
    anchorAt: startAt ?? null,
  }
  await db
    .insert(highlevelSubscriptions)
    .values({ ...whose, ...fields, status: 'pending', createdAt: now() })
    .onConflictDoNothing()
  // It may begin in this very moment: then what was agreed to before is what it goes by.
  const row =
    (await changePending(db, whose, asked.subscriptionId, fields)) ??
    (await findSubscription(db, whose, asked.subscriptionId))
  if (!row) throw new Error('a subscription was not written')
  return row
}
