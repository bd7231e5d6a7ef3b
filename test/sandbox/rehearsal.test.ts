import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { z } from 'zod'

import { SANDBOX_KEYS } from '../../sandbox/rehearsal.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const SANDBOX = Bun.fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))
const MAIN = Bun.fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const PATIENCE_MS = 120_000
const LOOK_MS = 50

const base = { PATH: process.env['PATH'] ?? '', NO_PROXY: '127.0.0.1,localhost' }

const start = (args: string[], env: Record<string, string> = base) =>
  Bun.spawn(['bun', ...args], { env, cwd: '/', stdout: 'pipe', stderr: 'pipe' })

/** Reads what a sandbox prints up to the last line for `.env`. */
async function readEnv(child: ReturnType<typeof start>): Promise<Record<string, string>> {
  let text = ''
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (/^DODO_WEBHOOK_SECRET=.+$/m.test(text)) break
  }
  return Object.fromEntries(
    Array.from(text.matchAll(/^([A-Z_]+)=(.*)$/gm), ([, name = '', value = '']) => [name, value]),
  )
}

async function freePort() {
  const server = Bun.serve({ port: 0, fetch: () => new Response() })
  const { port } = server
  await server.stop(true)
  return port ?? 0
}

async function eventually<Found>(find: () => Promise<Found | undefined>): Promise<Found> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await find().catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not in time: ${String(find)}`)
    await Bun.sleep(LOOK_MS)
  }
}

const Invoice = z.object({
  invoice: z.object({
    payment_status: z.string(),
    metadata: z.array(z.object({ key: z.string(), value: z.string() })),
  }),
})
const Endpoints = z.object({ webhook_endpoints: z.array(z.object({ webhook_url: z.string() })) })

const press = (url: string, fields: Record<string, string>) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' })

describe('the installation is rehearsed', () => {
  let database: TestDatabase
  let sandbox: ReturnType<typeof start>
  let bridge: ReturnType<typeof start>
  let env: Record<string, string>
  const at = (name: string) => env[name] ?? ''

  beforeAll(async () => {
    database = await createTestDatabase()
    const port = await freePort()
    const ports = ['--lago-port', '0', '--dodo-port', '0']
    sandbox = start([SANDBOX, ...ports, '--bridge', `http://localhost:${port}/`])
    env = await readEnv(sandbox)
    bridge = start([MAIN], { ...base, ...env, PORT: String(port), DATABASE_URL: database.url })
    await eventually(async () => (await fetch(`${at('PUBLIC_URL')}/ready`)).ok || undefined)
  })
  afterAll(async () => {
    bridge.kill()
    sandbox.kill('SIGINT')
    await Promise.all([bridge.exited, sandbox.exited])
    await database.drop()
  })

  const readLago = async (path: string) => {
    const headers = { Authorization: `Bearer ${at('LAGO_API_KEY')}` }
    return (await fetch(`${at('LAGO_API_URL')}/api/v1${path}`, { headers })).json()
  }

  test('with the lines that the sandbox prints, to the first payment', async () => {
    await press(`${at('LAGO_API_URL')}/sandbox/customers`, { name: 'Ann', external_id: 'ann' })
    await press(`${at('LAGO_API_URL')}/sandbox/invoices`, {
      external_customer_id: 'ann',
      amount_cents: '9900',
      currency: 'USD',
    })
    const { invoices } = z
      .object({ invoices: z.array(z.object({ lago_id: z.string() })) })
      .parse(await readLago('/invoices'))
    const path = `/invoices/${invoices[0]?.lago_id}`
    const payUrl = await eventually(async () => {
      const { invoice } = Invoice.parse(await readLago(path))
      return invoice.metadata.find(({ key }) => key === 'dodo_pay_url')?.value
    })

    const checkout = await fetch(payUrl)
    expect(checkout.url).toStartWith(at('DODO_API_URL'))
    expect(await checkout.text()).toContain('99.00 USD')
    await press(checkout.url, { outcome: 'succeeded', email: 'ann@fern.example', country: 'US' })

    const isPaid = async () => {
      const { invoice } = Invoice.parse(await readLago(path))
      return invoice.payment_status === 'succeeded' || undefined
    }
    expect(await eventually(isPaid)).toBe(true)
  })

  test('with endpoints that both services list', async () => {
    const { webhook_endpoints: lago } = Endpoints.parse(await readLago('/webhook_endpoints'))
    const headers = { Authorization: `Bearer ${at('DODO_API_KEY')}` }
    const dodo = await (await fetch(`${at('DODO_API_URL')}/webhooks`, { headers })).json()

    expect(lago.map(({ webhook_url }) => webhook_url)).toEqual([
      `${at('PUBLIC_URL')}/webhooks/lago`,
    ])
    expect(dodo).toMatchObject({ data: [{ url: `${at('PUBLIC_URL')}/webhooks/dodo` }] })
  })

  test('with keys that are the same each time', () => {
    expect(env).toMatchObject({
      LAGO_API_KEY: SANDBOX_KEYS.lagoApiKey,
      LAGO_WEBHOOK_HMAC_KEY: SANDBOX_KEYS.lagoHmacKey,
      DODO_API_KEY: SANDBOX_KEYS.dodoApiKey,
      DODO_WEBHOOK_SECRET: SANDBOX_KEYS.dodoWebhookSecret,
    })
  })

  test('until Ctrl-C; a second sandbox on the same ports says which to change', async () => {
    const { port } = new URL(at('LAGO_API_URL'))
    const second = start([SANDBOX, '--lago-port', port, '--dodo-port', '0'])

    expect(await second.exited).toBe(1)
    expect(await second.stderr.text()).toContain('--lago-port')

    const third = start([SANDBOX, '--lago-port', '0', '--dodo-port', '0', '--no-webhooks'])
    const { LAGO_API_URL: url = '' } = await readEnv(third)
    const headers = { Authorization: `Bearer ${SANDBOX_KEYS.lagoApiKey}` }
    const listed = await fetch(`${url}/api/v1/webhook_endpoints`, { headers })
    expect(await listed.json()).toMatchObject({ webhook_endpoints: [] })
    third.kill('SIGINT')
    expect(await third.exited).toBe(0)
  })
})
