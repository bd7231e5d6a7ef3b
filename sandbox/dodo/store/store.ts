import { randomBytes } from 'node:crypto'
import type {
  Customer,
  CustomerRetrievePaymentMethodsResponse,
} from 'dodopayments/resources/customers/customers'
import type { BalanceLedgerEntry } from 'dodopayments/resources/balances'
import type { GetDispute } from 'dodopayments/resources/disputes'
import type { Payment } from 'dodopayments/resources/payments'
import type { Product } from 'dodopayments/resources/products/products'
import type { Refund } from 'dodopayments/resources/refunds'
import type { Subscription } from 'dodopayments/resources/subscriptions'
import type { WebhookDetails } from 'dodopayments/resources/webhooks/webhooks'
import type { CheckoutCreate } from './requests.ts'

/** A hosted checkout, and what came of it; the newest payment is the last. */
export type Session = {
  sessionId: string
  createdAt: Date
  expiresAt: Date
  request: CheckoutCreate
  paymentIds: string[]
  subscriptionId?: string
}

/** One position of a payment, the unit of a partial refund. */
export type Line = {
  itemId: string
  productId: string
  name: string
  amount: number
  tax: number
}

/** A payment method that a customer has left with Dodo. */
export type SavedCard = CustomerRetrievePaymentMethodsResponse.Item & { customerId: string }

/** A link that lets a customer put another card behind a mandate. */
export type CardUpdate = { subscriptionId: string; expiresAt: Date; returnUrl: string | null }

export type RefundPart = { itemId: string; amount: number }
export type Endpoint = WebhookDetails & { secret: string; headers: Record<string, string> }
export type ProductRecord = Product & { archived: boolean }

export const BUSINESS_ID = 'bus_sandbox'

/** All that the sandbox Dodo knows; tests read it directly. */
export type DodoStore = ReturnType<typeof createDodoStore>

/** An account in which nothing has happened yet. */
export function createDodoStore() {
  return {
    customers: new Map<string, Customer>(),
    products: new Map<string, ProductRecord>(),
    sessions: new Map<string, Session>(),
    payments: new Map<string, Payment>(),
    lines: new Map<string, Line[]>(),
    refunds: new Map<string, Refund>(),
    refundParts: new Map<string, RefundPart[]>(),
    disputes: new Map<string, GetDispute>(),
    subscriptions: new Map<string, Subscription>(),
    cards: new Map<string, SavedCard>(),
    /** By the payment that the new card is tried with. */
    cardUpdates: new Map<string, CardUpdate>(),
    endpoints: new Map<string, Endpoint>(),
    /** What moves the balance beside payments, refunds and disputes: payouts, corrections. */
    balanceEntries: [] as BalanceLedgerEntry[],
  }
}

const ID_BYTES = 12

/** A random id with Dodo's prefix, such as `pay_…`. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(ID_BYTES).toString('base64url').replaceAll(/[-_]/g, '0')}`
}
