import { findCart, rawTotal, regionOf } from './carts.ts'
import { findInvoice } from './payment-sessions.ts'
import { findByCode } from './providers.ts'
import { notFound, OpenfrontRefusal } from './refusal.ts'
import type { Cart, Order, Payment, PaymentCollection, PaymentSession } from './records.ts'
import { newId } from './store.ts'
import type { Asker, OpenfrontWorld } from './world.ts'

/** The one code whose orders are placed unpaid. */
const UNPAID = 'pp_system_default'
/** Modules of the shop itself, which no sandbox plays. */
const BUILT_IN = new Set(['pp_stripe_stripe', 'pp_paypal_paypal'])

/**
 * Makes an order of a cart. Anybody may ask. As published it knows three providers and throws for all others,
 * and does not look whether the cart has an order already.
 */
export async function completeActiveCart(
  world: OpenfrontWorld,
  asker: Asker,
  { cartId, paymentSessionId }: { cartId: string; paymentSessionId?: string | null | undefined },
): Promise<Order> {
  const { store, behaviour } = world
  const cart = findCart(store, cartId)
  if (behaviour.patch === 'full' && cart.orderId)
    throw new OpenfrontRefusal('This cart already has an order')
  if (!paymentSessionId) {
    // Without a session the order goes on the account of a business.
    if (!asker.userId) throw new OpenfrontRefusal('Not authenticated')
    throw new OpenfrontRefusal('No active business account found')
  }

  const session = findSession(cart.collection, paymentSessionId)
  const currency = regionOf(store, cart).currency.code
  const owed = { amount: rawTotal(store, cart), currency }
  const status = await judge(world, session, owed)
  return placeOrder(world, cart, { session, status, amount: rawTotal(store, cart), currency })
}

/** The same for an invoice; only its owner may. */
export async function completeInvoicePayment(
  world: OpenfrontWorld,
  asker: Asker,
  { invoiceId, paymentSessionId }: { invoiceId: string; paymentSessionId: string },
): Promise<Payment> {
  const { store, now } = world
  const invoice = findInvoice(store, invoiceId)
  if (asker.userId !== invoice.userId) throw new OpenfrontRefusal('Not authenticated')
  const session = findSession(invoice.collection, paymentSessionId)
  const owed = { amount: invoice.totalAmount, currency: invoice.currency.code }
  const status = await judge(world, session, owed)
  invoice.paidAt = now()
  return writePayment(world, {
    orderId: null,
    invoiceId,
    providerCode: session.providerCode,
    status,
    amount: invoice.totalAmount,
    currency: owed.currency,
    data: session.data,
  })
}

function findSession(collection: PaymentCollection | null, id: string): PaymentSession {
  const session = collection?.sessions.find((one) => one.id === id)
  if (!session) throw notFound('Payment session')
  return session
}

/** Whether the session is paid, as the provider's code lets it be found out. */
async function judge(
  world: OpenfrontWorld,
  session: PaymentSession,
  owed: { amount: number; currency: string },
): Promise<'captured' | 'pending'> {
  const { store, behaviour, callProvider } = world
  const { providerCode } = session
  if (providerCode === UNPAID) return 'pending'
  if (BUILT_IN.has(providerCode)) throw new OpenfrontRefusal('Payment failed')
  if (behaviour.patch === 'none')
    throw new OpenfrontRefusal(`Unsupported payment provider: ${providerCode}`)

  const provider = findByCode(store, providerCode)
  if (!provider) throw notFound('Payment provider')
  const { paymentId } = session.data
  const answer = (await callProvider(provider, 'getPaymentStatusFunction', { paymentId })) as {
    status?: unknown
    amount?: unknown
    currency?: unknown
  } | null
  const isCaptured = answer?.status === 'captured'
  const isAsOwed =
    answer?.amount === owed.amount &&
    String(answer.currency).toLowerCase() === owed.currency.toLowerCase()
  if (isCaptured && (isAsOwed || behaviour.patch === 'careless')) return 'captured'
  throw new OpenfrontRefusal('Payment has not been completed')
}

function placeOrder(
  world: OpenfrontWorld,
  cart: Cart,
  paid: {
    session: PaymentSession
    status: 'captured' | 'pending'
    amount: number
    currency: string
  },
): Order {
  const { store } = world
  const { session, status, amount, currency } = paid
  const order: Order = {
    id: newId(),
    displayId: store.orders.size + 1,
    cartId: cart.id,
    status: 'pending',
    secretKey: newId(),
    email: cart.email,
    total: amount,
    currency,
  }
  store.orders.set(order.id, order)
  // A second order takes the cart over from the first.
  cart.orderId = order.id
  // The first session's data, not the selected one's.
  const data = cart.collection?.sessions[0]?.data ?? {}
  const { providerCode } = session
  writePayment(world, {
    orderId: order.id,
    invoiceId: null,
    providerCode,
    status,
    amount,
    currency,
    data: { ...data, paymentIntentId: data['paymentIntentId'] ?? null },
  })
  return order
}

function writePayment(
  { store, now }: Pick<OpenfrontWorld, 'store' | 'now'>,
  fields: Omit<Payment, 'id' | 'capturedAt'>,
): Payment {
  const capturedAt = fields.status === 'captured' ? now() : null
  const payment = { id: newId(), ...fields, capturedAt }
  store.payments.set(payment.id, payment)
  return payment
}
