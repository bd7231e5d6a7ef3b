import { Hono } from 'hono'
import { ZodError } from 'zod'
import { createCaller, type Caller } from '../kit/caller.ts'
import type { Courier } from '../kit/courier.ts'
import { createFaults, type Faults, keepDropped } from '../kit/faults.ts'
import { type Fetch, fetchInProcess } from '../kit/in-process.ts'
import { limitRate, RATE_LIMIT, type RateLimit, requireVersion } from './api/gate.ts'
import { oauthApi } from './api/oauth.ts'
import { customProviderApi, eventsApi, productsApi, salesApi } from './api/payments.ts'
import { createMarketplaceWebhooks } from './api/webhooks.ts'
import { checkoutPages } from './pages/checkout.tsx'
import { marketplacePages } from './pages/marketplace.tsx'
import { operatorPages } from './pages/operator.tsx'
import { createHighlevelActs, type HighlevelActs } from './store/acts.ts'
import { HighlevelRefusal, refusalBody } from './store/refusal.ts'
import { createHighlevelStore, type HighlevelStore } from './store/store.ts'
import { type App, AS_DOCUMENTED, type Behaviour, type HighlevelWorld } from './store/world.ts'

/** Where providers tell what happened. */
const EVENTS_PATH = '/payments/custom-provider/webhook'
/** The key pair of the vector in HighLevel's style: 32 bytes `0x07`. */
const SEED = Buffer.alloc(32, 0x07)

export type SandboxHighlevelOptions = {
  app: App
  /** Base URL of its API, its marketplace and its pages. */
  publicUrl: string
  /** Where INSTALL and UNINSTALL go. */
  webhookUrl?: string | undefined
  now?: () => Date
  /** How it reaches the app and the provider. */
  fetch?: Fetch
  behaviour?: Partial<Behaviour>
  rateLimit?: RateLimit
  webhookRetryDelaysMs?: readonly number[]
}

/** A HighLevel to play with: its API, its marketplace, its checkout, its agencies, and its buyers. */
export type SandboxHighlevel = HighlevelActs & {
  app: Hono
  /** Reaches the sandbox without a socket. */
  fetch: typeof fetch
  store: HighlevelStore
  faults: Faults
  courier: Courier
  /** The calls to `queryUrl`, and what may spoil them. */
  caller: Caller
  behaviour: Behaviour
  /** With which marketplace webhooks are signed: the base64 of its SPKI. */
  webhookPublicKey: string
  setWebhookUrl: (url: string | undefined) => void
  idle: () => Promise<void>
  stop: () => void
}

/** Opens an empty HighLevel with one marketplace app. */
export function createSandboxHighlevel(options: SandboxHighlevelOptions): SandboxHighlevel {
  const { now = () => new Date(), fetch: reach = fetch, webhookRetryDelaysMs } = options
  const behaviour: Behaviour = { ...AS_DOCUMENTED, ...options.behaviour }
  const target = { url: options.webhookUrl }
  const { courier, announce, publicKey } = createMarketplaceWebhooks({
    fetch: reach,
    now,
    target,
    seed: SEED,
    behaviour,
    ...(webhookRetryDelaysMs && { retryDelaysMs: webhookRetryDelaysMs }),
  })
  const caller = createCaller({ fetch: reach, now })
  const world: HighlevelWorld = {
    store: createHighlevelStore(),
    app: options.app,
    now,
    publicUrl: options.publicUrl.replace(/\/$/, ''),
    behaviour,
    announce,
    async query(url, body) {
      const { response, text } = await caller.post(url, body)
      if (!response.ok) throw new Error(`queryUrl answered ${response.status}`)
      return JSON.parse(text) as unknown
    },
  }
  const faults = createFaults()
  const acts = createHighlevelActs(world)
  const rateLimit = options.rateLimit ?? RATE_LIMIT
  const app = createApp(world, { acts, faults, courier, caller, rateLimit })
  return {
    ...acts,
    app,
    fetch: fetchInProcess(app),
    store: world.store,
    faults,
    courier,
    caller,
    behaviour,
    webhookPublicKey: publicKey,
    setWebhookUrl(url) {
      target.url = url
    },
    idle: () => courier.idle(),
    stop: () => courier.stop(),
  }
}

type Parts = {
  acts: HighlevelActs
  faults: Faults
  courier: Courier
  caller: Caller
  rateLimit: RateLimit
}

/** Faults spoil the API only: buyers and operators always reach their pages. */
function createApp(world: HighlevelWorld, { acts, rateLimit, ...parts }: Parts): Hono {
  const { faults } = parts
  const api = new Hono()
    .use(requireVersion)
    .use(limitRate(rateLimit, world))
    .route('/payments/custom-provider', customProviderApi(world))
    .route('/payments', salesApi(world))
    .route('/products', productsApi(world))
  const app = new Hono()
    .use('/oauth/*', faults.middleware)
    .use('/payments/*', faults.middleware)
    .use('/products/*', faults.middleware)
    .get('/favicon.ico', (c) => c.body(null, 204))
    .route('/oauth', oauthApi(world))
    .route(EVENTS_PATH, eventsApi(world))
    .route('/v2/oauth', marketplacePages(world, acts))
    .route('/checkout', checkoutPages(world, acts))
    .route('/sandbox', operatorPages({ world, acts, ...parts }))
    .route('/', api)
  app.notFound((c) =>
    c.json({ statusCode: 404, message: `Cannot ${c.req.method} ${c.req.path}` }, 404),
  )
  app.onError(
    keepDropped((error, c) => {
      if (error instanceof HighlevelRefusal) return c.json(refusalBody(error), error.status)
      const isWrong = error instanceof ZodError || error instanceof SyntaxError
      return c.json(
        { statusCode: isWrong ? 422 : 500, message: error.message },
        isWrong ? 422 : 500,
      )
    }),
  )
  return app
}
