import { describe, expect, test } from 'bun:test'

import { sql } from 'drizzle-orm'

import { chargesSent } from '../support/mandates.ts'
import { DODO_KEY, openWorld, shareWorld, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic' } }

/** What the bridge of another Lago organisation does on the same Dodo account, with the same key. */
const asOther = async (world: World, path: string, body: unknown) => {
  const response = await world.dodo.fetch(
    new Request(`http://dodo.test${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${DODO_KEY}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, string>
}

const OTHER = { lago_organization_id: 'other' }

describe('another Lago organisation on the same Dodo account', () => {
  test('keeps its customers and saved cards, also where the person and the id are the same', async () => {
    const world = await openWorld(AUTOMATIC)
    await world.openCheckout(world.bill(1_000).lago_id)
    const [product] = [...world.dodo.store.products.values()].filter((one) => one.is_recurring)
    const { customer_id } = await asOther(world, '/customers', {
      email: 'ap@acme.example',
      name: 'Acme',
      metadata: { lago_customer_id: '1', ...OTHER },
    })
    const { session_id } = await asOther(world, '/checkouts', {
      product_cart: [{ product_id: product?.product_id, quantity: 1 }],
      customer: { customer_id },
      billing_address: { country: 'US' },
      subscription_data: {
        on_demand: { mandate_only: false, product_price: 9_900, product_currency: 'USD' },
      },
    })
    world.dodo.pay(session_id ?? '')

    const customer = world.addCustomer({ external_id: '1', email: 'ap@acme.example' })
    const invoice = world.bill(7_000, { customer })
    await world.openCheckout(invoice.lago_id)
    await world.sweep()
    await world.quiet()

    expect(chargesSent(world)).toEqual([])
    const report = await world.customerReport('1')
    expect(report?.dodoCustomerId).not.toBe(customer_id)
    expect(report?.mandates).toEqual([])
    await world.close()
  })

  describe('has payments that', () => {
    const shared = shareWorld()

    test('are neither kept nor shown, whether a webhook or a sweep tells of them', async () => {
      const { world } = shared
      await world.openCheckout(world.bill(1_000).lago_id)
      const [product] = [...world.dodo.store.products.values()]
      const named = { lago_invoice_id: crypto.randomUUID(), bridge_attempt: '1' }
      const { session_id } = await asOther(world, '/checkouts', {
        product_cart: [{ product_id: product?.product_id, quantity: 1, amount: 9_900 }],
        billing_address: { country: 'US' },
        customer: { email: 'ap@acme.example', name: 'Acme' },
        metadata: { ...named, ...OTHER },
      })

      const payment = world.dodo.pay(session_id ?? '')
      await world.quiet()
      world.dodo.refund(payment.payment_id, 900)
      await world.quiet()
      await world.sweep()
      await world.quiet()

      const { db } = world.bridge
      const ledger = await db.execute(sql`select 1 from payments`)
      expect(ledger).toHaveLength(0)
      expect(
        await db.execute(sql`select 1 from receivables where state = 'attention'`),
      ).toHaveLength(0)
      expect(await db.execute(sql`select 1 from refunds`)).toHaveLength(0)
      const unread = await db.execute(sql`select 1 from deliveries
        where source = 'dodo' and wakes is not null and processed_at is null`)
      expect(unread).toHaveLength(0)
      expect(await world.invoiceReport(named.lago_invoice_id)).toBeUndefined()
    })
  })
})
