import DodoPayments, { APIConnectionError, APIError } from 'dodopayments'
import type { CheckoutSessionRequest } from 'dodopayments/resources/checkout-sessions'
import { z } from 'zod'

import { ApiError, Later, PermanentError } from '../errors.ts'
import { createUnreadableRows, type UnreadableRows } from '../unreadable-rows.ts'
import { createTurn, type Reserve, type Turn } from '../turn.ts'
import {
  DodoCheckout,
  DodoCustomer,
  DodoDispute,
  DodoLineItems,
  DodoPayment,
  DodoPaymentMethods,
  DodoPaymentRow,
  DodoPreview,
  DodoProductRow,
  DodoRefund,
  DodoRefundInFull,
  DodoSession,
  DodoSubscription,
  DodoBalanceEntry,
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
  reserve?: Reserve
  /** Shared by clients of the same Dodo; by default each says for itself what it cannot read. */
  unreadable?: UnreadableRows
}) {
  const { skip } = options.unreadable ?? createUnreadableRows('Dodo')
  const client = new DodoPayments(sdkOptions(options))

  const findPayment = (dodoPaymentId: string): Promise<DodoPayment | undefined> =>
    findById(dodoPaymentId, () =>
      call(`read payment ${dodoPaymentId}`, DodoPayment, () =>
        client.payments.retrieve(dodoPaymentId),
      ),
    )

  const findSession = (dodoSessionId: string): Promise<DodoSession | undefined> =>
    findById(dodoSessionId, () =>
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

  /** One page, counted from 0, of the payments made between two moments, as far as it can be read. */
  const paymentPage = (since: Date, until: Date, page: number) =>
    readablePage('payments', DodoPaymentRow, skip, page, (paging) =>
      client.payments.list({ ...madeBetween(since, until), ...paging }),
    )

  const refundPage = (since: Date, until: Date, page: number) =>
    readablePage('refunds', DodoRefund, skip, page, (paging) =>
      client.refunds.list({ ...madeBetween(since, until), ...paging }),
    )

  const disputePage = (since: Date, until: Date, page: number) =>
    readablePage('disputes', DodoDispute, skip, page, (paging) =>
      client.disputes.list({ ...madeBetween(since, until), ...paging }),
    )

  /**
   * Every movement of the balance between two moments, the oldest first. How many come on a page is documented in two
   * ways, so it is asked until there are none.
   */
  const listBalanceEntries = async (since: Date, until: Date): Promise<DodoBalanceEntry[]> => {
    const all = new Map<string, DodoBalanceEntry>()
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const items = await listPage('the balance ledger', DodoBalanceEntry, page, (paging) =>
        client.balances.retrieveLedger({
          ...madeBetween(since, until),
          limit: PAGE_SIZE,
          ...paging,
        }),
      )
      const held = all.size
      for (const item of items) all.set(item.id, item)
      if (all.size === held) break
    }
    return [...all.values()].toSorted((one, other) => +one.created_at - +other.created_at)
  }

  const subscriptionPage = (dodoProductId: string, since: Date, until: Date, page: number) =>
    readablePage('subscriptions', DodoSubscription, skip, page, (paging) =>
      client.subscriptions.list({
        product_id: dodoProductId,
        ...madeBetween(since, until),
        ...paging,
      }),
    )

  const listCustomersByEmail = (email: string) =>
    listAll('customers', DodoCustomer, (page) => client.customers.list({ email, ...page }))

  const createCustomer = (
    customer: { email: string; name: string; metadata: Record<string, string> },
    turn?: Turn,
  ) => call('create a customer', DodoCustomer, () => client.customers.create(customer, on(turn)))

  const findCustomer = (dodoCustomerId: string): Promise<DodoCustomer | undefined> =>
    orUndefined(
      call(`read customer ${dodoCustomerId}`, DodoCustomer, () =>
        client.customers.retrieve(asPathPart(dodoCustomerId)),
      ),
    )

  const listProducts = () =>
    listAll('products', DodoProductRow, (page) =>
      client.products.list({ archived: false, ...page }),
    )

  const createProduct = (product: Parameters<typeof client.products.create>[0], turn?: Turn) =>
    call('create a product', z.object({ product_id: z.string() }), () =>
      client.products.create(product, on(turn)),
    )

  /** What the customer would be asked for, without creating anything. */
  const previewCheckout = (body: CheckoutBody) =>
    call('preview a checkout', DodoPreview, () => client.checkoutSessions.preview(body))

  /** Opens a hosted checkout. */
  const createCheckout = (body: CheckoutBody, idempotencyKey: string, turn?: Turn) =>
    call('create a checkout', DodoCheckout, () =>
      client.checkoutSessions.create(body, on(turn, idempotencyKey)),
    )

  const findSubscription = (dodoSubscriptionId: string): Promise<DodoSubscription | undefined> =>
    findById(dodoSubscriptionId, () =>
      call(`read subscription ${dodoSubscriptionId}`, DodoSubscription, () =>
        client.subscriptions.retrieve(dodoSubscriptionId),
      ),
    )

  /** Nobody can be charged by it any more. A cancelled one stays cancelled. */
  const cancelSubscription = (dodoSubscriptionId: string) =>
    call(`cancel subscription ${dodoSubscriptionId}`, DodoSubscription, () =>
      client.subscriptions.update(asPathPart(dodoSubscriptionId), {
        status: 'cancelled',
        cancel_reason: 'cancelled_by_merchant',
      }),
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
    key: string,
    turn?: Turn,
  ) =>
    call(`charge mandate ${dodoSubscriptionId}`, z.object({ payment_id: z.string() }), () =>
      client.subscriptions.charge(asPathPart(dodoSubscriptionId), body, on(turn, key)),
    )

  /** Ends a mandate at once: nothing is charged through it any more. */
  const cancelMandate = (dodoSubscriptionId: string) =>
    call(`cancel mandate ${dodoSubscriptionId}`, DodoSubscription, () =>
      client.subscriptions.update(asPathPart(dodoSubscriptionId), { status: 'cancelled' }),
    )

  /** The cards that a customer has saved, with what may be shown of them. */
  const listPaymentMethods = (dodoCustomerId: string) =>
    call(`list the cards of ${dodoCustomerId}`, DodoPaymentMethods, () =>
      client.customers.retrievePaymentMethods(asPathPart(dodoCustomerId)),
    ).then(({ items }) => items)

  /** Every payment made through a mandate: by no window of time, because the clock is not ours. */
  const listMandatePayments = (dodoSubscriptionId: string) =>
    listAll('payments', DodoPaymentRow, (page) =>
      client.payments.list({ subscription_id: dodoSubscriptionId, ...page }),
    )

  /** Every payment of a customer, through whatever it was made. */
  const listCustomerPayments = (dodoCustomerId: string) =>
    listAll('payments', DodoPaymentRow, (page) =>
      client.payments.list({ customer_id: dodoCustomerId, ...page }),
    )

  /** Gives money back: all that is left of a payment, or of one item the amount given. */
  const createRefund = (
    body: Parameters<typeof client.refunds.create>[0],
    key: string,
    turn?: Turn,
  ) =>
    call(`refund payment ${body.payment_id}`, DodoRefund, () =>
      client.refunds.create(body, on(turn, key)),
    )

  const findRefund = (dodoRefundId: string): Promise<DodoRefundInFull | undefined> =>
    findById(dodoRefundId, () =>
      call(`read refund ${dodoRefundId}`, DodoRefundInFull, () =>
        client.refunds.retrieve(dodoRefundId),
      ),
    )

  const listLineItems = (dodoPaymentId: string) =>
    call(`read the items of ${dodoPaymentId}`, DodoLineItems, () =>
      client.payments.retrieveLineItems(asPathPart(dodoPaymentId)),
    ).then(({ items }) => items)

  const listDisputesSince = (since: Date) =>
    listAll('disputes', DodoDispute, (page) =>
      client.disputes.list({ created_at_gte: since.toISOString(), ...page }),
    )

  const updateCustomer = (dodoCustomerId: string, change: { name?: string; email?: string }) =>
    call(`update customer ${dodoCustomerId}`, z.looseObject({}), () =>
      client.customers.update(asPathPart(dodoCustomerId), change),
    )

  /** Whose key it is, as far as Dodo tells: it has no route for the business itself. */
  const findBusiness = async (): Promise<Business | undefined> => {
    const brands = await orUndefined(call('list brands', Businesses, () => client.brands.list()))
    const [business] = brands?.items ?? (await listFirstProducts())
    return business
  }

  const listFirstProducts = () =>
    call('list products', Businesses, () => client.products.list({ page_size: 1 })).then(
      ({ items }) => items.map(({ business_id }) => ({ business_id })),
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
    reserve: options.reserve ?? (async () => createTurn('Dodo', () => new Date())),
    paymentPage,
    refundPage,
    disputePage,
    subscriptionPage,
    listBalanceEntries,
    findBusiness,
    listWebhookEndpoints,
    findSubscription,
    cancelSubscription,
    listSubscriptions,
    listSubscriptionsOf,
    chargeMandate,
    cancelMandate,
    listPaymentMethods,
    listMandatePayments,
    listCustomerPayments,
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
    findCustomer,
    listProducts,
    createProduct,
    previewCheckout,
    createCheckout,
  }
}

/** For every client of the SDK: no silent retries, and no log of its own. */
export const sdkOptions = (options: {
  url: string
  apiKey: string
  fetch: typeof globalThis.fetch
}) => ({
  bearerToken: options.apiKey,
  baseURL: options.url,
  fetch: options.fetch,
  maxRetries: 0,
  timeout: SDK_TIMEOUT_MS,
  logLevel: 'off' as const,
})

/** The turn is for the fetch; Dodo does not promise to honour the key, and nothing of ours relies on it. */
const on = (turn: Turn | undefined, idempotencyKey?: string) => ({
  fetchOptions: { turn } as Omit<RequestInit, 'body' | 'headers' | 'method' | 'signal'>,
  ...(idempotencyKey && { headers: { 'Idempotency-Key': idempotencyKey } }),
})

type Business = { business_id: string; name?: string | null | undefined }
const Businesses = z.object({
  items: z.array(z.object({ business_id: z.string(), name: z.string().nullish() })),
})

const madeBetween = (since: Date, until: Date | undefined) => ({
  created_at_gte: since.toISOString(),
  ...(until && { created_at_lte: until.toISOString() }),
})

/** Pages are zero-based and must be named: the SDK's own iteration skips the second one. */
export async function listAll<Item extends z.ZodType>(
  name: string,
  item: Item,
  fetchPage: (page: { page_number: number; page_size: number }) => PromiseLike<{ items: unknown }>,
): Promise<z.infer<Item>[]> {
  const all: z.infer<Item>[] = []
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const items = await listPage(name, item, page, fetchPage)
    all.push(...items)
    if (items.length < PAGE_SIZE) break
  }
  return all
}

const listPage = async <Item extends z.ZodType>(
  name: string,
  item: Item,
  page: number,
  fetchPage: (page: { page_number: number; page_size: number }) => PromiseLike<{ items: unknown }>,
): Promise<z.infer<Item>[]> => {
  const { items } = await call(`list ${name}`, z.object({ items: z.array(item) }), () =>
    fetchPage({ page_number: page, page_size: PAGE_SIZE }),
  )
  return items
}

/** What of a page can be read, and how many rows it has: one that nobody can read must not hide the others from a sweep. */
async function readablePage<Item extends z.ZodType>(
  name: string,
  item: Item,
  skip: UnreadableRows['skip'],
  page: number,
  fetchPage: (page: { page_number: number; page_size: number }) => PromiseLike<{ items: unknown }>,
): Promise<{ rows: z.infer<Item>[]; count: number }> {
  const items = await listPage(name, z.unknown(), page, fetchPage)
  const rows = items.flatMap((row): z.infer<Item>[] => {
    const parsed = item.safeParse(row)
    if (parsed.success) return [parsed.data]
    skip(name, row, describe(parsed.error))
    return []
  })
  return { rows, count: items.length }
}

const describe = ({ issues: [first] }: z.ZodError) =>
  `${first?.path.join('.') || 'the whole'}: ${first?.message}`

/** One call through the SDK, with its errors in our words and its answer checked. */
export async function call<Shape extends z.ZodType>(
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
  const unreadable = describe(parsed.error)
  throw new ApiError({ service: 'Dodo', call: what, outcome: 'unknown', unreadable })
}

/** Dodo's ids, as it makes them. A webhook or a stranger's metadata may name another, which leads to another route. */
const ID = /^[A-Za-z0-9_-]{1,128}$/

/** The object of that id; Dodo is not asked for what cannot be one. */
const findById = async <Value>(id: string, find: () => Promise<Value>) =>
  ID.test(id) ? orUndefined(find()) : undefined

function asPathPart(id: string): string {
  if (ID.test(id)) return id
  throw new PermanentError(`${JSON.stringify(id.slice(0, 40))} is not an id of Dodo`)
}

async function orUndefined<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

const ErrorBody = z.object({
  code: z.string().optional(),
  message: z.string().optional(),
  /** Of our own making, where there are several keys (`clients.ts`). */
  asked_with: z.string().optional(),
})

function asApiError(what: string, thrown: unknown): unknown {
  const cause = thrown instanceof APIConnectionError ? thrown.cause : thrown
  if (cause instanceof ApiError || cause instanceof Later) return cause
  if (cause instanceof PermanentError) return cause
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
    askedWith: body.asked_with,
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
