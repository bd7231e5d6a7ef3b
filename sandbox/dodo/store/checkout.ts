import type {
  CheckoutSessionResponse,
  CheckoutSessionStatus,
} from 'dodopayments/resources/checkout-sessions'
import type { IntentStatus, Payment } from 'dodopayments/resources/payments'
import { followPayment } from './charges.ts'
import { findCustomer, resolveCustomer } from './customers.ts'
import { movePayment, type NewPayment, openPayment } from './payments.ts'
import { type Quote, quote } from './quote.ts'
import { DodoRefusal, notFound, refused } from './refusal.ts'
import type { CheckoutCreate } from './requests.ts'
import { type DodoStore, newId, type Session } from './store.ts'
import { isOver, moveSubscription, openSubscription } from './subscriptions.ts'
import type { DodoWorld } from './world.ts'

/** What the customer does on the hosted page, and what the bank makes of it. */
export type PayOptions = {
  outcome?: Extract<
    IntentStatus,
    'succeeded' | 'failed' | 'processing' | 'requires_customer_action'
  >
  /** The decline code, for `failed`. */
  code?: string | undefined
  /** Typed by the customer where the session left it open. */
  amount?: number | undefined
  country?: string | undefined
  email?: string | undefined
  name?: string | undefined
}

/** What the list says of a checkout that nobody has paid in. */
const UNPAID = 'requires_payment_method'

export type SessionState = 'open' | 'expired' | 'processing' | 'paid' | 'declined'

/** Opens a hosted checkout. Nothing can ever close it but time or a payment. */
export function createCheckout(world: DodoWorld, request: CheckoutCreate): CheckoutSessionResponse {
  const { store, now, publicUrl, sessionLifetimeMs } = world
  if (request.confirm || request.payment_method_id)
    throw refused('UNSUPPORTED_ACTION', 'this sandbox has no saved cards: confirm is not played')
  assertMethods(request.allowed_payment_method_types)
  const quoted = quote(store, request)
  const asked = request.customer
  if (asked && 'customer_id' in asked) {
    findCustomer(store, asked.customer_id)
    assertMaySubscribe(world, quoted, asked.customer_id)
  }

  const createdAt = now()
  const expiresAt = new Date(createdAt.getTime() + sessionLifetimeMs)
  const sessionId = newId('cks')
  const session: Session = { sessionId, createdAt, expiresAt, request, paymentIds: [] }
  store.sessions.set(sessionId, session)
  if (world.behaviour.openSessionsAreListed && asked && 'customer_id' in asked)
    openUnpaid(world, session, quoted)
  return { session_id: sessionId, checkout_url: `${publicUrl}/session/${sessionId}` }
}

/** The answer to `GET /checkouts/{id}`: no metadata, no URL, no expiry. */
export function checkoutStatus(store: DodoStore, session: Session): CheckoutSessionStatus {
  const latest = latestPayment(store, session)
  // Nothing of it is told here as long as the customer has given nothing.
  const payment = latest?.status === UNPAID ? undefined : latest
  const asked = session.request.customer
  const known = asked && 'customer_id' in asked ? store.customers.get(asked.customer_id) : asked
  return {
    id: session.sessionId,
    created_at: session.createdAt.toISOString(),
    customer_email: payment?.customer.email ?? known?.email ?? null,
    customer_name: payment?.customer.name ?? known?.name ?? null,
    payment_id: payment?.payment_id ?? null,
    payment_status: payment?.status ?? null,
  }
}

/** Whether a session can still be paid, and if not, why. */
export function sessionState(
  { store, now, behaviour }: Pick<DodoWorld, 'store' | 'now' | 'behaviour'>,
  session: Session,
): SessionState {
  const statuses = session.paymentIds.map((id) => store.payments.get(id)?.status)
  const mandate = store.subscriptions.get(session.subscriptionId ?? '')
  if (mandate?.status === 'failed') return 'declined'
  if (statuses.includes('succeeded') || (mandate && mandate.status !== 'pending')) return 'paid'
  if (statuses.includes('processing')) return 'processing'
  if (statuses.includes('failed') && behaviour.declineConsumesSession) return 'declined'
  return now() >= session.expiresAt ? 'expired' : 'open'
}

/** The checkouts that can still be paid, oldest first. */
export function openSessions(world: DodoWorld): Session[] {
  const sessions = [...world.store.sessions.values()]
  return sessions.filter((session) => sessionState(world, session) === 'open')
}

/** The customer presses the button. Undefined for a mandate, which moves no money. */
export function paySession(
  world: DodoWorld,
  sessionId: string,
  { outcome = 'succeeded', code, ...typed }: PayOptions = {},
): Payment | undefined {
  const session = findSession(world.store, sessionId)
  assertPayable(world, session)

  const quoted = quote(world.store, session.request, typed)
  const customer = resolveCustomer(world, session, typed)
  const subscription = openSubscription(world, session, { quoted, customer })
  const isCardAlone = subscription !== undefined && quoted.mandateOnly
  if (isCardAlone && !world.behaviour.mandateMakesPayment) {
    const status = outcome === 'succeeded' ? 'active' : 'failed'
    moveSubscription(world, subscription.subscription_id, status)
    return undefined
  }

  const payment =
    takeUnpaid(world, session, subscription?.subscription_id) ??
    openIn(world, session, { quoted, customer, subscriptionId: subscription?.subscription_id })
  movePayment(world, payment.payment_id, { status: outcome, code })
  followPayment(world, payment)
  const isDeclined = sessionState(world, session) === 'declined'
  if (subscription && (isDeclined || (isCardAlone && outcome === 'failed')))
    moveSubscription(world, subscription.subscription_id, 'failed')
  return payment
}

type Opening = {
  quoted: Quote
  customer: NewPayment['customer']
  subscriptionId?: string | undefined
}

function openIn(
  world: DodoWorld,
  session: Session,
  { quoted, customer, subscriptionId }: Opening,
): Payment {
  const payment = openPayment(world, {
    customer,
    billing: quoted.billing,
    currency: quoted.currency,
    total: quoted.total,
    tax: quoted.tax,
    metadata: session.request.metadata ?? {},
    lines: linesOf(quoted),
    sessionId: session.sessionId,
    ...(subscriptionId && { subscriptionId }),
    productCart: subscriptionId ? null : cartOf(quoted),
  })
  session.paymentIds.push(payment.payment_id)
  return payment
}

/** Dodo lists a checkout in which nobody has paid yet, and tells nobody of it. */
function openUnpaid(world: DodoWorld, session: Session, quoted: Quote): void {
  const payment = openIn(world, session, { quoted, customer: resolveCustomer(world, session, {}) })
  payment.status = UNPAID
}

function takeUnpaid(
  { store }: DodoWorld,
  session: Session,
  subscriptionId: string | undefined,
): Payment | undefined {
  const payment = latestPayment(store, session)
  if (payment?.status !== UNPAID) return undefined
  if (subscriptionId)
    Object.assign(payment, {
      subscription_id: subscriptionId,
      subscription_ids: [subscriptionId],
      product_cart: null,
    })
  return payment
}

/** The session, or Dodo's 404. */
export function findSession(store: DodoStore, sessionId: string): Session {
  const session = store.sessions.get(sessionId)
  if (!session) throw notFound('checkout session', sessionId)
  return session
}

function latestPayment(store: DodoStore, session: Session): Payment | undefined {
  return store.payments.get(session.paymentIds.at(-1) ?? '')
}

function assertPayable(world: DodoWorld, session: Session): void {
  const state = sessionState(world, session)
  if (state === 'open') return
  if (state === 'expired')
    throw new DodoRefusal(410, 'CHECKOUT_SESSION_EXPIRED', `session ${session.sessionId} expired`)
  throw new DodoRefusal(
    409,
    'CHECKOUT_SESSION_CONSUMED',
    `session ${session.sessionId} is already ${state}`,
  )
}

/** Some businesses allow a customer one subscription and no more. */
function assertMaySubscribe(world: DodoWorld, { items }: Quote, customerId: string): void {
  if (!world.behaviour.oneSubscriptionPerCustomer) return
  if (!items.some(({ product }) => product.is_recurring)) return
  for (const subscription of world.store.subscriptions.values()) {
    const isLive = subscription.status !== 'pending' && !isOver(subscription)
    if (!isLive || subscription.customer.customer_id !== customerId) continue
    throw refused('CUSTOMER_HAS_EXISTING_SUBSCRIPTION', subscription.subscription_id)
  }
}

/** A whitelist without cards leaves most customers with nothing to pay with. */
function assertMethods(allowed: readonly string[] | null | undefined): void {
  if (!allowed || allowed.includes('credit') || allowed.includes('debit')) return
  throw refused('NO_ELIGIBLE_PAYMENT_METHODS', 'include credit and debit')
}

function linesOf(quoted: Quote) {
  return quoted.items.map((item) => ({
    itemId: newId('itm'),
    productId: item.product.product_id,
    name: item.product.name ?? item.product.product_id,
    amount: item.total,
    tax: item.tax,
  }))
}

function cartOf(quoted: Quote): Payment.ProductCart[] {
  return quoted.items.map(({ product, quantity }) => ({ product_id: product.product_id, quantity }))
}
