import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { deadLetters } from '../../../src/db/schema.ts'
import { HOSTILE, serveDashboard, signIn, type Served } from './support.ts'

const API_KEY = 'ofk_0123456789abcdef'

describe('the pages of orders', () => {
  const shared = {} as { served: Served; orderId: string }
  beforeAll(async () => {
    shared.served = await serveDashboard({ env: { OPENFRONT_API_KEYS: `demo:${API_KEY}` } })
    const response = await shared.served.world.get('/api/create-payment', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        provider: { credentials: { apiKey: API_KEY } },
        cart: { id: HOSTILE, customer: { name: HOSTILE, email: 'may@shop.test' } },
        amount: 2_599,
        currency: 'usd',
      }),
    })
    shared.orderId = ((await response.json()) as { paymentId: string }).paymentId
  })
  afterAll(() => shared.served.close())

  test('list what shops want, and show one with its amount, link and history', async () => {
    const me = await signIn(shared.served.origin)
    const path = `/dashboard/orders/${shared.orderId}`

    const list = await me.text('/dashboard/orders')
    const page = await me.text(path)

    expect(list).toContain(`href="${path}"`)
    expect(list).toContain('25.99 USD')
    expect(page).toContain('openfront, demo, test mode')
    expect(page).toContain('/pay/')
    expect(page).toContain('checkout cks_')
    expect(`${list}${page}`).not.toContain('<script>alert')
    // A line of its history leads to its own page.
    expect(await me.text('/dashboard')).toContain(`<a href="${path}"`)
    expect(await me.text('/dashboard/orders?as=csv')).toMatch(
      /^order_id,source,.*\r\nord_\w+,openfront,demo,test,[^\r]*,USD,25\.99,open,/,
    )
  })

  test('are where an address leads that knows an id, and not what it is of', async () => {
    const { world, origin } = shared.served
    const me = await signIn(origin)
    const { db } = world.bridge
    const id = shared.orderId
    await db
      .insert(deadLetters)
      .values({ kind: 'settle', key: id, error: 'x', buriedAt: new Date() })
    const listed = await me.text('/dashboard/dead-letters')
    await db.delete(deadLetters)
    const [path = ''] = /\/dashboard\/\w+\/ord_\w+/.exec(listed) ?? []

    const response = await me.get(path)

    expect(path).toContain(id)
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe(`/dashboard/orders/${id}`)
    expect((await me.get(`/dashboard/invoices/${crypto.randomUUID()}`)).status).toBe(404)
  })

  test('have an order looked at again', async () => {
    const me = await signIn(shared.served.origin)
    const path = `/dashboard/orders/${shared.orderId}`

    await me.press(path, `${path}/look`)

    expect(await me.text(path)).toContain('looked at again by Ana')
  })

  test('state what Dodo and the ledger hold of each store', async () => {
    const me = await signIn(shared.served.origin)

    const all = await me.text('/dashboard/statement')
    const ofShops = await me.text('/dashboard/statement?source=openfront')
    const csv = await me.text('/dashboard/statement/csv?source=openfront')

    expect(all).toContain('Openfront, store demo (test)')
    expect(all).toContain('>Lago</h2>')
    expect(ofShops).not.toContain('>Lago</h2>')
    expect(ofShops).toContain('--source openfront')
    expect(csv).toContain('source,tenant,mode')
    expect(`${all}${ofShops}`).not.toContain('<script>alert')
  })

  test('show no order that is not there, and take no invoice for one', async () => {
    const me = await signIn(shared.served.origin)
    const invoice = shared.served.world.bill(10_800)
    await shared.served.world.openCheckout(invoice.lago_id)

    expect((await me.get(`/dashboard/orders/${invoice.lago_id}`)).status).toBe(404)
    const asInvoice = await me.get(`/dashboard/invoices/${shared.orderId}`)
    expect(asInvoice.headers.get('location')).toBe(`/dashboard/orders/${shared.orderId}`)
    expect((await me.get(`/dashboard/invoices/${shared.orderId}/collect`)).status).toBe(404)
  })

  test('are found by their pay link', async () => {
    const me = await signIn(shared.served.origin)
    const path = `/dashboard/orders/${shared.orderId}`
    const link = /https?:[^"<\s]+\/pay\/[\w-]{22}/.exec(await me.text(path))?.[0] ?? ''

    const found = await me.get(`/dashboard/search?q=${encodeURIComponent(link)}`)

    expect(found.headers.get('location')).toBe(path)
  })
})
