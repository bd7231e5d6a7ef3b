import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { readPeriod } from '../../src/report/period.ts'
import { statement } from '../../src/report/statement.ts'
import { openPaying, type Paying } from '../highlevel/pay/support.ts'
import { openShopWorld, type ShopWorld } from '../support/shop.ts'
import { ADMIN_TOKEN, type World } from '../support/world.ts'

const DAY_MS = 24 * 3_600_000

async function stated(
  world: World,
  {
    isCsv = false,
    source,
    days = {},
  }: { isCsv?: boolean; source?: string; days?: { from?: string; to?: string } },
) {
  const { deps } = world.bridge
  const lines: string[] = []
  const period = readPeriod(days, deps.now())
  const exitCode = await statement(deps, { period, isCsv, source }, (line) => lines.push(line))
  return { exitCode, lines, text: lines.join('\n') }
}

/** HighLevel shows a transaction so. */
function showAs({ highlevel }: World, transactionId: string, change: Record<string, unknown>) {
  const transaction = highlevel.store.transactions.get(transactionId)
  if (!transaction) throw new Error('HighLevel knows the transaction')
  Object.assign(transaction, change)
}

/** The rows of a CSV by its columns. */
function rowsOf(lines: readonly string[]) {
  const [head = '', ...rows] = lines.map((line) => line.trim().replace('\uFEFF', ''))
  const columns = head.split(',')
  return rows.map((row) => {
    const cells = row.match(/("[^"]*"|[^,]*)(,|$)/g)?.map((cell) => cell.replace(/,$/, '')) ?? []
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']))
  })
}

describe('a shop, with Lago off', () => {
  let shop: ShopWorld
  beforeAll(async () => {
    shop = await openShopWorld({
      hasToken: true,
      env: { LAGO_API_KEY: '', LAGO_WEBHOOK_HMAC_KEY: '', OPENFRONT_COMPLETE_AFTER: '2m' },
    })
  })
  afterAll(() => shop.world.close())

  test('what Dodo holds stands beside what carts took, and every difference is named', async () => {
    const { world } = shop
    expect(await stated(world, {})).toMatchObject({ exitCode: 0 })
    const sold = await shop.sell()
    await shop.eventually(sold.paymentId, ({ state }) => state === 'paid')
    await world.quiet()
    const fresh = await stated(world, {})
    world.advance(2 * 3_600_000)
    const missing = await stated(world, {})
    await world.sweep()
    await shop.eventually(sold.paymentId, ({ told }) => told[0]?.status === 'done')
    const placed = await stated(world, {})
    const held = await shop.begin()
    const refused = shop.shop.createCart({ lines: [{ productId: shop.product.id, quantity: 2 }] })
    const created = await shop.call('create-payment', {
      cart: { id: refused.id },
      amount: 100,
      currency: 'usd',
    })
    const late = await world.follow(String(created.body['checkoutUrl']))
    await shop.call('create-payment', { cart: { id: refused.id }, amount: 5_198, currency: 'usd' })
    const { payment_id } = world.dodo.pay(late)
    await world.quiet()
    const all = await stated(world, {})

    expect(fresh.text).toMatch(/Openfront, store demo \(test\)/)
    expect(fresh.text).toMatch(/USD +1 +25\.99 USD +1 +25\.99 USD +0 +0\.00 USD +0 .*0\.00 USD/)
    expect(fresh.text).toMatch(
      /explained +pay_\S+ +\S+ +.*no order in the shop +the cart is no order/,
    )
    expect([fresh.exitCode, missing.exitCode, placed.exitCode]).toEqual([0, 1, 0])
    expect(placed.text).toContain('No difference.')
    expect(all.text).toContain(payment_id)
    expect(all.text).toMatch(
      /explained .*1\.00 USD in Dodo, nothing in the ledger +held: nobody asked/,
    )
    expect(held.dodoSessionId).toStartWith('cks_')
    expect(world.requests.map(({ url }) => new URL(url).host)).not.toContain('lago.test')
  })

  test('CSV says whose each row is, and its sums are those of a store', async () => {
    const { lines, exitCode } = await stated(shop.world, { isCsv: true, source: 'openfront' })
    const rows = rowsOf(lines)

    expect(exitCode).toBe(0)
    expect(rows.every(({ source, tenant }) => source === 'openfront' && tenant === 'demo')).toBe(
      true,
    )
    expect(rows.filter(({ kind }) => kind === 'payment')).toHaveLength(2)
    expect(rows.find(({ kind }) => kind === 'sum')).toMatchObject({
      dodo_amount: '26.99',
      ledger_amount: '25.99',
      difference: '1.00',
      mode: 'test',
    })
  })

  test('a source that is off is named, and the page and the API know the same', async () => {
    const { world } = shop
    expect(stated(world, { source: 'lago' })).rejects.toThrow('write openfront')
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    const refused = await world.get('/api/statement?source=highlevel', { headers })
    const answer = await world.get('/api/statement', { headers })
    const body = (await answer.json()) as { unexplained: number; sections: { tenant: string }[] }

    expect(refused.status).toBe(400)
    expect(body).toMatchObject({
      unexplained: 0,
      sections: [{ tenant: 'demo', source: 'openfront' }],
    })
  })

  test('what a dispute took back of a cart that was no order yet is missed by nobody', async () => {
    const { world } = shop
    const sold = await shop.sell()
    await shop.eventually(sold.paymentId, ({ state }) => state === 'paid')
    const { dispute_id } = world.dodo.openDispute(sold.payment.payment_id)
    world.dodo.moveDispute(dispute_id, 'dispute_lost')
    await shop.eventually(sold.paymentId, ({ reasonCode }) => reasonCode === 'dispute_lost')
    world.advance(2 * 3_600_000)
    await world.sweep()
    await world.quiet()

    const { exitCode, text } = await stated(world, {})

    expect(text).toContain('the dispute was lost: the money went back')
    expect(text).not.toContain('UNEXPLAINED')
    expect(exitCode).toBe(0)
  })
})

describe('a dispute that was lost', () => {
  test('is in the statement of the days in which it began, and in no other', async () => {
    const shop = await openShopWorld({ env: { LAGO_API_KEY: '', LAGO_WEBHOOK_HMAC_KEY: '' } })
    const { world } = shop
    const dayOf = (daysAgo: number) =>
      new Date(world.bridge.deps.now().getTime() - daysAgo * DAY_MS).toISOString().slice(0, 10)
    const { paymentId, payment } = await shop.sell()
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    world.advance(60 * DAY_MS)
    const { dispute_id } = world.dodo.openDispute(payment.payment_id)
    world.dodo.moveDispute(dispute_id, 'dispute_lost')
    await world.quiet()

    const sold = await stated(world, { days: { from: dayOf(61), to: dayOf(59) } })
    const lost = await stated(world, {})
    const csv = await stated(world, { isCsv: true })

    expect(sold.text).toContain('25.99 USD')
    expect(sold.text).not.toContain(dispute_id)
    expect(lost.text).toMatch(
      new RegExp(`explained +${payment.payment_id} .*taken back by ${dispute_id} +the dispute was`),
    )
    expect(rowsOf(csv.lines)).toMatchObject([
      {
        kind: 'payment',
        dodo_payment_id: payment.payment_id,
        difference: expect.stringContaining('the dispute was lost'),
      },
    ])
    expect([sold.exitCode, lost.exitCode]).toEqual([0, 0])
    await world.close()
  })
})

describe('an agency, beside Lago', () => {
  let paying: Paying
  beforeAll(async () => {
    paying = await openPaying({ env: { HIGHLEVEL_TELL_AFTER: '1h' } })
  })
  afterAll(() => paying.world.close())

  test("HighLevel's transactions are compared, and what it cannot be told is named", async () => {
    const { world } = paying
    const told = await paying.buy(25.99)
    await paying.eventuallyOrder(told.transactionId, ({ state }) => state === 'paid')
    const untold = await stated(world, {})
    await paying.verify(told.transactionId, told.chargeId)
    showAs(world, told.transactionId, { status: 'succeeded', chargeId: told.chargeId })
    const agreed = await stated(world, {})
    world.dodo.refund(told.chargeId, 1_000)
    await world.quiet()
    const refunded = await stated(world, { source: 'highlevel' })

    expect(untold.text).toMatch(/explained +pay_\S+ .*HighLevel is being told/)
    expect(agreed.text).toContain('Lago\n\n  No payments and no refunds.')
    expect(agreed.text).toMatch(/HighLevel, location loc_demo_1 \(test\)[^]*No difference\./)
    expect(refunded.text).toMatch(
      /10\.00 USD given back in Dodo, 0\.00 USD in HighLevel +HighLevel cannot be told/,
    )
    expect([untold.exitCode, agreed.exitCode, refunded.exitCode]).toEqual([0, 0, 0])
    expect(refunded.text).not.toContain('Lago')
  })

  test('what HighLevel holds as paid, and nothing pays, has no explanation', async () => {
    const { world } = paying
    const sale = paying.sell(12)
    await paying.session(sale.props)
    showAs(world, sale.transactionId, { status: 'succeeded', chargeId: 'pay_of_nobody' })

    const { exitCode, text } = await stated(world, {})

    expect(text).toMatch(/UNEXPLAINED .*pay_of_nobody in HighLevel +HighLevel holds it as paid/)
    expect(exitCode).toBe(1)
  })

  test('CSV names the organisation beside the location', async () => {
    const { world } = paying
    const { lines } = await stated(world, { isCsv: true })
    expect(new Set(rowsOf(lines).map(({ source }) => source))).toEqual(new Set(['highlevel']))
    const page = await world.get('/api/statement', {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, Accept: 'text/csv' },
    })
    expect(await page.text()).toContain('source,tenant,mode')
  })
})
