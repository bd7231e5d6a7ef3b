import { fetchInProcess } from '../../../sandbox/kit/in-process.ts'
import {
  createSandboxHighlevel,
  type SandboxHighlevelOptions,
} from '../../../sandbox/highlevel/highlevel.ts'

export const PLATFORM_URL = 'http://highlevel.test'
export const LOCATION = 'loc_demo_1'
export const APP = {
  id: 'app_demo_1',
  clientId: 'app_demo_1-lx0k9',
  clientSecret: 'client-secret-0001',
  redirectUrl: 'http://bridge.test/highlevel/oauth/callback',
  scopes: [
    'payments/orders.readonly',
    'payments/orders.write',
    'payments/subscriptions.readonly',
    'payments/transactions.readonly',
    'payments/custom-provider.readonly',
    'payments/custom-provider.write',
    'products.readonly',
    'products/prices.readonly',
    'oauth.readonly',
    'oauth.write',
  ],
  ssoSecret: 'test-shared-secret-0001',
}
export const PROVIDER = {
  name: 'Dodo Payments',
  description: 'Cards and wallets',
  paymentsUrl: 'http://bridge.test/highlevel/pay',
  queryUrl: 'http://bridge.test/highlevel/query',
  imageUrl: 'http://bridge.test/highlevel/logo.png',
  supportsSubscriptionSchedule: false,
}
export const KEYS = {
  live: { apiKey: 'hlk_live_1', publishableKey: 'hlp_live_1' },
  test: { apiKey: 'hlk_test_1', publishableKey: 'hlp_test_1' },
}

type Delivery = { headers: Headers; body: string; json: Record<string, unknown> }

/** A HighLevel with one location, and a bridge that remembers webhooks and answers queries as it is told. */
export function openPlatform(options: Partial<SandboxHighlevelOptions> = {}) {
  const deliveries: Delivery[] = []
  const queries: Record<string, unknown>[] = []
  const answers: Record<string, unknown> = {}
  const platform = createSandboxHighlevel({
    app: APP,
    publicUrl: PLATFORM_URL,
    webhookUrl: 'http://bridge.test/webhooks/highlevel',
    webhookRetryDelaysMs: [],
    fetch: fetchInProcess({
      async fetch(request) {
        const body = await request.text()
        const json = JSON.parse(body) as Record<string, unknown>
        if (new URL(request.url).pathname === '/highlevel/query') {
          queries.push(json)
          return Response.json(answers[String(json['type'])] ?? { success: false })
        }
        deliveries.push({ headers: request.headers, body, json })
        return Response.json({ received: true })
      },
    }),
    ...options,
  })
  platform.createLocation(LOCATION)

  const call = async (
    method: string,
    path: string,
    {
      body,
      token,
      version = '2021-07-28',
    }: { body?: unknown; token?: string; version?: string } = {},
  ) => {
    const response = await platform.fetch(`${PLATFORM_URL}${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        Version: version,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, json: (await response.json()) as Record<string, never> }
  }
  const exchange = async (fields: Record<string, string>) => {
    const form = { client_id: APP.clientId, client_secret: APP.clientSecret, ...fields }
    const init = { method: 'POST', body: new URLSearchParams(form) }
    const response = await platform.fetch(`${PLATFORM_URL}/oauth/token`, init)
    return { status: response.status, json: (await response.json()) as Record<string, never> }
  }
  /** A location whose provider is connected in both modes. */
  const connect = async (locationId = LOCATION) => {
    const code = platform.install(locationId)
    const { json } = await exchange({ grant_type: 'authorization_code', code })
    const token = String(json['access_token'])
    const at = '/payments/custom-provider'
    await call('POST', `${at}/provider?locationId=${locationId}`, { body: PROVIDER, token })
    await call('POST', `${at}/connect?locationId=${locationId}`, { body: KEYS, token })
    return token
  }
  return { platform, deliveries, queries, answers, call, exchange, connect }
}

/** The message of what was thrown; fails when nothing was. */
export const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => {
      throw new Error('was not refused')
    },
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
