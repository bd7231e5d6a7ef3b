import { describe, expect, test } from 'bun:test'

import { shareWorld, type World } from '../support/world.ts'

/** The customers at Dodo that stand for a Lago customer. */
const atDodo = ({ dodo }: World, externalId: string) =>
  [...dodo.store.customers.values()].filter(
    ({ metadata }) => metadata?.['lago_customer_id'] === externalId,
  )

/** Waits until Dodo knows them, and returns who they are there. */
async function meet(world: World, input: Parameters<World['addCustomer']>[0] = {}) {
  const customer = world.addCustomer(input)
  await world.quiet()
  const [known, ...others] = atDodo(world, customer.external_id)
  if (!known || others.length > 0) throw new Error('Dodo does not know exactly one of them')
  return { customer, known }
}

const writesToDodo = (world: World) =>
  world.sent('POST', /^\/customers$/).length + world.sent('PATCH', /^\/customers\//).length

describe('a customer of Lago', () => {
  const shared = shareWorld()

  test('is known to Dodo before the first invoice, by name, e-mail and whose it is', async () => {
    const { world } = shared

    const { customer, known } = await meet(world, { name: 'Hooli', email: 'ap@hooli.example' })

    expect(known).toMatchObject({
      name: 'Hooli',
      email: 'ap@hooli.example',
      metadata: {
        lago_customer_id: customer.external_id,
        lago_organization_id: world.lago.organizationId,
      },
    })
    expect(await world.customerReport(customer.external_id)).toMatchObject({
      customer: customer.external_id,
      dodoCustomerId: known.customer_id,
    })
  })

  test('is kept in step when their name or e-mail address changes', async () => {
    const { world } = shared
    const { customer, known } = await meet(world)

    world.lago.updateCustomer(customer.external_id, { name: 'Red Fern', email: 'red@fern.example' })
    await world.quiet()

    expect(known).toMatchObject({ name: 'Red Fern', email: 'red@fern.example' })
    expect(atDodo(world, customer.external_id)).toHaveLength(1)
  })

  test('who changed in nothing that Dodo knows is not written to it again', async () => {
    const { world } = shared
    const { customer } = await meet(world)
    const before = writesToDodo(world)

    world.lago.updateCustomer(customer.external_id, { url: 'https://fern.example' })
    world.lago.updateCustomer(customer.external_id, {})
    await world.quiet()

    expect(writesToDodo(world)).toBe(before)
  })

  test('is never written to in Lago, so that nothing comes back', async () => {
    const { world } = shared
    const { customer } = await meet(world)
    world.lago.updateCustomer(customer.external_id, { name: 'Green Fern' })
    await world.quiet()

    expect(world.sent('POST', /\/customers/).filter(isToLago)).toEqual([])
    expect(world.sent('PUT', /\/customers/).filter(isToLago)).toEqual([])
  })

  test('of several addresses is known by the first', async () => {
    const { world } = shared
    const { known } = await meet(world, { email: 'first@fern.example, second@fern.example' })

    expect(known.email).toBe('first@fern.example')
  })

  test('without an e-mail address is met as soon as they have one', async () => {
    const { world } = shared
    const customer = world.addCustomer({ email: '' })
    await world.openCheckout(world.bill(1_000, { customer }).lago_id)
    expect(atDodo(world, customer.external_id)).toEqual([])

    world.lago.updateCustomer(customer.external_id, { email: 'late@fern.example' })

    await world.openCheckout(world.bill(1_000, { customer }).lago_id)
    expect(atDodo(world, customer.external_id).map(({ email }) => email)).toEqual([
      'late@fern.example',
    ])
  })

  test('of whom Lago itself collects is not known to Dodo', async () => {
    const { world } = shared
    const customer = world.addCustomer({
      billing_configuration: { payment_provider: 'stripe', payment_provider_code: 'stripe_eu' },
    })
    await world.quiet()

    expect(atDodo(world, customer.external_id)).toEqual([])
  })
})

describe('two customers of Lago with one e-mail address', () => {
  const shared = shareWorld()

  test('are two at Dodo, and stay two when they pay', async () => {
    const { world } = shared
    const email = 'shared@fern.example'
    const customers = [world.addCustomer({ email }), world.addCustomer({ email })]
    const invoices = customers.map((customer) => world.bill(1_000, { customer }))

    const payers = new Set<string>()
    for (const { lago_id } of invoices) {
      const { sessionId } = await world.openCheckout(lago_id)
      const payment = world.dodo.pay(sessionId)
      payers.add(payment.customer.customer_id)
      await world.eventually(lago_id, ({ state }) => state === 'paid')
    }

    const known = customers.flatMap(({ external_id: id }) => atDodo(world, id))
    expect(known).toHaveLength(2)
    expect([...payers].toSorted()).toEqual(known.map((one) => one.customer_id).toSorted())
  })

  test('stay two when one of them takes the address of the other', async () => {
    const { world } = shared
    const one = await meet(world, { email: 'one@fern.example' })
    const other = await meet(world, { email: 'other@fern.example' })

    world.lago.updateCustomer(other.customer.external_id, { email: 'one@fern.example' })
    await world.quiet()

    expect(other.known.email).toBe('one@fern.example')
    const reports = await Promise.all(
      [one, other].map(({ customer }) => world.customerReport(customer.external_id)),
    )
    expect(new Set(reports.map((report) => report?.dodoCustomerId)).size).toBe(2)
  })
})

describe('what is lost about a customer', () => {
  const shared = shareWorld()

  test('of whom nothing was heard before their first invoice is met with it', async () => {
    const { world } = shared
    const customer = await world.inSilence(() => world.addCustomer())
    const invoice = world.bill(1_000, { customer })

    const { sessionId } = await world.openCheckout(invoice.lago_id)

    expect(world.dodo.pay(sessionId).customer.customer_id).toBe(
      atDodo(world, customer.external_id)[0]?.customer_id ?? '',
    )
  })

  test('is not made twice when Dodo’s answer is lost', async () => {
    const { world } = shared
    world.dodo.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'POST', path: '/customers$' },
    })

    const customer = world.addCustomer()
    const invoice = world.bill(1_000, { customer })
    await world.openCheckout(invoice.lago_id)
    await world.quiet()

    expect(atDodo(world, customer.external_id)).toHaveLength(1)
  })

  test('is not made twice by several invoices at once', async () => {
    const { world } = shared
    const customer = await world.inSilence(() => world.addCustomer())
    const invoices = [1_000, 2_000, 3_000].map((amount) => world.bill(amount, { customer }))
    world.lago.updateCustomer(customer.external_id, {})
    for (const { lago_id } of invoices) await world.openCheckout(lago_id)
    await world.quiet()

    expect(atDodo(world, customer.external_id)).toHaveLength(1)
  })

  test('is in step at the latest when their next checkout is opened', async () => {
    const { world } = shared
    const { customer, known } = await meet(world)
    await world.inSilence(() =>
      world.lago.updateCustomer(customer.external_id, { email: 'moved@fern.example' }),
    )

    const invoice = world.bill(1_000, { customer })
    await world.openCheckout(invoice.lago_id)
    await world.quiet()

    expect(known.email).toBe('moved@fern.example')
  })
})

const isToLago = ({ url }: Request) => new URL(url).host === 'lago.test'
