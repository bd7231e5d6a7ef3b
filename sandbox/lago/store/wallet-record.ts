import type { Currency } from './currency.ts'
import type { Customer } from './customer-record.ts'
import type { Exact } from './exact.ts'
import type { CreditNote, Invoice } from './records.ts'

export type Wallet = {
  lago_id: string
  customer: Customer
  currency: Currency
  name: string | null
  status: 'active' | 'terminated'
  /** What its top-ups take over. */
  invoice_requires_successful_payment: boolean
  rate_amount: Exact
  /** In the currency's major unit. */
  balance: Exact
  created_at: string
  terminated_at: string | null
}

export const TOP_UP_SOURCES = ['manual', 'interval', 'threshold'] as const
export type TopUpSource = (typeof TOP_UP_SOURCES)[number]

export type WalletTransaction = {
  lago_id: string
  wallet: Wallet
  /** The invoice that bills an inbound one, or that an outbound one helped to pay. */
  invoice: Invoice | null
  /** The note whose refund took the credits back. */
  credit_note: CreditNote | null
  voided_invoice: Invoice | null
  status: 'pending' | 'settled' | 'failed'
  transaction_status: 'purchased' | 'granted' | 'voided' | 'invoiced'
  transaction_type: 'inbound' | 'outbound'
  source: TopUpSource
  /** In the currency's major unit. */
  amount: Exact
  credit_amount: Exact
  invoice_requires_successful_payment: boolean
  name: string | null
  metadata: { key: string; value: string }[]
  created_at: string
  settled_at: string | null
  failed_at: string | null
}
