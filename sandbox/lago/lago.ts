import { Hono } from 'hono'
import { ZodError } from 'zod'
import { createCourier, type Courier } from '../kit/courier.ts'
import { createFaults, keepDropped, type Faults } from '../kit/faults.ts'
import { fetchInProcess, type Fetch } from '../kit/in-process.ts'
import { createActs, type LagoActs } from './store/acts.ts'
import { answer } from './api/answer.ts'
import { lagoApi } from './api/api.ts'
import { lagoPages } from './pages/operator.tsx'
import { LagoRefusal } from './store/refusal.ts'
import { NO_SUCH_ROUTE, olderApi } from './api/older.ts'
import { playRelease } from './store/release.ts'
import { createSigner } from './api/signature.ts'
import type { SignatureAlgorithm } from './store/records.ts'
import { createLagoStore, timestamp, type LagoStore, type LagoWorld } from './store/store.ts'
import { createAnnouncer } from './api/webhooks.ts'
import { createLater } from '../kit/later.ts'

/** Lago waits 3 s after the first failure and 18 s after the second; then it gives up for good. */
const RETRY_DELAYS_MS = [3_000, 18_000]
const WEBHOOK_TIMEOUT_MS = 30_000
const SUCCESS_STATUSES: readonly number[] = [200, 201, 202, 204]
const VERSION = 'v1.50.0'

export type SandboxLagoOptions = {
  apiKey: string
  hmacKey: string
  /** The first endpoint; without it nothing is delivered until one is registered. */
  webhookUrl?: string | undefined
  /** Where the sandbox's own pages are reached. */
  publicUrl: string
  premium?: boolean
  /** The release that is played, such as `1.18.0`, from 1.0.0 on; without it, today's code. */
  release?: string
  /** What the organisation has beside its licence; `manual_payments` counts from 1.19 to 1.21. */
  integrations?: readonly string[]
  /** What `GET /health` says instead of the release; an image of a bare commit says a date. */
  version?: string
  /** How deliveries to `webhookUrl` are signed. */
  signature?: SignatureAlgorithm
  jwtIssuer?: string
  now?: () => Date
  /** How the bridge is reached. */
  fetch?: Fetch
  organizationId?: string
  /** The currencies of its plans; by default there is none. */
  planCurrencies?: readonly string[]
  /** What the key may not do, like `write:webhook_endpoint`. */
  denied?: readonly string[]
  retryDelaysMs?: readonly number[]
  /** How long it takes to bill a top-up; by default no time at all. */
  topUpDelayMs?: number
}

export type SandboxLago = LagoActs & {
  app: Hono
  /** Reaches the sandbox without a socket. */
  fetch: typeof globalThis.fetch
  store: LagoStore
  organizationId: string
  /** Whether it has a premium licence just now. */
  isPremium: () => boolean
  faults: Faults
  courier: Courier
  setWebhookUrl: (url: string | undefined) => void
  /** Resolves when no webhook is under way; scheduled retries do not count. */
  idle: () => Promise<void>
  stop: () => void
}

/** A Lago that lives in this process: it answers, refuses, signs and announces as the real one does. */
export function createSandboxLago(options: SandboxLagoOptions): SandboxLago {
  const { apiKey, hmacKey, publicUrl, fetch = globalThis.fetch, topUpDelayMs = 0 } = options
  const clock = createClock(options.now)
  const { now } = clock
  const { later, ...working } = createLater()
  const { organizationId = crypto.randomUUID(), jwtIssuer = publicUrl } = options
  const store = createLagoStore()
  const since = playRelease(options.release)
  // Before it, an organisation has no key of its own for this.
  const signer = createSigner({ hmacKey: since('1.16.0') ? hmacKey : apiKey, issuer: jwtIssuer })
  const faults = createFaults()
  const courier = createCourier({
    fetch,
    retryDelaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS,
    timeoutMs: WEBHOOK_TIMEOUT_MS,
    isSuccess: (status) => SUCCESS_STATUSES.includes(status),
    now,
  })
  const announce = createAnnouncer({ store, organizationId, signer, courier, since })
  const premium = options.premium ?? true
  const world: LagoWorld = {
    store,
    organizationId,
    publicUrl,
    premium,
    since,
    integrations: options.integrations ?? [],
    now,
    topUpDelayMs,
    later,
    announce,
  }

  const setWebhookUrl = (url: string | undefined) => {
    const [first] = store.webhookEndpoints
    if (url === undefined) store.webhookEndpoints.splice(0, 1)
    else if (first) first.webhook_url = url
    else store.webhookEndpoints.push(newEndpoint(url, options.signature ?? 'hmac', now()))
  }
  if (options.webhookUrl !== undefined) setWebhookUrl(options.webhookUrl)

  const { planCurrencies, denied } = options
  const acts = createActs(world, clock)
  const version = options.version ?? (options.release ? `v${options.release}` : VERSION)
  const app = new Hono()
    .use('/api/*', faults.middleware)
    .use('/api/*', olderApi(since))
    .get('/favicon.ico', (c) => c.body(null, 204))
    .get('/health', () => answer({ version, github_url: GITHUB_URL, message: 'Success' }))
    .route('/api/v1', lagoApi({ world, apiKey, signer, startedAt: now(), planCurrencies, denied }))
    .route('/', lagoPages({ world, courier, faults, acts, setWebhookUrl }))
  app.notFound(() => answer(NO_SUCH_ROUTE, 404))
  app.onError(keepDropped(refuse))

  return {
    ...acts,
    app,
    fetch: fetchInProcess(app),
    store,
    organizationId,
    isPremium: () => world.premium,
    faults,
    courier,
    setWebhookUrl,
    async idle() {
      await working.idle()
      await courier.idle()
    },
    stop() {
      working.stop()
      courier.stop()
    },
  }
}

/** A clock that can be put forward. */
function createClock(real: () => Date = () => new Date()) {
  let aheadMs = 0
  return {
    now: () => new Date(real().getTime() + aheadMs),
    advance(ms: number) {
      aheadMs += ms
    },
  }
}

const GITHUB_URL = 'https://github.com/getlago/lago-api'

function newEndpoint(url: string, algorithm: SignatureAlgorithm, createdAt: Date) {
  return {
    lago_id: crypto.randomUUID(),
    webhook_url: url,
    signature_algo: algorithm,
    name: 'sandbox',
    event_types: null,
    created_at: timestamp(createdAt),
  }
}

function refuse(error: Error): Response {
  if (error instanceof LagoRefusal) return answer(error.body, error.status)
  // Only the operator's buttons are read with zod.
  const status = error instanceof ZodError || error instanceof SyntaxError ? 422 : 500
  return answer({ status, error: error.message }, status)
}
