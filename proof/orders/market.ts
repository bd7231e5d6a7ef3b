import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { createSandboxHighlevel, type SandboxHighlevel } from '../../sandbox/highlevel/highlevel.ts'
import { listen } from '../../sandbox/kit/listen.ts'
import { createSandboxLago } from '../../sandbox/lago/lago.ts'
import {
  createSandboxOpenfront,
  GRAPHQL_PATH,
  type SandboxOpenfront,
} from '../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../sandbox/openfront/store/providers.ts'
import { openDatabase } from '../../src/db/client.ts'
import { SCOPES, SCOPES_OF_AGENCIES } from '../../src/highlevel/oauth.ts'
import { createWatch } from '../oracle.ts'
import { openReplicas } from './replicas.ts'
import { CODE, LOCATION, PRICE } from './stories.ts'
import { passWeek } from './told.ts'

const STORE_KEY = 'ofk_0123456789abcdef'
const DODO_KEY = 'dodo_test_key'
const WEBHOOK_SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'
const PATIENCE_MS = 60_000
const AGAIN_MS = 250

type Sandbox = { app: { fetch: (request: Request, server: unknown) => unknown }; stop: () => void }
/** Asked for every call of the bridge's, before and after it is carried out; true keeps it from being carried out. */
export type OnCall = (where: string) => boolean
export type Market = Awaited<ReturnType<typeof openMarket>>

const letPass: OnCall = () => false

/**
 * A shop, an agency and a Dodo with a bridge as merchants run it, of as many processes as there are to be, behind one
 * address. Every call of the bridge's, and every answer that it gives, passes the oracle.
 */
export async function openMarket({ url, ledgerUrl }: { url: string; ledgerUrl: string }) {
  const ledger = openDatabase(ledgerUrl, 2)
  let onCall: OnCall = letPass
  const replicas = openReplicas({
    answered: (path, asked, response) => watch.answers(path, asked, response),
    acknowledged: (request, status) => watch.acknowledged(request, status),
  })

  function serve<Made extends Sandbox>(name: string, create: (publicUrl: string) => Made) {
    return listen({ port: 0 }, (publicUrl) => {
      const sandbox = create(publicUrl)
      const fetch = async (request: Request, server: unknown) => {
        const go = async () => (await sandbox.app.fetch(request, server)) as Response
        return called(name, request, go)
      }
      return { app: { fetch }, stop: sandbox.stop, sandbox }
    })
  }

  async function called(name: string, request: Request, go: () => Promise<Response>) {
    const where = `${request.method} ${name} ${await nameOf(request)}`
    if (onCall(`before ${where}`)) return new Response(null, { status: 503 })
    if (name === 'highlevel') await watch.tells(request)
    const isDodo = name === 'dodo' && request.headers.has('authorization')
    const response = await (isDodo ? watch.pass(request, 'dodo', go) : go())
    onCall(`after ${where}`)
    return response
  }

  const dodo = serve('dodo', (publicUrl): SandboxDodo =>
    createSandboxDodo({
      apiKey: DODO_KEY,
      webhookSecret: WEBHOOK_SECRET,
      webhookUrl: `${replicas.url}/webhooks/dodo`,
      publicUrl,
      webhookRetryDelaysMs: [200, 500, 1_000, 2_000],
    }),
  )
  const openfront = serve('openfront', (publicUrl): SandboxOpenfront =>
    createSandboxOpenfront({ publicUrl, behaviour: { patch: 'full' } }),
  )
  const highlevel = serve('highlevel', (publicUrl): SandboxHighlevel =>
    createSandboxHighlevel({
      app: appOf(replicas.url),
      publicUrl,
      webhookUrl: `${replicas.url}/webhooks/highlevel`,
    }),
  )
  const books = { dodo: dodo.sandbox.sandbox, lago: nobodysLago() }
  const shop = openfront.sandbox.sandbox
  const agency = highlevel.sandbox.sandbox
  const watch = createWatch({
    books,
    highlevel: agency,
    storeKeys: `demo:${STORE_KEY}`,
    db: () => ledger.db,
    now: () => new Date(),
  })
  const product = stock(shop, replicas.url)
  agency.createLocation(LOCATION)
  const environment = {
    ...environmentOf(replicas.url, {
      shop,
      shopUrl: openfront.url,
      agency,
      agencyUrl: highlevel.url,
    }),
    DATABASE_URL: url,
    DODO_API_URL: dodo.url,
  }

  return {
    dodo: books.dodo,
    shop,
    agency,
    productId: product.id,
    url: replicas.url,
    fetch: (address: string, init?: RequestInit) => fetch(address, init),
    wait: () => Bun.sleep(AGAIN_MS),
    passWeek: (subscriptionId: string) => passWeek(ledger.db, subscriptionId),
    now: () => new Date(),
    ledger: ledger.db,
    watch,
    replicas,
    start: (nth = 0, more: { preload?: string; env?: Record<string, string> } = {}) =>
      replicas.start(nth, { ...more, env: { ...environment, ...more.env } }),
    /** What becomes of each call of the bridge's. */
    onCalls: (act: OnCall | undefined) => (onCall = act ?? letPass),
    /** Somebody installs the app, and waits until it is connected. */
    async install() {
      const code = agency.install(LOCATION)
      await fetch(`${replicas.url}/highlevel/oauth/callback?code=${code}`)
      const deadline = performance.now() + PATIENCE_MS
      while (!agency.store.integrations.get(LOCATION)?.keys.test) {
        if (performance.now() > deadline) throw new Error('the location was not connected')
        await Bun.sleep(50)
      }
    },
    async close() {
      await replicas.close()
      await Promise.all([dodo.stop(), openfront.stop(), highlevel.stop(), ledger.close()])
    },
  }
}

/** What is asked for: a shop has one address for all. */
async function nameOf(request: Request): Promise<string> {
  const { pathname } = new URL(request.url)
  if (!pathname.endsWith(GRAPHQL_PATH)) return pathname
  const text = await request.clone().text()
  return text.includes('completeActiveCart(') ? 'completeActiveCart' : 'query'
}

const appOf = (bridgeUrl: string) => ({
  id: 'app_demo_1',
  clientId: 'app_demo_1-lx0k9',
  clientSecret: 'client-secret-0001',
  redirectUrl: `${bridgeUrl}/highlevel/oauth/callback`,
  scopes: [...SCOPES, ...SCOPES_OF_AGENCIES],
  ssoSecret: 'test-shared-secret-0001',
})

/** The oracle asks both books, and Lago's are empty here. */
const nobodysLago = () =>
  createSandboxLago({
    apiKey: 'nobody',
    hmacKey: 'nobody',
    publicUrl: 'http://lago.test',
    webhookUrl: 'http://bridge.test/webhooks/lago',
  })

function stock(shop: SandboxOpenfront, bridgeUrl: string) {
  shop.createRegion('US', 'USD')
  shop.createProvider({
    name: 'Dodo Payments',
    code: CODE,
    isInstalled: true,
    credentials: { apiKey: STORE_KEY, environment: 'sandbox' },
    ...functionsAt(bridgeUrl),
  })
  return shop.createProduct('E-book', PRICE)
}

function environmentOf(
  bridgeUrl: string,
  about: { shop: SandboxOpenfront; shopUrl: string; agency: SandboxHighlevel; agencyUrl: string },
) {
  const { shop, shopUrl, agency, agencyUrl } = about
  const app = appOf(bridgeUrl)
  return {
    PUBLIC_URL: bridgeUrl,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    DODO_RATE_LIMIT: '1000/s',
    OPENFRONT_API_KEYS: `demo:${STORE_KEY}`,
    OPENFRONT_URLS: `demo:${shopUrl}${GRAPHQL_PATH}`,
    OPENFRONT_TOKENS: `demo:${shop.createApiKey(['read_orders'])}`,
    OPENFRONT_COMPLETE_AFTER: '1s',
    HIGHLEVEL_CLIENT_ID: app.clientId,
    HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
    HIGHLEVEL_SECRET: 'a-secret-of-the-proof-with-40-characters',
    HIGHLEVEL_LOCATIONS: LOCATION,
    HIGHLEVEL_PAYMENTS: 'recurring',
    HIGHLEVEL_TELL_AFTER: '3s',
    HIGHLEVEL_API_URL: agencyUrl,
    HIGHLEVEL_MARKETPLACE_URL: agencyUrl,
    HIGHLEVEL_WEBHOOK_URL: `${agencyUrl}/payments/custom-provider/webhook`,
    HIGHLEVEL_WEBHOOK_PUBLIC_KEY: agency.webhookPublicKey,
    VOID_PAYMENTS: 'refund',
    RECONCILE_EVERY: '5s',
  }
}
