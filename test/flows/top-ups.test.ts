import { describe, expect, test } from 'bun:test'

import { shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

/** A customer of ours buys credits; returns the transaction that they wait for. */
async function buy(world: World, paidCredits: string, isHidden: boolean) {
  const customer = world.addCustomer({ currency: 'USD' })
  await world.quiet()
  return { customer, transaction: topUp(world, customer, paidCredits, isHidden) }
}

function topUp(
  { lago }: World,
  { external_id: externalCustomerId }: { external_id: string },
  paidCredits: string,
  isHidden: boolean,
) {
  const [transaction] = lago.topUpWallet({
    externalCustomerId,
    paidCredits,
    invoiceRequiresSuccessfulPayment: isHidden,
  })
  if (!transaction) throw new Error('Lago made no transaction')
  return transaction
}

type Transaction = ReturnType<typeof topUp>
const invoiceOf = ({ invoice }: Transaction) => invoice?.lago_id ?? ''

describe('a top-up whose invoice everybody sees', () => {
  const shared = shareWorld()

  test('is collected like any other invoice, and grants its credits once', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', false)
    const { sessionId } = await world.openCheckout(invoiceOf(transaction))
    expect(transaction.status).toBe('pending')

    const payment = world.dodo.pay(sessionId)

    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()
    expect(payment.total_amount).toBe(2_500)
    expect(transaction.status).toBe('settled')
    expect(transaction.wallet.balance).toEqual({ numerator: 25n, denominator: 1n })
  })

  test('keeps waiting for its credits after a decline, and gets them from the next checkout', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', false)
    const { report, sessionId } = await world.openCheckout(invoiceOf(transaction))
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoiceOf(transaction), ({ state }) => state === 'failed')
    await world.quiet()
    expect(transaction.status).toBe('pending')

    world.dodo.pay(await world.follow(report.payUrl))

    await world.eventually(invoiceOf(transaction), isPaid)
    expect(transaction.status).toBe('settled')
  })

  test('is refunded in Dodo as far as its credits are unused', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', false)
    const { sessionId } = await world.openCheckout(invoiceOf(transaction))
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()

    world.dodo.refund(payment.payment_id, 1_000)

    await world.eventually(invoiceOf(transaction), ({ refunds }) => {
      return refunds[0]?.lagoCreditNoteId !== null && refunds.length === 1
    })
    await world.quiet()
    const notes = world.notesOf(invoiceOf(transaction))
    expect(notes.map((note) => [note.refund_amount_cents, note.refund_status])).toEqual([
      [1_000, 'succeeded'],
    ])
  })

  test('whose credits are gone and that is refunded all the same is a matter for a person', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', false)
    const { sessionId } = await world.openCheckout(invoiceOf(transaction))
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()
    world.lago.terminateWallet(transaction.wallet.lago_id)

    const { refund_id: refundId } = world.dodo.refund(payment.payment_id)

    const report = await world.eventually(
      invoiceOf(transaction),
      ({ state }) => state === 'attention',
    )
    expect(report.reason).toContain(refundId)
    expect(world.notesOf(invoiceOf(transaction))).toEqual([])
  })
})

describe('a top-up whose invoice nobody sees before it is paid', () => {
  const shared = shareWorld()

  test('is recognised, collected, and grants its credits once', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    const { report, sessionId } = await world.openCheckout(invoiceOf(transaction))
    expect(report).toMatchObject({ state: 'open', amountDue: 2_500, currency: 'USD' })
    expect(await world.follow(report.payUrl)).toBe(sessionId)

    const payment = world.dodo.pay(sessionId)

    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()
    expect(payment.total_amount).toBe(2_500)
    expect(transaction.status).toBe('settled')
    expect(transaction.wallet.balance).toEqual({ numerator: 25n, denominator: 1n })
    expect(transaction.invoice?.status).toBe('finalized')
    expect(world.paidIn(invoiceOf(transaction)).map((one) => one.reference)).toEqual([
      payment.payment_id,
    ])
    const paid = await world.invoiceReport(invoiceOf(transaction))
    expect(paid?.number).toBe(transaction.invoice?.number ?? '')
    expect(paid?.state).toBe('paid')
  })

  test('has a page for every stage of its payment', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    const { report, sessionId } = await world.openCheckout(invoiceOf(transaction))
    const slow = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.eventually(invoiceOf(transaction), ({ state }) => state === 'processing')
    expect(await (await world.visit(report.payUrl)).text()).toContain('Being processed')

    world.dodo.settlePayment(slow.payment_id, 'succeeded')

    await world.eventually(invoiceOf(transaction), isPaid)
    const page = await (await world.visit(report.payUrl)).text()
    expect(page).toContain('<h1>Paid</h1>')
  })

  test('is declined and paid by the link, once', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    const { report, sessionId } = await world.openCheckout(invoiceOf(transaction))
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoiceOf(transaction), ({ state }) => state === 'failed')

    world.dodo.pay(await world.follow(report.payUrl))

    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()
    expect(world.paidIn(invoiceOf(transaction))).toHaveLength(1)
    expect(transaction.status).toBe('settled')
  })

  test('that is paid twice is given back once', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    const { report, sessionId } = await world.openCheckout(invoiceOf(transaction))
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoiceOf(transaction), ({ state }) => state === 'failed')
    const second = await world.follow(report.payUrl)

    const payments = [world.dodo.pay(sessionId), world.dodo.pay(second)]

    await world.eventually(invoiceOf(transaction), ({ state, refunds }) => {
      return state === 'paid' && refunds.some(({ status }) => status === 'succeeded')
    })
    await world.quiet()
    const given = payments.flatMap(({ payment_id: id }) => world.refundsOf(id))
    expect(given.map(({ amount }) => amount)).toEqual([2_500])
    expect(transaction.wallet.balance).toEqual({ numerator: 25n, denominator: 1n })
  })

  test.each(['after_drop', 'drop'] as const)(
    'is recorded once although the call to Lago ends in a %s',
    async (kind) => {
      const { world } = shared
      const { transaction } = await buy(world, '25', true)
      const { sessionId } = await world.openCheckout(invoiceOf(transaction))
      world.lago.faults.add({ kind, times: 1, match: { method: 'POST', path: '/payments$' } })

      world.dodo.pay(sessionId)
      await world.eventually(invoiceOf(transaction), ({ payments }) => payments.length > 0)
      await world.quiet()
      world.advance(120_000)
      await world.sweep()

      await world.eventually(invoiceOf(transaction), isPaid)
      await world.quiet()
      expect(world.paidIn(invoiceOf(transaction))).toHaveLength(1)
      expect(transaction.status).toBe('settled')
    },
  )

  test('is refunded in Dodo like any other once it is paid', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    const { sessionId } = await world.openCheckout(invoiceOf(transaction))
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoiceOf(transaction), isPaid)
    await world.quiet()

    world.dodo.refund(payment.payment_id)

    await world.eventually(invoiceOf(transaction), () => {
      return world.notesOf(invoiceOf(transaction)).length > 0
    })
    await world.quiet()
    const notes = world.notesOf(invoiceOf(transaction))
    expect(notes.map((note) => note.refund_amount_cents)).toEqual([2_500])
  })
})

describe('a top-up of which nothing is heard', () => {
  const shared = shareWorld()

  test.each([false, true])(
    'is found by the sweep, and so is its payment, hidden or not: %p',
    async (isHidden) => {
      const { world } = shared
      const customer = world.addCustomer({ currency: 'USD' })
      await world.quiet()
      const transaction = await world.inSilence(() => topUp(world, customer, '25', isHidden))
      await world.sweep()
      const { sessionId } = await world.openCheckout(invoiceOf(transaction))

      await world.inSilence(async () => {
        world.dodo.pay(sessionId)
        await world.dodo.idle()
        await world.sweep()
        await world.eventually(invoiceOf(transaction), isPaid)
      })

      expect(transaction.status).toBe('settled')
      expect(world.paidIn(invoiceOf(transaction))).toHaveLength(1)
    },
  )
})

describe('a top-up that Lago takes its time to bill', () => {
  const shared = shareWorld({ lago: { topUpDelayMs: 700 } })

  test('is collected as soon as it is billed', async () => {
    const { world } = shared
    const { transaction } = await buy(world, '25', true)
    expect(transaction.invoice).toBeNull()
    await Bun.sleep(800)

    const { sessionId } = await world.openCheckout(invoiceOf(transaction))
    world.dodo.pay(sessionId)

    await world.eventually(invoiceOf(transaction), isPaid)
    expect(transaction.status).toBe('settled')
  })
})
