import { and, asc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'

import { DEFAULT_ACCOUNT } from '../../account-key.ts'
import { mandates, payers } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../../errors.ts'
import { isChargeable } from '../chargeable.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'log' | 'now'>

const DAY_MS = 24 * 3_600_000
/** A bank may put another month to a card at any time, and tells nobody. */
const EVERY_MS = 7 * DAY_MS
/** Each is a request of Dodo; the rest has its turn a minute later. */
const AT_ONCE = 20

/**
 * Reads what may be shown of saved cards, and until when they are good: of new and renewed ones at once, of the others
 * once a week. Safe to run on every replica at once: each card is read by one.
 */
export async function readCards(deps: Reading): Promise<void> {
  for (const card of await claim(deps)) {
    try {
      await readCard(deps, card)
    } catch (error) {
      // Nothing hangs on it: it is read a day later.
      const readAt = new Date(deps.now().getTime() - EVERY_MS + DAY_MS)
      await note(deps, card.dodoSubscriptionId, { cardReadAt: readAt })
      deps.log.warn({ error: messageOf(error) }, 'saved card could not be read')
    }
  }
}

type Claimed = { dodoSubscriptionId: string; dodoPaymentMethodId: string; payerKey: string }

/** Noted as read before it is, so that nobody else reads it. */
async function claim({ db, now }: Reading): Promise<Claimed[]> {
  const at = now()
  const due = db
    .select({ id: mandates.dodoSubscriptionId })
    .from(mandates)
    .where(
      and(
        eq(mandates.account, DEFAULT_ACCOUNT),
        isChargeable,
        sql`${mandates.dodoPaymentMethodId} is not null`,
        or(
          isNull(mandates.cardReadAt),
          lt(mandates.cardReadAt, mandates.renewedAt),
          lt(mandates.cardReadAt, new Date(at.getTime() - EVERY_MS)),
        ),
      ),
    )
    .orderBy(asc(sql`coalesce(${mandates.cardReadAt}, '-infinity')`))
    .limit(AT_ONCE)
    .for('update', { skipLocked: true })
  const claimed = await db
    .update(mandates)
    .set({ cardReadAt: at })
    .where(inArray(mandates.dodoSubscriptionId, due))
    .returning()
  return claimed.flatMap(({ dodoSubscriptionId, dodoPaymentMethodId, payerKey }) =>
    dodoPaymentMethodId === null ? [] : [{ dodoSubscriptionId, dodoPaymentMethodId, payerKey }],
  )
}

async function readCard(deps: Reading, { payerKey, ...mandate }: Claimed) {
  const { db, dodo } = deps
  const { dodoSubscriptionId, dodoPaymentMethodId } = mandate
  const [payer] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  const customerId = payer?.dodoCustomerId ?? undefined
  const cards = customerId === undefined ? [] : await dodo.listPaymentMethods(customerId)
  const card = cards.find((one) => one.payment_method_id === dodoPaymentMethodId)?.card
  await note(deps, dodoSubscriptionId, {
    cardNetwork: card?.card_network?.slice(0, 20) ?? null,
    cardLastFour: /^\d{4}$/.test(card?.last4_digits ?? '') ? card?.last4_digits : null,
    cardEnds: monthOf(card?.expiry_month, card?.expiry_year),
  })
}

const note = (
  { db }: Pick<Reading, 'db'>,
  id: string,
  seen: Partial<typeof mandates.$inferInsert>,
) => db.update(mandates).set(seen).where(eq(mandates.dodoSubscriptionId, id))

/** Dodo writes years with two digits or with four; what is no month is not known. */
function monthOf(month?: string | null, year?: string | null): string | null {
  const [mm, yy] = [Number(month ?? ''), Number(year ?? '')]
  if (!/^\d{1,2}$/.test(month ?? '') || !/^(?:\d{2}|\d{4})$/.test(year ?? '')) return null
  if (mm < 1 || mm > 12) return null
  return `${yy < 100 ? 2_000 + yy : yy}-${String(mm).padStart(2, '0')}`
}
