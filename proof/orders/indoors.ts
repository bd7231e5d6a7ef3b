import { fetchInProcess } from '../../sandbox/kit/in-process.ts'
import {
  createSandboxOpenfront,
  GRAPHQL_PATH,
  type SandboxOpenfront,
} from '../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../sandbox/openfront/store/providers.ts'
import type { Tap } from '../../test/support/tap.ts'
import { openWorld, type World } from '../../test/support/world.ts'
import { CODE, LOCATION, PRICE } from './stories.ts'
import { passWeek, type Proven } from './told.ts'

const STORE_KEY = 'ofk_0123456789abcdef'
const BRIDGE_URL = 'http://bridge.test'
const SHOP_URL = 'http://shop.test'
const UNLIMITED = '10000/s'
/** Between two tries time passes faster than it does: what was in doubt is given its two minutes. */
const PASSES_MS = 3_000
const AGAIN_MS = 60
const CONNECTED_MS = 60_000

export type Service = 'dodo' | 'openfront' | 'highlevel'
export type Indoors = Awaited<ReturnType<typeof openIndoors>>

/** The same places in one process, where each call of the bridge's can be spoilt, and time passes as fast as it is to. */
export async function openIndoors() {
  let world: World | undefined
  const taps = new Set<(service: Service, request: Request) => Tap | undefined>()
  const shop = createSandboxOpenfront({
    publicUrl: SHOP_URL,
    behaviour: { patch: 'full' },
    fetch: fetchInProcess({
      async fetch(request) {
        if (!world) throw new Error('the bridge is not up')
        return world.get(new URL(request.url).pathname, request)
      },
    }),
  })
  const productId = stock(shop)
  const token = shop.createApiKey(['read_orders'])
  const others = { 'shop.test': { fetch: (request: Request) => shop.fetch(request) } }
  const opened = await openWorld({
    unproven: 'each story is proven by itself',
    others,
    highlevel: {},
    env: {
      DODO_RATE_LIMIT: UNLIMITED,
      VOID_PAYMENTS: 'refund',
      OPENFRONT_API_KEYS: `demo:${STORE_KEY}`,
      OPENFRONT_URLS: `demo:${SHOP_URL}${GRAPHQL_PATH}`,
      OPENFRONT_TOKENS: `demo:${token}`,
      OPENFRONT_COMPLETE_AFTER: '20s',
      HIGHLEVEL_PAYMENTS: 'recurring',
      HIGHLEVEL_TELL_AFTER: '20s',
    },
  })
  world = opened
  const { dodo, highlevel } = opened
  for (const [service, side] of [
    ['dodo', dodo],
    ['highlevel', highlevel],
    ['openfront', others['shop.test']],
  ] as const)
    through(side, service, taps)
  highlevel.createLocation(LOCATION)
  await install(opened)

  const place: Proven = {
    dodo,
    shop,
    agency: highlevel,
    productId,
    url: BRIDGE_URL,
    fetch: (url, init) => opened.get(new URL(url).pathname, init),
    async wait() {
      opened.advance(PASSES_MS)
      await Bun.sleep(AGAIN_MS)
    },
    passWeek: (subscriptionId) => passWeek(opened.bridge.db, subscriptionId),
    now: () => new Date(Date.now()),
    ledger: opened.bridge.db,
    watch: opened.watch,
  }
  return { place, world: opened, taps, close: () => opened.close() }
}

function stock(shop: SandboxOpenfront): string {
  shop.createRegion('US', 'USD')
  shop.createProvider({
    name: 'Dodo Payments',
    code: CODE,
    isInstalled: true,
    credentials: { apiKey: STORE_KEY, environment: 'sandbox' },
    ...functionsAt(BRIDGE_URL),
  })
  return shop.createProduct('E-book', PRICE).id
}

/** Lets each request pass whoever stands in its way now. */
function through(
  side: { fetch: unknown },
  service: Service,
  taps: ReadonlySet<(service: Service, request: Request) => Tap | undefined>,
) {
  const real = side.fetch as (request: Request) => Promise<Response>
  side.fetch = async (request: Request) => {
    for (const find of taps) {
      const act = find(service, request)
      if (act) return act(request, () => real(request))
    }
    return real(request)
  }
}

async function install({ highlevel, get }: World) {
  const code = highlevel.install(LOCATION)
  await get(`/highlevel/oauth/callback?code=${code}`)
  const deadline = performance.now() + CONNECTED_MS
  for (;;) {
    const keys = highlevel.store.integrations.get(LOCATION)?.keys
    if (keys?.test && !keys.live) return
    if (performance.now() > deadline) throw new Error('the location was not connected')
    await Bun.sleep(AGAIN_MS)
  }
}
