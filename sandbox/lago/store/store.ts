import type { Customer } from './customer-record.ts'
import type { CreditNote, Invoice, Payment, PaymentRequest, WebhookEndpoint } from './records.ts'
import type { Since } from './release.ts'
import { BILLING_ENTITY } from './shapes.ts'
import type { Wallet, WalletTransaction } from './wallet-record.ts'

/** Everything the sandbox remembers, in order of creation. */
export type LagoStore = {
  customers: Map<string, Customer>
  invoices: Map<string, Invoice>
  payments: Payment[]
  paymentRequests: PaymentRequest[]
  creditNotes: CreditNote[]
  wallets: Map<string, Wallet>
  walletTransactions: Map<string, WalletTransaction>
  webhookEndpoints: WebhookEndpoint[]
  billingEntity: BillingEntity
}

/** In whose name invoices are sent. */
type BillingEntity = {
  code: string
  name: string
  email: string | null
  logo_url: string | null
  document_locale: string
  email_settings: string[]
}

/** A Lago nobody has used yet. */
export function createLagoStore(): LagoStore {
  return {
    customers: new Map(),
    invoices: new Map(),
    payments: [],
    paymentRequests: [],
    creditNotes: [],
    wallets: new Map(),
    walletTransactions: new Map(),
    webhookEndpoints: [],
    billingEntity: {
      code: BILLING_ENTITY,
      name: 'Acme',
      email: 'billing@acme.example',
      logo_url: null,
      document_locale: 'en',
      email_settings: [],
    },
  }
}

/** What the sandbox's acts work on: its memory, its clock, its licence and its voice. */
export type LagoWorld = {
  store: LagoStore
  organizationId: string
  publicUrl: string
  premium: boolean
  /** Whether the release that is played has what came with another. */
  since: Since
  integrations: readonly string[]
  now: () => Date
  /** How long it takes Lago to bill a top-up; its transaction has no invoice until then. */
  topUpDelayMs: number
  later: (delayMs: number, act: () => void) => void
  /** Sends one event to every endpoint that listens for it. */
  announce: (webhookType: string, objectType: string, object: unknown) => void
}

/** A moment as Lago writes it: without a fraction of a second. */
export function timestamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}

/** A calendar day as Lago writes it. */
export function day(at: Date): string {
  return at.toISOString().slice(0, 10)
}
