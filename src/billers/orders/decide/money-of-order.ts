import { isOpenOrder } from '../../../collect/decide/allocation.ts'
import type { Ledger, Payment } from '../../../collect/ledger.ts'

/** The payment that pays it. */
export const findAppliedTo = ({ recordings }: Ledger) =>
  recordings.find(({ disposition }) => disposition === 'applied')

/** What may still be given back of a payment, in Dodo's minor units. */
export function leftOf(payment: Payment): number {
  const ordered = payment.orders
    .filter((order) => isOpenOrder(order, payment))
    .reduce((sum, { amount }) => sum + amount, 0)
  const placed = new Set(payment.orders.map(({ dodoRefundId }) => dodoRefundId))
  const refunded = payment.refunds
    .filter(
      ({ status, dodoRefundId }) =>
        status === 'succeeded' || (status !== 'failed' && !placed.has(dodoRefundId)),
    )
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  return payment.amount - refunded - ordered
}
