import { keysOf, productDetails } from './queries.ts'
import { HighlevelRefusal } from './refusal.ts'
import type { Contact, Transaction } from './records.ts'
import type { HighlevelWorld } from './world.ts'

/** What the parent tells the pay page; it comes from the browser, and nothing in it is proof of anything. */
export function paymentProps(world: HighlevelWorld, transaction: Transaction) {
  const { store } = world
  const { publishableKey } = keysOf(world, transaction)
  const order = store.orders.get(transaction.orderId)
  const contact = store.contacts.get(transaction.contactId ?? '')
  return {
    type: 'payment_initiate_props',
    publishableKey,
    amount: transaction.amount,
    currency: transaction.currency,
    mode: transaction.subscriptionId ? 'subscription' : 'payment',
    productDetails: order ? productDetails(world, order, true) : [],
    ...(contact && { contact: contactView(contact) }),
    orderId: transaction.orderId,
    transactionId: transaction._id,
    subscriptionId: transaction.subscriptionId ?? '',
    locationId: transaction.locationId,
  }
}

/** The same for saving a card: a contact and no amount. */
export function setupProps(
  world: HighlevelWorld,
  asked: { contactId: string; currency: string; liveMode: boolean },
) {
  const contact = world.store.contacts.get(asked.contactId)
  if (!contact) throw new HighlevelRefusal(400, 'Contact not found')
  const { locationId } = contact
  const { publishableKey } = keysOf(world, { locationId, liveMode: asked.liveMode })
  return {
    type: 'setup_initiate_props',
    publishableKey,
    currency: asked.currency,
    mode: 'setup',
    contact: { id: contact.id },
    locationId,
  }
}

function contactView({ id, name, email }: Contact) {
  return {
    id,
    name,
    email,
    contact: '+15550100',
    // Names of countries, not codes.
    shippingAddress: {
      city: 'Austin',
      country: 'United States',
      line1: '1 Demo St',
      zipCode: '78701',
      state: 'TX',
    },
  }
}
