import type { DisputeStatus, GetDispute } from 'dodopayments/resources/disputes'
import type { Payment } from 'dodopayments/resources/payments'
import type { Refund } from 'dodopayments/resources/refunds'
import { Hono } from 'hono'
import { ZodError } from 'zod'
import type { Courier } from './courier.ts'
import { checkouts, customers, disputes, payments, refunds, subscriptions } from './dodo-api.ts'
import { addEndpoint, products, webhookEndpoints } from './dodo-catalog.ts'
import { type PayOptions, paySession } from './dodo-checkout.ts'
import { moveDispute, openDispute } from './dodo-disputes.ts'
import { limitRate, type RateLimit, rememberKeys, requireKey } from './dodo-gate.ts'
import { operatorPages, refundFromDashboard } from './dodo-operator-page.tsx'
import { movePayment } from './dodo-payments.ts'
import { settleRefund } from './dodo-refunds.ts'
import { DodoRefusal, refused } from './dodo-refusal.ts'
import { sessionPages } from './dodo-session-page.tsx'
import { createDodoStore, type DodoStore } from './dodo-store.ts'
import { followPayment } from './dodo-subscriptions.ts'
import { createDodoWebhooks } from './dodo-webhooks.ts'
import { type Behaviour, createLater, type DodoWorld } from './dodo-world.ts'
import { createFaults, type Faults, keepDropped } from './faults.ts'
import { type Fetch, fetchInProcess } from './in-process.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const SETTLE_AFTER_MS = 20

export type SandboxDodoOptions = {
  apiKey: string
  webhookSecret: string
  /** Where all events go, signed with `webhookSecret`. */
  webhookUrl?: string | undefined
  /** Base URL of its hosted pages. */
  publicUrl: string
  now?: () => Date
  /** How it reaches webhook endpoints. */
  fetch?: Fetch
  sessionLifetimeMs?: number
  rateLimit?: RateLimit | undefined
  /** The real one cannot be relied upon to; then a repeat gets the first answer. */
  honoursIdempotencyKey?: boolean
  webhookRetryDelaysMs?: readonly number[]
  behaviour?: Partial<Behaviour>
}

/** A Dodo Payments to play with: its API, its hosted pages, its webhooks, and its customers. */
export type SandboxDodo = {
  app: Hono
  /** Reaches the sandbox without a socket. */
  fetch: typeof fetch
  store: DodoStore
  faults: Faults
  courier: Courier
  behaviour: Behaviour
  setWebhookUrl: (url: string | undefined) => void
  /** For a server that learns its port only once it listens. */
  setPublicUrl: (url: string) => void
  /** What a customer does on the hosted page. */
  pay: (sessionId: string, options?: PayOptions) => Payment
  decline: (sessionId: string, code: string) => Payment
  saveCard: (sessionId: string) => void
  settlePayment: (
    paymentId: string,
    status: 'succeeded' | 'failed' | 'cancelled',
    code?: string,
  ) => Payment
  /** What the merchant does in the dashboard. */
  refund: (paymentId: string, amount?: number) => Refund
  settleRefund: (refundId: string, status: 'succeeded' | 'failed' | 'review') => Refund
  openDispute: (paymentId: string, options?: { amount?: number; rdr?: boolean }) => GetDispute
  moveDispute: (disputeId: string, status: DisputeStatus) => GetDispute
  /** Resolves when refunds and charges have settled and no webhook is under way. */
  idle: () => Promise<void>
  stop: () => void
}

/** Opens an empty account at a Dodo of one's own. */
export function createSandboxDodo(options: SandboxDodoOptions): SandboxDodo {
  const { now = () => new Date(), webhookRetryDelaysMs } = options
  const store = createDodoStore()
  const { courier, emit } = createDodoWebhooks({
    store,
    now,
    fetch: options.fetch ?? fetch,
    ...(webhookRetryDelaysMs && { retryDelaysMs: webhookRetryDelaysMs }),
  })
  const settling = createLater()
  const behaviour: Behaviour = {
    refunds: 'succeed',
    charges: 'succeed',
    declineConsumesSession: false,
    settleAfterMs: SETTLE_AFTER_MS,
    ...options.behaviour,
  }
  const world: DodoWorld = {
    store,
    emit,
    now,
    behaviour,
    publicUrl: withoutSlash(options.publicUrl),
    sessionLifetimeMs: options.sessionLifetimeMs ?? DAY_MS,
    later: settling.later,
  }
  const faults = createFaults({ answer: faultAnswer })
  const app = createApp(world, { options, faults, courier, now })

  let mainEndpointId: string | undefined
  const setWebhookUrl = (url: string | undefined) => {
    if (mainEndpointId) store.endpoints.delete(mainEndpointId)
    mainEndpointId = url && addEndpoint(world, { url, secret: options.webhookSecret }).id
  }
  setWebhookUrl(options.webhookUrl)

  return {
    app,
    fetch: fetchInProcess(app),
    store,
    faults,
    courier,
    behaviour,
    setWebhookUrl,
    setPublicUrl(url) {
      world.publicUrl = withoutSlash(url)
    },
    pay: (sessionId, how) => payMoney(world, sessionId, how),
    decline: (sessionId, code) => payMoney(world, sessionId, { outcome: 'failed', code }),
    saveCard: (sessionId) => void paySession(world, sessionId),
    settlePayment(paymentId, status, code) {
      const payment = movePayment(world, paymentId, { status, code })
      followPayment(world, payment)
      return payment
    },
    refund: (paymentId, amount) => refundFromDashboard(world, paymentId, amount),
    settleRefund: (refundId, status) => settleRefund(world, refundId, status),
    openDispute: (paymentId, how) => openDispute(world, paymentId, how),
    moveDispute: (disputeId, status) => moveDispute(world, disputeId, status),
    async idle() {
      await settling.idle()
      await courier.idle()
    },
    stop() {
      settling.stop()
      courier.stop()
    },
  }
}

/** Faults spoil the API only: customers and operators always reach their pages. */
function createApp(
  world: DodoWorld,
  parts: { options: SandboxDodoOptions; faults: Faults; courier: Courier; now: () => Date },
): Hono {
  const { options, faults, courier, now } = parts
  const api = new Hono()
  api.use(faults.middleware)
  api.use(requireKey(options.apiKey))
  if (options.rateLimit) api.use(limitRate(options.rateLimit, now))
  if (options.honoursIdempotencyKey) api.use(rememberKeys())
  api
    .route('/customers', customers(world))
    .route('/products', products(world))
    .route('/checkout', checkouts(world))
    .route('/checkouts', checkouts(world))
    .route('/payments', payments(world))
    .route('/refunds', refunds(world))
    .route('/disputes', disputes(world))
    .route('/subscriptions', subscriptions(world))
    .route('/webhooks', webhookEndpoints(world))

  const app = new Hono()
    .route('/session', sessionPages(world))
    .route('/sandbox', operatorPages({ world, faults, courier }))
    .route('/', api)
  app.notFound((c) => c.json({ code: 'NOT_FOUND', message: `no route ${c.req.path}` }, 404))
  app.onError(
    keepDropped((error, c) => {
      if (error instanceof DodoRefusal)
        return c.json({ code: error.code, message: error.message }, error.status)
      if (error instanceof ZodError || error instanceof SyntaxError)
        return c.json({ code: 'INVALID_REQUEST_BODY', message: error.message }, 422)
      return c.json({ code: 'INTERNAL_SERVER_ERROR', message: error.message }, 500)
    }),
  )
  return app
}

function payMoney(world: DodoWorld, sessionId: string, how?: PayOptions): Payment {
  const payment = paySession(world, sessionId, how)
  if (!payment) throw refused('UNSUPPORTED_ACTION', `session ${sessionId} only saves a card`)
  return payment
}

function withoutSlash(url: string): string {
  return url.replace(/\/$/, '')
}

function faultAnswer(status: number): Response {
  const code = status === 429 ? 'TOO_MANY_REQUESTS' : 'INTERNAL_SERVER_ERROR'
  return Response.json({ code, message: 'fault injected by the sandbox' }, { status })
}
