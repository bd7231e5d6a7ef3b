import type { PaymentRetrieveLineItemsResponse } from 'dodopayments/resources/payments'
import { findPayment } from './payments.ts'
import type { DodoStore } from './store.ts'

/** What of each position can still be given back: refunds that did not fail have used it up. */
export function refundableByItem(store: DodoStore, paymentId: string): Map<string, number> {
  const left = new Map(store.lines.get(paymentId)?.map((line) => [line.itemId, line.amount]))
  for (const refund of store.refunds.values()) {
    if (refund.payment_id !== paymentId || refund.status === 'failed') continue
    for (const { itemId, amount } of store.refundParts.get(refund.refund_id) ?? [])
      left.set(itemId, (left.get(itemId) ?? 0) - amount)
  }
  return left
}

/** The answer to `GET /payments/{id}/line-items`. */
export function lineItemsOf(store: DodoStore, paymentId: string): PaymentRetrieveLineItemsResponse {
  const { currency } = findPayment(store, paymentId)
  const left = refundableByItem(store, paymentId)
  const items = (store.lines.get(paymentId) ?? []).map((line) => ({
    items_id: line.itemId,
    amount: line.amount,
    refundable_amount: left.get(line.itemId) ?? 0,
    tax: line.tax,
    name: line.name,
    description: null,
  }))
  return { currency, items }
}
