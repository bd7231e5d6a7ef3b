import type {
  BillingAddress,
  CustomerLimitedDetails,
  IntentStatus,
  Payment,
} from 'dodopayments/resources/payments'
import type { Currency, Metadata } from 'dodopayments/resources/misc'
import type { WebhookEventType } from 'dodopayments/resources/webhook-events'
import { refundListItem } from './payment-shapes.ts'
import { notFound, refused } from './refusal.ts'
import { saveCard } from './saved-cards.ts'
import { BUSINESS_ID, type DodoStore, type Line, newId } from './store.ts'
import type { DodoWorld } from './world.ts'

export const FINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled'])

/** Only these states are announced; a customer stuck in 3-D Secure is silence. */
const EVENT_OF: Partial<Record<IntentStatus, WebhookEventType>> = {
  succeeded: 'payment.succeeded',
  failed: 'payment.failed',
  processing: 'payment.processing',
  cancelled: 'payment.cancelled',
}

export type NewPayment = {
  customer: CustomerLimitedDetails
  billing: BillingAddress
  currency: Currency
  total: number
  tax: number
  metadata: Metadata
  lines: Line[]
  sessionId?: string
  subscriptionId?: string
  productCart: Payment.ProductCart[] | null
  methodId?: string | null
  isCardUpdate?: boolean
}

/** A payment as it begins: nothing is known of how it will end. */
export function openPayment(world: Pick<DodoWorld, 'store' | 'now'>, made: NewPayment): Payment {
  const { store, now } = world
  const payment: Payment = {
    payment_id: newId('pay'),
    business_id: BUSINESS_ID,
    brand_id: BUSINESS_ID,
    status: null,
    currency: made.currency,
    total_amount: made.total,
    tax: made.tax,
    settlement_currency: made.currency,
    settlement_amount: made.total,
    settlement_tax: made.tax,
    customer: made.customer,
    billing: made.billing,
    metadata: made.metadata,
    checkout_session_id: made.sessionId ?? null,
    subscription_id: made.subscriptionId ?? null,
    subscription_ids: made.subscriptionId ? [made.subscriptionId] : [],
    is_multi_subscription: false,
    is_update_payment_method: made.isCardUpdate ?? false,
    retry_attempt: 0,
    product_cart: made.productCart,
    refunds: [],
    refund_status: null,
    disputes: [],
    error_code: null,
    error_message: null,
    payment_method: 'card',
    payment_method_type: 'credit',
    payment_method_id: made.methodId ?? null,
    card_last_four: '4242',
    card_network: 'VISA',
    card_type: 'CREDIT',
    card_holder_name: made.customer.name,
    card_issuing_country: made.billing.country,
    invoice_id: null,
    invoice_url: null,
    payment_link: null,
    payment_provider: 'dodo',
    discount_id: null,
    discounts: null,
    custom_field_responses: null,
    digital_products_delivered: false,
    created_at: now().toISOString(),
    updated_at: null,
  }
  store.payments.set(payment.payment_id, payment)
  store.lines.set(payment.payment_id, made.lines)
  return payment
}

/** Moves a payment on and announces it. A final payment does not move. */
export function movePayment(
  world: Pick<DodoWorld, 'store' | 'emit' | 'now' | 'publicUrl'>,
  paymentId: string,
  { status, code }: { status: IntentStatus; code?: string | undefined },
): Payment {
  const payment = findPayment(world.store, paymentId)
  if (payment.status && FINAL.has(payment.status))
    throw refused('UNSUPPORTED_ACTION', `payment ${paymentId} is already ${payment.status}`)

  payment.status = status
  payment.updated_at = world.now().toISOString()
  if (status === 'failed') {
    payment.error_code = code ?? 'GENERIC_DECLINE'
    payment.error_message = `The payment was declined (${payment.error_code}).`
  }
  if (status === 'succeeded') {
    payment.invoice_id = newId('inv')
    payment.invoice_url = `${world.publicUrl}/invoices/payments/${paymentId}`
    payment.payment_method_id ??= saveCard(world, payment).payment_method_id
  }
  const event = EVENT_OF[status]
  if (event) world.emit(event, 'Payment', () => payment)
  return payment
}

/** The payment, or Dodo's 404. */
export function findPayment(store: DodoStore, paymentId: string): Payment {
  const payment = store.payments.get(paymentId)
  if (!payment) throw notFound('payment', paymentId)
  return payment
}

/** Brings a payment's own lists of refunds and disputes up to date. */
export function refreshPayment({ store, now }: Pick<DodoWorld, 'store' | 'now'>, id: string): void {
  const payment = findPayment(store, id)
  const refunds = [...store.refunds.values()].filter((refund) => refund.payment_id === id)
  const refunded = refunds
    .filter(({ status }) => status === 'succeeded')
    .reduce((total, { amount }) => total + (amount ?? 0), 0)

  payment.refunds = refunds.map(refundListItem)
  payment.disputes = [...store.disputes.values()]
    .filter((dispute) => dispute.payment_id === id)
    .map(
      ({
        brand_id: _brand,
        customer: _customer,
        payment_provider: _by,
        reason: _reason,
        ...rest
      }) => rest,
    )
  const isFull = refunded >= payment.total_amount
  payment.refund_status = refunded === 0 ? null : isFull ? 'full' : 'partial'
  payment.updated_at = now().toISOString()
}
