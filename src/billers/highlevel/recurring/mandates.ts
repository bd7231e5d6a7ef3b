import { and, desc, eq, isNull } from 'drizzle-orm'

import { isChargeable } from '../../../collect/chargeable.ts'
import { highlevelSetups, mandates, payers } from '../../../db/schema.ts'
import { messageOf } from '../../../errors.ts'
import type { HighlevelDeps } from '../deps.ts'
import { payerKeyOf } from '../payers.ts'
import { isMandateUsed, type SubscriptionRow, type Whose } from './rows.ts'

/** HighLevel shows no more of either line. */
const MAX_LINE = 20

type Held = typeof mandates.$inferSelect

/** The saved cards of a contact that can be charged, on the account that collects for the location now. */
async function listMandates(
  { db }: Pick<HighlevelDeps, 'db'>,
  { account, payerKey }: { account: string; payerKey: string },
): Promise<Held[]> {
  return db
    .select()
    .from(mandates)
    .where(and(eq(mandates.payerKey, payerKey), eq(mandates.account, account), isChargeable))
    .orderBy(desc(mandates.renewedAt))
}

/** The mandate that a request names, if it is that contact's, of that location, and can be charged in that currency. */
export async function findMandate(
  deps: Pick<HighlevelDeps, 'db'>,
  whose: { account: string; payerKey: string },
  { id, currency }: { id: string; currency: string },
): Promise<Held | undefined> {
  const held = await listMandates(deps, whose)
  return held.find((one) => one.dodoSubscriptionId === id && one.currency === currency)
}

/** What HighLevel shows of a contact's saved cards (its help article 155000002620). */
export async function listPaymentMethods(deps: HighlevelDeps, whose: Whose, contactId: string) {
  const account = await deps.locations.accountOf(whose)
  if (account === undefined) return []
  const payerKey = payerKeyOf({ account, locationId: whose.locationId, contactId })
  const held = await listMandates(deps, { account, payerKey })
  const on = held.length > 0 ? await deps.onAccount(account, 'urgent') : undefined
  if (!on) return []
  const customerId = await customerOf(deps, payerKey)
  const cards = await on.dodo.listPaymentMethods(customerId).catch((error: unknown) => {
    deps.log.warn({ error: messageOf(error) }, 'saved cards could not be read')
    return []
  })
  const imageUrl = `${deps.config.publicUrl}/highlevel/logo.png`
  return held.map(({ dodoSubscriptionId: id, currency, dodoPaymentMethodId }) => {
    const { card } = cards.find((one) => one.payment_method_id === dodoPaymentMethodId) ?? {}
    return {
      id,
      type: 'card',
      title: `${card?.card_network ?? 'Card'} (${currency})`.slice(-MAX_LINE),
      subTitle: `**** ${card?.last4_digits ?? '****'}`.slice(0, MAX_LINE),
      expiry: expiryOf(card?.expiry_month, card?.expiry_year),
      customerId,
      imageUrl,
    }
  })
}

async function customerOf({ db }: Pick<HighlevelDeps, 'db'>, payerKey: string): Promise<string> {
  const [row] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  return row?.dodoCustomerId ?? ''
}

const expiryOf = (month: string | null | undefined, year: string | null | undefined) =>
  `${(month ?? '00').padStart(2, '0').slice(-2)}/${(year ?? '00').padStart(2, '0').slice(-2)}`

/**
 * Ends the mandate of a subscription that is over, unless another one lives on it or its card was saved for its own
 * sake. Throws when Dodo does not answer.
 */
export async function cancelMandateIfUnused(
  deps: HighlevelDeps,
  row: SubscriptionRow,
): Promise<void> {
  const { db } = deps
  const { dodoSubscriptionId, account } = row
  if (dodoSubscriptionId === null || (await isMandateUsed(db, dodoSubscriptionId, row))) return
  const [saved] = await db
    .select({ ref: highlevelSetups.ref })
    .from(highlevelSetups)
    .where(
      and(
        eq(highlevelSetups.dodoSubscriptionId, dodoSubscriptionId),
        isNull(highlevelSetups.begins),
      ),
    )
  const on = saved ? undefined : await deps.onAccount(account, 'urgent')
  if (!on) return
  const found = await on.dodo.findSubscription(dodoSubscriptionId)
  if (!found || found.status === 'cancelled' || found.status === 'expired') return
  await on.dodo.cancelMandate(dodoSubscriptionId)
  deps.log.info({ dodoSubscriptionId }, 'mandate cancelled')
}
