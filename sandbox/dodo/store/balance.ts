import type { BalanceLedgerEntry } from 'dodopayments/resources/balances'

import { BUSINESS_ID, type DodoStore } from './store.ts'

/** Four per cent and forty cents, and a dollar for a refund: about what Dodo takes. */
const SHARE = 0.04
const FIXED = 40
const REFUND_FEE = 100

type Movement = {
  type: BalanceLedgerEntry['event_type']
  of: string
  at: string
  amount: number
  currency: string
  isCredit?: boolean
}

const entry = ({ type, of, at, amount, currency, isCredit = false }: Movement) =>
  ({
    id: `ble_${type}_${of}`,
    amount,
    business_id: BUSINESS_ID,
    created_at: at,
    currency: currency as BalanceLedgerEntry['currency'],
    event_type: type,
    is_credit: isCredit,
    usd_equivalent_amount: amount,
    reference_object_id: of,
    payout_id: null,
  }) satisfies BalanceLedgerEntry

/** Every movement of the balance, the oldest first, as it follows from what was paid and given back. */
export function balanceOf(store: DodoStore): BalanceLedgerEntry[] {
  const payments = [...store.payments.values()]
    .filter(({ status, total_amount: total }) => status === 'succeeded' && total > 0)
    .flatMap(({ payment_id: of, created_at: at, currency, total_amount: amount, tax }) => [
      entry({ type: 'payment', of, at, amount, currency, isCredit: true }),
      ...(tax ? [entry({ type: 'tax', of, at, amount: tax, currency })] : []),
      entry({
        type: 'payment_fees',
        of,
        at,
        amount: Math.round(amount * SHARE) + FIXED,
        currency,
      }),
    ])
  const refunds = [...store.refunds.values()]
    .filter(({ status }) => status === 'succeeded')
    .flatMap(({ refund_id: of, created_at: at, amount, currency }) => [
      entry({ type: 'refund', of, at, amount: amount ?? 0, currency: currency ?? 'USD' }),
      entry({ type: 'refund_fees', of, at, amount: REFUND_FEE, currency: currency ?? 'USD' }),
    ])
  return [...payments, ...refunds, ...store.balanceEntries].toSorted((one, other) =>
    one.created_at.localeCompare(other.created_at),
  )
}
