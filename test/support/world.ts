import { afterAll, afterEach, beforeAll } from 'bun:test'
import { sql } from 'drizzle-orm'
import pino, { type Logger } from 'pino'
import postgres from 'postgres'

import { openBridge, type Bridge } from '../../src/bridge.ts'
import { readConfig } from '../../src/config.ts'
import { SCOPES, SCOPES_OF_AGENCIES } from '../../src/highlevel/oauth.ts'
import { GOOD_DAY } from '../../sandbox/dodo/store/world.ts'
import {
  createSandboxDodo,
  type SandboxDodo,
  type SandboxDodoOptions,
} from '../../sandbox/dodo/dodo.ts'
import {
  createSandboxHighlevel,
  type SandboxHighlevelOptions,
} from '../../sandbox/highlevel/highlevel.ts'
import { fetchInProcess } from '../../sandbox/kit/in-process.ts'
import type { CustomerInput } from '../../sandbox/lago/store/customers.ts'
import type { NewInvoice } from '../../sandbox/lago/store/invoices.ts'
import { createSandboxLago, type SandboxLagoOptions } from '../../sandbox/lago/lago.ts'
import { createWatch } from '../../proof/oracle.ts'
import { createTestDatabase } from './database.ts'

export const LAGO_KEY = '0d9c1c62-54a4-4a2b-8f3a-2f2f4c7c9a10'
export const HMAC_KEY = '4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e10'
export const DODO_KEY = 'dodo_test_key'
export const WEBHOOK_SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'
export const ADMIN_TOKEN = 'operator-token'
export const HIGHLEVEL_SECRET = 'a-secret-of-the-tests-with-40-characters'
/** The marketplace app, as a developer makes it by hand. */
export const HIGHLEVEL_APP = {
  id: 'app_demo_1',
  clientId: 'app_demo_1-lx0k9',
  clientSecret: 'client-secret-0001',
  redirectUrl: 'http://bridge.test/highlevel/oauth/callback',
  scopes: [...SCOPES, ...SCOPES_OF_AGENCIES],
  ssoSecret: 'test-shared-secret-0001',
}

const LAGO_URL = 'http://lago.test'
const DODO_URL = 'http://dodo.test'
const HIGHLEVEL_URL = 'http://highlevel.test'
const BRIDGE_URL = 'http://bridge.test'
const QUIET_MS = 60
/** Only a failure waits so long: many times what a machine of two cores with ten times the work takes. */
const PATIENCE_MS = 120_000
/** What changes without a sign is found by looking all the same. */
const UNSIGNED_MS = 500
const LOOK_MS = 30
/** How soon the bridge sees what has become due: a twelfth of what it takes elsewhere, because tests move the clock. */
const DUE_MS = 250
/** Work sends work: one quiet moment proves nothing. */
const CALM_LOOKS = 3
const MAX_HEARD = 50

export type World = Awaited<ReturnType<typeof openWorld>>

/**
 * A Lago, a Dodo and a bridge in one process, on a real database: every request goes through the real
 * clients, signatures and JSON, and none through a socket. Time is the real one unless it is moved on.
 */
export async function openWorld(
  options: {
    env?: Record<string, string>
    lago?: Partial<SandboxLagoOptions>
    dodo?: Partial<SandboxDodoOptions>
    /** Without it there is no HighLevel. */
    highlevel?: Partial<SandboxHighlevelOptions>
    /** Who answers at other hosts. */
    others?: Record<string, Other>
    /** How many of the deliveries to the bridge are kept, to be sent again. */
    hears?: number
    /** How soon the bridge sees what has become due, where a test has to come first. */
    dueMs?: number
    /** Where the bridge logs; without it nowhere. */
    log?: Logger
    /** Why the books of this world are not proven when it is closed: a test spoils them by hand. */
    unproven?: string
  } = {},
) {
  const database = await createTestDatabase()
  let aheadMs = 0
  let skewMs = 0
  const now = () => new Date(Date.now() + aheadMs)
  /** The bridge's own clock, which may be another than the services'. */
  const bridgeNow = () => new Date(now().getTime() + skewMs)
  const heard: { url: string; headers: Headers; body: string }[] = []
  let bridge: Bridge | undefined
  const toBridge = fetchInProcess({
    async fetch(request) {
      if (!bridge) throw new Error('the bridge is not up')
      const { headers, url, method } = request
      const isWatched = method === 'POST' && /\/(api|highlevel\/query)/.test(url)
      const isKept = url.includes('/webhooks/') && heard.length < (options.hears ?? MAX_HEARD)
      const body = isWatched || isKept ? await request.clone().text() : ''
      if (isKept) heard.push({ url, headers, body })
      const response = await bridge.app.fetch(request)
      await watch.acknowledged({ headers, url }, response.status)
      if (isWatched) await watch.answers(new URL(url).pathname, body, response)
      return response
    },
  })
  const lago = createSandboxLago({
    apiKey: LAGO_KEY,
    hmacKey: HMAC_KEY,
    publicUrl: LAGO_URL,
    webhookUrl: `${BRIDGE_URL}/webhooks/lago`,
    now,
    fetch: toBridge,
    retryDelaysMs: [200, 500],
    ...options.lago,
  })
  const dodo = createSandboxDodo({
    apiKey: DODO_KEY,
    webhookSecret: WEBHOOK_SECRET,
    webhookUrl: `${BRIDGE_URL}/webhooks/dodo`,
    publicUrl: DODO_URL,
    now,
    fetch: toBridge,
    webhookRetryDelaysMs: [200, 500],
    ...options.dodo,
  })
  const highlevel = createSandboxHighlevel({
    app: HIGHLEVEL_APP,
    publicUrl: HIGHLEVEL_URL,
    webhookUrl: options.highlevel && `${BRIDGE_URL}/webhooks/highlevel`,
    now,
    fetch: toBridge,
    webhookRetryDelaysMs: [200, 500],
    ...options.highlevel,
  })
  const watch = createWatch({
    books: { lago, dodo },
    accounts: accountsAmong(options.others),
    highlevel,
    storeKeys: options.env?.['OPENFRONT_API_KEYS'],
    db: () => bridge?.db,
    now: bridgeNow,
  })
  const requests: Request[] = []
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input instanceof URL ? input.href : (input as string), init)
    requests.push(request.clone() as Request)
    const { host } = new URL(request.url)
    if (host === 'highlevel.test') {
      await watch.tells(request)
      return highlevel.fetch(request)
    }
    const other = options.others?.[host]
    if (other && isAccount(other))
      return watch.pass(request, 'dodo', () => other.fetch(request), host)
    if (other) return other.fetch(request)
    const isLago = host === 'lago.test'
    const service = isLago ? 'lago' : 'dodo'
    return watch.pass(request, service, () => (isLago ? lago : dodo).fetch(request))
  }
  const environment: Record<string, string> = {
    PUBLIC_URL: BRIDGE_URL,
    DATABASE_URL: database.url,
    LAGO_API_URL: LAGO_URL,
    LAGO_API_KEY: LAGO_KEY,
    LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
    DODO_API_URL: DODO_URL,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ADMIN_TOKEN,
    RECONCILE_EVERY: '1h',
    // Each connection costs Postgres more than what most tests do over it.
    DATABASE_CONNECTIONS: '5',
    ...(options.highlevel && {
      HIGHLEVEL_CLIENT_ID: HIGHLEVEL_APP.clientId,
      HIGHLEVEL_CLIENT_SECRET: HIGHLEVEL_APP.clientSecret,
      HIGHLEVEL_SECRET,
      HIGHLEVEL_LOCATIONS: 'loc_demo_1',
      HIGHLEVEL_SSO_SECRET: HIGHLEVEL_APP.ssoSecret,
      HIGHLEVEL_API_URL: HIGHLEVEL_URL,
      HIGHLEVEL_WEBHOOK_URL: `${HIGHLEVEL_URL}/payments/custom-provider/webhook`,
      HIGHLEVEL_MARKETPLACE_URL: HIGHLEVEL_URL,
      HIGHLEVEL_WEBHOOK_PUBLIC_KEY: highlevel.webhookPublicKey,
    }),
    ...options.env,
  }
  const config = readConfig(environment)
  const { log = pino({ level: 'silent' }) } = options
  const open = async () => {
    bridge = await openBridge(config, {
      log,
      now: bridgeNow,
      fetch,
      lookMs: options.dueMs ?? DUE_MS,
    })
    await bridge.work()
    return bridge
  }
  const running = await open()

  const get = (path: string, init?: RequestInit) => toBridge(`${BRIDGE_URL}${path}`, init)
  const invoiceReport = async (lagoInvoiceId: string) => {
    const response = await get(`/api/invoices/${lagoInvoiceId}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    })
    return response.status === 200 ? ((await response.json()) as Report) : undefined
  }

  /** Changes with whatever is written about an invoice, nearly always; asking for it costs a tenth of a report. */
  async function signOf(lagoInvoiceId: string): Promise<string | undefined> {
    const rows = await running.db
      .execute<{ sign: string }>(
        sql`
          select concat_ws(' ', xmin, (select max(id) from timeline where receivable_id = ${lagoInvoiceId})) as sign
          from receivables where receivable_id = ${lagoInvoiceId}`,
      )
      .catch(() => [])
    return rows[0]?.sign
  }

  async function untilMoved(lagoInvoiceId: string, seen: string | undefined) {
    const giveUp = performance.now() + UNSIGNED_MS
    do await Bun.sleep(LOOK_MS)
    while ((await signOf(lagoInvoiceId)) === seen && performance.now() < giveUp)
  }

  let sweptAt = now()
  async function sweep() {
    const startedAt = now()
    const { findings } = await running.sweep()
    sweptAt = startedAt
    return findings
  }

  /** Whether no work is owed, and no webhook was lost that no sweep has made good for since. */
  async function isAtRest() {
    const isUnheard = [lago, dodo].some(({ courier }) =>
      courier.log.some(({ at, status }) => status !== 200 && at >= sweptAt),
    )
    if (isUnheard) return false
    const [row] = await running.db
      .execute<{ owed: number }>(
        sql`
          select (select count(*) from unrouted)::int + count(*)::int as owed from pgboss.job
          where state in ('created', 'retry', 'active')`,
      )
      .catch(() => [])
    return row?.owed === 0
  }

  const addCustomer = (input: Partial<CustomerInput> = {}) =>
    lago.createCustomer({
      external_id: `acct_${crypto.randomUUID()}`,
      name: 'Blue Fern',
      email: `ap-${crypto.randomUUID()}@fern.example`,
      country: 'US',
      ...input,
    })

  return {
    lago,
    dodo,
    highlevel,
    requests,
    /** How the bridge reaches the services, and with which settings it runs. */
    fetch,
    environment,
    bridge: running,
    databaseUrl: database.url,
    get,
    invoiceReport,
    addCustomer,
    /** Finalises an invoice in Lago; without a customer, for a new one of its own. */
    bill(
      amountCents: number,
      {
        customer = addCustomer(),
        ...invoice
      }: Partial<NewInvoice> & { customer?: { external_id: string } } = {},
    ) {
      return lago.createInvoice({
        externalCustomerId: customer.external_id,
        fees: [{ amountCents }],
        ...invoice,
      })
    },
    /** Waits for the checkout of an attempt, and returns it with the report. */
    async openCheckout(lagoInvoiceId: string, number = 1) {
      const isLive = (report: Report) =>
        report.number !== null && report.attempts[number - 1]?.status === 'live'
      const report = await this.eventually(lagoInvoiceId, isLive)
      return { report, sessionId: report.attempts[number - 1]?.dodoSessionId ?? '' }
    },
    /** Requests to one of the services, by method and path. */
    sent: (method: string, path: RegExp) =>
      requests.filter((one) => one.method === method && path.test(new URL(one.url).pathname)),
    /** Waits until no webhook is under way and no job is due: what has not happened by then will not. */
    async quiet() {
      for (let calm = 0; calm < CALM_LOOKS;) {
        await lago.idle()
        await dodo.idle()
        await highlevel.idle()
        const [row] = await running.db.execute<{ due: number }>(sql`
          select (select count(*) from unrouted)::int + count(*)::int as due from pgboss.job
          where state in ('created', 'retry', 'active') and start_after <= now()`)
        calm = row?.due === 0 ? calm + 1 : 0
        await Bun.sleep(QUIET_MS)
      }
    },
    /** Takes the database away from everybody, or gives it back. */
    async letDatabaseBe(state: 'away' | 'there') {
      const server = new URL(database.url)
      const name = server.pathname.slice(1)
      server.pathname = '/postgres'
      const admin = postgres(server.href, { max: 1, onnotice: () => undefined })
      await admin.unsafe(`alter database ${name} allow_connections ${String(state === 'there')}`)
      if (state === 'away') {
        await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
      }
      await admin.end()
    },
    /** Lets time pass for the bridge and for both services. */
    advance(ms: number) {
      aheadMs += ms
    },
    /** Sets the bridge's clock so much ahead of the services'; less than nothing is behind. */
    skew(ms: number) {
      skewMs = ms
    },
    /** The first deliveries that were sent to the bridge, as they were sent. */
    heard,
    sweep,
    /** Waits until the invoice is as described; on time-out the failed expectation is thrown. */
    async eventually(lagoInvoiceId: string, check: (report: Report) => void | boolean) {
      const deadline = performance.now() + PATIENCE_MS
      for (;;) {
        const seen = await signOf(lagoInvoiceId)
        const report = await invoiceReport(lagoInvoiceId)
        try {
          if (!report) throw new Error('the bridge does not know the invoice')
          if (check(report) === false) throw new Error(`still ${JSON.stringify(report, null, 1)}`)
          return report
        } catch (error) {
          if (performance.now() > deadline) throw error
          await untilMoved(lagoInvoiceId, seen)
        }
      }
    },
    /** Opens the pay link as a browser would, without following it. */
    visit: (payUrl: string) => get(new URL(payUrl).pathname, { redirect: 'manual' }),
    /** The session that the pay link leads to; empty where it leads to a page of ours. */
    async follow(payUrl: string) {
      const { headers } = await this.visit(payUrl)
      return headers.get('location')?.split('/').at(-1) ?? ''
    },
    /** The session that the button of the pay link's page leads to. */
    async press(payUrl: string) {
      const init = { method: 'POST', redirect: 'manual' } as const
      const { headers } = await get(new URL(payUrl).pathname, init)
      return headers.get('location')?.split('/').at(-1) ?? ''
    },
    /** What Dodo gave back of a payment, in the order in which it did. */
    refundsOf: (dodoPaymentId: string) =>
      [...dodo.store.refunds.values()].filter((one) => one.payment_id === dodoPaymentId),
    /** What Lago noted as credited on an invoice, in the order in which it did. */
    notesOf: (lagoInvoiceId: string) =>
      lago.store.creditNotes.filter(({ invoice }) => invoice.lago_id === lagoInvoiceId),
    /** What Lago holds as paid on an invoice. */
    paidIn: (lagoInvoiceId: string) =>
      lago.store.payments.filter(({ invoice }) => invoice.lago_id === lagoInvoiceId),
    /** What the bridge says of a customer. */
    async customerReport(externalId: string) {
      const response = await get(`/api/customers/${encodeURIComponent(externalId)}`, {
        headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
      })
      return response.status === 200 ? ((await response.json()) as CustomerReport) : undefined
    },
    /** Loses every webhook of both sides while something is done. */
    async inSilence<Done>(act: () => Done | Promise<Done>): Promise<Done> {
      const switches = [lago.courier.switches, dodo.courier.switches]
      for (const one of switches) one.lose = true
      const done = await act()
      await lago.idle()
      await dodo.idle()
      for (const one of switches) one.lose = false
      return done
    },
    watch,
    /** Throws the story of every invariant that was broken since the world was opened. */
    assertProven: () => watch.assertAll({ isAtRest: true }),
    /** Ends it; first every invariant is asked, and those of rest where nothing is owed and nothing was lost. */
    async close() {
      try {
        if (options.unproven === undefined) await watch.assertAll({ isAtRest: await isAtRest() })
      } finally {
        lago.stop()
        dodo.stop()
        highlevel.stop()
        await running.close()
        await database.drop()
      }
    },
  }
}

type Other = { fetch: (request: Request) => Promise<Response> | Response }

/** Whether it is another account of Dodo's, whose books the oracle reads, too. */
const isAccount = (other: Other): other is SandboxDodo => 'courier' in other && 'pay' in other

const accountsAmong = (others: Record<string, Other> = {}) =>
  Object.fromEntries(
    Object.entries(others).flatMap(([host, other]) => (isAccount(other) ? [[host, other]] : [])),
  )

/**
 * One world for the tests of a group: opening one takes longer than most tests. A minute of Dodo's request
 * limit is enough for a dozen of them. After each test both services are well again.
 */
export function shareWorld(options: Parameters<typeof openWorld>[0] = {}) {
  const shared = {} as { world: World }
  beforeAll(async () => {
    shared.world = await openWorld(options)
  })
  afterEach(() => {
    const { lago, dodo, highlevel } = shared.world
    for (const { faults, courier } of [lago, dodo, highlevel]) {
      faults.clear()
      Object.assign(courier.switches, { lose: false, double: false, reorder: false, delayMs: 0 })
    }
    Object.assign(dodo.behaviour, { ...GOOD_DAY, chargesOf: {}, ...options.dodo?.behaviour })
  })
  afterAll(() => shared.world.close())
  return shared
}

export type Report = {
  lagoInvoiceId: string
  number: string | null
  customer: string | null
  currency: string | null
  state: string
  reason: string
  payUrl: string
  amountDue: number
  nextWakeAt: string | null
  attempts: {
    number: number
    kind: string
    cause: string
    status: string
    amount: number
    dodoSessionId: string | null
    dodoSubscriptionId: string | null
    lagoPaymentRequestId: string | null
  }[]
  payments: {
    dodoPaymentId: string
    amount: number
    status: string
    disposition: string
    recorded: number | null
  }[]
  refunds: {
    dodoRefundId: string
    dodoPaymentId: string
    status: string
    amount: number
    lagoCreditNoteId: string | null
    cause: string | null
  }[]
  disputes: { dodoDisputeId: string; status: string; stage: string; isByRdr: boolean }[]
  paymentRequests: { lagoPaymentRequestId: string; state: string; payUrl: string }[]
  timeline: { what: string }[]
}

type CustomerReport = {
  customer: string
  dodoCustomerId: string
  setupUrl: string
  accountUrl: string
  mandates: { dodoSubscriptionId: string; currency: string; status: string }[]
}
