import type { CustomerObjectExtended } from 'lago-javascript-client'
import type { Country, Currency } from './currency.ts'

export type Metadatum = { lago_id: string; key: string; value: string; created_at: string }
type CustomerMetadatum = Metadatum & { display_in_invoice: boolean }

export const CUSTOMER_TEXTS = [
  'name',
  'firstname',
  'lastname',
  'email',
  'address_line1',
  'address_line2',
  'city',
  'state',
  'zipcode',
  'phone',
  'url',
  'logo_url',
  'legal_name',
  'legal_number',
  'tax_identification_number',
  'external_salesforce_id',
] as const

export type Customer = Record<(typeof CUSTOMER_TEXTS)[number], string | null> & {
  lago_id: string
  external_id: string
  sequential_id: number
  slug: string
  account_type: 'customer' | 'partner'
  customer_type: 'company' | 'individual' | null
  country: Country | null
  currency: Currency | null
  net_payment_term: number | null
  document_locale: string | null
  timezone: NonNullable<CustomerObjectExtended['timezone']> | null
  payment_provider: PaymentProvider | null
  payment_provider_code: string | null
  provider_customer_id: string | null
  metadata: CustomerMetadatum[]
  created_at: string
  updated_at: string
}

export const PAYMENT_PROVIDERS = [
  'stripe',
  'gocardless',
  'cashfree',
  'adyen',
  'flutterwave',
  'moneyhash',
] as const
type PaymentProvider = (typeof PAYMENT_PROVIDERS)[number]
