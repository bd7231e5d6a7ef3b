/** What HighLevel keeps, as far as payments see it. Amounts are decimals in major units. */

export type Location = {
  id: string
  companyId: string
  name: string
  isActive: boolean
  isInstalled: boolean
  installedAt: Date | null
}

export type Contact = { id: string; locationId: string; name: string; email: string }

type TokenKind = 'Location' | 'Company'
export type Token = {
  accessToken: string
  refreshToken: string | null
  kind: TokenKind
  companyId: string
  locationId: string | null
  expiresAt: Date
}

/** A code of the consent page; it is exchanged once. */
export type Code = { code: string; kind: TokenKind; companyId: string; locationId: string | null }

export type Keys = { apiKey: string; publishableKey: string }

/** The provider record of one location and app. */
export type Integration = {
  _id: string
  locationId: string
  marketplaceAppId: string
  name: string
  description: string
  paymentsUrl: string
  queryUrl: string
  imageUrl: string
  supportsSubscriptionSchedule: boolean
  deleted: boolean
  createdAt: string
  updatedAt: string
  keys: { live: Keys | null; test: Keys | null }
}

type TransactionStatus = 'pending' | 'succeeded' | 'failed'
export type Transaction = {
  _id: string
  locationId: string
  orderId: string
  contactId: string | null
  subscriptionId: string | null
  amount: number
  currency: string
  status: TransactionStatus
  liveMode: boolean
  chargeId: string | null
  chargeSnapshot: unknown
  amountRefunded: number
  createdAt: string
  updatedAt: string
}

export type Order = {
  _id: string
  locationId: string
  contactId: string | null
  amount: number
  currency: string
  status: 'pending' | 'completed'
  liveMode: boolean
  productId: string
  priceId: string
  createdAt: string
}

export type Price = {
  _id: string
  locationId: string
  product: string
  name: string
  type: 'one_time' | 'recurring'
  currency: string
  amount: number
  recurring: { interval: 'day' | 'week' | 'month' | 'year'; intervalCount: number } | null
  trialPeriod: number | null
  totalCycles: number | null
  setupFee: number | null
}

export type Subscription = {
  _id: string
  locationId: string
  contactId: string | null
  orderId: string
  amount: number
  currency: string
  status: string
  liveMode: boolean
  subscriptionSnapshot: unknown
  canceledAt: string | null
  priceId: string
}
