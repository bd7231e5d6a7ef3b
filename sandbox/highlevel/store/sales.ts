import { HighlevelRefusal } from './refusal.ts'
import type { Contact, Order, Price, Subscription, Transaction } from './records.ts'
import { newObjectId } from './store.ts'
import type { HighlevelWorld } from './world.ts'

export type NewSale = {
  locationId: string
  amount: number
  currency?: string
  liveMode?: boolean
  contactId?: string
  /** Makes it a subscription whose cycles cost `amount`. */
  recurring?: NonNullable<Price['recurring']> & { trialPeriod?: number; totalCycles?: number }
}

/** What somebody is about to pay: an order, its transaction, and a subscription if it recurs. */
export type Sale = {
  order: Order
  transaction: Transaction
  price: Price
  subscription: Subscription | null
}

/** A buyer reaches the payment step of a funnel, an invoice or a store. */
export function createSale(world: HighlevelWorld, sale: NewSale): Sale {
  const { store, now } = world
  const { locationId, amount, recurring, contactId = null } = sale
  const { currency = 'USD', liveMode = false } = sale
  const at = now().toISOString()
  const price = addPrice(world, sale)
  const common = { locationId, contactId, amount, currency, liveMode }
  const order: Order = {
    _id: newObjectId(),
    ...common,
    status: 'pending',
    productId: price.product,
    priceId: price._id,
    createdAt: at,
  }
  const subscription: Subscription | null = recurring
    ? {
        _id: newObjectId(),
        ...common,
        orderId: order._id,
        status: 'incomplete',
        subscriptionSnapshot: null,
        canceledAt: null,
        priceId: price._id,
      }
    : null
  const transaction: Transaction = {
    _id: newObjectId(),
    ...common,
    orderId: order._id,
    subscriptionId: subscription?._id ?? null,
    status: 'pending',
    chargeId: null,
    chargeSnapshot: null,
    amountRefunded: 0,
    createdAt: at,
    updatedAt: at,
  }
  store.orders.set(order._id, order)
  if (subscription) store.subscriptions.set(subscription._id, subscription)
  store.transactions.set(transaction._id, transaction)
  return { order, transaction, price, subscription }
}

/** Somebody who buys. */
export function createContact({ store }: HighlevelWorld, fields: Omit<Contact, 'id'>): Contact {
  const contact = { id: newObjectId(), ...fields }
  store.contacts.set(contact.id, contact)
  return contact
}

function addPrice({ store }: HighlevelWorld, { recurring, ...sale }: NewSale): Price {
  const price: Price = {
    _id: newObjectId(),
    locationId: sale.locationId,
    product: newObjectId(),
    name: 'E-book',
    type: recurring ? 'recurring' : 'one_time',
    currency: sale.currency ?? 'USD',
    // Nobody knows its unit; whoever reads it as money is wrong one way or the other.
    amount: Math.round(sale.amount * 100),
    recurring: recurring
      ? { interval: recurring.interval, intervalCount: recurring.intervalCount }
      : null,
    trialPeriod: recurring?.trialPeriod ?? null,
    totalCycles: recurring?.totalCycles ?? null,
    setupFee: null,
  }
  store.prices.set(price._id, price)
  return price
}

/** The transaction, or HighLevel's refusal: an id that it does not know is a 400. */
export function findTransaction(world: HighlevelWorld, id: string, locationId: string) {
  const { store, behaviour } = world
  const found = store.transactions.get(id)
  const isHidden = found?.status === 'pending' && !behaviour.readsPendingTransactions
  if (!found || found.locationId !== locationId || isHidden)
    throw new HighlevelRefusal(400, 'Transaction not found')
  return found
}

/** The examples of the API write numbers and truths as texts. */
const typed = ({ behaviour }: HighlevelWorld) => {
  const write = <Value extends number | boolean>(value: Value) =>
    behaviour.typesAreTexts ? String(value) : value
  return write
}

export function transactionView(world: HighlevelWorld, transaction: Transaction) {
  const { locationId, orderId, amount, liveMode, amountRefunded, ...shown } = transaction
  const write = typed(world)
  return {
    ...shown,
    altId: locationId,
    altType: 'location',
    amount: write(amount),
    liveMode: write(liveMode),
    amountRefunded: write(amountRefunded),
    entityType: 'order',
    entityId: orderId,
    entitySource: { type: 'funnel', subType: 'one_step_order_form', id: orderId, name: 'Funnel' },
  }
}

export function orderView(world: HighlevelWorld, order: Order) {
  const { locationId, amount, liveMode, productId, priceId, ...shown } = order
  const write = typed(world)
  return {
    ...shown,
    altId: locationId,
    altType: 'location',
    amount: write(amount),
    liveMode: write(liveMode),
    amountSummary: { subtotal: amount, discount: 0 },
    items: [{ _id: priceId, name: 'E-book', qty: 1, product: { _id: productId } }],
    source: { type: 'funnel', id: order._id },
  }
}

export function subscriptionView(world: HighlevelWorld, subscription: Subscription) {
  const { locationId, orderId, amount, liveMode, priceId, ...shown } = subscription
  const write = typed(world)
  return {
    ...shown,
    altId: locationId,
    altType: 'location',
    amount: write(amount),
    liveMode: write(liveMode),
    entityType: 'order',
    entityId: orderId,
    subscriptionId: subscription._id,
    recurringProduct: { price: priceId },
    autoPayment: true,
  }
}
