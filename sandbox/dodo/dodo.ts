import { Hono } from 'hono'
import { ZodError } from 'zod'
import type { Courier } from '../kit/courier.ts'
import { createDodoActs, type DodoActs } from './store/acts.ts'
import { subscriptions } from './api/subscriptions.ts'
import { brands } from './api/brands.ts'
import { allowReading } from './api/keys.ts'
import { balances, checkouts, customers, disputes, payments, refunds } from './api/api.ts'
import { products } from './api/products.ts'
import { cardPages } from './pages/card-page.tsx'
import { chargeOutcome } from './store/charges.ts'
import { webhookEndpoints } from './api/webhook-endpoints.ts'
import { addEndpoint } from './store/webhook-endpoints.ts'
import { limitRate, type RateLimit, rememberKeys, requireKey } from './api/gate.ts'
import { operatorPages } from './pages/operator.tsx'
import { DodoRefusal } from './store/refusal.ts'
import { sessionPages } from './pages/session-page.tsx'
import { createDodoStore, type DodoStore } from './store/store.ts'
import { createDodoWebhooks } from './api/webhooks.ts'
import { type Behaviour, type DodoWorld, GOOD_DAY } from './store/world.ts'
import { createFaults, type Faults, keepDropped, loseAnswers } from '../kit/faults.ts'
import { type Fetch, fetchInProcess } from '../kit/in-process.ts'
import { createLater } from '../kit/later.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

export type SandboxDodoOptions = {
  apiKey: string
  /** A second key of the same account, which may only read. */
  readOnlyKey?: string
  maxEndpoints?: number
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
export type SandboxDodo = DodoActs & {
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
  const behaviour: Behaviour = { ...GOOD_DAY, chargesOf: {}, ...options.behaviour }
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
    ...createDodoActs(world),
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
  api.use(allowReading(options.readOnlyKey, options.apiKey))
  api.use(requireKey(options.apiKey))
  if (options.rateLimit) api.use(limitRate(options.rateLimit, now))
  const isLost = (id: string | undefined) => chargeOutcome(world, id ?? '') === 'lost'
  api.use(
    '/subscriptions/:id/charge',
    loseAnswers((c) => isLost(c.req.param('id'))),
  )
  if (options.honoursIdempotencyKey) api.use(rememberKeys())
  api
    .route('/customers', customers(world))
    .route('/products', products(world))
    .route('/checkout', checkouts(world))
    .route('/checkouts', checkouts(world))
    .route('/payments', payments(world))
    .route('/refunds', refunds(world))
    .route('/disputes', disputes(world))
    .route('/balances', balances(world))
    .route('/subscriptions', subscriptions(world))
    .route('/webhooks', webhookEndpoints(world, options))
    .route('/brands', brands())

  const app = new Hono()
    .get('/favicon.ico', (c) => c.body(null, 204))
    .route('/session', sessionPages(world))
    .route('/card', cardPages(world))
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

function withoutSlash(url: string): string {
  return url.replace(/\/$/, '')
}

function faultAnswer(status: number): Response {
  const code = status === 429 ? 'TOO_MANY_REQUESTS' : 'INTERNAL_SERVER_ERROR'
  return Response.json({ code, message: 'fault injected by the sandbox' }, { status })
}
