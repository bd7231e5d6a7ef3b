import { afterAll, beforeAll, expect, test } from 'bun:test'

import { kept } from '../../src/report/kept.ts'
import { readPeriod } from '../../src/report/period.ts'
import { serveDashboard, signIn, type Served } from '../http/dashboard/support.ts'

let served: Served
let payment: { payment_id: string; created_at: string }
let number = ''
beforeAll(async () => {
  served = await serveDashboard()
  const { world } = served
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  number = invoice.number
  const own = { business_id: 'bus_1', created_at: new Date().toISOString() }
  const of = { usd_equivalent_amount: 0, reference_object_id: null }
  world.dodo.store.balanceEntries.push(
    {
      ...own,
      ...of,
      id: 'ble_payout',
      amount: 5_000,
      currency: 'USD',
      event_type: 'payout',
      is_credit: false,
      payout_id: 'pyt_1',
    },
    // A kind that nobody knows yet.
    {
      ...own,
      ...of,
      id: 'ble_new',
      amount: 7,
      currency: 'EUR',
      event_type: '=lunch_fee' as never,
      is_credit: false,
    },
  )
})
afterAll(() => served.close())

async function run(isCsv = false) {
  const { deps } = served.world.bridge
  const lines: string[] = []
  const period = readPeriod({}, deps.now())
  const exitCode = await kept(deps, { period, isCsv }, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

test('from what customers paid to what is paid out, by currency, to the cent', async () => {
  const { exitCode, text } = await run()

  expect(exitCode).toBe(0)
  expect(text.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))).toEqual([
    expect.stringMatching(/^What Dodo keeps, .* \(UTC\), of the whole Dodo account$/),
    '',
    'Payments | 1 | 100.00 USD',
    'Fees of payments | 1 | -4.40 USD',
    'Payouts | 1 | -50.00 USD',
    'Change of the balance | 45.60 USD',
    '',
    '=lunch_fee | 1 | -0.07 EUR',
    'Change of the balance | -0.07 EUR',
  ])
  expect(text.split('\n').filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
})

test('as CSV it is one row for each movement, which no spreadsheet runs', async () => {
  const { text } = await run(true)
  const rows = text.split('\n').map((line) => line.trimEnd().split(','))

  expect(rows[0]?.[0]).toBe('\uFEFFmade_at')
  expect(rows.find(([, kind]) => kind === 'payment_fees')).toEqual([
    expect.any(String),
    'payment_fees',
    payment.payment_id,
    number,
    'USD',
    '-4.40',
    '',
    `ble_payment_fees_${payment.payment_id}`,
  ])
  expect(rows.map(([, kind]) => kind)).toContain("'=lunch_fee")
})

test('the page shows the same, and leads to its CSV; a viewer may look', async () => {
  const person = await signIn(served.origin)
  const statement = await person.text('/dashboard/statement')
  expect(statement).toContain('What Dodo keeps')
  const html = await person.text('/dashboard/statement/kept')
  for (const text of ['-4.40 USD', '95.60 USD', '45.60 USD', payment.payment_id, number])
    expect(html).toContain(text)
  const [, csv = ''] = /href="(\/dashboard\/statement\/kept\/csv[^"]*)"/.exec(html) ?? []
  const file = await person.get(csv.replaceAll('&amp;', '&'))

  expect(file.headers.get('content-disposition')).toMatch(/filename="kept-[\d-]+-to-[\d-]+\.csv"/)
  expect(await file.text()).toContain(payment.payment_id)
})

test('of more movements than a page holds none is missed, however long Dodo’s pages are', async () => {
  const { dodo, bridge } = served.world
  const template = dodo.store.balanceEntries[0]
  if (!template) throw new Error('there is none')
  const many = Array.from({ length: 250 }, (_, at) => ({
    ...template,
    id: `ble_${at}`,
    amount: 1,
    currency: 'GBP' as const,
  }))
  dodo.store.balanceEntries.push(...many)
  const period = readPeriod({}, bridge.deps.now())
  const entries = await bridge.deps.dodo.listBalanceEntries(period.from, period.until)
  dodo.store.balanceEntries.splice(-many.length)

  expect(entries.filter(({ currency }) => currency === 'GBP')).toHaveLength(250)
})

test('a key that may not read it is told of in a line, and the statement is there all the same', async () => {
  const { dodo } = served.world
  dodo.faults.add({
    kind: 'status',
    status: 403,
    match: { method: 'GET', path: '/balances/ledger' },
  })
  const { exitCode, text } = await run()
  const person = await signIn(served.origin)
  const html = await person.text('/dashboard/statement/kept?tz=Asia%2FTokyo')
  const statement = await person.get('/dashboard/statement')
  dodo.faults.clear()

  expect(exitCode).toBe(1)
  expect(text).toStartWith('What Dodo keeps is not known: DODO_API_KEY may not read the balance')
  expect(html).toContain('may not read the balance ledger (Dodo answered 403)')
  expect(statement.status).toBe(200)
})
