import DodoPayments, { APIConnectionError, APIError } from 'dodopayments'
import type { CheckoutSessionRequest } from 'dodopayments/resources/checkout-sessions'
import { z } from 'zod'

import { ApiError, Later } from '../errors.ts'
import { isId } from '../ids.ts'
import {
  DodoCheckout,
  DodoCustomer,
  DodoDispute,
  DodoLineItems,
  DodoPayment,
  DodoPaymentRow,
  DodoPreview,
  DodoProductRow,
  DodoRefund,
  DodoRefundInFull,
  DodoSession,
  DodoSubscription,
} from './objects.ts'

const MAX_PAGES = 500
const PAGE_SIZE = 100
/** The deadline of the fetch that is plugged in is the shorter one and decides. */
const SDK_TIMEOUT_MS = 60_000

export type Dodo = ReturnType<typeof createDodo>
export type CheckoutBody = CheckoutSessionRequest

/**
 * Dodo Payments through its official SDK. Its silent retries are off, because a POST that is repeated
 * blindly creates twice. Every method throws `ApiError`, or `Later` when Dodo asks us to slow down.
 */
export function createDodo(options: {
  url: string
  apiKey: string
  fetch: typeof globalThis.fetch
}) {
  const client = new DodoPayments({
    bearerToken: options.apiKey,
    baseURL: options.url,
    fetch: options.fetch,
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    logLevel: 'off',
  })

  const findPayment = (dodoPaymentId: string): Promise<DodoPayment | undefined> =>
    ifId(dodoPaymentId, () =>
      call(`read payment ${dodoPaymentId}`, DodoPayment, () =>
        client.payments.retrieve(dodoPaymentId),
      ),
    )

  const findSession = (dodoSessionId: string): Promise<DodoSession | undefined> =>
    ifId(dodoSessionId, () =>
      call(`read session ${dodoSessionId}`, DodoSession, () =>
        client.checkoutSessions.retrieve(dodoSessionId),
      ),
    )

  /** Every payment made since then, in every status. */
  const listPaymentsSince = (since: Date, until?: Date) =>
    listAll('payments', DodoPaymentRow, (page) =>
      client.payments.list({ ...madeBetween(since, until), ...page }),
    )

  /** Every refund made since then, in every status. */
  const listRefundsSince = (since: Date, until?: Date) =>
    listAll('refunds', DodoRefund, (page) =>
      client.refunds.list({ ...madeBetween(since, until), ...page }),
    )

  const listCustomersByEmail = (email: string) =>
    listAll('customers', DodoCustomer, (page) => client.customers.list({ email, ...page }))

  const createCustomer = (customer: {
    email: string
    name: string
    metadata: Record<string, string>
  }) => call('create a customer', DodoCustomer, () => client.customers.create(customer))

  const listProducts = () =>
    listAll('products', DodoProductRow, (page) =>
      client.products.list({ archived: false, ...page }),
    )

  const createProduct = (product: Parameters<typeof client.products.create>[0]) =>
    call('create a product', z.object({ product_id: z.string() }), () =>
      client.products.create(product),
    )

  /** What the customer would be asked for, without creating anything. */
  const previewCheckout = (body: CheckoutBody) =>
    call('preview a checkout', DodoPreview, () => client.checkoutSessions.preview(body))

  /** Opens a hosted checkout. Dodo does not promise to honour the key; our ledger does not rely on it. */
  const createCheckout = (body: CheckoutBody, idempotencyKey: string) =>
    call('create a checkout', DodoCheckout, () =>
      client.checkoutSessions.create(body, { headers: { 'Idempotency-Key': idempotencyKey } }),
    )

  const findSubscription = (dodoSubscriptionId: string): Promise<DodoSubscription | undefined> =>
    ifId(dodoSubscriptionId, () =>
      call(`read subscription ${dodoSubscriptionId}`, DodoSubscription, () =>
        client.subscriptions.retrieve(dodoSubscriptionId),
      ),
    )

  const listSubscriptions = (dodoProductId: string) =>
    listAll('subscriptions', DodoSubscription, (page) =>
      client.subscriptions.list({ product_id: dodoProductId, ...page }),
    )

  const listSubscriptionsOf = (dodoCustomerId: string) =>
    listAll('subscriptions', DodoSubscription, (page) =>
      client.subscriptions.list({ customer_id: dodoCustomerId, ...page }),
    )

  /** Charges a mandate. The answer means accepted, not paid; Dodo promises no idempotency. */
  const chargeMandate = (
    dodoSubscriptionId: string,
    body: Parameters<typeof client.subscriptions.charge>[1],
    idempotencyKey: string,
  ) =>
    call(`charge mandate ${dodoSubscriptionId}`, z.object({ payment_id: z.string() }), () =>
      client.subscriptions.charge(dodoSubscriptionId, body, {
        headers: { 'Idempotency-Key': idempotencyKey },
      }),
    )

  /** Payments made through a mandate since then. */
  const listMandatePayments = (dodoSubscriptionId: string, since: Date) =>
    listAll('payments', DodoPaymentRow, (page) =>
      client.payments.list({
        subscription_id: dodoSubscriptionId,
        created_at_gte: since.toISOString(),
        ...page,
      }),
    )

  /** Gives money back: all that is left of a payment, or of one item the amount given. */
  const createRefund = (body: Parameters<typeof client.refunds.create>[0], key: string) =>
    call(`refund payment ${body.payment_id}`, DodoRefund, () =>
      client.refunds.create(body, { headers: { 'Idempotency-Key': key } }),
    )

  const findRefund = (dodoRefundId: string): Promise<DodoRefundInFull | undefined> =>
    ifId(dodoRefundId, () =>
      call(`read refund ${dodoRefundId}`, DodoRefundInFull, () =>
        client.refunds.retrieve(dodoRefundId),
      ),
    )

  const listLineItems = (dodoPaymentId: string) =>
    call(`read the items of ${dodoPaymentId}`, DodoLineItems, () =>
      client.payments.retrieveLineItems(dodoPaymentId),
    ).then(({ items }) => items)

  const listDisputesSince = (since: Date) =>
    listAll('disputes', DodoDispute, (page) =>
      client.disputes.list({ created_at_gte: since.toISOString(), ...page }),
    )

  const updateCustomer = (dodoCustomerId: string, change: { name?: string; email?: string }) =>
    call(`update customer ${dodoCustomerId}`, z.looseObject({}), () =>
      client.customers.update(dodoCustomerId, change),
    )

  /** Where Dodo sends events to, and whether it has given up on an endpoint. */
  const listWebhookEndpoints = () =>
    call(
      'list the webhook endpoints',
      z.object({
        data: z.array(z.object({ url: z.string(), disabled: z.boolean().nullish() })),
      }),
      () => client.webhooks.list({ limit: PAGE_SIZE }),
    ).then(({ data }) => data)

  return {
    listWebhookEndpoints,
    findSubscription,
    listSubscriptions,
    listSubscriptionsOf,
    chargeMandate,
    listMandatePayments,
    createRefund,
    findRefund,
    listLineItems,
    listDisputesSince,
    updateCustomer,
    findPayment,
    findSession,
    listPaymentsSince,
    listRefundsSince,
    listCustomersByEmail,
    createCustomer,
    listProducts,
    createProduct,
    previewCheckout,
    createCheckout,
  }
}

const madeBetween = (since: Date, until: Date | undefined) => ({
  created_at_gte: since.toISOString(),
  ...(until && { created_at_lte: until.toISOString() }),
})

/** Of what can be no id nobody is asked. */
const ifId = <Value>(id: string, find: () => Promise<Value>): Promise<Value | undefined> =>
  isId(id) ? orUndefined(find()) : Promise.resolve(undefined)

/** Pages are zero-based and must be named: the SDK's own iteration skips the second one. */
async function listAll<Item extends z.ZodType>(
  name: string,
  item: Item,
  fetchPage: (page: { page_number: number; page_size: number }) => PromiseLike<{ items: unknown }>,
): Promise<z.infer<Item>[]> {
  const all: z.infer<Item>[] = []
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items } = await call(`list ${name}`, z.object({ items: z.array(item) }), () =>
      fetchPage({ page_number: page, page_size: PAGE_SIZE }),
    )
    all.push(...items)
    if (items.length < PAGE_SIZE) break
  }
  return all
}

async function call<Shape extends z.ZodType>(
  what: string,
  shape: Shape,
  request: () => PromiseLike<unknown>,
): Promise<z.infer<Shape>> {
  let answer: unknown
  try {
    answer = await request()
  } catch (thrown) {
    throw asApiError(what, thrown)
  }
  const parsed = shape.safeParse(answer)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  const unreadable = `${first?.path.join('.') || 'the whole'}: ${first?.message}`
  throw new ApiError({ service: 'Dodo', call: what, outcome: 'unknown', unreadable })
}

async function orUndefined<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

const ErrorBody = z.object({ code: z.string().optional(), message: z.string().optional() })

function asApiError(what: string, thrown: unknown): unknown {
  const cause = thrown instanceof APIConnectionError ? thrown.cause : thrown
  if (cause instanceof ApiError || cause instanceof Later) return cause
  if (!(thrown instanceof APIError) || thrown.status === undefined) {
    return new ApiError({ service: 'Dodo', call: what, outcome: 'unknown', cause })
  }
  const body = ErrorBody.safeParse(thrown.error).data ?? {}
  return new ApiError({
    service: 'Dodo',
    call: what,
    outcome: isAmbiguous(thrown.status, body.code) ? 'unknown' : 'refused',
    status: thrown.status,
    code: body.code,
    detail: body.message ?? plainText(thrown) ?? EMPTY[thrown.status],
  })
}

/** What an answer without a word most likely means: a key that may only read is answered like a wrong one. */
const EMPTY: Record<number, string> = {
  401: 'the answer is empty: is DODO_API_KEY read-only, or of the other mode?',
  403: 'the answer is empty: may DODO_API_KEY do this?',
}

/** Answers that are not JSON are kept by the SDK in the message alone, behind the status. */
function plainText({ status, error, message }: APIError): string | undefined {
  if (error !== undefined) return undefined
  const text = message.replace(`${status} `, '')
  if (text === 'status code (no body)') return undefined
  return text
    .slice(0, MAX_TEXT)
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

const MAX_TEXT = 4_000

/** A 408, or a 409 that does not say what it is about, may be about a request that was carried out. */
const isAmbiguous = (status: number, code: string | undefined) =>
  status === 408 || (status === 409 && code === undefined)
