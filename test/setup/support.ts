import { createSandboxDodo, type SandboxDodoOptions } from '../../sandbox/dodo/dodo.ts'
import { createSandboxLago, type SandboxLagoOptions } from '../../sandbox/lago/lago.ts'
import { readSetupSettings } from '../../src/setup/settings.ts'
import { setup, type SetupIo, type SetupOptions } from '../../src/setup/setup.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

export const PUBLIC_URL = 'https://bridge.example'
export const LAGO_HOOK = `${PUBLIC_URL}/webhooks/lago`
export const DODO_HOOK = `${PUBLIC_URL}/webhooks/dodo`

/** A Lago and both modes of a Dodo, reached by the names that they have on the internet. */
export function openInternet(
  options: { lago?: Partial<SandboxLagoOptions>; dodo?: Partial<SandboxDodoOptions> } = {},
) {
  const lago = createSandboxLago({
    apiKey: LAGO_KEY,
    hmacKey: HMAC_KEY,
    publicUrl: 'https://api.getlago.com',
    ...options.lago,
  })
  const openDodo = (mode: 'test' | 'live', apiKey: string) =>
    createSandboxDodo({
      apiKey,
      webhookSecret: WEBHOOK_SECRET,
      publicUrl: `https://${mode}.dodopayments.com`,
      ...options.dodo,
    })
  const dodo = openDodo('test', DODO_KEY)
  const liveDodo = openDodo('live', 'dodo_live_key')
  const writes: string[] = []
  const fetch = (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input instanceof URL ? input.href : (input as string), init)
    const { host, pathname } = new URL(request.url)
    if (request.method !== 'GET') writes.push(`${request.method} ${host}${pathname}`)
    if (host === 'test.dodopayments.com') return dodo.fetch(request)
    if (host === 'live.dodopayments.com') return liveDodo.fetch(request)
    return lago.fetch(request)
  }
  return {
    lago,
    dodo,
    liveDodo,
    /** Every request that was not a read, in order. */
    writes,
    fetch,
    /** Registers an endpoint at each, as a person does who follows a page. */
    async register(atLago: string, atDodo: string) {
      const send = (url: string, key: string, body: unknown) =>
        fetch(url, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
      await send('https://api.getlago.com/api/v1/webhook_endpoints', LAGO_KEY, {
        webhook_endpoint: { webhook_url: atLago, signature_algo: 'hmac' },
      })
      await send('https://test.dodopayments.com/webhooks', DODO_KEY, { url: atDodo })
    },
    stop() {
      for (const one of [lago, dodo, liveDodo]) one.stop()
    },
  }
}

/** Runs `bridge setup` in that world, and returns what it said. */
export async function runSetup(
  { fetch }: Pick<ReturnType<typeof openInternet>, 'fetch'>,
  {
    env = {},
    io = {},
    ...options
  }: SetupOptions & { env?: Record<string, string>; io?: Partial<SetupIo> } = {},
) {
  const lines: string[] = []
  const settings = readSetupSettings({
    PUBLIC_URL,
    LAGO_API_KEY: LAGO_KEY,
    DODO_API_KEY: DODO_KEY,
    ...env,
  })
  const exitCode = await setup(
    { isAgreed: true, ...options },
    { ...settings, fetch, now: () => new Date(), write: (line) => lines.push(line), ...io },
  )
  return { exitCode, text: lines.join('\n') }
}
