import type { Payment, PaymentListResponse } from 'dodopayments/resources/payments'
import type { Refund } from 'dodopayments/resources/refunds'

/** A refund as lists show it: without brand, customer and metadata. */
export function refundListItem(refund: Refund) {
  const { brand_id: _brand, customer: _customer, metadata: _metadata, ...rest } = refund
  return rest satisfies Payment['refunds'][number]
}

/** A payment as lists show it: what is missing must be read by id. */
export function paymentListItem(payment: Payment): PaymentListResponse {
  return {
    payment_id: payment.payment_id,
    brand_id: payment.brand_id,
    created_at: payment.created_at,
    currency: payment.currency,
    total_amount: payment.total_amount,
    status: payment.status ?? null,
    customer: payment.customer,
    metadata: payment.metadata,
    payment_provider: payment.payment_provider,
    subscription_id: payment.subscription_id ?? null,
    subscription_ids: payment.subscription_ids,
    is_multi_subscription: payment.is_multi_subscription,
    payment_method: payment.payment_method ?? null,
    payment_method_type: payment.payment_method_type ?? null,
    card_last_four: payment.card_last_four ?? null,
    card_network: payment.card_network ?? null,
    invoice_id: payment.invoice_id ?? null,
    invoice_url: payment.invoice_url ?? null,
    refund_status: payment.refund_status ?? null,
    dispute_status: payment.disputes.at(-1)?.dispute_status ?? null,
    digital_products_delivered: payment.digital_products_delivered,
    has_license_key: false,
  }
}
