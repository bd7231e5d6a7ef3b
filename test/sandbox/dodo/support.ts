import DodoPayments, { APIError } from 'dodopayments'
import type { CheckoutSessionCreateParams } from 'dodopayments/resources/checkout-sessions'
import type { Fetch } from '../../../sandbox/kit/in-process.ts'
import { createSandboxDodo, type SandboxDodoOptions } from '../../../sandbox/dodo/dodo.ts'

export const SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'

/** The request that a call of `fetch` stands for. */
export function requestOf(...call: Parameters<Fetch>): Request {
  const [input, init] = call
  return input instanceof Request ? new Request(input, init) : new Request(input.toString(), init)
}

/** A delivery as the bridge would see it. */
type Delivery = { headers: Record<string, string>; body: string }

/** A sandbox, the real SDK that talks to it, and the deliveries it sends. */
export function openDodo(options: Partial<SandboxDodoOptions> = {}) {
  const deliveries: Delivery[] = []
  const sandbox = createSandboxDodo({
    apiKey: 'dodo_test_key',
    webhookSecret: SECRET,
    webhookUrl: 'http://bridge.test/webhooks/dodo',
    publicUrl: 'http://dodo.test',
    async fetch(input, init) {
      const request = requestOf(input, init)
      deliveries.push({ headers: request.headers.toJSON(), body: await request.text() })
      return Response.json({ received: true })
    },
    ...options,
  })
  const client = new DodoPayments({
    bearerToken: 'dodo_test_key',
    baseURL: 'http://dodo.test',
    fetch: sandbox.fetch,
    maxRetries: 0,
  })
  const events = () => deliveries.map(({ body }) => JSON.parse(body))
  return { sandbox, client, deliveries, events, types: () => events().map(({ type }) => type) }
}

type Opened = ReturnType<typeof openDodo>

/** A pay-what-you-want product, a customer, and a checkout request for 123.45. */
export async function prepareCheckout({ client }: Opened, price: { tax_inclusive?: boolean } = {}) {
  const product = await client.products.create({
    name: 'Invoice payment (EUR)',
    tax_category: 'saas',
    price: {
      type: 'one_time_price',
      currency: 'EUR',
      price: 50,
      pay_what_you_want: true,
      tax_inclusive: true,
      ...price,
    },
    metadata: { managed_by: 'test' },
  })
  const customer = await client.customers.create({ email: 'ap@acme.example', name: 'Acme' })
  const request: CheckoutSessionCreateParams = {
    product_cart: [{ product_id: product.product_id, quantity: 1, amount: 12_345 }],
    customer: { customer_id: customer.customer_id },
    billing_address: { country: 'FR' },
    metadata: { lago_invoice_id: 'inv_1', bridge_attempt: '1' },
    return_url: 'https://bridge.test/done',
  }
  return { product, customer, request }
}

/** A paid checkout, the usual beginning. */
export async function paidCheckout(opened: Opened) {
  const prepared = await prepareCheckout(opened)
  const { session_id: sessionId } = await opened.client.checkoutSessions.create(prepared.request)
  return { ...prepared, sessionId, payment: opened.sandbox.pay(sessionId) }
}

/** The code Dodo refused with, or else the kind of error, or the value if there was none. */
export function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) =>
    error instanceof APIError ? (error.error?.code ?? error.constructor.name) : error,
  )
}

/** A checkout that saves a mandate, with or without a first charge. */
export async function openMandate(
  onDemand: { mandate_only: boolean; product_price?: number },
  options: Partial<SandboxDodoOptions> = {},
) {
  const opened = openDodo(options)
  const { client, sandbox } = opened
  const product = await client.products.create({
    name: 'Automatic payment (EUR)',
    tax_category: 'saas',
    price: {
      type: 'recurring_price',
      currency: 'EUR',
      price: 100,
      payment_frequency_count: 1,
      payment_frequency_interval: 'Month',
      subscription_period_count: 20,
      subscription_period_interval: 'Year',
      tax_inclusive: true,
    },
  })
  const customer = await client.customers.create({ email: 'ap@acme.example', name: 'Acme' })
  const request: CheckoutSessionCreateParams = {
    product_cart: [{ product_id: product.product_id, quantity: 1 }],
    customer: { customer_id: customer.customer_id },
    billing_address: { country: 'FR' },
    subscription_data: { on_demand: onDemand },
    metadata: { lago_customer_id: 'cst-42' },
    return_url: 'https://bridge.test/done',
  }
  const { session_id: sessionId } = await client.checkoutSessions.create(request)
  const mandate = () => [...sandbox.store.subscriptions.values()][0]
  const subscriptionId = () => mandate()?.subscription_id ?? ''
  return { ...opened, product, customer, request, sessionId, mandate, subscriptionId }
}

/** A mandate that can be charged, and nothing else; what it took to get there is forgotten. */
export async function savedMandate(options: Partial<SandboxDodoOptions> = {}) {
  const opened = await openMandate({ mandate_only: true }, options)
  const { sandbox, client, deliveries } = opened
  sandbox.saveCard(opened.sessionId)
  await sandbox.idle()
  deliveries.length = 0
  const id = opened.subscriptionId()
  const charge = (productPrice = 5_000) =>
    client.subscriptions.charge(id, {
      product_price: productPrice,
      metadata: { lago_invoice_id: 'inv_2' },
    })
  return { ...opened, id, charge }
}
