import { textOf } from './books.ts'

export type Json = Record<string, unknown>

/** A request of the bridge's to a service, as it leaves. */
export type Sent = {
  service: 'lago' | 'dodo'
  /** Which Dodo account it is asked of, by its host; empty for the one that collects for Lago. */
  account: string
  method: string
  path: string
  body: Json
  at: Date
}

/** A call that creates something. `key` is the same for every call that would create the same again. */
export type Creation = {
  what: keyof typeof LOOKS
  key: string
  about: Json
}

/** Where what each call creates is looked for before it may be made again; null where nothing can be found. */
export const LOOKS = {
  checkout: null,
  setup: null,
  charge: /^\/payments/,
  refund: /^\/(payments|refunds)\//,
  customer: /^\/customers/,
  product: /^\/products/,
  payment: /\/payments$/,
  credit_note: /\/credit_notes/,
} as const

/** How long after it left a call without an answer may still take effect, less what clocks and rounding may take off. */
export const UNANSWERED_MS = {
  checkout: 0,
  setup: 0,
  charge: 100_000,
  refund: 70_000,
  customer: 70_000,
  product: 70_000,
  payment: 70_000,
  credit_note: 70_000,
} as const

/** Reads a request without taking it from whoever sends it. */
export async function readSent(
  request: Request,
  service: Sent['service'],
  { at, account = '' }: { at: Date; account?: string | undefined },
): Promise<Sent> {
  const text = request.method === 'GET' ? '' : await request.clone().text()
  const path = new URL(request.url).pathname
  return { service, account, method: request.method, path, body: asJson(text), at }
}

export function asJson(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Json) : {}
  } catch {
    return {}
  }
}

/** What a request creates; undefined for all others. */
export function creationOf(sent: Sent): Creation | undefined {
  if (sent.method !== 'POST') return undefined
  return sent.service === 'dodo' ? atDodo(sent) : atLago(sent)
}

/** What a checkout or a charge asks for, in Dodo's minor units. */
export function askedFor(body: Json): number {
  const cart = body['product_cart']
  const first = Array.isArray(cart) ? (cart[0] as { amount?: number }).amount : undefined
  const mandate = part(part(body, 'subscription_data'), 'on_demand')['product_price']
  return Number(first ?? mandate ?? body['product_price'])
}

export const part = (body: Json, key: string): Json => {
  const value = body[key]
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

function atDodo({ path, body }: Sent): Creation | undefined {
  const metadata = part(body, 'metadata')
  const [, subscriptionId] = /^\/subscriptions\/([^/]+)\/charge$/.exec(path) ?? []
  const attempt = `${receivableNamed(metadata)} ${textOf(metadata['bridge_attempt'])}`
  if (subscriptionId)
    return {
      what: 'charge',
      key: `${subscriptionId} ${attempt}`,
      about: { subscriptionId, metadata },
    }
  switch (path) {
    case '/checkouts': {
      const isSetup = part(part(body, 'subscription_data'), 'on_demand')['mandate_only'] === true
      const payer = payerNamed(metadata)
      return isSetup
        ? { what: 'setup', key: payer, about: { payer } }
        : { what: 'checkout', key: attempt, about: { metadata } }
    }
    case '/refunds':
      return { what: 'refund', key: textOf(body['payment_id']), about: body }
    case '/customers': {
      const payer = payerNamed(metadata)
      return { what: 'customer', key: payer, about: { payer } }
    }
    case '/products': {
      const price = part(body, 'price')
      const key = `${textOf(metadata['kind'])}:${textOf(price['currency'])}`
      return { what: 'product', key, about: {} }
    }
    default:
      return undefined
  }
}

/** Who pays, by what the call says of them. */
function payerNamed(metadata: Json): string {
  const contact = textOf(metadata['highlevel_contact_id'])
  const location = textOf(metadata['highlevel_location_id'])
  return contact ? `highlevel:default:${location}:${contact}` : textOf(metadata['lago_customer_id'])
}

function atLago({ path, body }: Sent): Creation | undefined {
  if (path.endsWith('/api/v1/payments')) {
    const payment = part(body, 'payment')
    const key = `${textOf(payment['reference'])} ${textOf(payment['invoice_id'])}`
    return { what: 'payment', key, about: payment }
  }
  if (path.endsWith('/api/v1/credit_notes')) {
    const note = part(body, 'credit_note')
    const refundId = textOf(part(note, 'metadata')['dodo_refund_id'])
    const key = `${refundId} ${textOf(note['invoice_id'])}`
    return { what: 'credit_note', key, about: note }
  }
  return undefined
}

/** What an attempt says that it is of: the payment request before the first of its invoices. */
export const receivableNamed = (metadata: Json) =>
  textOf(metadata['bridge_order']) ||
  textOf(metadata['lago_payment_request_id']) ||
  textOf(metadata['bridge_selection_id']) ||
  textOf(metadata['lago_invoice_id'])
