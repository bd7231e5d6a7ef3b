import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'

import { openBridge } from '../../src/bridge.ts'
import { payTokenOf } from '../../src/billers/lago/pay-token.ts'
import { createTestDatabase } from '../support/database.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const TOKEN = 'AbCdEfGhIjKlMnOpQrStU_'

const entry = (value: string) => ({
  lago_id: crypto.randomUUID(),
  key: 'dodo_pay_url',
  value,
  created_at: '2026-01-01T00:00:00Z',
})

describe('the token of a pay link in Lago', () => {
  test.each([
    [`https://bridge.example/pay/${TOKEN}`, TOKEN],
    [`http://other.host:3000/some/prefix/pay/${TOKEN}/`, TOKEN],
    [`https://bridge.example/pay/${TOKEN}?x=1`, TOKEN],
    ['https://bridge.example/pay/short', undefined],
    [`https://bridge.example/pay/${TOKEN}toolong`, undefined],
    [`https://bridge.example/other/${TOKEN}`, undefined],
    [`/pay/${TOKEN}`, undefined],
    ['', undefined],
  ])('%p is %p', (value, expected) => {
    expect(payTokenOf({ lago_id: 'x', metadata: [entry(value)] })).toBe(expected)
  })
})

describe('a ledger that is new', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  test('takes over the links that were written before, on whatever host', async () => {
    const invoice = await world.inSilence(() => {
      const billed = world.bill(5_000)
      billed.metadata.push(entry(`https://old.example/pay/${TOKEN}`))
      return billed
    })
    expect((await world.get(`/pay/${TOKEN}`)).status).toBe(404)

    await world.sweep()
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()

    expect(report.payUrl).toBe(`http://bridge.test/pay/${TOKEN}`)
    expect(await world.follow(report.payUrl)).toBe(sessionId)
    expect(invoice.metadata.map(({ value }) => value)).toEqual([report.payUrl])
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect((await world.get(`/pay/${TOKEN}`)).status).toBe(200)
  })

  test('gives one link to one invoice, and leaves a known one its own', async () => {
    const first = world.bill(5_000)
    const { report: before } = await world.openCheckout(first.lago_id)
    await world.quiet()
    const token = before.payUrl.split('/').at(-1) ?? ''
    const copy = await world.inSilence(() => {
      const billed = world.bill(6_000)
      billed.metadata.push(entry(before.payUrl))
      return billed
    })
    first.metadata.splice(0, 1, entry(`http://bridge.test/pay/${TOKEN.replace('A', 'Z')}`))

    await world.sweep()
    const { report } = await world.openCheckout(copy.lago_id)
    await world.quiet()

    expect(report.payUrl).not.toBe(before.payUrl)
    expect((await world.invoiceReport(first.lago_id))?.payUrl).toEndWith(token)
  })

  test('shows the page of an old link when its invoice is long paid or void', async () => {
    const links = ['paid', 'void'].map(
      (what) => `https://old.example/pay/${what}-${TOKEN.slice(5)}`,
    )
    const [paid, gone] = links.map((link) => {
      const billed = world.bill(5_000)
      billed.metadata.push(entry(link))
      return billed
    })
    world.lago.recordManualPayment(paid?.lago_id ?? '', { amountCents: 5_000, reference: 'cash' })
    world.lago.voidInvoice(gone?.lago_id ?? '')

    await world.eventually(paid?.lago_id ?? '', isPaid)
    await world.eventually(gone?.lago_id ?? '', ({ state }) => state === 'void')

    for (const link of links) {
      const page = await world.get(new URL(link).pathname)
      expect(page.status).toBe(200)
    }
  })

  test('says at the start what Lago holds of an earlier one, and its links work at once', async () => {
    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    const open = world.bill(7_000)
    const { report: waiting } = await world.openCheckout(open.lago_id)
    await world.quiet()
    const lines: string[] = []
    const database = await createTestDatabase()
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })

    const { config, now } = world.bridge.deps
    const other = await openBridge(
      { ...config, databaseUrl: database.url },
      { log, now, fetch: (input, init) => world.lago.fetch(input, init) },
    )
    await other.work()
    const said = () => lines.find((line) => line.includes('empty ledger'))
    while (!said()) await Bun.sleep(20)
    const page = await other.app.request(new URL(waiting.payUrl).pathname)
    await other.close()
    await database.drop()

    const payments = world.lago.store.payments.filter(({ reference }) =>
      reference.startsWith('pay_'),
    )
    expect(said()).toContain(`Lago holds ${payments.length} payments with Dodo references`)
    expect(JSON.parse(said() ?? '{}')).toMatchObject({ dodoPayments: payments.length })
    expect(report.payUrl).not.toBe(waiting.payUrl)
    expect(page.status).not.toBe(404)
  })
})
