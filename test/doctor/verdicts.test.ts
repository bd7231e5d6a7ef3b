import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { products } from '../../src/db/schema.ts'
import { openWorld, type World } from '../support/world.ts'
import { findRefused } from '../../src/inbox/refused.ts'
import { diagnose, setUp } from './support.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await setUp(world)
  const invoice = world.bill(10_000)
  await world.openCheckout(invoice.lago_id)
  await world.quiet()
})
afterAll(() => world.close())

test('a currency in which invoices are often below what Dodo takes is told; a single one is not', async () => {
  world.bill(20)
  expect((await diagnose(world, { only: 'currencies' })).find('currencies')?.verdict).toBe('ok')
  for (const amount of [10, 49, 50]) world.bill(amount)

  const { find } = await diagnose(world, { only: 'currencies' })

  expect(find('currencies')).toMatchObject({
    verdict: 'warn',
    evidence: '3 of the newest 5 invoices in USD are below the 0.50 USD that Dodo takes at least',
  })
})

test('a product that adds tax is a fault where it is in use, and else only said', async () => {
  const [product] = world.dodo.store.products.values()
  Object.assign(product?.price ?? {}, { tax_inclusive: false })
  const used = await diagnose(world)
  // As where somebody has made it so, and the bridge has found or made another.
  await world.bridge.db
    .delete(products)
    .where(eq(products.dodoProductId, product?.product_id ?? ''))

  const unused = await diagnose(world)

  expect(used.find('dodo.products')?.verdict).toBe('fail')
  expect(used.find('dodo.checkout')?.verdict).toBe('fail')
  expect(unused.find('dodo.products')).toMatchObject({
    verdict: 'warn',
    evidence: expect.stringMatching(/is tax-exclusive: .*; it is not in use$/),
  })
  expect(unused.find('dodo.checkout')?.verdict).toBe('skip')
})

test('a stranger’s request without a signature says nothing of the secret', async () => {
  expect((await world.get('/webhooks/lago', { method: 'POST', body: '{}' })).status).toBe(401)
  while (!(await findRefused(world.bridge.db, 'lago'))) await Bun.sleep(5)

  const { find } = await diagnose(world, { only: 'lago.signature' })

  expect(find('lago.signature')).toMatchObject({
    verdict: 'ok',
    evidence: expect.stringMatching(
      /last verified \d+ s ago; 1 refused, none of them signed since/,
    ),
  })
})
