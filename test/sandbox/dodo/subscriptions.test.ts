import { describe, expect, test } from 'bun:test'
import { codeOf, openMandate } from './support.ts'

describe('mandates', () => {
  test('paying an invoice once also saves the mandate', async () => {
    const { sandbox, client, sessionId, ...opened } = await openMandate({
      mandate_only: false,
      product_price: 12_345,
    })
    const payment = sandbox.pay(sessionId)
    await sandbox.idle()

    expect(payment).toMatchObject({ total_amount: 12_345, product_cart: null })
    expect(opened.types()).toEqual(['payment.succeeded', 'subscription.active'])
    expect(await client.subscriptions.retrieve(opened.subscriptionId())).toMatchObject({
      status: 'active',
      on_demand: true,
      metadata: { lago_customer_id: 'cst-42' },
    })
  })

  test('a mandate alone moves no money', async () => {
    const { sandbox, sessionId, types } = await openMandate({ mandate_only: true })
    sandbox.saveCard(sessionId)
    await sandbox.idle()

    expect(types()).toEqual(['subscription.active'])
    expect(sandbox.store.payments.size).toBe(0)
  })

  test('a charge is accepted first and decided later, one at a time', async () => {
    const { sandbox, client, sessionId, subscriptionId } = await openMandate({ mandate_only: true })
    sandbox.saveCard(sessionId)
    const charge = () =>
      client.subscriptions.charge(subscriptionId(), {
        product_price: 5_000,
        metadata: { lago_invoice_id: 'inv_2' },
      })
    const { payment_id } = await charge()

    expect(await codeOf(charge())).toBe('PREVIOUS_PAYMENT_PENDING')
    await sandbox.idle()
    expect(await client.payments.retrieve(payment_id)).toMatchObject({
      status: 'succeeded',
      total_amount: 5_000,
      subscription_id: subscriptionId(),
      metadata: { lago_invoice_id: 'inv_2' },
    })
  })

  test('a declined charge puts the mandate on hold without locking it', async () => {
    const { sandbox, client, sessionId, subscriptionId, types } = await openMandate({
      mandate_only: true,
    })
    sandbox.saveCard(sessionId)
    sandbox.behaviour.charges = 'INSUFFICIENT_FUNDS'
    await client.subscriptions.charge(subscriptionId(), { product_price: 5_000 })
    await sandbox.idle()
    expect(types().slice(1)).toEqual([
      'payment.processing',
      'payment.failed',
      'subscription.on_hold',
    ])

    sandbox.behaviour.charges = 'succeed'
    await client.subscriptions.charge(subscriptionId(), { product_price: 5_000 })
    await sandbox.idle()
    expect(sandbox.store.subscriptions.get(subscriptionId())?.status).toBe('active')
  })

  test('a cancelled mandate cannot be charged', async () => {
    const { sandbox, client, sessionId, subscriptionId } = await openMandate({ mandate_only: true })
    sandbox.saveCard(sessionId)
    await client.subscriptions.update(subscriptionId(), { status: 'cancelled' })

    const call = client.subscriptions.charge(subscriptionId(), { product_price: 5_000 })
    expect(await codeOf(call)).toBe('SUBSCRIPTION_INACTIVE')
  })
})
