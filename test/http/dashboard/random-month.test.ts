import { afterAll, beforeAll, expect, test } from 'bun:test'

import { z } from 'zod'

import { formatBooks, formatDodo } from '../../../src/collect/money.ts'
import { summarizeDay } from '../../../src/notify/conditions.ts'
import { readPeriod } from '../../../src/report/period.ts'
import { statement } from '../../../src/report/statement.ts'
import { status } from '../../../src/report/status.ts'
import { createRandom } from '../../support/random.ts'
import { ADMIN_TOKEN, type Report } from '../../support/world.ts'
import { serveDashboard, signIn, type Served } from './support.ts'

/** Another one each time; what failed is run again with `SEED`. */
const SEED = Number(process.env['SEED'] ?? Date.now() % 100_000)
/** Of those with two digits, with none, and of the one that the two services count otherwise. */
const CURRENCIES = ['USD', 'EUR', 'JPY', 'HUF'] as const
type Currency = (typeof CURRENCIES)[number]
const INVOICES = 16

const { random, between, oneOf } = createRandom(SEED)
/** In the minor units of the books. */
const amountOf = (currency: Currency) =>
  currency === 'HUF' ? between(2_000, 90_000) : between(1_000, 90_000)

let served: Served
beforeAll(async () => {
  served = await serveDashboard()
  for (let index = 0; index < INVOICES; index += 1) await live(served)
  await payTogether(served, oneOf(CURRENCIES))
  await served.world.quiet()
  await served.world.sweep()
  await served.world.quiet()
}, 120_000)
afterAll(() => served.close())

const is =
  (...states: string[]) =>
  ({ state }: Report) =>
    states.includes(state)

/** One invoice and whatever becomes of it. */
async function live({ world }: Served) {
  const currency = oneOf(CURRENCIES)
  const amount = amountOf(currency)
  const { lago_id: id } = world.bill(amount, { currency })
  const { sessionId } = await world.openCheckout(id)
  const fate = oneOf(['paid', 'refund', 'note', 'part', 'late', 'declined', 'dispute', 'open'])
  if (fate === 'open') return
  if (fate === 'declined') {
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(id, is('failed'))
    return
  }
  // By hand, while the checkout is open: what Dodo takes beyond what is due goes back.
  if (fate === 'part')
    world.lago.recordManualPayment(id, { amountCents: Math.floor(amount / 3), reference: 'bank' })
  if (fate === 'late') {
    world.lago.voidInvoice(id)
    await world.eventually(id, is('void'))
  }
  const { payment_id: paymentId, total_amount: paid } = world.dodo.pay(sessionId)
  await world.eventually(id, is('paid', 'attention'))
  await world.quiet()
  if (fate === 'refund') {
    world.dodo.refund(paymentId, between(1, paid - 1))
    if (random() < 0.5) {
      await world.quiet()
      world.dodo.refund(paymentId)
    }
  }
  if (fate === 'note')
    world.lago.createCreditNote({ invoiceId: id, refundAmountCents: between(1, amount) })
  if (fate === 'dispute') {
    const { dispute_id: disputeId } = world.dodo.openDispute(paymentId)
    const end = oneOf(['open', 'dispute_won', 'dispute_lost'] as const)
    if (end !== 'open') world.dodo.moveDispute(disputeId, end)
  }
  await world.quiet()
}

/** A payment request of three. */
async function payTogether({ world }: Served, currency: Currency) {
  const customer = world.addCustomer()
  const invoices = [1, 2, 3].map(() => world.bill(amountOf(currency), { currency, customer }))
  for (const { lago_id: id } of invoices) {
    await world.openCheckout(id)
    world.lago.markOverdue(id)
  }
  const before = new Set(world.dodo.store.sessions.keys())
  world.lago.requestPayment({
    externalCustomerId: customer.external_id,
    invoiceIds: invoices.map(({ lago_id: id }) => id),
  })
  await world.quiet()
  const session = [...world.dodo.store.sessions.keys()].find((id) => !before.has(id))
  const { payment_id: paymentId } = world.dodo.pay(session ?? '')
  for (const { lago_id: id } of invoices) await world.eventually(id, is('paid'))
  await world.quiet()
  world.dodo.refund(paymentId, between(1, 900))
}

const add = (amounts: readonly number[]) => amounts.reduce((sum, one) => sum + one, 0)

/** What both services hold, as their own stores have it, and none of our code. */
function holdings(currency: Currency) {
  const { lago, dodo } = served.world
  const payments = [...dodo.store.payments.values()].filter(
    (one) => one.currency === currency && one.status === 'succeeded',
  )
  const refunds = [...dodo.store.refunds.values()].filter(
    (one) => one.currency === currency && one.status === 'succeeded',
  )
  const recorded = lago.store.payments.filter(
    ({ invoice, reference }) => invoice.currency === currency && reference.startsWith('pay_'),
  )
  const credited = lago.store.creditNotes.filter(
    (one) => one.invoice.currency === currency && one.refund_status === 'succeeded',
  )
  return {
    taken: add(payments.map((one) => one.total_amount)),
    givenBack: add(refunds.map((one) => one.amount ?? 0)),
    recorded: add(recorded.map((one) => one.amount_cents)),
    credited: add(credited.map((one) => one.refund_amount_cents)),
  }
}

const Line = z.object({
  currency: z.string(),
  dodo: z.object({
    payments: z.object({ amount: z.int() }),
    refunds: z.object({ amount: z.int() }),
  }),
  lago: z.object({
    payments: z.object({ amount: z.int() }),
    refunds: z.object({ amount: z.int() }),
  }),
})

/** The sum of the last column of a table, in one currency. */
function netOf(html: string, part: string, currency: Currency): string {
  const start = html.indexOf(`<summary>${part}</summary>`)
  const table = html.slice(start, html.indexOf('</details>', start))
  const cells = Array.from(
    table.matchAll(new RegExp(`data-label="Net"[^>]*><div>(-?[\\d.]+) ${currency}<`, 'g')),
    ([, amount]) => Number(amount),
  )
  const scale = currency === 'JPY' ? 1 : 100
  return formatDodo(Math.round(add(cells) * scale), currency)
}

const textOf = (html: string) => html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')
const bare = (text: string) => text.split(' ')[0] ?? ''

test(`a random month is the same everywhere, to the cent (SEED=${SEED})`, async () => {
  const { world, origin } = served
  const { deps } = world.bridge
  const me = await signIn(origin)
  const period = readPeriod({}, deps.now())
  const [from, to] = [period.from, period.until].map((at) => at.toISOString().slice(0, 10))
  const query = `from=${from}&to=${to}`
  const lines: string[] = []
  const exitCode = await statement(deps, { period, isCsv: false }, (line) => lines.push(line))
  const told = lines.join('\n')
  const seen: string[] = []
  await status(deps, (line) => seen.push(line))
  const bearer = { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } }
  const api = z
    .object({ unexplained: z.int(), currencies: z.array(Line) })
    .parse(await (await world.get(`/api/statement?${query}`, bearer)).json())
  const html = await me.text(`/dashboard/statement?${query}`)
  const page = textOf(html)
  const csv = await me.text(`/dashboard/statement/csv?${query}`)
  const overview = textOf(await me.text('/dashboard?days=30'))
  const day = await summarizeDay(deps.db, new Date(deps.now().getTime() + 1_000))

  expect(exitCode).toBe(0)
  expect(api.unexplained).toBe(0)
  expect(page).toContain(' 0 unexplained')
  for (const currency of CURRENCIES) {
    const { taken, givenBack, recorded, credited } = holdings(currency)
    if (taken === 0) continue
    const [inDodo, back] = [taken, givenBack].map((amount) => formatDodo(amount, currency))
    const [inLago, noted] = [recorded, credited].map((amount) => formatBooks(amount, currency))
    const line = api.currencies.find((one) => one.currency === currency)

    expect([currency, line?.dodo.payments.amount, line?.dodo.refunds.amount]).toEqual([
      currency,
      taken,
      givenBack,
    ])
    expect([currency, line?.lago.payments.amount, line?.lago.refunds.amount]).toEqual([
      currency,
      recorded,
      credited,
    ])
    // One row of the terminal, one of the page, one of the file.
    const row = told.split('\n').find((one) => one.startsWith(`  ${currency} `)) ?? ''
    for (const amount of [inDodo, inLago, back, noted]) expect(row).toContain(` ${amount}`)
    const section = page.slice(page.indexOf(` ${currency} `))
    for (const amount of [inDodo, inLago, back, noted]) expect(section).toContain(` ${amount} `)
    const rows = csv.split('\r\n').map((one) => one.split(','))
    const [head = []] = rows
    const at = (name: string) => head.findIndex((one) => one.endsWith(name))
    const cells = (kind: string, column: string) =>
      rows
        .filter((one) => one[at('kind')] === kind && one[at('currency')] === currency)
        .map((one) => Number(one[at(column)] || 0))
    const scale = currency === 'JPY' ? 1 : 100
    const sumOf = (kind: string, column: string) => Math.round(add(cells(kind, column)) * scale)
    expect([currency, sumOf('payment', 'dodo_amount'), sumOf('refund', 'dodo_amount')]).toEqual([
      currency,
      taken,
      givenBack,
    ])
    // By day and by customer it is the same, whichever way it is divided.
    const net = formatDodo(taken - givenBack, currency)
    for (const part of ['By day', 'By customer'])
      expect([part, netOf(html, part, currency)]).toEqual([part, net])
    // What came in and went back is what the overview and the status say of these days.
    expect(overview).toContain(`Collected ${currency} ${inDodo} `)
    expect(overview).toContain(`Given back ${currency} ${back} `)
    expect(day.text).toContain(`collected ${inDodo}`)
    if (givenBack > 0) expect(day.text).toContain(`given back ${back}`)
    const own = seen.find((one) => one.trim().startsWith(currency)) ?? ''
    expect(own).toContain(bare(inDodo ?? ''))
    expect(own).toContain(bare(back ?? ''))
  }
})
