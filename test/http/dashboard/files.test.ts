import { afterAll, beforeAll, expect, test } from 'bun:test'

import { deadLetters, orders, receivables } from '../../../src/db/schema.ts'
import { ADMIN_TOKEN } from '../../support/world.ts'
import { serveDashboard, signIn, type Served } from './support.ts'

const MANY = 10_050
/** Each is read with its money and history. */
const ORDERS = 1_050
const AT_ONCE = 2_000

let served: Served
beforeAll(async () => {
  served = await serveDashboard({ env: { OPENFRONT_API_KEYS: 'demo:ofk_0123456789abcdef' } })
})
afterAll(() => served.close())

/** Rows with a number each, written a few thousand at a time. */
async function write<Row>(
  many: number,
  make: (index: number) => Row,
  keep: (rows: Row[]) => Promise<unknown>,
) {
  for (let first = 0; first < many; first += AT_ONCE) {
    const length = Math.min(AT_ONCE, many - first)
    await keep(Array.from({ length }, (_, index) => make(first + index)))
  }
}

const asRow = (id: string) => ({
  receivableId: id,
  payToken: id,
  createdAt: served.world.bridge.deps.now(),
})

/** The lines of a file but the first, and how many of them differ. */
async function linesOf(path: string) {
  const me = await signIn(served.origin)
  const response = await me.get(`/dashboard/${path}`)
  const lines = (await response.text()).trimEnd().split('\r\n').slice(1)
  return { status: response.status, lines: lines.length, different: new Set(lines).size }
}

const all = (many: number) => ({ status: 200, lines: many, different: many })

test('the file of a list holds all of it, however long it is', async () => {
  const { db } = served.world.bridge
  await write(
    MANY,
    (index) => ({ ...asRow(`many-${index}`), number: `MANY-${index}`, currency: 'EUR' }),
    (rows) => db.insert(receivables).values(rows),
  )

  expect(await linesOf('invoices?currency=EUR&as=csv')).toEqual(all(MANY))
}, 60_000)

test('so does that of orders, of which the page shows the newest, and the API page by page', async () => {
  const { db, deps } = served.world.bridge
  await write(
    ORDERS,
    (index) => `ord_many_${index}`,
    async (ids) => {
      await db
        .insert(receivables)
        .values(ids.map((id) => ({ ...asRow(id), kind: 'order' as const, currency: 'USD' })))
      await db.insert(orders).values(
        ids.map((orderId) => ({
          orderId,
          source: 'openfront' as const,
          tenant: 'demo',
          mode: 'test' as const,
          key: orderId,
          currency: 'USD',
          amount: 1_000,
          createdAt: deps.now(),
        })),
      )
    },
  )

  expect(await linesOf('orders?as=csv')).toEqual(all(ORDERS))

  const seen = new Set<string>()
  let before = ''
  for (let page = 0; page < 3; page += 1) {
    const response = await served.world.get(`/api/orders?source=openfront${before}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    })
    const answer = (await response.json()) as { orders: { orderId: string }[]; next: string }
    for (const { orderId } of answer.orders) seen.add(orderId)
    before = `&before=${answer.next}`
  }
  expect(seen.size).toBe(300)
}, 120_000)

test('and that of dead letters', async () => {
  const { db, deps } = served.world.bridge
  await write(
    MANY,
    (index) => ({ kind: 'trace', key: `pay_${index}`, error: 'no', buriedAt: deps.now() }),
    (rows) => db.insert(deadLetters).values(rows),
  )

  expect(await linesOf('dead-letters?as=csv')).toEqual(all(MANY))
}, 60_000)
