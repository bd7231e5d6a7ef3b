import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'

import { createMetrics } from '../../src/metrics/metrics.ts'
import { LEDGER_METRICS } from '../../src/metrics/names.ts'
import { REASON_CODES } from '../../src/collect/receivable.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../support/world.ts'
import { parseMetrics, valueOf } from './support.ts'

const VIEWER_TOKEN = 'only-to-look-with'
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

let world: World
beforeAll(async () => {
  world = await openWorld({ env: { VIEWER_TOKEN } })
})
afterAll(() => world.close())

/** As if another replica was asked: nothing of an earlier scrape is kept. */
async function scrape() {
  const { bridge } = world
  const metrics = createMetrics(bridge.deps.config)
  metrics.openLedger({
    ...bridge.deps,
    queueSchema: bridge.deps.queue.schema,
    isReady: async () => true,
  })
  return parseMetrics((await metrics.expose(undefined)).text)
}

describe('who may scrape', () => {
  test('the bearers of both tokens may, and nobody else', async () => {
    const asked = [bearer(ADMIN_TOKEN), bearer(VIEWER_TOKEN), bearer('wrong'), {}]
    const answers = await Promise.all(asked.map((init) => world.get('/metrics', init)))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 401])
    expect(answers[0]?.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  test('the viewer looks at the API, and changes nothing', async () => {
    const path = '/api/deliveries/dodo/none/replay'
    const acted = await world.get(path, { method: 'POST', ...bearer(VIEWER_TOKEN) })

    expect(acted.status).toBe(403)
    expect(await acted.json()).toEqual({ error: 'VIEWER_TOKEN may only look' })
  })

  test('OpenMetrics is spoken to who asks for it, and changes nothing for the next', async () => {
    const headers = { ...bearer(ADMIN_TOKEN).headers, Accept: 'application/openmetrics-text' }
    const open = await world.get('/metrics', { headers })
    const text = await open.text()
    const plain = await (await world.get('/metrics', bearer(ADMIN_TOKEN))).text()

    expect(open.headers.get('content-type')).toContain('application/openmetrics-text')
    expect(text.trimEnd().endsWith('# EOF')).toBe(true)
    expect(text).toContain('# TYPE bridge_payments counter')
    expect(plain).toContain('# TYPE bridge_payments_total counter')
    expect(plain).toContain('bridge_deliveries_total{source="lago",result="stored"}')
  })
})

describe('what the ledger says', () => {
  test('money is counted where it is: open, collected, declined, given back and held', async () => {
    const open = world.bill(1_000)
    const paid = world.bill(10_800)
    const declined = world.bill(2_500)
    const first = await world.openCheckout(paid.lago_id)
    const second = await world.openCheckout(declined.lago_id)
    await world.openCheckout(open.lago_id)
    const { payment_id } = world.dodo.pay(first.sessionId)
    world.dodo.decline(second.sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(paid.lago_id, ({ state }) => state === 'paid')
    await world.eventually(declined.lago_id, ({ state }) => state === 'failed')
    world.dodo.refund(payment_id, 800)
    await world.eventually(paid.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)

    const samples = await scrape()

    expect(valueOf(samples, 'bridge_invoices', { state: 'paid' })).toBe(1)
    expect(valueOf(samples, 'bridge_open_amount', { currency: 'USD', age: '7d' })).toBe(35)
    expect(
      valueOf(samples, 'bridge_collected_amount_total', { currency: 'USD', kind: 'checkout' }),
    ).toBe(108)
    expect(
      valueOf(samples, 'bridge_refunded_amount_total', { currency: 'USD', cause: 'merchant' }),
    ).toBe(8)
    expect(
      valueOf(samples, 'bridge_declines_total', { class: 'soft', code: 'INSUFFICIENT_FUNDS' }),
    ).toBe(1)
    expect(valueOf(samples, 'bridge_payments_total', { status: 'succeeded' })).toBe(1)
    expect(valueOf(samples, 'bridge_held_amount')).toBeUndefined()
    expect(
      valueOf(samples, 'bridge_last_delivery_timestamp_seconds', { source: 'dodo' }),
    ).toBeGreaterThan(Date.now() / 1_000 - 60)
  })

  test('what needs a person is counted by its code, and every code is there', async () => {
    const nowhere = world.bill(10_000, { customer: world.addCustomer({ country: 'KP' }) })
    const small = world.bill(10)
    for (const { lago_id } of [nowhere, small])
      await world.eventually(lago_id, ({ state }) => state === 'attention')

    const samples = await scrape()

    const codes = samples.filter(({ name }) => name === 'bridge_attention_invoices')
    expect(codes.map(({ labels }) => [labels['reason'], labels['seen']])).toEqual(
      REASON_CODES.flatMap((code) => [
        [code, 'no'],
        [code, 'yes'],
      ]),
    )
    expect(
      codes.filter(({ value }) => value > 0).map(({ labels, value }) => [labels['reason'], value]),
    ).toEqual([
      ['below_minimum', 1],
      ['country_not_served', 1],
    ])
  })

  test('a second payment is counted, and what of it is held with its currency', async () => {
    const twice = await openWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } })
    const invoice = twice.bill(5_000)
    const { report, sessionId } = await twice.openCheckout(invoice.lago_id)
    twice.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await twice.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    const other = await twice.follow(report.payUrl)
    twice.dodo.pay(sessionId)
    twice.dodo.pay(other)
    await twice.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    const response = await twice.get('/metrics', bearer(ADMIN_TOKEN))
    const samples = parseMetrics(await response.text())

    expect(
      valueOf(samples, 'bridge_held_amount', { currency: 'USD', disposition: 'duplicate' }),
    ).toBe(50)
    expect(valueOf(samples, 'bridge_duplicate_payments_total', { handling: 'held' })).toBe(1)
    expect(valueOf(samples, 'bridge_attention_invoices', { reason: 'held_duplicate' })).toBe(1)
    await twice.close()
  })

  test('every metric that is declared is read, but for those that nothing is known of yet', async () => {
    const names = new Set((await scrape()).map(({ name }) => name))
    const missing = Object.keys(LEDGER_METRICS).filter((name) => !names.has(name))

    expect(missing.toSorted()).toEqual([
      'bridge_dispute_next_deadline_timestamp_seconds',
      'bridge_held_amount',
      'bridge_ledger_difference_amount',
      'bridge_ledger_differences',
    ])
  })

  test('a declined invoice that is paid after all is recovered', async () => {
    const invoice = world.bill(3_000)
    const { sessionId, report } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'CARD_DECLINED')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    const again = await world.press(report.payUrl)
    world.dodo.pay(again)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

    expect(valueOf(await scrape(), 'bridge_recovered_amount_total', { currency: 'USD' })).toBe(30)
  })
})

describe('what the process did', () => {
  const own = async () =>
    parseMetrics(await (await world.get('/metrics', bearer(ADMIN_TOKEN))).text())

  test('webhooks, jobs and requests to both services are counted', async () => {
    const samples = await own()

    const count = (name: string, labels: Record<string, string>) => valueOf(samples, name, labels)
    expect(count('bridge_deliveries_total', { source: 'lago', result: 'stored' })).toBeGreaterThan(
      2,
    )
    expect(count('bridge_job_runs_total', { kind: 'settle', result: 'done' })).toBeGreaterThan(2)
    expect(
      count('bridge_api_requests_total', { service: 'dodo', method: 'POST', code: '2xx' }),
    ).toBeGreaterThan(2)
    expect(count('bridge_delivery_lag_seconds_count', { source: 'lago' })).toBeGreaterThan(0)
    expect(
      count('bridge_api_budget_used_ratio', { service: 'dodo', window: 'minute' }),
    ).toBeLessThan(1)
    expect(count('bridge_sweep_interval_seconds', {})).toBe(3_600)
    expect(count('bridge_ready', {})).toBe(1)
    expect(count('bridge_build_info', { mode: 'test', collection: 'checkout' })).toBe(1)
  })

  test('a webhook with a wrong signature is counted as refused', async () => {
    const before = valueOf(await own(), 'bridge_deliveries_total', {
      source: 'dodo',
      result: 'refused',
    })
    await world.get('/webhooks/dodo', { method: 'POST', body: '{}' })
    const after = valueOf(await own(), 'bridge_deliveries_total', {
      source: 'dodo',
      result: 'refused',
    })

    expect([before, after]).toEqual([0, 1])
  })

  test('every webhook that was taken is among the requests, too', async () => {
    await world.quiet()
    const samples = await own()

    const taken = ['stored', 'duplicate'].map(
      (result) => valueOf(samples, 'bridge_deliveries_total', { source: 'lago', result }) ?? 0,
    )
    const answered = { route: '/webhooks/lago', method: 'POST', status: '200' }
    expect(valueOf(samples, 'bridge_http_request_duration_seconds_count', answered)).toBe(
      taken.reduce((sum, count) => sum + count, 0),
    )
  })

  test('no address that somebody asked for becomes a label, but the pattern of its route', async () => {
    await world.get('/pay/a-token-that-nobody-has')
    await world.get('/somewhere/else')
    const routes = new Set((await own()).flatMap(({ labels }) => labels['route'] ?? []))

    expect(routes).toContain('/pay/:token')
    expect(routes).toContain('none')
    expect([...routes].filter((route) => /nobody|somewhere/.test(route))).toEqual([])
  })
})

describe('while the database is away', () => {
  afterEach(() => world.letDatabaseBe('there'))

  test('the process still answers, within three seconds, and leaves the ledger out', async () => {
    await world.letDatabaseBe('away')
    const startedMs = performance.now()

    const samples = await scrape()

    expect(performance.now() - startedMs).toBeLessThan(3_000)
    expect(valueOf(samples, 'bridge_invoices')).toBeUndefined()
    expect(valueOf(samples, 'bridge_metrics_collect_errors_total')).toBeGreaterThanOrEqual(0)
    expect(valueOf(samples, 'bridge_build_info')).toBe(1)
  })
})
