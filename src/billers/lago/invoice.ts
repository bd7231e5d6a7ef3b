import type { Reader } from '../../collect/account.ts'
import type { Owed, Payer } from '../../collect/receivable.ts'
import type { LagoCustomer, LagoInvoice } from '../../lago/objects.ts'
import type { Invoice } from './decide/invoice.ts'

/** Lago's invoice in the words of deciding. */
export function asInvoice(invoice: LagoInvoice): Invoice {
  const { customer } = invoice
  return {
    type: invoice.invoice_type,
    status: invoice.status,
    paymentStatus: invoice.payment_status,
    isSelfBilled: invoice.self_billed,
    issuedOn: invoice.issuing_date,
    nativeProvider: customer.billing_configuration?.payment_provider ?? null,
    currency: invoice.currency,
    total: invoice.total_amount_cents,
    paid: invoice.total_paid_amount_cents,
    due: invoice.total_due_amount_cents,
    customer: { email: firstEmail(customer.email), country: customer.country },
    metadata: invoice.metadata.map(({ lago_id, key, value }) => ({ id: lago_id, key, value })),
    isDisputeLost: invoice.payment_dispute_lost_at !== null,
  }
}

/** Lago's invoice as Dodo is asked for it, but for asking Lago again; names, metadata and key are the contract's. */
export const asOwed = (invoice: LagoInvoice): Omit<Owed, 'isStillDue'> => ({
  receivableId: invoice.lago_id,
  payer: asPayer(invoice.customer),
  currency: invoice.currency,
  due: invoice.total_due_amount_cents,
  shares: [{ receivableId: invoice.lago_id, amount: invoice.total_due_amount_cents }],
  description: `Invoice ${invoice.number}`,
  describeAttempt: (number) => `(attempt ${number})`,
  metadata: { lago_invoice_id: invoice.lago_id, lago_invoice_number: invoice.number },
  keyOf: (number) => keyOf(`lago-inv-${invoice.lago_id}`, number),
})

/** The idempotency key of the nth attempt of something. */
export const keyOf = (name: string, number: number) => (number === 1 ? name : `${name}-${number}`)

/** Lago's customer as somebody whom Dodo knows. */
export function asPayer(customer: LagoCustomer): Payer {
  const { name, legal_name, firstname, lastname } = customer
  const email = firstEmail(customer.email)
  const person = [firstname, lastname].filter(Boolean).join(' ')
  return {
    key: customer.external_id,
    name: name ?? legal_name ?? (person || (email ?? '')),
    email,
    country: customer.country,
    postcode: customer.zipcode ?? null,
    currency: customer.currency,
  }
}

/** Lago's customer as somebody who reads our pages and mails. */
export const asReader = (customer: LagoCustomer): Reader => ({
  payerKey: customer.external_id,
  language: customer.billing_configuration?.document_locale ?? null,
  timezone: customer.applicable_timezone,
})

/** Lago keeps several addresses in one field, separated by commas; Dodo takes one. */
function firstEmail(emails: string | null): string | null {
  const first = emails
    ?.split(',')
    .map((email) => email.trim())
    .find((email) => email.includes('@'))
  return first ?? null
}
