import { expect, test } from 'bun:test'

import postgres from 'postgres'
import { Webhook } from 'standardwebhooks'

import { sweepNow } from '../../src/operate/sweep-now.ts'
import { WEBHOOK_SECRET, type World } from '../support/world.ts'
import { openMistaken, type Told } from './live-support.ts'
import { setUp } from './support.ts'

const MINUTE_MS = 60_000
const PATIENCE_MS = 30_000
const OTHER_SECRET = 'whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC0wMDAw'
/** More than a stranger's single try: ten times within ten minutes. */
const OFTEN = Array.from({ length: 12 }, () => 5)

type Says = Partial<Record<keyof Told, RegExp>>
type Mistake = {
  options?: Parameters<typeof openMistaken>[0]
  /** Makes it, and lets something happen; returns the invoice that is asked about. */
  make: (world: World) => Promise<string>
  /** How `doctor` is run. */
  examining?: (world: World) => Parameters<Awaited<ReturnType<typeof openMistaken>>['ask']>[1]
  says: Says
}

const bill = async (world: World) => {
  const { lago_id } = world.bill(10_000)
  await world.quiet()
  return lago_id
}
/** One that a person must look at. */
const untilAttention = async (world: World) => {
  const { lago_id } = world.bill(10_000)
  await untilInTrouble(world, lago_id)
  await world.quiet()
  return lago_id
}
async function untilInTrouble({ bridge }: World, id: string) {
  for (const end = performance.now() + PATIENCE_MS; ; await Bun.sleep(50)) {
    const row = await bridge.db.query.receivables.findFirst({
      where: (one, { eq }) => eq(one.receivableId, id),
    })
    if (row?.state === 'attention') return
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(row)}`)
  }
}
/** One that is paid, of which a webhook tells nothing; the sweep finds it, and a minute later nobody has told. */
const payUnheard = async (world: World) => {
  const { lago_id } = world.bill(10_000)
  const { sessionId } = await world.openCheckout(lago_id)
  world.dodo.pay(sessionId)
  await world.quiet()
  await sweepNow(world.bridge.deps)
  await world.eventually(lago_id, ({ state }) => state === 'paid')
  await world.quiet()
  world.advance(2 * MINUTE_MS)
  return lago_id
}
const endpointOf = (world: World) => [...world.dodo.store.endpoints.values()][0] ?? {}

const unauthorized = () =>
  Response.json({ code: 'UNAUTHORIZED', message: 'unknown API key' }, { status: 401 })
const unheardOf = () => Promise.reject(new Error('no such host'))

const MISTAKES: Record<string, Mistake> = {
  'a key that Dodo does not know': {
    options: { env: { DODO_API_KEY: 'another' } },
    make: untilAttention,
    says: {
      doctor:
        /dodo\.mode: Dodo refuses DODO_API_KEY \(401\).*attention: 1 thing [^\n]*: 1 dodo_key_refused/s,
      explain: /Dodo refuses DODO_API_KEY \(401\): check the key/,
      dashboard: /Dodo refuses our key: nothing is collected.*Dodo refuses our key \(1\)/s,
      metrics: /bridge_attention_invoices\{reason="dodo_key_refused",seen="no"\} 1/,
      log: /Dodo refuses DODO_API_KEY \(401\).*key refused/,
      ready: /Dodo refuses DODO_API_KEY/,
    },
  },
  'a key that Lago does not know': {
    options: { env: { LAGO_API_KEY: 'another' } },
    make: untilAttention,
    says: {
      doctor: /lago\.key: Lago refuses LAGO_API_KEY \(401\)/,
      explain: /Lago refuses LAGO_API_KEY \(401\): check the key/,
      dashboard: /Lago refuses our key: nothing is collected.*Lago refuses our key \(1\)/s,
      metrics: /bridge_attention_invoices\{reason="lago_key_refused",seen="no"\} 1/,
      log: /Lago refuses LAGO_API_KEY \(401\).*key refused/,
      ready: /Lago refuses LAGO_API_KEY/,
    },
  },
  'a secret of another endpoint of Dodo': {
    options: {
      env: { DODO_WEBHOOK_SECRET: OTHER_SECRET },
      dodo: { webhookRetryDelaysMs: OFTEN },
    },
    async make(world) {
      await setUp(world)
      const { lago_id } = world.bill(10_000)
      const { sessionId } = await world.openCheckout(lago_id)
      world.dodo.pay(sessionId)
      await world.quiet()
      return lago_id
    },
    says: {
      doctor: /dodo\.signature: DODO_WEBHOOK_SECRET is not the secret of/,
      dashboard: /webhooks to \/webhooks\/dodo were refused.*is DODO_WEBHOOK_SECRET the signing/s,
      metrics: /bridge_deliveries_total\{source="dodo",result="refused"\} 1\d/,
      log: /is DODO_WEBHOOK_SECRET the signing secret of this endpoint.*delivery refused/,
    },
  },
  'the API key in place of Lago’s HMAC token': {
    options: {
      env: { LAGO_WEBHOOK_HMAC_KEY: '0d9c1c62-54a4-4a2b-8f3a-2f2f4c7c9a10' },
      lago: { retryDelaysMs: OFTEN },
    },
    make: bill,
    says: {
      doctor: /lago\.signature: LAGO_WEBHOOK_HMAC_KEY is the API key/,
      explain: /Pay link[^#]*Timeline/s,
      dashboard: /webhooks to \/webhooks\/lago were refused.*is LAGO_WEBHOOK_HMAC_KEY the HMAC/s,
      metrics: /bridge_deliveries_total\{source="lago",result="refused"\} \d\d/,
      log: /is LAGO_WEBHOOK_HMAC_KEY the HMAC signature token.*delivery refused/,
    },
  },
  'a product that was made tax-exclusive': {
    async make(world) {
      await setUp(world)
      await world.openCheckout(world.bill(5_000).lago_id)
      const [product] = world.dodo.store.products.values()
      Object.assign(product?.price ?? {}, { tax_inclusive: false })
      world.advance(2 * MINUTE_MS)
      const { lago_id } = world.bill(10_000, { customer: world.addCustomer({ country: 'DE' }) })
      await untilInTrouble(world, lago_id)
      return lago_id
    },
    says: {
      doctor: /dodo\.products: .* is tax-exclusive.*dodo\.checkout: 10\.00 USD in DE/s,
      explain: /Reason +.*tax-inclusive/,
      dashboard: /A price that is tax-exclusive \(1\)/,
      metrics: /bridge_attention_invoices\{reason="price_tax_exclusive",seen="no"\} 1/,
      log: /tax-inclusive.*invoice needs attention/,
    },
  },
  'an endpoint that Dodo has disabled': {
    async make(world) {
      await setUp(world)
      Object.assign(endpointOf(world), { disabled: true })
      await world.sweep()
      return payUnheard(world)
    },
    says: {
      doctor: /dodo\.webhook: .* disabled by Dodo; fix: run `bridge setup`/,
      explain: /Deliveries\n(?:(?! dodo ).)*\n\nTimeline/s,
      dashboard: /Webhooks never came, and the sweep made up for them: 1 of dodo/,
      metrics: /bridge_webhooks_lost_total\{source="dodo"\} 1/,
      log: /"dodo":1.*webhooks lost/,
    },
  },
  'an endpoint without the events': {
    async make(world) {
      await setUp(world)
      Object.assign(endpointOf(world), { filter_types: ['refund.succeeded'] })
      await world.sweep()
      return payUnheard(world)
    },
    says: {
      doctor: /dodo\.webhook: .* misses payment\.succeeded, /,
      explain: /Deliveries\n(?:(?! dodo ).)*\n\nTimeline/s,
      dashboard: /Webhooks never came, and the sweep made up for them: 1 of dodo/,
      metrics: /bridge_webhooks_lost_total\{source="dodo"\} 1/,
      log: /"dodo":1.*webhooks lost/,
    },
  },
  'a key of test mode with DODO_ENVIRONMENT=live': {
    options: {
      env: {
        DODO_ENVIRONMENT: 'live',
        DODO_API_URL: '',
        PUBLIC_URL: 'https://bridge.test',
        LAGO_API_URL: 'https://lago.test',
        ADMIN_TOKEN: 'a-token-of-sixteen-characters',
      },
      others: { 'live.dodopayments.com': { fetch: unauthorized } },
    },
    make: untilAttention,
    examining: (world) => ({
      through: {
        'live.dodopayments.com': unauthorized,
        'test.dodopayments.com': world.dodo.fetch,
      },
    }),
    says: {
      doctor: /dodo\.mode: DODO_API_KEY is a key of test mode/,
      explain: /Dodo refuses DODO_API_KEY \(401\): .*DODO_ENVIRONMENT/,
      dashboard: /Dodo refuses our key: nothing is collected.*DODO_API_KEY is a key of test mode/s,
      metrics: /bridge_attention_invoices\{reason="dodo_key_refused",seen="no"\} 1/,
      log: /is it of the mode that DODO_ENVIRONMENT names.*key refused/,
      ready: /is it of the mode that DODO_ENVIRONMENT names/,
    },
  },
  'a PUBLIC_URL that leads nowhere': {
    options: {
      env: { PUBLIC_URL: 'https://nobody.test' },
      others: { 'nobody.test': { fetch: unheardOf } },
    },
    make: bill,
    says: {
      doctor:
        /public_url: https:\/\/nobody\.test\/health does not answer.*lago\.webhook: no endpoint/s,
      explain: /Pay link +https:\/\/nobody\.test\/pay/,
      dashboard: /https:\/\/nobody\.test\/health does not answer/,
    },
  },
  'a clock that is ten minutes ahead': {
    async make(world) {
      const id = await bill(world)
      for (const _ of OFTEN) {
        const at = new Date(Date.now() - 10 * MINUTE_MS)
        const body = '{"type":"payout.success","data":{}}'
        const headers = {
          'webhook-id': `msg_${crypto.randomUUID()}`,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        }
        const signed = new Webhook(WEBHOOK_SECRET).sign(headers['webhook-id'], at, body)
        const sent = { ...headers, 'webhook-signature': signed }
        await world.get('/webhooks/dodo', { method: 'POST', body, headers: sent })
      }
      return id
    },
    examining: () => ({ now: () => new Date(Date.now() + 10 * MINUTE_MS), isDated: true }),
    says: {
      doctor:
        /clock: .*(599|600|601) s ahead of Dodo.*fix: turn on time synchronisation.*dodo\.signature: [^\n]*fix: turn on time/s,
      dashboard:
        /webhooks to \/webhooks\/dodo were refused.*600 s behind the clock of this machine/s,
      metrics: /bridge_deliveries_total\{source="dodo",result="refused"\} 12/,
      log: /600 s behind the clock of this machine.*is the clock right\?.*delivery refused/,
    },
  },
}

for (const [name, { options, make, examining, says }] of Object.entries(MISTAKES)) {
  test(`${name}: each place where one looks says so`, async () => {
    const mistaken = await openMistaken(options)
    const { world } = mistaken
    await world.bridge.introduce()
    const told = await mistaken.ask(await make(world), examining?.(world))
    await mistaken.close()

    for (const [who, words] of Object.entries(says)) {
      const said = told[who as keyof Told]
      expect({ who, said }).toEqual({ who, said: expect.stringMatching(words) })
    }
  })
}

/** Dodo, which refuses every checkout of an account that it has not approved. */
const refusingAsNotLive = (status: number) => {
  let world: World | undefined
  const refusal = { code: 'MERCHANT_NOT_LIVE', message: 'Merchant is not live' }
  return {
    is: (opened: World) => void (world = opened),
    fetch: (request: Request) =>
      request.method === 'POST' && request.url.includes('/checkouts')
        ? Response.json(refusal, { status })
        : (world?.dodo.fetch(request) ?? Response.error()),
  }
}

// Which status comes with it, Dodo's documentation does not say.
test.each([403, 422])(
  'an account that Dodo has not approved (%p): each place where one looks says so',
  async (status) => {
    const dodo = refusingAsNotLive(status)
    const mistaken = await openMistaken({ others: { 'dodo.test': dodo } })
    const { world } = mistaken
    dodo.is(world)
    await setUp(world)
    const told = await mistaken.ask(await untilAttention(world), {
      through: { 'dodo.test': dodo.fetch },
    })
    await mistaken.close()

    expect(told.doctor).toMatch(/dodo\.(key|checkout): .*has not approved this account/)
    expect(told.doctor).not.toContain('may only read')
    expect(told.explain).toMatch(/Reason +Dodo has not approved this account for live payments/)
    expect(told.dashboard).toContain('Dodo has not approved the account (1)')
    expect(told.metrics).toContain('bridge_attention_invoices{reason="dodo_not_live",seen="no"} 1')
    expect(told.log).toMatch(/Dodo has not approved this account.*invoice needs attention/)
  },
)

test('a database that takes no writes: each place where one looks says so, and it goes on by itself', async () => {
  const mistaken = await openMistaken()
  const { world } = mistaken
  const { lago_id } = world.bill(10_000)
  await world.openCheckout(lago_id)
  const server = new URL(world.databaseUrl)
  const name = server.pathname.slice(1)
  server.pathname = '/postgres'
  const admin = postgres(server.href, { max: 1, onnotice: () => undefined })
  await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`)
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
  const missed = world.bill(20_000)
  await world.lago.idle()
  const told = await mistaken.ask(lago_id, { pages: [''] })
  await admin.unsafe(`alter database ${name} reset default_transaction_read_only`)
  await admin.end()

  expect(told.ready).toContain('the database takes no writes: the database is read-only')
  expect(told.doctor).toMatch(/database: DATABASE_URL .*the database is read-only/)
  expect(told.dashboard).toContain('Nothing is lost; this page works again when it does')
  expect(told.metrics).toContain('bridge_ready 0')
  expect(told.metrics).toMatch(
    /bridge_deliveries_total\{source="lago",result="unavailable"\} [1-9]/,
  )
  expect(told.log).toMatch(/the database is read-only.*request failed/)
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await Bun.sleep(100))
    if ((await world.get('/ready')).status === 200) break
  await world.sweep()
  await world.openCheckout(missed.lago_id)
  await mistaken.close()
})
