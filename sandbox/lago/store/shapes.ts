import type { CustomerObjectExtended, PaymentObject, Timezone } from 'lago-javascript-client'
import { exponentOf, type Currency } from './currency.ts'
import { decimalText, divide, exact, type Exact } from './exact.ts'
import type { Customer } from './customer-record.ts'
import type { Payment, Tax } from './records.ts'

/**
 * An SDK type as the checks of payloads use it: the SDK forgets in many places that a field may be
 * null. Fields that it forgets altogether are added beside the checked part.
 */
export type Sent<T> = T extends readonly (infer Item)[]
  ? Sent<Item>[]
  : T extends object
    ? { [Key in keyof T]: Sent<T[Key]> | null }
    : T

export const BILLING_ENTITY = 'acme'
/** A customer as every payload embeds it. */
export function showCustomer(customer: Customer) {
  const { payment_provider, payment_provider_code, provider_customer_id, ...rest } = customer
  const { currency, document_locale, timezone, ...shown } = rest
  const checked = {
    ...shown,
    billing_entity_code: BILLING_ENTITY,
    timezone,
    applicable_timezone: (timezone ?? 'UTC') as Timezone,
    finalize_zero_amount_invoice: 'inherit',
    skip_invoice_custom_sections: false,
    billing_configuration: {
      payment_provider,
      payment_provider_code,
      document_locale,
      ...(payment_provider === null ? {} : { provider_customer_id }),
    },
    shipping_address: {
      address_line1: null,
      address_line2: null,
      city: null,
      zipcode: null,
      state: null,
      country: null,
    },
  } satisfies Sent<CustomerObjectExtended>
  // The SDK knows fewer currencies for a customer than for an invoice.
  return { ...checked, currency }
}

/** A payment as the API shows it. Only a provider's payment has the fields that are null here. */
export function showPayment({ invoice, ...payment }: Payment) {
  return {
    ...payment,
    lago_customer_id: invoice.customer.lago_id,
    external_customer_id: invoice.customer.external_id,
    invoice_ids: [invoice.lago_id],
    invoice_numbers: [invoice.number],
    lago_payable_id: invoice.lago_id,
    payable_type: 'Invoice',
    amount_currency: invoice.currency,
    status: 'succeeded',
    payment_status: 'succeeded',
    type: 'manual',
    payment_provider_code: null,
    payment_provider_type: null,
    external_payment_id: null,
    provider_payment_id: null,
    provider_customer_id: null,
    next_action: {},
  } satisfies Sent<PaymentObject>
}

/** What every tax line says of its tax. */
export function showTax(tax: Tax) {
  return {
    lago_tax_id: tax.lago_id,
    tax_name: tax.name,
    tax_code: tax.code,
    tax_rate: tax.rate,
    tax_description: null,
  }
}

/** A record less the fields that only the sandbox knows, or shows otherwise. */
export function without<T extends object, Key extends keyof T>(
  record: T,
  hidden: readonly Key[],
): Omit<T, Key> {
  const shown = { ...record }
  for (const key of hidden) Reflect.deleteProperty(shown, key)
  return shown
}

/** An amount of minor units as a decimal text of the major unit. */
export function majorText(cents: Exact, currency: Currency): string {
  return decimalText(divide(cents, exact(10 ** exponentOf(currency))), 10)
}
