import { afterAll, beforeAll, expect, test } from 'bun:test'

import { sql } from 'drizzle-orm'

import { freePort } from '../../proof/free-port.ts'
import { createWatch } from '../../proof/oracle.ts'
import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { encryptSso } from '../../sandbox/highlevel/api/sso.ts'
import { createSandboxHighlevel, type SandboxHighlevel } from '../../sandbox/highlevel/highlevel.ts'
import { createSandboxLago } from '../../sandbox/lago/lago.ts'
import { openDatabase, type Database } from '../../src/db/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startServer } from '../support/server-process.ts'
import { DODO_KEY, HIGHLEVEL_APP, HIGHLEVEL_SECRET, WEBHOOK_SECRET } from '../support/world.ts'

const PUBLIC_URL = 'https://bridge.example'
const TEST_KEY = 'dodo_second_key'
const TEST_SECRET = 'whsec_c2Vjb25kLWFjY291bnQtc2VjcmV0LTAwMDAwMDAwMQ=='
const OWN_KEY = 'dodo_third_key'
const OWN_SECRET = 'whsec_dGhpcmQtYWNjb3VudC1zZWNyZXQtMDAwMDAwMDAwMQ=='
const SHARED = 'loc_shared'
const OWN = 'loc_own'
const AMOUNT = 2_599
const WEEKLY = { interval: 'week', intervalCount: 1 } as const
const PATIENCE_MS = 90_000
const LOOK_MS = 100

type Account = 'live' | 'test' | 'own'
const ACCOUNTS: readonly Account[] = ['live', 'test', 'own']
const KEYS: Record<string, Account> = {
  [`Bearer ${DODO_KEY}`]: 'live',
  [`Bearer ${TEST_KEY}`]: 'test',
  [`Bearer ${OWN_KEY}`]: 'own',
}
/** Where the locations' money goes: into the deployment's account, its test account, and one of a location's own. */
const WHOSE = {
  live: { locationId: SHARED, liveMode: true },
  test: { locationId: SHARED, liveMode: false },
  own: { locationId: OWN, liveMode: false },
} as const

let database: TestDatabase
let ledger: { db: Database; close: () => Promise<void> }
let dodos: Record<Account, SandboxDodo>
let agency: SandboxHighlevel
let watch: ReturnType<typeof createWatch>
let environment: Record<string, string>
let bridge: Awaited<ReturnType<typeof startServer>> | undefined
/** Asked before and after each call of the bridge's is carried out; true kills it there. */
let strike: ((where: string) => boolean) | undefined
let died = Promise.withResolvers<string>()
const servers: ReturnType<typeof Bun.serve>[] = []

const listen = (fetch: (request: Request) => Promise<Response>) => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  servers.push(server)
  return `http://127.0.0.1:${server.port}`
}

/** What comes to the bridge's address, as through a balancer: to nobody while it is dead. */
async function toBridge(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input as string, init)
  const { pathname, search } = new URL(request.url)
  if (!bridge) return new Response(null, { status: 503 })
  const body = request.method === 'GET' ? undefined : await request.text()
  const { method, headers } = request
  const asked = { method, headers, body, redirect: 'manual' } as const
  try {
    const response = await fetch(`http://127.0.0.1:${bridge.port}${pathname}${search}`, asked)
    await watch.acknowledged({ headers, url: request.url }, response.status)
    if (method === 'POST') await watch.answers(pathname, body ?? '', response)
    return response
  } catch {
    return new Response(null, { status: 502 })
  }
}

function killAt(where: string): boolean {
  if (!strike?.(where)) return false
  strike = undefined
  bridge?.killAtOnce()
  died.resolve(where)
  return true
}

/** Lets a call of the bridge's through, or kills it as the call comes, or once it was carried out. */
async function called(name: string, request: Request, go: () => Promise<Response>) {
  const where = `${request.method} ${name} ${new URL(request.url).pathname}`
  if (killAt(`before ${where}`)) return new Response(null, { status: 503 })
  const response = await go()
  killAt(`after ${where}`)
  return response
}

async function atDodo(request: Request): Promise<Response> {
  const account = KEYS[request.headers.get('authorization') ?? ''] ?? 'live'
  const go = async () => dodos[account].app.fetch(request)
  const at = account === 'live' ? '' : account
  return called(account, request, () => watch.pass(request, 'dodo', go, at))
}

const openDodo = (apiKey: string, webhookSecret: string, path?: string) =>
  createSandboxDodo({
    apiKey,
    webhookSecret,
    ...(path !== undefined && { webhookUrl: `${PUBLIC_URL}${path}` }),
    publicUrl: 'http://dodo.test',
    fetch: toBridge,
    webhookRetryDelaysMs: [200, 500, 1_000, 2_000],
  })

beforeAll(async () => {
  database = await createTestDatabase()
  ledger = openDatabase(database.url, 2)
  dodos = {
    live: openDodo(DODO_KEY, WEBHOOK_SECRET, '/webhooks/dodo'),
    test: openDodo(TEST_KEY, TEST_SECRET, '/webhooks/dodo/test'),
    own: openDodo(OWN_KEY, OWN_SECRET),
  }
  const app = { ...HIGHLEVEL_APP, redirectUrl: `${PUBLIC_URL}/highlevel/oauth/callback` }
  agency = createSandboxHighlevel({
    app,
    publicUrl: 'http://highlevel.test',
    webhookUrl: `${PUBLIC_URL}/webhooks/highlevel`,
    fetch: toBridge,
    webhookRetryDelaysMs: [200, 500, 1_000, 2_000],
  })
  const lago = createSandboxLago({
    apiKey: 'nobody',
    hmacKey: 'nobody',
    publicUrl: 'http://lago.test',
    webhookUrl: `${PUBLIC_URL}/webhooks/lago`,
  })
  watch = createWatch({
    books: { dodo: dodos.live, lago },
    accounts: { test: dodos.test, own: dodos.own },
    highlevel: agency,
    db: () => ledger.db,
    now: () => new Date(),
  })
  const dodoUrl = listen((request) => atDodo(request))
  const agencyUrl = listen(async (request) => {
    await watch.tells(request)
    return called('highlevel', request, async () => agency.app.fetch(request))
  })
  environment = {
    PUBLIC_URL,
    PORT: String(await freePort()),
    DATABASE_URL: database.url,
    DATABASE_CONNECTIONS: '5',
    DODO_ENVIRONMENT: 'live',
    DODO_API_URL: dodoUrl,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    DODO_TEST_API_URL: dodoUrl,
    DODO_TEST_API_KEY: TEST_KEY,
    DODO_TEST_WEBHOOK_SECRET: TEST_SECRET,
    HIGHLEVEL_CLIENT_ID: app.clientId,
    HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
    HIGHLEVEL_SECRET,
    HIGHLEVEL_SSO_SECRET: app.ssoSecret,
    HIGHLEVEL_LOCATIONS: `${SHARED},${OWN}`,
    HIGHLEVEL_PAYMENTS: 'recurring',
    HIGHLEVEL_TELL_AFTER: '1s',
    HIGHLEVEL_API_URL: agencyUrl,
    HIGHLEVEL_MARKETPLACE_URL: agencyUrl,
    HIGHLEVEL_WEBHOOK_URL: `${agencyUrl}/payments/custom-provider/webhook`,
    HIGHLEVEL_WEBHOOK_PUBLIC_KEY: agency.webhookPublicKey,
    RETRY_SCHEDULE: '1d',
    RECONCILE_EVERY: '2s',
  }
  bridge = await startServer(environment)
}, 60_000)
afterAll(async () => {
  await bridge?.stop()
  for (const dodo of Object.values(dodos)) dodo.stop()
  agency.stop()
  await Promise.all(servers.map((server) => server.stop(true)))
  await ledger.close()
  await database.drop()
})

async function eventually<Found>(
  what: string,
  look: () => Promise<Found | undefined> | Found | undefined,
): Promise<Found> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await Bun.sleep(LOOK_MS)) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
  }
}

async function ask(method: string, path: string, body?: unknown, token?: string) {
  const response = await toBridge(`${PUBLIC_URL}${path}`, {
    method,
    headers: { ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return (await response.json()) as Record<string, unknown>
}

async function install(locationId: string) {
  agency.createLocation(locationId)
  await toBridge(`${PUBLIC_URL}/highlevel/oauth/callback?code=${agency.install(locationId)}`)
  await eventually('it is connected', () => agency.store.integrations.get(locationId)?.keys.test)
}

/** A location enters a Dodo account of its own, as its admin does. */
async function enterAccount() {
  const payload = encryptSso(HIGHLEVEL_APP.ssoSecret, {
    userId: 'usr_demo_1',
    companyId: 'cmp_demo_1',
    role: 'admin',
    activeLocation: OWN,
  })
  const { token } = await ask('POST', '/highlevel/settings/session', { payload })
  const entered = { apiKey: OWN_KEY }
  const state = await ask('PUT', '/highlevel/settings/accounts/test', entered, String(token))
  expect(state).toMatchObject({ modes: { test: { account: 'own' } } })
}

type Running = { account: Account; subscriptionId: string; mandate: string }

/** A subscription that begins on a saved card, on the account that collects there. */
async function subscribe(account: Account): Promise<Running> {
  const { locationId, liveMode } = WHOSE[account]
  const { id: contactId } = agency.createContact({
    locationId,
    name: 'Ada Demo',
    email: `ada-${crypto.randomUUID()}@example.test`,
  })
  const setup = agency.setupProps({ contactId, currency: 'USD', liveMode })
  const page = await ask('POST', '/highlevel/session', setup)
  dodos[account].saveCard(String(page['checkoutUrl']).split('/').at(-1) ?? '')
  const contact = { locationId, contactId, liveMode }
  const mandate = await eventually('a saved card', async () => {
    const [method] = await agency.listPaymentMethods(contact)
    return method?.id
  })
  const amount = AMOUNT / 100
  const sale = agency.createSale({ locationId, contactId, liveMode, amount, recurring: WEEKLY })
  const asked = { paymentMethodId: mandate, startDate: new Date().toISOString().slice(0, 10) }
  const answer = await agency.createSubscription(sale.transaction._id, asked)
  expect(answer).toMatchObject({ success: true })
  return { account, subscriptionId: sale.subscription?._id ?? '', mandate }
}

const chargesOf = ({ account, mandate }: Running) =>
  [...dodos[account].store.payments.values()].filter(
    ({ subscription_id: id, total_amount: amount, status }) =>
      id === mandate && amount > 0 && status === 'succeeded',
  )
const toldOf = ({ subscriptionId }: Running) =>
  new Set(
    agency.store.events
      .map(({ body }) => body)
      .filter(
        (body) =>
          body['event'] === 'subscription.charged' && body['ghlSubscriptionId'] === subscriptionId,
      )
      .map((body) => body['chargeId']),
  )

/** A week passes for a subscription: in the ledger, since the clock that counts is the database's. */
const passWeek = ({ subscriptionId }: Running) =>
  ledger.db.execute(sql`
    update highlevel_subscriptions
    set anchor_at = anchor_at - interval '7 days', next_wake_at = now()
    where subscription_id = ${subscriptionId}`)
/** So do the minutes in which a call that nobody answered must not be repeated: none is under way. */
const passDoubt = () =>
  ledger.db.execute(sql`
    update attempts set repeatable_at = repeatable_at - interval '3 minutes'
    where status in ('intended', 'unknown')`)
async function isAtRest(): Promise<boolean> {
  const [row] = await ledger.db.execute<{ open: number }>(sql`
    select ((select count(*) from attempts where status in ('intended', 'unknown', 'live'))
      + (select count(*) from tellings where status = 'waiting')
      + (select count(*) from unrouted))::int as open`)
  return row?.open === 0
}

async function startAgain() {
  await bridge?.stop()
  bridge = undefined
  await passDoubt()
  bridge = await startServer(environment)
}

type Blow = { to: readonly Running[]; call: RegExp; isAfter: boolean }

/** A week passes for some, and the bridge is killed at a call that comes of it. */
async function blow({ to, call, isAfter }: Blow) {
  died = Promise.withResolvers<string>()
  const moment = isAfter ? 'after' : 'before'
  strike = (where) => call.test(where) && where.startsWith(moment)
  for (const one of to) await passWeek(one)
  await eventually(`it is killed ${moment} ${String(call)}`, () =>
    Promise.race([died.promise, Bun.sleep(LOOK_MS).then(() => undefined)]),
  )
  await startAgain()
}

/** Each was charged, and HighLevel told of it, so many times in all: and not once more. */
async function assertPaid(all: readonly Running[], paid: number) {
  for (const one of all) {
    await eventually(`${one.account}: ${paid} charges`, () =>
      chargesOf(one).length >= paid ? true : undefined,
    )
    await eventually(`${one.account}: ${paid - 1} cycles told`, () =>
      toldOf(one).size >= paid - 1 ? true : undefined,
    )
  }
  await eventually('all is at rest', async () => ((await isAtRest()) ? true : undefined))
  const counts = all.map((one) => [one.account, chargesOf(one).length])
  expect(counts).toEqual(ACCOUNTS.map((account) => [account, paid]))
}

const CHARGE = (account: Account) => new RegExp(`POST ${account} /subscriptions/[^/]+/charge$`)
const TOLD = /POST highlevel .*custom-provider\/webhook$/

test('a bridge that is killed in its cycles charges each once, on each of several Dodo accounts', async () => {
  await install(SHARED)
  await install(OWN)
  await enterAccount()
  const all: Running[] = []
  for (const account of ACCOUNTS) all.push(await subscribe(account))

  for (const isAfter of [false, true]) {
    for (const one of all) await blow({ to: [one], call: CHARGE(one.account), isAfter })
    await assertPaid(all, isAfter ? 3 : 2)
  }
  await blow({ to: all.slice(0, 2), call: TOLD, isAfter: false })
  await blow({ to: all.slice(2), call: TOLD, isAfter: true })
  await assertPaid(all, 4)

  await watch.assertKept()
  await watch.assertAll({ isAtRest: true })
  expect(watch.counts.unasked).toBe(0)
}, 400_000)
