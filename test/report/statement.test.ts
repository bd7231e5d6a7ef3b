import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { readPeriod, type GivenPeriod } from '../../src/report/period.ts'
import { statement } from '../../src/report/statement.ts'
import { openWorld, type World } from '../support/world.ts'
import { inWorld } from './support.ts'

const state = async ({ bridge: { deps } }: World, isCsv = false, given: GivenPeriod = {}) => {
  const lines: string[] = []
  const period = readPeriod(given, deps.now())
  const exitCode = await statement(deps, { period, isCsv }, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n'), lines }
}

async function collect(world: World, amount: number, currency = 'USD') {
  const invoice = world.bill(amount, { currency })
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, (report) => report.state === 'paid')
  return { invoice, payment }
}

describe('statement', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ unproven: 'a payment that Dodo does not know is recorded by hand' })
  })
  afterAll(() => world.close())

  test('without payments it says so', async () => {
    expect(await state(world)).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining('No payments and no refunds.'),
    })
  })

  test('what was collected and refunded stands on both sides, each in its own units', async () => {
    const { invoice, payment } = await collect(world, 10_000)
    await collect(world, 3_500, 'HUF')
    world.dodo.refund(payment.payment_id, 2_500)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)

    const { exitCode, text } = await state(world)

    expect(text).toContain('No difference.')
    expect(text).toMatch(/HUF +1 +3500\.00 HUF +1 +3500 HUF +0 /)
    expect(text).toMatch(/USD +1 +100\.00 USD +1 +100\.00 USD +1 +25\.00 USD +1 +25\.00 USD +0\.00/)
    expect(exitCode).toBe(0)
  })

  test('a held payment is a difference that is named and explained', async () => {
    const invoice = world.bill(4_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    const { payment_id } = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, (report) => report.state === 'attention')

    const { exitCode, text } = await state(world)

    expect(text).toContain('1 difference, 0 unexplained')
    expect(text).toMatch(
      new RegExp(`explained +${payment_id}.*40\\.00 USD in Dodo, nothing in Lago`),
    )
    expect(exitCode).toBe(0)
  })

  test('CSV has a row for each payment and refund, with the amounts of both sides', async () => {
    const { lines } = await state(world, true)
    const rows = lines.filter((line) => !line.startsWith('sum,'))

    expect(lines[0]).toBe(
      '\uFEFFkind,made_at,dodo_payment_id,dodo_refund_id,lago_invoice_id,invoice_number,lago_record_id,currency,dodo_amount,lago_amount,difference,dodo_dispute_id,dispute_outcome\r',
    )
    expect(rows).toHaveLength(5)
    expect(lines.filter((line) => line.startsWith('refund,'))).toHaveLength(1)
    expect(lines.some((line) => line.includes(',HUF,3500.00,3500,'))).toBe(true)
    expect(lines.every((line) => line.endsWith('\r'))).toBe(true)
  })

  test('CSV ends with a sum for each currency: payments less refunds, on both sides', async () => {
    const { lines } = await state(world, true)

    expect(lines.filter((line) => line.startsWith('sum,'))).toEqual([
      'sum,,,,,,,HUF,3500.00,3500,,,\r',
      'sum,,,,,,,USD,115.00,75.00,40.00,,\r',
    ])
  })

  test('the days are those of a time zone, and so are the times', async () => {
    const { lines } = await state(world, true, { tz: 'Asia/Tokyo' })
    const { text } = await state(world, false, { tz: 'Asia/Tokyo' })

    expect(lines.filter((line) => /^payment,[^,]+\+09:00,/.test(line))).toHaveLength(3)
    expect(text).toMatch(/^Statement \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d \(Asia\/Tokyo\)/)
  })

  test('a payment that Lago holds and Dodo does not fails the statement', async () => {
    const invoice = world.bill(1_000)
    await world.openCheckout(invoice.lago_id)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 1_000, reference: 'pay_forged' })

    const { exitCode, text } = await state(world)

    expect(text).toMatch(/UNEXPLAINED +pay_forged.*nothing in Dodo, 10\.00 USD in Lago/)
    expect(exitCode).toBe(1)
  })
})

describe('statement of a Lago without a premium licence', () => {
  test.each([
    ['shows no due', { release: '1.18.0' }, false],
    ['shows no due of what is void', { premium: false }, true],
  ])('an invoice that is paid by status counts as a whole where Lago %s', (_, lago, isVoid) =>
    inWorld({ lago }, async (world) => {
      const { invoice } = await collect(world, 5_000)
      if (isVoid) world.lago.voidInvoice(invoice.lago_id)
      await world.quiet()

      const { exitCode, text } = await state(world)

      expect(text).toContain('No difference')
      expect(exitCode).toBe(0)
    }),
  )

  test('invoices that are paid by status count, and refunds are explained', async () => {
    const world = await openWorld({ lago: { premium: false } })
    const { invoice, payment } = await collect(world, 10_000)
    const before = await state(world)
    world.dodo.refund(payment.payment_id, 2_500)
    await world.eventually(invoice.lago_id, (report) => report.state === 'attention')
    const after = await state(world)
    await world.close()

    expect(before.text).toContain('1 payment recorded by payment status')
    expect(before.text).toContain('No difference.')
    expect(after.text).toMatch(/explained +ref_.*licence/)
    expect(after.exitCode).toBe(0)
  })
})
