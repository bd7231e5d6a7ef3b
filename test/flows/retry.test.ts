import { afterEach, beforeEach, describe, expect, test } from 'bun:test'

import { openWorld, type Report, type World } from '../support/world.ts'

const HOUR_MS = 3_600_000
const isFailed = ({ state }: Report) => state === 'failed'
const isPaid = ({ state }: Report) => state === 'paid'

describe('a declined payment', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld({ env: { RETRY_SCHEDULE: '1d,2d' } })
  })
  afterEach(() => world.close())

  const decline = async (lagoInvoiceId: string, number: number) => {
    const { sessionId } = await world.openCheckout(lagoInvoiceId, number)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(lagoInvoiceId, ({ attempts, state }) => {
      return attempts[number - 1]?.status === 'declined' && state === 'failed'
    })
    return sessionId
  }

  test('is shown as failed in Lago, retried on schedule, and at last left to people', async () => {
    const invoice = world.bill(5_000)
    await decline(invoice.lago_id, 1)
    expect(invoice.payment_status).toBe('failed')

    world.advance(23 * HOUR_MS)
    await world.quiet()
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
    world.advance(2 * HOUR_MS)
    await decline(invoice.lago_id, 2)
    world.advance(49 * HOUR_MS)
    await decline(invoice.lago_id, 3)

    world.advance(30 * 24 * HOUR_MS)
    await world.sweep()
    await Bun.sleep(1_200)
    await world.quiet()
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({ state: 'failed' })
    expect(report?.attempts).toHaveLength(3)
    expect(invoice.payment_status).toBe('failed')
  })

  test('leaves the pay link working at any time, and the schedule goes on from there', async () => {
    const invoice = world.bill(5_000)
    await decline(invoice.lago_id, 1)
    const { payUrl } = await world.eventually(invoice.lago_id, isFailed)

    expect((await world.visit(payUrl)).status).toBe(302)
    const { sessionId } = await world.openCheckout(invoice.lago_id, 2)
    const keys = world
      .sent('POST', /^\/checkouts$/)
      .map(({ headers }) => headers.get('idempotency-key'))
    expect(keys).toEqual([`lago-inv-${invoice.lago_id}`, `lago-inv-${invoice.lago_id}-2`])

    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.payment_status).toBe('succeeded')
  })

  test.each([
    [
      'the pay link',
      async (to: World, invoiceId: string) => {
        const report = await to.invoiceReport(invoiceId)
        await to.visit(report?.payUrl ?? '')
      },
    ],
    [
      'the Retry button',
      async (to: World, invoiceId: string) => void to.lago.pressRetry(invoiceId),
    ],
  ])('can be made good after the last retry by %s', async (_what, startAgain) => {
    const invoice = world.bill(5_000)
    await decline(invoice.lago_id, 1)
    world.advance(25 * HOUR_MS)
    await decline(invoice.lago_id, 2)
    world.advance(49 * HOUR_MS)
    await decline(invoice.lago_id, 3)

    await startAgain(world, invoice.lago_id)

    const { sessionId } = await world.openCheckout(invoice.lago_id, 4)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.payment_status).toBe('succeeded')
  })

  test('that is followed by a success in the same checkout is paid', async () => {
    const invoice = world.bill(5_000)
    const sessionId = await decline(invoice.lago_id, 1)

    world.dodo.pay(sessionId)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.payments.map(({ status, disposition }) => [status, disposition])).toEqual([
      ['failed', 'none'],
      ['succeeded', 'applied'],
    ])
    expect(invoice.total_paid_amount_cents).toBe(5_000)
    world.advance(30 * 24 * HOUR_MS)
    await Bun.sleep(1_200)
    await world.quiet()
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
  })

  test.each([
    [
      'whoever opens the pay link',
      async (to: World, invoiceId: string) => {
        const report = await to.invoiceReport(invoiceId)
        await to.visit(report?.payUrl ?? '')
      },
    ],
    [
      'whoever presses Retry',
      async (to: World, invoiceId: string) => void to.lago.pressRetry(invoiceId),
    ],
  ])(
    'that is followed by a success in the same checkout, of which nobody told, is not asked for again by %s',
    async (_what, askAgain) => {
      const invoice = world.bill(5_000)
      const sessionId = await decline(invoice.lago_id, 1)
      await world.inSilence(() => world.dodo.pay(sessionId))

      await askAgain(world, invoice.lago_id)

      const { attempts } = await world.eventually(invoice.lago_id, isPaid)
      expect(attempts).toHaveLength(1)
    },
  )

  test('whose events arrive twice, late and in the wrong order counts once', async () => {
    const { switches } = world.dodo.courier
    Object.assign(switches, { double: true, reorder: true })
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)

    world.dodo.decline(sessionId, 'GENERIC_DECLINE')
    world.dodo.pay(sessionId)

    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    expect(world.lago.store.payments).toHaveLength(1)
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('paid')
    expect(invoice.payment_status).toBe('succeeded')
  })
})

describe('the Retry button', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld({ env: { RETRY_SCHEDULE: '' } })
  })
  afterEach(() => world.close())

  test('opens a new attempt without waiting for anything', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'GENERIC_DECLINE')
    await world.eventually(invoice.lago_id, isFailed)

    world.lago.pressRetry(invoice.lago_id)

    await world.openCheckout(invoice.lago_id, 2)
  })

  test('changes nothing while a checkout is open, however often it is pressed', async () => {
    const invoice = world.bill(5_000)
    await world.openCheckout(invoice.lago_id)

    for (let time = 0; time < 5; time += 1) world.lago.pressRetry(invoice.lago_id)
    await world.quiet()

    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
    expect(world.dodo.store.sessions.size).toBe(1)
  })

  test('with an empty schedule, a decline waits for people', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'GENERIC_DECLINE')
    await world.eventually(invoice.lago_id, isFailed)

    world.advance(40 * 24 * HOUR_MS)
    await Bun.sleep(1_200)
    await world.quiet()

    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
  })
})
