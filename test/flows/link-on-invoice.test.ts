import { expect, test } from 'bun:test'

import { accountPages } from '../../src/db/schema.ts'
import { ADMIN_TOKEN, openWorld, shareWorld, type World } from '../support/world.ts'

const shared = shareWorld({ env: { PAY_LINK_ON_INVOICE: 'account' } })
const PATIENCE_MS = 20_000

const metadataOf = (world: World, { external_id: id }: { external_id: string }) =>
  world.lago.store.customers
    .get(id)
    ?.metadata.map(({ key, value, display_in_invoice: isShown }) => [key, value, isShown]) ?? []
const writesOf = (world: World) => world.sent('POST', /^\/api\/v1\/customers$/)

async function untilLinked(world: World, customer: { external_id: string }) {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const link = metadataOf(world, customer).find(([key]) => key === 'pay_online')
    if (link) return link
    if (performance.now() > deadline) throw new Error('no link is there')
    await Bun.sleep(50)
  }
}

test('the account page is written to a customer once, beside all that is there already', async () => {
  const { world } = shared
  const customer = world.addCustomer({
    metadata: [
      { key: 'crm', value: 'C-1', display_in_invoice: true },
      { key: 'note', value: 'x', display_in_invoice: false },
    ] as never,
  })
  const invoice = world.bill(1_000, { customer })
  await world.openCheckout(invoice.lago_id)
  const link = await untilLinked(world, customer)
  const report = (await world.customerReport(customer.external_id)) as unknown as {
    accountUrl: string
  }
  await world.quiet()
  const written = writesOf(world).length

  expect(link).toEqual(['pay_online', report.accountUrl, true])
  expect(metadataOf(world, customer)).toEqual([
    ['crm', 'C-1', true],
    ['note', 'x', false],
    ['pay_online', report.accountUrl, true],
  ])
  expect(written).toBe(1)
  // Whatever is said of the customer, it was written; who takes it off is not argued with.
  world.lago.createCustomer({ external_id: customer.external_id, metadata: [] as never })
  world.bill(2_000, { customer })
  await world.quiet()
  expect(writesOf(world)).toHaveLength(written)
  expect(metadataOf(world, customer)).toEqual([])
  // A new link is another thing.
  await world.get(`/api/customers/${customer.external_id}/links`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect((await untilLinked(world, customer))[1]).not.toBe(report.accountUrl)
})

test('what Lago has no room for, or refuses, is left out, and asked for once', async () => {
  const { world } = shared
  const before = writesOf(world).length
  const full = world.addCustomer({
    metadata: [1, 2, 3, 4, 5].map((n) => ({
      key: `k${n}`,
      value: 'v',
      display_in_invoice: false,
    })) as never,
  })
  await world.openCheckout(world.bill(1_000, { customer: full }).lago_id)
  await world.quiet()
  expect(writesOf(world)).toHaveLength(before)
  expect(metadataOf(world, full)).toHaveLength(5)

  const refused = world.addCustomer()
  world.lago.faults.add({
    kind: 'status',
    status: 403,
    match: { method: 'POST', path: '/customers' },
  })
  const invoice = world.bill(1_000, { customer: refused })
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  await world.quiet()
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  await world.quiet()
  expect(writesOf(world)).toHaveLength(before + 1)
})

test('nothing is written to a customer where nobody asked for it', async () => {
  const world = await openWorld()
  const customer = world.addCustomer()
  await world.openCheckout(world.bill(1_000, { customer }).lago_id)
  await world.quiet()

  expect(writesOf(world)).toEqual([])
  expect(
    (await world.bridge.db.select().from(accountPages)).map((row) => row.linkOnInvoice),
  ).toEqual([null])
  await world.close()
})
