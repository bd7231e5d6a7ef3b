import { sql } from 'drizzle-orm'

import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { listen } from '../../sandbox/kit/listen.ts'
import { createSandboxLago, type SandboxLago } from '../../sandbox/lago/lago.ts'
import { openDatabase } from '../../src/db/client.ts'
import { startServer } from '../../test/support/server-process.ts'
import { freePort } from '../free-port.ts'
import { createWatch } from '../oracle.ts'

const KEYS = {
  LAGO_API_KEY: '0d9c1c62-54a4-4a2b-8f3a-2f2f4c7c9a10',
  LAGO_WEBHOOK_HMAC_KEY: '4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e10',
  DODO_API_KEY: 'dodo_test_key',
  DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
} as const
const AMOUNT = 5_000
const REFUNDED = 700
const LOOK_MS = 500
/** What was begun and not answered may be repeated after two minutes at the latest; then all must have come to rest. */
const REST_MS = 240_000

const letPass: OnCall = () => false
const webhookUrl = (name: string) => `http://bridge.test/webhooks/${name}`

type Server = Awaited<ReturnType<typeof startServer>>
type Sandboxes = { lago: SandboxLago; dodo: SandboxDodo }
/** Asked for every call of the bridge's, before and after it is carried out. */
type OnCall = (where: string) => boolean
export type Stage = Awaited<ReturnType<typeof openStage>>
type Starting = { main?: string; preload?: string; env?: Record<string, string> }

/**
 * Both services with a bridge as merchants run it, of as many processes as there are to be; webhooks reach one that lives,
 * as through a balancer. Every call and every delivery passes the oracle.
 */
export async function openStage({ url, ledgerUrl }: { url: string; ledgerUrl: string }) {
  let ledger = openDatabase(ledgerUrl, 2)
  const books = {} as Sandboxes
  const servers = new Map<number, Server>()
  let onCall: OnCall = letPass
  let turn = 0
  let kills = 0

  const serveVia = <Sandbox extends SandboxLago | SandboxDodo>(
    service: 'lago' | 'dodo',
    create: (publicUrl: string) => Sandbox,
  ) =>
    listen({ port: 0 }, (publicUrl) => {
      const sandbox = create(publicUrl)
      const { stop } = sandbox
      const fetch = async (request: Request, server: unknown) => {
        const go = async () => sandbox.app.fetch(request, server)
        return request.headers.has('authorization') ? called(service, request, go) : go()
      }
      return { app: { fetch }, stop, sandbox }
    })

  async function called(service: 'lago' | 'dodo', request: Request, go: () => Promise<Response>) {
    const where = `${request.method} ${service}`
    if (onCall(`before ${where}`)) return new Response(null, { status: 503 })
    const response = await watch.pass(request, service, go)
    onCall(`after ${where}`)
    return response
  }

  /** To a process that lives; where none does, nobody answers. */
  async function deliver(input: string | URL | Request, init?: RequestInit) {
    const ports = [...servers.values()].map(({ port }) => port)
    const port = ports[(turn += 1) % Math.max(1, ports.length)]
    if (port === undefined) throw new Error('nobody is there')
    const { pathname } = new URL(input as string)
    const to = `http://127.0.0.1:${port}${pathname}`
    const response = await fetch(to, init)
    const headers = new Headers(init?.headers)
    await watch.acknowledged({ headers, url: to }, response.status)
    return response
  }

  const lago = serveVia('lago', (publicUrl) =>
    createSandboxLago({
      apiKey: KEYS.LAGO_API_KEY,
      hmacKey: KEYS.LAGO_WEBHOOK_HMAC_KEY,
      publicUrl,
      webhookUrl: webhookUrl('lago'),
      fetch: deliver,
    }),
  )
  const dodo = serveVia('dodo', (publicUrl) =>
    createSandboxDodo({
      apiKey: KEYS.DODO_API_KEY,
      webhookSecret: KEYS.DODO_WEBHOOK_SECRET,
      webhookUrl: webhookUrl('dodo'),
      publicUrl,
      fetch: deliver,
    }),
  )
  Object.assign(books, { lago: lago.sandbox.sandbox, dodo: dodo.sandbox.sandbox })
  const watch = createWatch({ books, db: () => ledger.db, now: () => new Date() })

  async function start(nth = 0, { main, preload, env = {} }: Starting = {}) {
    const port = await freePort()
    const server = await startServer(
      {
        ...KEYS,
        PORT: String(port),
        PUBLIC_URL: 'http://bridge.test',
        DATABASE_URL: url,
        LAGO_API_URL: lago.url,
        DODO_API_URL: dodo.url,
        RECONCILE_EVERY: '5s',
        ...env,
      },
      { ...(preload !== undefined && { preload }), ...(main !== undefined && { main }) },
    )
    servers.set(nth, server)
    return server
  }

  /** Kills one as the kernel does. */
  async function kill(nth: number) {
    const server = servers.get(nth)
    if (!server) return
    servers.delete(nth)
    process.kill(server.pid, 'SIGKILL')
    kills += 1
    await server.stop()
  }

  /** Whoever was sent to a page pays; now and then a merchant gives a part back. */
  function pay() {
    for (const [id, { paymentIds }] of books.dodo.store.sessions)
      if (paymentIds.length === 0) books.dodo.pay(id)
    watch.look()
  }

  function refundOne() {
    const given = new Set([...books.dodo.store.refunds.values()].map((one) => one.payment_id))
    const payment = [...books.dodo.store.payments.values()].find(
      ({ payment_id, status }) => status === 'succeeded' && !given.has(payment_id),
    )
    if (payment) books.dodo.refund(payment.payment_id, REFUNDED)
  }

  const unpaid = () =>
    [...books.lago.store.invoices.values()].filter((one) => one.payment_status !== 'succeeded')

  /** Whether all is paid, and nothing that was begun is still open. */
  async function isAtRest() {
    if (unpaid().length > 0) return false
    const [row] = await ledger.db
      .execute<{ open: number }>(
        sql`select ((select count(*) from dodo_bridge.attempts where status in ('intended', 'unknown'))
          + (select count(*) from dodo_bridge.recordings where status in ('intended', 'unknown'))
          + (select count(*) from dodo_bridge.refund_orders where status in ('intended', 'unknown'))
          + (select count(*) from dodo_bridge.credits where status in ('intended', 'unknown'))
          + (select count(*) from dodo_bridge.unrouted))::int as open`,
      )
      .catch(() => [])
    const credited = books.lago.store.creditNotes.length
    return row?.open === 0 && credited >= books.dodo.store.refunds.size
  }

  return {
    books,
    start,
    kill,
    pay,
    refundOne,
    living: () => [...servers.keys()],
    /** What becomes of each call of the bridge's; true before one keeps it from being carried out. */
    onCalls: (act: OnCall | undefined) => (onCall = act ?? letPass),
    /** The ledger is another one from now on. */
    async lookInto(other: string) {
      await ledger.close()
      ledger = openDatabase(other, 2)
    },
    bill() {
      const customer = books.lago.createCustomer({
        external_id: crypto.randomUUID(),
        name: 'Blue Fern',
        email: `ap-${crypto.randomUUID()}@fern.example`,
        country: 'US',
      })
      books.lago.createInvoice({
        externalCustomerId: customer.external_id,
        fees: [{ amountCents: AMOUNT }],
      })
    },
    /** Lives on until nothing is left to do, and asks the oracle. */
    async proveAtRest({ isLedgerOlder = false } = {}) {
      onCall = letPass
      if (servers.size === 0) await start()
      const untilMs = performance.now() + REST_MS
      for (let calm = 0; calm < 4 && performance.now() < untilMs;) {
        pay()
        await Bun.sleep(LOOK_MS)
        calm = (await isAtRest()) ? calm + 1 : 0
      }
      if (!isLedgerOlder) await watch.assertKept()
      await watch.assertAll({ isAtRest: true })
      const missing = unpaid()
      if (missing.length > 0)
        throw new Error(`not paid in Lago: ${missing.map(({ number }) => number).join(', ')}`)
      if (!(await isAtRest())) throw new Error(`something is still open after ${REST_MS / 1_000} s`)
    },
    counts() {
      const { payments, refunds } = books.dodo.store
      const paid = [...payments.values()].filter(({ status }) => status === 'succeeded')
      return {
        invoices: books.lago.store.invoices.size,
        payments: paid.length,
        'minor units paid': paid.reduce((sum, one) => sum + one.total_amount, 0),
        refunds: refunds.size,
        kills,
        'calls of the bridge': watch.counts.requests,
        'calls that create something': watch.counts.creations,
        'calls spoilt or not answered': watch.counts.unanswered,
        'deliveries sent': books.lago.courier.counts.sent + books.dodo.courier.counts.sent,
        'deliveries refused': books.lago.courier.counts.refused + books.dodo.courier.counts.refused,
        'deliveries acknowledged': watch.counts.acknowledged,
        'looks of the oracle': watch.looks(),
      }
    },
    async close() {
      for (const nth of servers.keys()) await kill(nth)
      await Promise.all([lago.stop(), dodo.stop(), ledger.close()])
    },
  }
}
