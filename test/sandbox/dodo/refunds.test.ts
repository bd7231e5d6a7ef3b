import { describe, expect, test } from 'bun:test'
import { codeOf, openDodo, paidCheckout, prepareCheckout } from './support.ts'

describe('POST /refunds', () => {
  test('a refund is pending at first, then succeeds with an event of its own metadata', async () => {
    const opened = openDodo()
    const { payment, product } = await paidCheckout(opened)
    const refund = await opened.client.refunds.create({
      payment_id: payment.payment_id,
      items: [{ item_id: product.product_id, amount: 2_345 }],
      metadata: { lago_credit_note_id: 'cn-1' },
    })
    await opened.sandbox.idle()

    expect(refund).toMatchObject({ status: 'pending', amount: 2_345, is_partial: true })
    expect(opened.types()).toEqual(['payment.succeeded', 'refund.succeeded'])
    expect(opened.events()[1].data.metadata).toEqual({ lago_credit_note_id: 'cn-1' })
    const after = await opened.client.payments.retrieve(payment.payment_id)
    expect(after.refund_status).toBe('partial')
    expect(after.refunds[0]).toMatchObject({ refund_id: refund.refund_id, amount: 2_345 })
    expect(after.refunds[0]).not.toHaveProperty('metadata')
  })

  test('without items it gives back what is left, and then nothing more', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    opened.sandbox.refund(payment.payment_id, 345)
    await opened.sandbox.idle()
    const rest = await opened.client.refunds.create({ payment_id: payment.payment_id })
    await opened.sandbox.idle()

    expect(rest).toMatchObject({ amount: 12_000, is_partial: true })
    expect(opened.sandbox.store.payments.get(payment.payment_id)?.refund_status).toBe('full')
    const again = opened.client.refunds.create({ payment_id: payment.payment_id })
    expect(await codeOf(again)).toBe('NOTHING_TO_REFUND')
  })

  test('one at a time, and one that failed may be asked for again', async () => {
    const opened = openDodo({ behaviour: { refunds: 'hold' } })
    const { payment } = await paidCheckout(opened)
    const { refund_id } = opened.sandbox.refund(payment.payment_id)
    const again = () => opened.client.refunds.create({ payment_id: payment.payment_id })

    expect(await codeOf(again())).toBe('EXISTING_REFUND_REQUEST_PROCESSING')
    opened.sandbox.settleRefund(refund_id, 'failed')
    expect(await again()).toMatchObject({ amount: 12_345 })
    await opened.sandbox.idle()
    expect(opened.types()).toContain('refund.failed')
  })

  test('the id of a line item is as good as the product of a one-time payment', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { items } = await opened.client.payments.retrieveLineItems(payment.payment_id)
    const [item] = items

    expect(item).toMatchObject({ amount: 12_345, refundable_amount: 12_345, tax: 2_057 })
    const refund = await opened.client.refunds.create({
      payment_id: payment.payment_id,
      items: [{ item_id: item?.items_id ?? '', amount: 100, tax_inclusive: false }],
    })
    expect(refund.amount).toBe(120)
  })

  test.each([
    ['more than was paid', { amount: 12_346 }, 'LINE_ITEM_REFUND_AMOUNT_TOO_HIGH'],
    ['nothing', { amount: 0 }, 'LINE_ITEM_REFUND_AMOUNT_TOO_LOW'],
    ['of another product', { item_id: 'pdt_other' }, 'LINE_ITEM_NOT_FOUND'],
  ])('a refund of %s is refused', async (_, change, code) => {
    const opened = openDodo()
    const { payment, product } = await paidCheckout(opened)
    const items = [{ item_id: product.product_id, ...change }]

    const call = opened.client.refunds.create({ payment_id: payment.payment_id, items })
    expect(await codeOf(call)).toBe(code)
  })

  test('an amount at the top level is refused', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const body = { payment_id: payment.payment_id, amount: 100 }

    expect(await codeOf(opened.client.post('/refunds', { body }))).toBe('INVALID_REQUEST_BODY')
  })

  test('a payment that did not succeed gives nothing back', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    const { payment_id } = opened.sandbox.decline(session_id, 'DO_NOT_HONOR')

    expect(await codeOf(opened.client.refunds.create({ payment_id }))).toBe('PAYMENT_NOT_SUCCEEDED')
  })

  test('refunds are listed without customer and metadata, and read with them', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { refund_id } = opened.sandbox.refund(payment.payment_id)
    await opened.sandbox.idle()

    const { items } = await opened.client.refunds.list({ page_number: 0, status: 'succeeded' })
    expect(items.map((item) => item.refund_id)).toEqual([refund_id])
    expect(items[0]).not.toHaveProperty('customer')
    expect(await opened.client.refunds.retrieve(refund_id)).toHaveProperty('customer')
    const unknown = opened.client.get('/refunds', { query: { payment_id: payment.payment_id } })
    expect(await codeOf(unknown)).toBe('INVALID_QUERY_PARAMS')
  })

  test('refunds are possible for thirty days', async () => {
    let aheadMs = 0
    const opened = openDodo({ now: () => new Date(Date.now() + aheadMs) })
    const { payment } = await paidCheckout(opened)
    const refund = () => opened.client.refunds.create({ payment_id: payment.payment_id })
    aheadMs = 30 * 24 * 60 * 60 * 1_000
    expect(await codeOf(refund())).toBe('REFUND_WINDOW_EXPIRED')

    opened.sandbox.behaviour.refundWindowDays = 90
    expect(await refund()).toMatchObject({ status: 'pending' })
  })

  test('some ways of paying give back the whole or nothing', async () => {
    const opened = openDodo({ behaviour: { partialRefunds: false } })
    const { payment, product } = await paidCheckout(opened)
    const refund = (amount?: number) =>
      opened.client.refunds.create({
        payment_id: payment.payment_id,
        ...(amount && { items: [{ item_id: product.product_id, amount }] }),
      })

    expect(await codeOf(refund(100))).toBe('PARTIAL_REFUND_NOT_ALLOWED')
    expect(await refund()).toMatchObject({ amount: 12_345 })
  })

  test('a refund held for review is silent and keeps others waiting', async () => {
    const opened = openDodo({ behaviour: { refunds: 'review' } })
    const { payment } = await paidCheckout(opened)
    const { refund_id } = opened.sandbox.refund(payment.payment_id, 100)
    await opened.sandbox.idle()

    expect(await opened.client.refunds.retrieve(refund_id)).toMatchObject({ status: 'review' })
    expect(opened.types()).toEqual(['payment.succeeded'])
    const again = opened.client.refunds.create({ payment_id: payment.payment_id })
    expect(await codeOf(again)).toBe('EXISTING_REFUND_REQUEST_PROCESSING')
  })

  test('a refund that succeeded may fail after all, and its money can be refunded anew', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { refund_id } = opened.sandbox.refund(payment.payment_id)
    await opened.sandbox.idle()
    opened.sandbox.bounceRefund(refund_id)
    await opened.sandbox.idle()

    expect(opened.types().slice(-2)).toEqual(['refund.succeeded', 'refund.failed'])
    const after = await opened.client.payments.retrieve(payment.payment_id)
    expect(after.refund_status).toBeNull()
    expect(opened.sandbox.refund(payment.payment_id)).toMatchObject({ amount: 12_345 })
  })

  test('a payment that is contested gives nothing back', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { dispute_id } = opened.sandbox.openDispute(payment.payment_id)
    const { refund_id } = opened.sandbox.refund(payment.payment_id)
    await opened.sandbox.idle()
    expect((await opened.client.refunds.retrieve(refund_id)).status).toBe('failed')

    opened.sandbox.moveDispute(dispute_id, 'dispute_won')
    opened.sandbox.refund(payment.payment_id)
    await opened.sandbox.idle()
    expect(opened.sandbox.store.payments.get(payment.payment_id)?.refund_status).toBe('full')
  })
})

describe('disputes', () => {
  test('a dispute is opened and lost, with its amount as text', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { dispute_id } = opened.sandbox.openDispute(payment.payment_id)
    await opened.sandbox.idle()
    opened.sandbox.moveDispute(dispute_id, 'dispute_lost')
    await opened.sandbox.idle()

    expect(opened.types()).toEqual(['payment.succeeded', 'dispute.opened', 'dispute.lost'])
    expect(await opened.client.disputes.retrieve(dispute_id)).toMatchObject({
      amount: '12345',
      dispute_status: 'dispute_lost',
    })
    const { items } = await opened.client.disputes.list({ dispute_status: 'dispute_lost' })
    expect(items).toHaveLength(1)
  })

  test('a dispute that Visa resolves by itself is only ever reported as lost', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    opened.sandbox.openDispute(payment.payment_id, { rdr: true })
    await opened.sandbox.idle()

    expect(opened.types()).toEqual(['payment.succeeded', 'dispute.lost'])
    expect(opened.events()[1].data.is_resolved_by_rdr).toBe(true)
  })

  test.each([
    ['dispute_challenged', 'dispute.challenged'],
    ['dispute_accepted', 'dispute.accepted'],
    ['dispute_cancelled', 'dispute.cancelled'],
    ['dispute_expired', 'dispute.expired'],
    ['dispute_won', 'dispute.won'],
    ['dispute_lost', 'dispute.lost'],
  ] as const)('%s is announced as %s', async (status, event) => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const { dispute_id } = opened.sandbox.openDispute(payment.payment_id)
    opened.sandbox.moveDispute(dispute_id, status)
    await opened.sandbox.idle()

    expect(opened.types().at(-1)).toBe(event)
    expect(opened.events().at(-1).data).toMatchObject({ dispute_status: status, dispute_id })
    const after = await opened.client.payments.retrieve(payment.payment_id)
    expect(after.disputes).toMatchObject([{ dispute_status: status }])
  })

  test('a dispute goes from an inquiry to the bank, and may come back after it was won', async () => {
    const opened = openDodo()
    const { payment, customer } = await paidCheckout(opened)
    const { dispute_id } = opened.sandbox.openDispute(payment.payment_id, { stage: 'pre_dispute' })
    opened.sandbox.moveDispute(dispute_id, 'dispute_opened', 'dispute')
    opened.sandbox.moveDispute(dispute_id, 'dispute_won')
    opened.sandbox.moveDispute(dispute_id, 'dispute_opened', 'pre_arbitration')
    await opened.sandbox.idle()

    expect(opened.types().slice(1)).toEqual([
      'dispute.opened',
      'dispute.opened',
      'dispute.won',
      'dispute.opened',
    ])
    const { items } = await opened.client.disputes.list({
      page_number: 0,
      dispute_stage: 'pre_arbitration',
      customer_id: customer.customer_id,
    })
    expect(items).toMatchObject([{ dispute_id, dispute_status: 'dispute_opened' }])
    expect(items[0]).not.toHaveProperty('customer')
  })
})
