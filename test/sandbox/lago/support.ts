import { fetchInProcess } from '../../../sandbox/kit/in-process.ts'
import { createSandboxLago, type SandboxLagoOptions } from '../../../sandbox/lago/lago.ts'
import type { NewInvoice } from '../../../sandbox/lago/store/invoices.ts'

export const API_KEY = '0d9c1c62-54a4-4a2b-8f3a-2f2f4c7c9a10'
export const HMAC_KEY = '4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e10'
export const LAGO_URL = 'http://lago.test'
const NOW = new Date('2026-08-21T14:03:22Z')
/** The invoice of the worked example: fee 10000, coupon 1000, tax 20 %, 10800 to pay. */
export const WORKED_EXAMPLE: NewInvoice = {
  externalCustomerId: 'acct_4711',
  fees: [{ amountCents: 10_000, type: 'subscription', code: 'pro' }],
  taxes: [{ code: 'sales20', name: 'Sales tax', rate: 20 }],
  coupons: [{ amountCents: 1_000, code: 'LAUNCH10' }],
}

type Received = { headers: Headers; body: string; json: Record<string, unknown> }

/** A sandbox Lago with one customer, and a bridge that only remembers what it is told. */
export function openLago(options: Partial<SandboxLagoOptions> = {}) {
  const received: Received[] = []
  const lago = createSandboxLago({
    apiKey: API_KEY,
    hmacKey: HMAC_KEY,
    publicUrl: LAGO_URL,
    webhookUrl: 'http://bridge.test/webhooks/lago',
    now: () => NOW,
    fetch: fetchInProcess({
      async fetch(request) {
        const body = await request.text()
        received.push({ headers: request.headers, body, json: JSON.parse(body) })
        return new Response(null, { status: 200 })
      },
    }),
    ...options,
  })
  lago.createCustomer({ external_id: 'acct_4711', name: 'Blue Fern <Ltd>', currency: 'USD' })

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await lago.fetch(`${LAGO_URL}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, text, json: text === '' ? undefined : JSON.parse(text) }
  }
  /** What was announced since the last time of asking. */
  const heard = async () => {
    await lago.idle()
    return received.splice(0)
  }
  const types = async () => (await heard()).map(({ json }) => json['webhook_type'])
  return { lago, call, heard, types, received }
}

/** Lago's body for a refusal. */
export const refused = {
  forbidden: {
    status: 403,
    json: { status: 403, error: 'Forbidden', code: 'feature_unavailable' },
  },
  notFound: (resource: string) => ({
    status: 404,
    json: { status: 404, error: 'Not Found', code: `${resource}_not_found` },
  }),
  notAllowed: (code: string) => ({
    status: 405,
    json: { status: 405, error: 'Method Not Allowed', code },
  }),
  invalid: (errorDetails: Record<string, string[]>) => ({
    status: 422,
    json: {
      status: 422,
      error: 'Unprocessable Entity',
      code: 'validation_errors',
      error_details: errorDetails,
    },
  }),
}
