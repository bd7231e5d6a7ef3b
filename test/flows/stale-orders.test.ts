import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { ensureOrder } from '../../src/billers/orders/ensure.ts'
import { readStanding } from '../../src/billers/orders/look.ts'
import type { OrderSource } from '../../src/billers/orders/source.ts'
import { take } from '../../src/billers/orders/take.ts'
import { orders, payments, recordings, refundOrders, refundRequests } from '../../src/db/schema.ts'
import { Later } from '../../src/errors.ts'
import { openWorld, type World } from '../support/world.ts'

const AMOUNT = 2_599
const SOURCE: OrderSource = {
  name: 'openfront',
  title: 'a shop',
  words: {
    superseded: 'replaced',
    waits: 'waits',
    asked: 'asked',
    claimed: 'told',
    replaced: 'paid anew',
  },
  describe: () => ({ description: 'a cart', metadata: {} }),
}

let world: World
beforeAll(async () => {
  world = await openWorld({ unproven: 'the rows of its orders are written by hand' })
})
afterAll(() => world.close())

type Recording = Partial<typeof recordings.$inferInsert>

/** An order with a payment that Dodo has shown, and what it counts as, if it was judged by now. */
async function newOrder(recording?: Recording, attemptId: string | null = null) {
  const { deps } = world.bridge
  const scope = { source: 'openfront', tenant: 'demo', mode: 'test' } as const
  const key = `cart_${crypto.randomUUID()}`
  const asked = { account: deps.account, key, amount: AMOUNT, currency: 'USD' }
  const { orderId } = await ensureOrder(deps, scope, asked, SOURCE.words)
  const at = deps.now()
  const dodoPaymentId = `pay_${crypto.randomUUID()}`
  const money = { currency: 'USD', amount: AMOUNT }
  await deps.db.insert(payments).values({
    ...money,
    dodoPaymentId,
    account: deps.account,
    receivableId: orderId,
    attemptId,
    status: 'succeeded',
    isConfirmed: true,
    madeAt: at,
    changedAt: at,
    observedAt: at,
  })
  if (recording)
    await deps.db.insert(recordings).values({
      dodoPaymentId,
      receivableId: orderId,
      disposition: 'applied',
      status: 'recorded',
      amount: AMOUNT,
      repeatableAt: at,
      ...recording,
    })
  const seen = await readStanding(deps, orderId)
  const [payment] = seen.ledger.payments
  if (!payment) throw new Error('the payment is not known')
  return { orderId, payment, subject: { ...seen, source: SOURCE } }
}

const changeOrder = (orderId: string, change: Partial<typeof orders.$inferInsert>) =>
  world.bridge.db.update(orders).set(change).where(eq(orders.orderId, orderId))
const recordingOf = async (orderId: string) =>
  (await world.bridge.db.select().from(recordings).where(eq(recordings.receivableId, orderId))).at(
    0,
  )
const now = () => world.bridge.deps.now()
const refundsAsked = () => world.sent('POST', /^\/refunds$/)

describe('what was decided on what an order was', () => {
  test('does not give back the money that pays it by now', async () => {
    const { orderId, payment, subject } = await newOrder({})

    const step = { do: 'order_refund', payment, amount: AMOUNT, cause: 'late' } as const
    const given = take(
      world.bridge.deps,
      { ...step, resume: undefined, creditNote: undefined },
      subject,
    )
    await given.catch(() => undefined)

    expect(refundsAsked()).toEqual([])
    expect(await recordingOf(orderId)).toMatchObject({ disposition: 'applied', reason: null })
  })

  test.each([
    ['superseded', { supersededAt: new Date() }],
    ['closed', { closedAt: new Date(), closedReason: 'over' }],
  ])('does not pay it once it was %s', async (_how, change) => {
    const { orderId, payment, subject } = await newOrder()
    await changeOrder(orderId, change)

    await take(world.bridge.deps, { do: 'record', payment, disposition: 'applied' }, subject)

    expect(await recordingOf(orderId)).toBeUndefined()
  })

  test('does not judge a payment whose checkout was not known yet', async () => {
    const { orderId, payment, subject } = await newOrder(undefined, crypto.randomUUID())
    const stale = { ...payment, attemptId: null }

    const taken = take(
      world.bridge.deps,
      { do: 'record', payment: stale, disposition: 'mismatch' },
      subject,
    )

    expect(await taken.catch((error: unknown) => error)).toBeInstanceOf(Later)
    expect(await recordingOf(orderId)).toBeUndefined()
  })

  test.each([
    ['was told of as paid', { supersededAt: new Date(), claimedAt: new Date() }],
    ['is current again', { supersededAt: null }],
  ])('does not take the money for too much once it %s', async (_how, change) => {
    const { orderId, subject } = await newOrder({})
    await changeOrder(orderId, change)
    const [recording] = subject.ledger.recordings
    if (!recording) throw new Error('it was not written')

    await take(world.bridge.deps, { do: 'give_up', as: 'duplicate', recording }, subject)

    expect(await recordingOf(orderId)).toMatchObject({ disposition: 'applied', status: 'recorded' })
  })

  test('does not make a refund that was withdrawn, nor forget one that was placed', async () => {
    const { db } = world.bridge
    const { orderId, payment, subject } = await newOrder({})
    const { dodoPaymentId } = payment
    const creditNoteId = crypto.randomUUID()
    const step = { do: 'order_refund', payment, amount: AMOUNT, cause: 'asked' } as const
    const creditNote = { creditNoteId, number: null }
    await take(world.bridge.deps, { ...step, resume: undefined, creditNote }, subject).catch(
      () => undefined,
    )
    expect(refundsAsked()).toEqual([])

    const asked = { orderId, dodoPaymentId, amount: AMOUNT }
    await db
      .insert(refundRequests)
      .values({ id: creditNoteId, ...asked, status: 'begun', createdAt: now() })
    const placed = { creditNoteId, cause: 'asked', status: 'refused', repeatableAt: now() } as const
    await db
      .insert(refundOrders)
      .values({ ...placed, dodoPaymentId, receivableId: orderId, amount: AMOUNT, orderedAt: now() })
    await take(world.bridge.deps, { do: 'drop_request', id: creditNoteId }, subject)

    const kept = await db.select().from(refundRequests).where(eq(refundRequests.id, creditNoteId))
    expect(kept).toHaveLength(1)
  })
})
