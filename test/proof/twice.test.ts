import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openMarket, type Market } from '../../proof/orders/market.ts'
import { STORIES } from '../../proof/orders/stories.ts'
import { proveTold } from '../../proof/orders/told.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

/** It starts two processes. */
const AT_MOST_MS = 240_000

let database: TestDatabase
let market: Market
beforeAll(async () => {
  database = await createTestDatabase()
  market = await openMarket({ url: database.url, ledgerUrl: database.url })
  await market.start(0)
  await market.install()
  await market.start(1)
}, AT_MOST_MS)
afterAll(async () => {
  await market.close()
  await database.drop()
})

test(
  'whatever shops and HighLevel ask comes twice at once, to two replicas, and is done once',
  async () => {
    const { shop, agency, dodo } = market
    for (const { caller } of [shop, agency]) caller.switches.double = true

    const told = await Promise.all(Object.values(STORIES).map((story) => story(market)))
    await proveTold(market, told)

    const paid = [...dodo.store.payments.values()].filter(({ total_amount: of }) => of > 0)
    const sum = (amounts: number[]) => amounts.reduce((all, one) => all + one, 0)
    expect(sum(paid.map(({ total_amount: of }) => of))).toBe(sum(told.map((one) => one.paid)))
    expect(dodo.store.refunds.size).toBe(told.filter(({ givenBack }) => givenBack > 0).length)
    expect(market.watch.counts.unasked).toBe(0)
    for (const { caller } of [shop, agency]) {
      const bodies = caller.log.map(({ body }) => JSON.stringify(body))
      expect(bodies.filter((one, nth) => bodies.indexOf(one) !== nth).length).toBeGreaterThan(2)
    }
  },
  AT_MOST_MS,
)
