import { createSandboxDodo } from '../sandbox/dodo/dodo.ts'
import { listen } from '../sandbox/kit/listen.ts'
import { createSandboxLago } from '../sandbox/lago/lago.ts'
import { KEYS } from './keys.ts'

/**
 * A Lago and a Dodo in a process of their own, whose requests are counted, with a third port on which a bench says what
 * happens there. `delayMs` is how long each answer takes.
 */
const delayMs = Number(process.argv[2] ?? 0)
const counts = { lago: 0, dodo: 0 }
const times = { billedAt: 0, openedAt: 0 }
type Counted = keyof typeof counts

/** The same app, counted and slowed down. */
function counted<Sandbox extends { app: { fetch: (...args: never[]) => unknown } }>(
  service: Counted,
  sandbox: Sandbox,
): Sandbox {
  const { app } = sandbox
  const own = app.fetch as (request: Request, server: unknown) => Response | Promise<Response>
  const fetch = async (request: Request, server: unknown) => {
    counts[service] += 1
    if (request.method === 'POST' && request.url.endsWith('/checkouts'))
      times.openedAt = performance.now()
    if (delayMs > 0) await Bun.sleep(delayMs)
    return own(request, server)
  }
  return { ...sandbox, app: { fetch } }
}

const lago = listen({ port: 0 }, (publicUrl) =>
  counted('lago', createSandboxLago({ ...KEYS.lago, publicUrl })),
)
const dodo = listen({ port: 0 }, (publicUrl) =>
  counted('dodo', createSandboxDodo({ ...KEYS.dodo, publicUrl, rateLimit: undefined })),
)
const customers: { external_id: string }[] = []

const newCustomer = () => {
  const external_id = `acct_${crypto.randomUUID()}`
  const email = `ap-${external_id}@fern.example`
  const customer = lago.sandbox.createCustomer({
    external_id,
    name: 'Blue Fern',
    email,
    country: 'US',
  })
  customers.push(customer)
  return customer
}

const acts: Record<string, (of: { port?: number; count?: number; isNew?: boolean }) => unknown> = {
  /** Where webhooks go from now on. */
  connect({ port }) {
    lago.sandbox.setWebhookUrl(`http://127.0.0.1:${port}/webhooks/lago`)
    dodo.sandbox.setWebhookUrl(`http://127.0.0.1:${port}/webhooks/dodo`)
  },
  bill({ count = 1, isNew = false }) {
    for (let nth = 0; nth < count; nth += 1) {
      const known = customers[nth % Math.max(1, customers.length)]
      const customer = isNew || !known ? newCustomer() : known
      times.billedAt = performance.now()
      lago.sandbox.createInvoice({
        externalCustomerId: customer.external_id,
        fees: [{ amountCents: 5_000 }],
      })
    }
  },
  pay() {
    for (const { sessionId, paymentIds } of dodo.sandbox.store.sessions.values())
      if (paymentIds.length === 0) dodo.sandbox.pay(sessionId)
  },
  reset() {
    Object.assign(counts, { lago: 0, dodo: 0 })
  },
}

const readState = () => ({
  counts,
  opened: dodo.sandbox.store.sessions.size,
  paid: lago.sandbox.store.payments.length,
  billToOpenMs: times.openedAt - times.billedAt,
})

const control = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  development: false,
  async fetch(request) {
    const { act, ...of } = (await request.json()) as { act: string }
    acts[act]?.(of)
    return Response.json(readState())
  },
})
process.stdout.write(
  `${JSON.stringify({ msg: 'bridge ready', port: control.port, lagoUrl: lago.url, dodoUrl: dodo.url })}\n`,
)
