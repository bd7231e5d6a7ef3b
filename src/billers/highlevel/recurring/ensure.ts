import { highlevelSubscriptions } from '../../../db/schema.ts'
import type { Money } from '../decide/asked.ts'
import { isRefusal, readMoney } from '../decide/asked.ts'
import type { Recurrence } from '../decide/schedule.ts'
import type { HighlevelDeps } from '../deps.ts'
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
  return { money, contactId, isCancelled, status: status.toLowerCase(), named }
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
