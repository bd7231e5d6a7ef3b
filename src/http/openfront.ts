import { createHash, timingSafeEqual } from 'node:crypto'

import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'

import { createOpenfrontSource } from '../billers/openfront/source.ts'
import { findUncollectable } from '../billers/openfront/uncollectable.ts'
import { claim } from '../billers/orders/claim.ts'
import {
  lookAtOrder,
  NotInTime,
  outcomeOf,
  readStanding,
  type Standing,
} from '../billers/orders/look.ts'
import { INVOICE } from '../billers/openfront/take-up-carts.ts'
import { openOrder } from '../billers/orders/open.ts'
import { findNamed, type Scope } from '../billers/orders/order.ts'
import { refundPayment } from '../billers/orders/refund.ts'
import type { OrderSource } from '../billers/orders/source.ts'
import { hearRelayed, type Heard } from '../billers/openfront/relay.ts'
import type { Config } from '../config.ts'
import type { Deps } from '../deps.ts'
import { InvalidSignature, MalformedEvent, messageOf } from '../errors.ts'
import type { Receive } from '../inbox/receive.ts'
import { readCredentials, readMode } from '../openfront/credentials.ts'
import { readRelayedEvent } from '../openfront/relayed-event.ts'
import { DODO_PAYMENTS } from './dodo-pages.ts'
import {
  CapturePayment,
  CreatePayment,
  describeIssues,
  isInvoice,
  NamedPayment,
  RefundPayment,
} from '../openfront/requests.ts'

const MAX_BYTES = 1024 * 1024

type Shops = NonNullable<Config['openfront']>
type Serving = Pick<Deps, 'accounts' | 'config' | 'db' | 'queue' | 'log' | 'now'> & {
  receive: Receive
}
type Answer = { status: 200 | 400 | 401 | 403 | 404 | 409 | 500; body: Record<string, unknown> }
type Acting = Serving & { source: OrderSource }
/** Whose call it is, and the Dodo account that collects for them now. */
type Caller = Scope & { account: string }
type Act = (deps: Acting, caller: Caller, body: unknown) => Promise<Answer>

const ok = (body: Record<string, unknown>): Answer => ({ status: 200, body })
const no = (status: Exclude<Answer['status'], 200>, error: string, rest = {}): Answer => ({
  status,
  body: { error, ...rest },
})

/** Every route, and what its errors say besides. */
const ROUTES: Record<string, { act: Act; onError: Record<string, unknown> }> = {
  'create-payment': { act: create, onError: {} },
  'capture-payment': { act: capture, onError: { success: false } },
  'refund-payment': { act: refund, onError: { success: false } },
  'get-payment-status': { act: readStatus, onError: {} },
  'generate-payment-link': { act: link, onError: {} },
  'handle-webhook': { act: relay, onError: { verified: false } },
}

/**
 * What Openfront's shops call (openfront `features/keystone/utils/paymentProviderAdapter.ts`). Each call is checked in
 * the same order: method, size, JSON, credentials, mode, fields. Without shops there is nothing here.
 */
export function openfront(serving: Serving, shops: Shops | undefined) {
  const app = new Hono()
  const deps = shops && { ...serving, source: createOpenfrontSource(shops) }
  for (const [route, { act, onError }] of Object.entries(ROUTES)) {
    if (!shops || !deps) {
      app.all(`/${route}`, (c) => c.notFound())
      continue
    }
    const say = (c: Context, { status, body }: Answer) =>
      c.json(status === 200 ? body : { ...onError, ...body }, status)
    const limit = bodyLimit({
      maxSize: MAX_BYTES,
      onError: (c) => c.json({ ...onError, error: 'Body too large' }, 413),
    })
    app.post(`/${route}`, limit, async (c) => {
      try {
        return say(c, await serve(deps, shops, act, await readJson(c)))
      } catch (error) {
        if (!(error instanceof NotInTime))
          deps.log.error({ path: c.req.path, error: messageOf(error) }, 'request failed')
        return say(c, no(500, 'Gateway unavailable'))
      }
    })
    app.all(`/${route}`, (c) => {
      c.header('Allow', 'POST')
      return c.json({ ...onError, error: 'Method not allowed' }, 405)
    })
  }
  return app
}

async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text()
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function serve(deps: Acting, shops: Shops, act: Act, body: unknown): Promise<Answer> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return no(400, 'send a JSON object')
  const credentials = readCredentials(body)
  const tenant = credentials && findStore(shops, credentials.apiKey)
  if (!tenant) return no(401, 'Invalid API key')
  const asked = readMode(credentials.environment)
  if (asked === undefined)
    return no(400, 'provider.credentials.environment must be sandbox, test, live or production')
  const mode = asked === 'default' ? deps.config.dodo.environment : asked
  const account = deps.accounts.ofMode(mode)
  if (!account) return no(400, `${mode} mode is not served here`)
  return act(deps, { source: 'openfront', tenant, mode, account: account.id }, body)
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** All secrets are compared, so that how long it takes tells nothing. */
function findStore({ stores }: Shops, given: string): string | undefined {
  const wanted = digest(given)
  let found: string | undefined
  for (const { name, apiKeys } of stores)
    for (const key of apiKeys) if (timingSafeEqual(digest(key), wanted)) found = name
  return found
}

async function create(deps: Acting, caller: Caller, body: unknown): Promise<Answer> {
  const { data, error } = CreatePayment.safeParse(body)
  if (!data) return no(400, describeIssues(error))
  const { cart, amount, currency } = data
  const why = findUncollectable({ amount, currency })
  if (why) return no(400, why)
  const { email, name } = cart.customer ?? {}
  const { tenant, mode, account } = caller
  const metadata: Record<string, string> = isInvoice(data) ? { [INVOICE]: cart.id } : {}
  const asked = { account, key: cart.id, amount, currency, email, name, metadata }
  const made = await openOrder(deps, deps.source, { tenant, mode }, asked)
  if (made === 'refused') return no(400, 'Dodo does not take this payment')
  const { standing, payUrl } = made
  const status = outcomeOf(standing).status === 'captured' ? 'captured' : 'pending'
  const paymentId = standing.order.orderId
  const sessionData = {
    provider: 'dodo',
    paymentId,
    checkoutUrl: payUrl,
    amount,
    currency,
    environment: mode,
  }
  return ok({ sessionData, paymentId, checkoutUrl: payUrl, status })
}

/** The order as it is now, and claimed if that is to be told; undefined for nobody's. */
async function look(
  deps: Acting,
  scope: Scope,
  paymentId: string,
  limits?: Parameters<typeof lookAtOrder>[2],
) {
  const named = await findNamed(deps.db, scope, paymentId)
  if (!named) return undefined
  const { orderId } = named
  const standing = await lookAtOrder(deps, orderId, limits)
  const told = outcomeOf(standing)
  if (told.status !== 'captured') return { standing, ...told }
  if (await claim(deps, orderId, deps.source.words)) return { standing, ...told }
  // It was superseded in this very moment.
  const fresh = await readStanding(deps, orderId)
  return { standing: fresh, ...outcomeOf(fresh) }
}

const unknown = no(404, 'Unknown payment')

const dataOf = (
  { order }: Standing,
  payment: { dodoPaymentId: string; status: string } | undefined,
) => ({
  id: payment?.dodoPaymentId ?? order.orderId,
  paymentId: order.orderId,
  status: payment?.status ?? 'pending',
})

async function capture(deps: Acting, scope: Scope, body: unknown): Promise<Answer> {
  const { data, error } = CapturePayment.safeParse(body)
  if (!data) return no(400, describeIssues(error))
  const seen = await look(deps, scope, data.paymentId)
  if (!seen) return unknown
  const { standing, status, payment, isMismatch } = seen
  const captured = status === 'captured' ? payment : undefined
  const transactionId = payment?.dodoPaymentId ?? null
  if (!captured || data.amount > captured.amount) {
    const why = captured ? 'more than was captured' : `the payment is ${status}`
    return no(409, why, {
      status: captured ? 'captured' : status === 'cancelled' ? 'canceled' : status,
      capturedAmount: captured?.amount ?? 0,
      transactionId,
      ...(isMismatch && { mismatch: true }),
    })
  }
  const { amount, currency } = captured
  return ok({
    success: true,
    transactionId,
    capturedAmount: amount,
    status: 'captured',
    amount,
    currency,
    ...(data.amount < amount && {
      warning: 'partial capture is not supported; the full amount was captured at checkout',
    }),
    data: dataOf(standing, captured),
  })
}

async function readStatus(deps: Acting, scope: Scope, body: unknown): Promise<Answer> {
  const { data, error } = NamedPayment.safeParse(body)
  if (!data) return no(400, describeIssues(error))
  const seen = await look(deps, scope, data.paymentId)
  if (!seen) return unknown
  const { standing, status, payment, isMismatch } = seen
  const { order, row } = standing
  const captured = status === 'captured' ? payment : undefined
  const received =
    captured ?? standing.ledger.payments.findLast((one) => one.status === 'succeeded')
  const refunded = (captured?.refunds ?? [])
    .filter((one) => one.status === 'succeeded')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  return ok({
    status,
    amount: received?.amount ?? order.amount,
    currency: received?.currency ?? order.currency,
    lastUpdated: (payment?.changedAt ?? row.settledAt ?? order.createdAt).toISOString(),
    paymentId: order.orderId,
    dodoPaymentId: payment?.dodoPaymentId ?? null,
    refundedAmount: refunded,
    ...(isMismatch && { mismatch: true }),
    data: dataOf(standing, payment),
  })
}

async function refund(deps: Acting, scope: Scope, body: unknown): Promise<Answer> {
  const { data, error } = RefundPayment.safeParse(body)
  if (!data) return no(400, describeIssues(error))
  const failed = (why: string) => no(400, `Refund failed: ${why}`, { refundedAmount: 0 })
  const named = await findNamed(deps.db, scope, data.paymentId)
  if (!named) return unknown
  if (!deps.config.openfront?.takesRefunds) return failed('refunds are switched off')
  const standing = await lookAtOrder(deps, named.orderId)
  const isPayment = standing.ledger.payments.some((one) => one.dodoPaymentId === data.paymentId)
  const outcome = await refundPayment(deps, standing, {
    amount: data.amount,
    reason: data.reason ?? undefined,
    key: data.idempotencyKey ?? undefined,
    dodoPaymentId: isPayment ? data.paymentId : undefined,
  })
  switch (outcome.is) {
    case 'refused':
      return failed(outcome.why)
    case 'busy':
      return no(409, 'another refund of this payment is under way')
    case 'unknown':
      return no(500, 'The outcome is not known yet; ask again')
    case 'done': {
      const { payment, dodoRefundId, amount, status } = outcome
      return ok({
        success: true,
        refundId: dodoRefundId,
        refundedAmount: amount,
        status,
        amount,
        currency: payment.currency,
        data: { id: dodoRefundId, payment_id: payment.dodoPaymentId, status },
      })
    }
  }
}

async function link(deps: Acting, scope: Scope, body: unknown): Promise<Answer> {
  const { data, error } = NamedPayment.safeParse(body)
  if (!data) return no(400, describeIssues(error))
  const named = await findNamed(deps.db, scope, data.paymentId)
  if (!named) return unknown
  const { payment } = outcomeOf(await readStanding(deps, named.orderId))
  return ok({ url: payment ? `${DODO_PAYMENTS}/${payment.dodoPaymentId}` : DODO_PAYMENTS })
}

/** What Dodo sent, however it came here: genuine by its signature alone, and true only once Dodo was read. */
async function relay(deps: Acting, caller: Caller, body: unknown): Promise<Answer> {
  const event = readRelayedEvent(body)
  if (!event) return no(400, 'event must be there')
  try {
    const heard = await hearRelayed(deps, caller.account, event)
    const about = heard.dodoPaymentId
    const seen = about && (await look(deps, caller, about, { freshForMs: 0 }))
    return ok(seen ? describeHeard(heard, seen) : describeUnknown(heard))
  } catch (error) {
    if (error instanceof InvalidSignature) return no(403, 'Invalid webhook signature')
    if (error instanceof MalformedEvent) return no(400, error.message)
    throw error
  }
}

type Seen = NonNullable<Awaited<ReturnType<typeof look>>>

/** Both shapes: the guide's, and the one that the shop's code reads (openfront `handlePaymentProviderWebhook.ts`). */
const tellBoth = (
  { eventType, type }: { eventType: string; type: string },
  resource: { id: string | null; amount: number; currency: string | null },
  shouldUpdatePayment: boolean,
) => ({
  verified: true,
  eventType,
  paymentId: resource.id,
  shouldUpdatePayment,
  type,
  // Without a Payment of the shop the rest is harmless; an id of one is never taken from whoever calls.
  resource: { ...resource, metadata: {} },
})

/** Of nobody's, or another store's, nothing is told but what its sender knows. */
const describeUnknown = ({ eventType }: Heard) =>
  tellBoth({ eventType, type: `dodo.${eventType}` }, { id: null, amount: 0, currency: null }, false)

const OUTCOMES = {
  captured: { eventType: 'payment.captured', type: 'payment_intent.succeeded' },
  failed: { eventType: 'payment.failed', type: 'payment_intent.payment_failed' },
  cancelled: { eventType: 'payment.cancelled', type: 'payment_intent.payment_failed' },
} as const

function describeHeard({ eventType, dodoRefundId }: Heard, seen: Seen) {
  const { standing, status, payment } = seen
  const { orderId, amount, currency } = standing.order
  const captured = status === 'captured' ? payment : undefined
  const resource = { id: orderId, amount: captured?.amount ?? amount, currency }
  // What was too much, and goes back, takes nothing from what the shop was told of.
  const given = captured?.refunds.find((one) => one.dodoRefundId === dodoRefundId)
  if (given?.status === 'succeeded') {
    const refunded = { ...resource, amount: given.amount ?? resource.amount }
    return tellBoth(
      { eventType: 'payment.refunded', type: 'dodo.refund.succeeded' },
      refunded,
      true,
    )
  }
  const isOfPayment = eventType.startsWith('payment.')
  if (!isOfPayment || status === 'pending')
    return tellBoth({ eventType, type: `dodo.${eventType}` }, resource, false)
  return tellBoth(OUTCOMES[status], resource, true)
}
