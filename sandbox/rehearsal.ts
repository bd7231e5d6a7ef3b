import { createSandboxDodo } from './dodo/dodo.ts'
import { createSandboxLago } from './lago/lago.ts'
import { listen } from './kit/listen.ts'

/** The same at every start, so that a `.env` goes on to fit; they open nothing but a sandbox. */
export const SANDBOX_KEYS = {
  lagoApiKey: '5a2d0b0c-0000-4000-8000-000000000001',
  lagoHmacKey: '5a2d0b0c-0000-4000-8000-000000000002',
  lagoOrganizationId: '5a2d0b0c-0000-4000-8000-000000000003',
  dodoApiKey: 'dodo_test_sandbox_api_key',
  dodoWebhookSecret: 'whsec_c2FuZGJveC13ZWJob29rLXNlY3JldC0wMDAwMDAwMDE=',
} as const

export type RehearsalOptions = {
  lagoPort: number
  dodoPort: number
  /** Where the bridge is reached. */
  bridgeUrl: string
  /** The name under which others reach this machine, as a bridge in a container must. */
  host?: string | undefined
  /** Whether both services already have the webhook endpoint that a merchant would add. */
  hasEndpoints: boolean
}

export type Rehearsal = ReturnType<typeof openRehearsal>

/** An empty Lago and an empty Dodo at fixed addresses, with keys that never change, for a bridge to be installed against. */
export function openRehearsal(options: RehearsalOptions) {
  const { host, hasEndpoints, bridgeUrl } = options
  const webhookUrl = (source: string) =>
    hasEndpoints ? `${bridgeUrl.replace(/\/+$/, '')}/webhooks/${source}` : undefined
  const lago = listen({ port: options.lagoPort, host }, (publicUrl) =>
    createSandboxLago({
      apiKey: SANDBOX_KEYS.lagoApiKey,
      hmacKey: SANDBOX_KEYS.lagoHmacKey,
      organizationId: SANDBOX_KEYS.lagoOrganizationId,
      webhookUrl: webhookUrl('lago'),
      publicUrl,
    }),
  )
  const dodo = openDodo()
  return {
    lagoUrl: lago.url,
    dodoUrl: dodo.url,
    lago: lago.sandbox,
    dodo: dodo.sandbox,
    stop: () => Promise.all([lago.stop(), dodo.stop()]),
  }

  function openDodo() {
    try {
      return listen({ port: options.dodoPort, host }, (publicUrl) =>
        createSandboxDodo({
          apiKey: SANDBOX_KEYS.dodoApiKey,
          webhookSecret: SANDBOX_KEYS.dodoWebhookSecret,
          webhookUrl: webhookUrl('dodo'),
          publicUrl,
        }),
      )
    } catch (error) {
      void lago.stop()
      throw error
    }
  }
}

/** What to paste into `.env`, and where to look. */
export function describeRehearsal(
  { lagoUrl, dodoUrl }: Pick<Rehearsal, 'lagoUrl' | 'dodoUrl'>,
  { bridgeUrl, hasEndpoints }: Pick<RehearsalOptions, 'bridgeUrl' | 'hasEndpoints'>,
): string[] {
  const webhooks = hasEndpoints
    ? [`Webhooks of both go to ${bridgeUrl}/webhooks/lago and ${bridgeUrl}/webhooks/dodo.`]
    : ['No webhook endpoint is registered: do that as with the real services.']
  return [
    'A Lago and a Dodo Payments to rehearse with: no real money, and nothing is kept after Ctrl-C.',
    '',
    `  Lago  ${lagoUrl}`,
    `  Dodo  ${dodoUrl}/sandbox`,
    '',
    ...webhooks,
    'Lines for .env:',
    '',
    `PUBLIC_URL=${bridgeUrl}`,
    `LAGO_API_URL=${lagoUrl}`,
    `LAGO_API_KEY=${SANDBOX_KEYS.lagoApiKey}`,
    `LAGO_WEBHOOK_HMAC_KEY=${SANDBOX_KEYS.lagoHmacKey}`,
    `DODO_API_URL=${dodoUrl}`,
    `DODO_API_KEY=${SANDBOX_KEYS.dodoApiKey}`,
    `DODO_WEBHOOK_SECRET=${SANDBOX_KEYS.dodoWebhookSecret}`,
  ]
}
