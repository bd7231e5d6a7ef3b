import type { Payment } from 'dodopayments/resources/payments'
import type { Subscription } from 'dodopayments/resources/subscriptions'
import { notFound } from './refusal.ts'
import { newId, type SavedCard } from './store.ts'
import type { DodoWorld } from './world.ts'

/** Numbers of cards that Dodo's test mode accepts, by their last digits. */
const LAST_DIGITS = ['4242', '4444', '0005', '1117']

/** Keeps the card of a payment or of a mandate; only a mandate's may be charged without the customer. */
export function saveCard(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  owner: Pick<Payment | Subscription, 'customer' | 'billing'> & { subscription_id?: string | null },
): SavedCard {
  const { customer, billing } = owner
  const cardsBefore = cardsOf({ store }, customer.customer_id).length
  const card: SavedCard = {
    payment_method_id: newId('pm'),
    payment_method: 'card',
    payment_method_type: 'credit',
    recurring_enabled: Boolean(owner.subscription_id),
    last_used_at: now().toISOString(),
    card: {
      card_holder_name: customer.name,
      card_issuing_country: billing.country,
      card_network: 'VISA',
      card_type: 'CREDIT',
      expiry_month: '06',
      expiry_year: '32',
      last4_digits: LAST_DIGITS[cardsBefore % LAST_DIGITS.length] ?? '4242',
    },
    customerId: customer.customer_id,
  }
  store.cards.set(card.payment_method_id, card)
  return card
}

/** The cards a customer has saved, oldest first. */
export function cardsOf({ store }: Pick<DodoWorld, 'store'>, customerId: string): SavedCard[] {
  return [...store.cards.values()].filter((card) => card.customerId === customerId)
}

/** A saved card of this customer, or Dodo's 404. */
export function findCard(
  world: Pick<DodoWorld, 'store'>,
  { customerId, methodId }: { customerId: string; methodId: string },
): SavedCard {
  const card = cardsOf(world, customerId).find((one) => one.payment_method_id === methodId)
  if (!card) throw notFound('payment method', methodId)
  return card
}

/** Deleting it again is as good as deleting it. */
export function deleteCard(
  { store }: Pick<DodoWorld, 'store'>,
  { customerId, methodId }: { customerId: string; methodId: string },
): void {
  if (store.cards.get(methodId)?.customerId === customerId) store.cards.delete(methodId)
}

/** A saved card as the API shows it. */
export function cardView({ customerId: _owner, ...card }: SavedCard) {
  return card
}
