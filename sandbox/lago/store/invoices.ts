import { amountsOf, taxesOf } from './amounts.ts'
import { readCurrency } from './currency.ts'
import { getCustomer } from './customers.ts'
import { ZERO, divide, exact, multiply, roundTo } from './exact.ts'
import { invalid, notFound } from './refusal.ts'
import { BILLING_ENTITY } from './shapes.ts'
import type { Customer } from './customer-record.ts'
import { spendCredits } from './spent-credits.ts'
import type {
  Coupon,
  Fee,
  Invoice,
  InvoiceStatus,
  InvoiceType,
  PaymentStatus,
  Tax,
} from './records.ts'
import { day, timestamp, type LagoWorld } from './store.ts'
import { announceInvoice } from './announcements.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const PRECISE_DIGITS = 5

type NewTax = { code?: string; name?: string; rate: number }
export type NewFee = {
  amountCents: number
  name?: string
  code?: string
  type?: Fee['type']
  /** Without it, those of the invoice apply. */
  taxes?: readonly NewTax[]
  /** What the fee is for; a prepaid-credit fee names its wallet transaction here. */
  itemId?: string
}
export type NewInvoice = {
  externalCustomerId: string
  fees: readonly NewFee[]
  /** Without it, the customer's or else USD. */
  currency?: string
  taxes?: readonly NewTax[]
  coupons?: readonly { amountCents: number; code?: string; name?: string }[]
  invoiceType?: InvoiceType
  status?: InvoiceStatus
  paymentStatus?: PaymentStatus
  /** Taken off for what progressive billing has billed before; shared out over the fees like a coupon. */
  progressiveBillingCreditAmountCents?: number
  creditNotesAmountCents?: number
  /** Paid with credits: the customer's wallet, if there is one, gives them. */
  prepaidCreditAmountCents?: number
  netPaymentTerm?: number
  issuingDate?: string
  selfBilled?: boolean
  billingEntityCode?: string
  readyForPaymentProcessing?: boolean
}

/** Bills a customer; a finalized invoice is announced by the event of its type. */
export function createInvoice(world: LagoWorld, input: NewInvoice): Invoice {
  const customer = getCustomer(world, input.externalCustomerId)
  const status = input.status ?? 'finalized'
  const fees = feesOf(input)
  const taxes = taxesOf(fees)
  const invoice: Invoice = {
    ...head(world, customer, input),
    status,
    fees,
    coupons: couponsOf(input),
    applied_taxes: taxes.applied,
    taxes_amount_cents: taxes.amountCents,
    progressive_billing_credit_amount_cents: input.progressiveBillingCreditAmountCents ?? 0,
    credit_notes_amount_cents: input.creditNotesAmountCents ?? 0,
    prepaid_credit_amount_cents: input.prepaidCreditAmountCents ?? 0,
  }
  const { total, subTotal } = amountsOf(invoice, world.store)
  if (total < 0 || subTotal < 0) throw invalid({ base: ['negative_total'] })
  assertTakesCredits(invoice)

  const isFree = total === 0 || invoice.invoice_type === 'advance_charges'
  invoice.payment_status = input.paymentStatus ?? (isFree ? 'succeeded' : 'pending')
  if (status === 'finalized') finalize(world, invoice)
  world.store.invoices.set(invoice.lago_id, invoice)
  return invoice
}

/** Neither wallets nor credit notes pay for one-offs, nor for credits themselves. */
function assertTakesCredits({ invoice_type: type, ...invoice }: Invoice): void {
  const credits = invoice.credit_notes_amount_cents + invoice.prepaid_credit_amount_cents
  if (credits === 0 || (type !== 'one_off' && type !== 'credit')) return
  throw invalid({ base: [`${type}_takes_no_credits`] })
}

/** Gives the invoice its number and announces it. */
export function finalize(world: LagoWorld, invoice: Invoice): void {
  spendCredits(world, invoice)
  const { customer } = invoice
  let last = 0
  for (const other of world.store.invoices.values()) {
    if (other.customer === customer) last = Math.max(last, other.sequential_id ?? 0)
  }
  invoice.sequential_id = last + 1
  invoice.number = `${customer.slug}-${String(last + 1).padStart(3, '0')}`
  invoice.status = 'finalized'
  invoice.updated_at = timestamp(world.now())
  announceInvoice(world, CREATION_EVENTS[invoice.invoice_type], invoice)
}

const CREATION_EVENTS = {
  subscription: 'invoice.created',
  add_on: 'invoice.created',
  advance_charges: 'invoice.created',
  progressive_billing: 'invoice.created',
  one_off: 'invoice.one_off_created',
  credit: 'invoice.paid_credit_added',
} as const satisfies Record<InvoiceType, string>

/** The invoice if the API shows it; Lago's 404 otherwise. */
export function getInvoice(world: LagoWorld, lagoId: unknown): Invoice {
  const invoice = typeof lagoId === 'string' ? world.store.invoices.get(lagoId) : undefined
  if (!invoice || invoice.status === 'open') throw notFound('invoice')
  return invoice
}

function head(world: LagoWorld, customer: Customer, input: NewInvoice) {
  const now = world.now()
  const netPaymentTerm = input.netPaymentTerm ?? customer.net_payment_term ?? 0
  const issuingDate = input.issuingDate ?? day(now)
  return {
    lago_id: crypto.randomUUID(),
    sequential_id: null,
    number: `${customer.slug.split('-')[0]}-DRAFT`,
    invoice_type: input.invoiceType ?? 'subscription',
    billing_entity_code: input.billingEntityCode ?? BILLING_ENTITY,
    payment_status: 'pending' as const,
    currency: readCurrency(input.currency ?? customer.currency ?? 'USD'),
    customer,
    total_paid_amount_cents: 0,
    issuing_date: issuingDate,
    payment_due_date: day(new Date(Date.parse(issuingDate) + netPaymentTerm * DAY_MS)),
    net_payment_term: netPaymentTerm,
    payment_overdue: false,
    ready_for_payment_processing: input.readyForPaymentProcessing ?? true,
    payment_dispute_lost_at: null,
    self_billed: input.selfBilled ?? customer.account_type === 'partner',
    metadata: [],
    created_at: timestamp(now),
    updated_at: timestamp(now),
    voided_at: null,
  }
}

function couponsOf(input: NewInvoice): Coupon[] {
  return (input.coupons ?? []).map(({ amountCents, code = 'coupon', name = code }) => {
    return { lago_id: crypto.randomUUID(), code, name, amount_cents: amountCents }
  })
}

function feesOf(input: NewInvoice): Fee[] {
  const total = input.fees.reduce((sum, fee) => sum + fee.amountCents, 0)
  const couponTotal = (input.coupons ?? []).reduce(
    (sum, coupon) => sum + coupon.amountCents,
    input.progressiveBillingCreditAmountCents ?? 0,
  )
  const taxes = new Map<string, Tax>()
  return input.fees.map((fee) => {
    const code = fee.code ?? 'usage'
    const share = divide(exact(fee.amountCents), exact(total))
    return {
      lago_id: crypto.randomUUID(),
      type: fee.type ?? 'charge',
      code,
      name: fee.name ?? code,
      item_id: fee.itemId ?? crypto.randomUUID(),
      amount_cents: fee.amountCents,
      taxes: (fee.taxes ?? input.taxes ?? []).map((tax) => sameTax(taxes, tax)),
      coupons:
        couponTotal === 0 ? ZERO : roundTo(multiply(exact(couponTotal), share), PRECISE_DIGITS),
      payment_status: 'pending',
      succeeded_at: null,
      failed_at: null,
    }
  })
}

/** Fees that name the same tax share one, as taxes belong to the organization. */
function sameTax(known: Map<string, Tax>, { rate, ...given }: NewTax): Tax {
  const code = given.code ?? `tax_${rate}`
  const tax = known.get(code) ?? {
    lago_id: crypto.randomUUID(),
    code,
    name: given.name ?? code,
    rate,
  }
  known.set(code, tax)
  return tax
}
