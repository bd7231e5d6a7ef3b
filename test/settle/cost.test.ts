import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type World } from '../support/world.ts'

const INVOICES = 4

describe('one invoice opened, paid and recorded', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ env: { DODO_RATE_LIMIT: '1000/s', LAGO_RATE_LIMIT: '1000/s' } })
  })
  afterAll(() => world.close())

  async function collect(customer: { external_id: string }) {
    const invoice = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  }

  const toDodo = () => world.requests.filter(({ url }) => url.startsWith('http://dodo.test')).length

  test('costs no more than three requests to Dodo, four for a new customer', async () => {
    const customer = world.addCustomer()
    await collect(customer)
    await world.quiet()

    world.requests.length = 0
    for (let nth = 0; nth < INVOICES; nth += 1) await collect(customer)
    expect(toDodo()).toBeLessThanOrEqual(3 * INVOICES)

    world.requests.length = 0
    await collect(world.addCustomer())
    expect(toDodo()).toBeLessThanOrEqual(4)
  })

  test('is not searched in Lago for a payment, as Lago has just shown that nothing of it is paid', async () => {
    await world.quiet()
    world.requests.length = 0
    for (let nth = 0; nth < INVOICES; nth += 1) await collect(world.addCustomer())

    const searches = world.sent('GET', /\/api\/v1\/payments$/)
    // What was shown more than two seconds ago, on a machine with much else to do, is searched all the same.
    expect(searches.length).toBeLessThan(INVOICES)
  })
})
