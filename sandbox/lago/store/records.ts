import type { InvoiceBaseObject } from 'lago-javascript-client'
import type { Currency } from './currency.ts'
import type { Customer, Metadatum } from './customer-record.ts'
import type { Exact } from './exact.ts'

// Records carry Lago's own names and casing, so that what a test reads here is what the API shows.

export type PaymentStatus = InvoiceBaseObject['payment_status']
export type InvoiceType = InvoiceBaseObject['invoice_type']
/** `open` exists in Lago but is never shown: the API answers 404 for it. */
export type InvoiceStatus = 'draft' | 'finalized' | 'voided' | 'failed' | 'pending' | 'open'

export type Tax = { lago_id: string; code: string; name: string; rate: number }
export type Coupon = { lago_id: string; code: string; name: string; amount_cents: number }

export type Fee = {
  lago_id: string
  type: 'charge' | 'add_on' | 'subscription' | 'credit'
  code: string
  name: string
  item_id: string
  amount_cents: number
  taxes: readonly Tax[]
  /** Its share of the invoice's coupons: `precise_coupons_amount_cents`. */
  coupons: Exact
  payment_status: PaymentStatus
  succeeded_at: string | null
  failed_at: string | null
}

export type AppliedTax = { lago_id: string; tax: Tax; base_cents: number; amount_cents: number }

export type Invoice = {
  lago_id: string
  sequential_id: number | null
  number: string
  invoice_type: InvoiceType
  billing_entity_code: string
  status: InvoiceStatus
  payment_status: PaymentStatus
  currency: Currency
  customer: Customer
  fees: Fee[]
  coupons: Coupon[]
  applied_taxes: AppliedTax[]
  taxes_amount_cents: number
  progressive_billing_credit_amount_cents: number
  credit_notes_amount_cents: number
  prepaid_credit_amount_cents: number
  total_paid_amount_cents: number
  issuing_date: string
  payment_due_date: string
  net_payment_term: number
  payment_overdue: boolean
  /** Whether dunning may ask for it; only Lago's own providers ever say no. */
  ready_for_payment_processing: boolean
  payment_dispute_lost_at: string | null
  self_billed: boolean
  metadata: Metadatum[]
  created_at: string
  updated_at: string
  voided_at: string | null
}

export type Payment = {
  lago_id: string
  invoice: Invoice
  amount_cents: number
  reference: string
  created_at: string
}

/** A demand for several overdue invoices at once. Nothing from outside ever settles it. */
export type PaymentRequest = {
  lago_id: string
  customer: Customer
  invoices: readonly Invoice[]
  /** What was due when it was made; it does not follow the invoices. */
  amount_cents: number
  amount_currency: Currency
  email: string | null
  payment_status: 'pending'
  created_at: string
}

type RefundStatus = 'pending' | 'succeeded' | 'failed'

export const CREDIT_NOTE_REASONS = [
  'duplicated_charge',
  'product_unsatisfactory',
  'order_change',
  'order_cancellation',
  'fraudulent_charge',
  'other',
] as const
export type CreditNoteReason = (typeof CREDIT_NOTE_REASONS)[number]

export type CreditNoteItem = { lago_id: string; fee: Fee; amount_cents: number; precise: Exact }
export type CreditNoteTax = { lago_id: string; tax: Tax; base_cents: number; amount_cents: number }

export type CreditNote = {
  lago_id: string
  invoice: Invoice
  sequential_id: number
  number: string
  /** A note on a draft invoice is a draft itself: neither listed nor announced. */
  status: 'draft' | 'finalized'
  reason: CreditNoteReason
  description: string | null
  items: CreditNoteItem[]
  applied_taxes: CreditNoteTax[]
  taxes_rate: number
  precise_coupons: Exact
  precise_taxes: Exact
  taxes_amount_cents: number
  sub_total_excluding_taxes_amount_cents: number
  total_amount_cents: number
  credit_amount_cents: number
  refund_amount_cents: number
  offset_amount_cents: number
  balance_amount_cents: number
  credit_status: 'available' | 'consumed' | 'voided'
  refund_status: RefundStatus | null
  metadata: Record<string, string | null> | undefined
  issuing_date: string
  created_at: string
  updated_at: string
}

/** How deliveries to an endpoint are signed. */
export type SignatureAlgorithm = 'hmac' | 'jwt'

export type WebhookEndpoint = {
  lago_id: string
  webhook_url: string
  signature_algo: SignatureAlgorithm
  name: string | null
  /** null: all of them. */
  event_types: string[] | null
  created_at: string
}
