import { cartArguments, invoiceArguments } from './bodies.ts'
import { findCart, rawTotal } from './carts.ts'
import { findByCode } from './providers.ts'
import { notFound, OpenfrontRefusal } from './refusal.ts'
import type { Invoice, PaymentCollection, PaymentProvider, PaymentSession } from './records.ts'
import { newId, type OpenfrontStore } from './store.ts'
import type { OpenfrontWorld } from './world.ts'

/**
 * The shopper chooses a way to pay. The provider is asked once for each payment collection: sessions of carts
 * are stored as not initiated, and stay so. What it answers is kept whole.
 */
export async function initiatePaymentSession(
  world: OpenfrontWorld,
  cartId: string,
  providerCode: string,
): Promise<PaymentSession> {
  const { store } = world
  const cart = findCart(store, cartId)
  const provider = findInstalled(store, providerCode)
  const isNew = cart.collection === null
  const collection = (cart.collection ??= newCollection(rawTotal(store, cart)))
  const known = collection.sessions.find(
    (session) => session.providerCode === providerCode && !session.isInitiated,
  )
  if (known) return select(collection, known)

  const args = cartArguments(world, cart, { collection, isNew })
  const data = await askForPayment(world, provider, args)
  const session = newSession({ amount: args.amount, providerCode, data, isInitiated: false })
  collection.sessions.push(session)
  return select(collection, session)
}

/** The same for the invoice of a business account: one that is filled and initiated is asked for once more. */
export async function initiateInvoicePaymentSession(
  world: OpenfrontWorld,
  invoiceId: string,
  providerCode: string,
): Promise<PaymentSession> {
  const { store } = world
  const invoice = findInvoice(store, invoiceId)
  const provider = findInstalled(store, providerCode)
  const isNew = invoice.collection === null
  const collection = (invoice.collection ??= newCollection(invoice.totalAmount))
  const waiting = collection.sessions.find(
    (session) => session.providerCode === providerCode && !session.isInitiated,
  )
  if (waiting && Object.keys(waiting.data).length > 0) return select(collection, waiting)

  const args = invoiceArguments(world, invoice, { collection, isNew })
  const data = await askForPayment(world, provider, args)
  if (waiting) {
    Object.assign(waiting, { data, isInitiated: true })
    return select(collection, waiting)
  }
  const session = newSession({ amount: args.amount, providerCode, data, isInitiated: true })
  collection.sessions.push(session)
  return select(collection, session)
}

/** What the admin's order screen does first: empty sessions, after which the cart never asks a provider. */
export function createEmptySessions(
  { store }: Pick<OpenfrontWorld, 'store'>,
  { cartId, invoiceId }: { cartId?: string; invoiceId?: string },
): PaymentSession[] {
  const owner = cartId === undefined ? findInvoice(store, invoiceId ?? '') : findCart(store, cartId)
  const amount = 'lines' in owner ? rawTotal(store, owner) : owner.totalAmount
  const collection = (owner.collection ??= newCollection(amount))
  for (const { code } of store.providers.values()) {
    const session = { amount, providerCode: code, data: {}, isInitiated: false }
    collection.sessions.push(newSession(session))
  }
  return collection.sessions
}

/** The invoice, or the shop's refusal. */
export function findInvoice(store: OpenfrontStore, invoiceId: string): Invoice {
  const invoice = store.invoices.get(invoiceId)
  if (!invoice) throw notFound('Invoice')
  return invoice
}

function findInstalled(store: OpenfrontStore, code: string): PaymentProvider {
  const provider = findByCode(store, code)
  if (!provider?.isInstalled) throw notFound('Payment provider')
  return provider
}

const newCollection = (amount: number): PaymentCollection => ({ id: newId(), amount, sessions: [] })

const newSession = (
  fields: Pick<PaymentSession, 'amount' | 'providerCode' | 'data' | 'isInitiated'>,
): PaymentSession => ({ id: newId(), isSelected: false, ...fields })

function select(collection: PaymentCollection, chosen: PaymentSession): PaymentSession {
  for (const session of collection.sessions) session.isSelected = session === chosen
  return chosen
}

async function askForPayment(
  { callProvider }: OpenfrontWorld,
  provider: PaymentProvider,
  args: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const answer = await callProvider(provider, 'createPaymentFunction', args)
  if (answer === null || typeof answer !== 'object')
    throw new OpenfrontRefusal('Failed to create payment session')
  return answer as Record<string, unknown>
}
