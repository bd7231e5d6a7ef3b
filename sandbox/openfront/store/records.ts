/** What a shop keeps, as far as payments see it. Amounts are integers in the shop's "cents". */

type Currency = { code: string; noDivisionCurrency: boolean }
export type Region = { id: string; name: string; taxRate: number; currency: Currency }
export type Product = { id: string; title: string; price: number }
export type Line = { id: string; productId: string; quantity: number }
type Discount = { code: string; amount: number }

export type PaymentSession = {
  id: string
  amount: number
  isSelected: boolean
  isInitiated: boolean
  providerCode: string
  /** The whole answer of the provider; empty until it was asked. */
  data: Record<string, unknown>
}

export type PaymentCollection = { id: string; amount: number; sessions: PaymentSession[] }

export type Cart = {
  id: string
  email: string | null
  customerName: string | null
  regionId: string
  lines: Line[]
  discounts: Discount[]
  shippingPrice: number
  collection: PaymentCollection | null
  orderId: string | null
}

/** What a business account owes; only its owner, logged in, may pay it. */
export type Invoice = {
  id: string
  totalAmount: number
  currency: Currency
  accountId: string
  userId: string
  collection: PaymentCollection | null
  paidAt: Date | null
}

/** `paid`, `failed` and the like are no words for an order. */
type OrderStatus = 'pending' | 'completed' | 'archived' | 'canceled' | 'requires_action'

export type Order = {
  id: string
  displayId: number
  cartId: string
  status: OrderStatus
  secretKey: string
  email: string | null
  total: number
  currency: string
}

export const PAYMENT_STATUSES = ['pending', 'authorized', 'captured', 'failed', 'canceled'] as const
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number]

export type Payment = {
  id: string
  orderId: string | null
  invoiceId: string | null
  providerCode: string
  status: PaymentStatus
  amount: number
  currency: string
  data: Record<string, unknown>
  capturedAt: Date | null
}

export type Capture = { id: string; paymentId: string; amount: number }

/** The six that an HTTP provider fills with addresses. */
export const PROVIDER_FUNCTIONS = [
  'createPaymentFunction',
  'capturePaymentFunction',
  'refundPaymentFunction',
  'getPaymentStatusFunction',
  'generatePaymentLinkFunction',
  'handleWebhookFunction',
] as const
export type ProviderFunction = (typeof PROVIDER_FUNCTIONS)[number]

export type PaymentProvider = {
  id: string
  name: string
  code: string
  isInstalled: boolean
  credentials: Record<string, unknown>
} & Record<ProviderFunction, string>

export type ApiKey = { token: string; scopes: string[]; expiresAt: Date | null }
