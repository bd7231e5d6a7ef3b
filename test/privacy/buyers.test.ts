import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import {
  deliveries,
  highlevelSubscriptions,
  orders,
  payers,
  receivables,
} from '../../src/db/schema.ts'
import { expirePersonalData } from '../../src/privacy/expire.ts'
import { forget } from '../../src/privacy/forget.ts'
import { payerKeyOf } from '../../src/billers/highlevel/payers.ts'
import { LOCATION, openPaying, type Paying } from '../highlevel/pay/support.ts'

const DAY_MS = 24 * 3_600_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    unproven: 'subscriptions are written down by hand',
    env: { RETENTION: '30d', HIGHLEVEL_PAYMENTS: 'recurring' },
  })
})
afterAll(() => paying.world.close())

/** A contact of HighLevel with an order, and a subscription in some state. */
async function contact(status: 'active' | 'canceled') {
  const bought = await paying.buy()
  const { contactId } = bought
  const { email = '' } = paying.world.highlevel.store.contacts.get(contactId) ?? {}
  await paying.eventuallyOrder(bought.transactionId, ({ state }) => state === 'paid')
  await paying.world.bridge.db.insert(highlevelSubscriptions).values({
    locationId: LOCATION,
    mode: 'test',
    subscriptionId: `sub_of_${contactId}`,
    transactionId: bought.transactionId,
    account: 'default',
    contactId,
    payerKey: payerKeyOf({ account: 'default', locationId: LOCATION, contactId }),
    email,
    name: `Name of ${contactId}`,
    currency: 'USD',
    amount: 1_000,
    interval: 'month',
    intervalCount: 1,
    trialDays: 0,
    status,
    createdAt: paying.world.bridge.deps.now(),
  })
  return { contactId, email }
}

/** Everything the database holds of people, as text. */
async function held() {
  const { db } = paying.world.bridge
  const tables = [payers, receivables, orders, highlevelSubscriptions]
  const rows = await Promise.all(tables.map((table) => db.select().from(table)))
  const stored = await db.select().from(deliveries)
  return JSON.stringify([rows, stored.map(({ body }) => body.toString('utf8'))])
}

test('a contact of HighLevel is forgotten wherever they stand, and nobody else', async () => {
  const [one, other] = [await contact('active'), await contact('active')]
  await paying.world.quiet()
  const lines: string[] = []

  const exitCode = await forget(paying.world.bridge.deps, one.contactId, (line) => lines.push(line))

  const left = await held()
  expect(exitCode).toBe(0)
  expect(lines[0]).toContain('and 1 order is blank')
  expect(left).not.toContain(one.email)
  expect(left).not.toContain(`Name of ${one.contactId}`)
  expect(left).toContain(other.email)
  expect(await forget(paying.world.bridge.deps, '%', () => undefined)).toBe(1)
  expect(await forget(paying.world.bridge.deps, other.email, () => undefined)).toBe(0)
  expect(await held()).not.toContain(other.email)
})

test('whoever is forgotten by their e-mail address is so again, with what was said of them since', async () => {
  const { email } = await contact('active')
  await paying.world.quiet()
  const { db, deps } = paying.world.bridge
  const forgetAgain = async () => {
    const lines: string[] = []
    const exitCode = await forget(deps, email, (line) => lines.push(line))
    return { exitCode, text: lines.join('\n') }
  }
  const tell = (deliveryId: string, processedAt: Date | null) =>
    db.insert(deliveries).values({
      source: 'dodo',
      deliveryId,
      eventType: 'payment.succeeded',
      headers: {},
      body: Buffer.from(`{"data":{"customer":{"email": "${email.toUpperCase()}"}}}`),
      receivedAt: deps.now(),
      processedAt,
    })
  await tell('msg_waiting', null)

  const first = await forgetAgain()
  await db
    .update(deliveries)
    .set({ processedAt: deps.now() })
    .where(eq(deliveries.deliveryId, 'msg_waiting'))
  const again = await forgetAgain()
  const last = await forgetAgain()

  expect(first).toMatchObject({ exitCode: 0, text: expect.stringContaining('Run this again') })
  expect(again).toMatchObject({ exitCode: 0, text: expect.stringContaining('1 delivery emptied') })
  expect((await held()).toLowerCase()).not.toContain(email.toLowerCase())
  expect(last.exitCode).toBe(1)
})

test('RETENTION lets go of subscriptions that have ended, and of nobody whose runs', async () => {
  const [ended, running] = [await contact('canceled'), await contact('active')]
  await paying.world.quiet()

  paying.world.advance(31 * DAY_MS)
  await expirePersonalData(paying.world.bridge.deps)

  const left = await held()
  expect(left).not.toContain(ended.email)
  expect(left).not.toContain(`Name of ${ended.contactId}`)
  expect(left).toContain(`Name of ${running.contactId}`)
})
