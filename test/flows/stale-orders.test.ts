import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'

import { createOrdersBiller } from '../../src/billers/orders/biller.ts'
import { claim, closeOrder } from '../../src/billers/orders/claim.ts'
import { ensureOrder } from '../../src/billers/orders/ensure.ts'
import { outcomeOf, readStanding } from '../../src/billers/orders/look.ts'
import { refundPayment } from '../../src/billers/orders/refund.ts'
import { lockOrder, type Scope } from '../../src/billers/orders/order.ts'
import { settleOrder } from '../../src/billers/orders/settle.ts'
import type { OrderSource } from '../../src/billers/orders/source.ts'
import { take } from '../../src/billers/orders/take.ts'
import {
  disputes,
  orders,
  payments,
  recordings,
  refundOrders,
  refundRequests,
  refunds,
  tellings,
} from '../../src/db/schema.ts'
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

const SCOPE = { source: 'openfront', tenant: 'demo', mode: 'test' } as const

/** An order with a payment that Dodo has shown, and what it counts as, if it was judged by now. */
async function newOrder(recording?: Recording, attemptId: string | null = null) {
  const { deps } = world.bridge
  const key = `cart_${crypto.randomUUID()}`
  const asked = { account: deps.account, key, amount: AMOUNT, currency: 'USD' }
  const { orderId } = await ensureOrder(deps, SCOPE, asked, SOURCE.words)
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

describe('money is claimed', () => {
  const claimIt = (orderId: string) => claim(world.bridge.deps, orderId, SOURCE.words)
  const isClaimed = async (orderId: string) =>
    (await readStanding(world.bridge.deps, orderId)).order.claimedAt !== null

  test('once it pays the order, which nobody closes or takes for replaced from then on', async () => {
    const { orderId } = await newOrder({})
    expect(await claimIt(orderId)).toBe(true)

    const closed = await closeOrder(world.bridge.db, orderId, { reason: 'over', at: now() })
    await changeOrder(orderId, { supersededAt: now() })

    expect(closed).toBe(false)
    expect(await claimIt(orderId)).toBe(true)
  })

  test('not of an order that another one took the place of', async () => {
    const { orderId } = await newOrder({})
    await changeOrder(orderId, { supersededAt: now() })

    expect([await claimIt(orderId), await isClaimed(orderId)]).toEqual([false, false])
  })

  test.each(['late', 'mismatch', 'duplicate'] as const)(
    'not while it is %s',
    async (disposition) => {
      const { orderId } = await newOrder({ disposition, status: 'held' })

      expect([await claimIt(orderId), await isClaimed(orderId)]).toEqual([false, false])
    },
  )

  test('not before it is decided whether another order takes its place in this moment', async () => {
    const { orderId } = await newOrder({})

    const claimed = await whileHeld(orderId, () => claimIt(orderId))

    expect([claimed, await isClaimed(orderId)]).toEqual([false, false])
  })
})

/** Begins something while another one holds the order, which supersedes it once that waits for it. */
async function whileHeld<Done>(orderId: string, begin: () => Promise<Done>): Promise<Done> {
  const [begun] = await world.bridge.db.transaction(async (tx) => {
    await lockOrder(tx, orderId)
    const one = begin()
    const ended = { is: false }
    void one.finally(() => (ended.is = true)).catch(() => undefined)
    for (let isWaiting = false; !isWaiting && !ended.is; await Bun.sleep(20)) {
      const waiting = await tx.execute(
        sql`select 1 from pg_locks where not granted and transactionid = pg_current_xact_id()::xid`,
      )
      isWaiting = waiting.length > 0
    }
    await tx.update(orders).set({ supersededAt: now() }).where(eq(orders.orderId, orderId))
    return [one]
  })
  return begun
}

test('money of an order that another one took the place of is not said to pay it, unless that was said before', async () => {
  const { orderId } = await newOrder({})
  await changeOrder(orderId, { supersededAt: now() })
  const statusNow = async () => outcomeOf(await readStanding(world.bridge.deps, orderId)).status

  expect(await statusNow()).toBe('pending')
  await changeOrder(orderId, { claimedAt: now() })
  expect(await statusNow()).toBe('captured')
})

test('an order is of one account: what names it on another one is another bridge’s', async () => {
  const { deps } = world.bridge
  const { orderId } = await newOrder()
  const isForeignOn = (account: string) =>
    createOrdersBiller(deps, account, [SOURCE]).isForeign({ bridge_order: orderId })

  expect(await isForeignOn(deps.account)).toBe(false)
  expect(await isForeignOn('another')).toBe(true)
})

test('nothing is asked of an account that is of the other mode by now', async () => {
  const { deps } = world.bridge
  const { orderId } = await newOrder()
  await changeOrder(orderId, { mode: 'live' })
  const sentBefore = world.requests.length

  await settleOrder(deps, { sources: [SOURCE], onAccount: async () => deps }, orderId, {})

  const { row } = await readStanding(deps, orderId)
  expect(row).toMatchObject({ state: 'attention', reasonCode: 'account_gone' })
  expect(world.requests).toHaveLength(sentBefore)
})

describe('an order whose money came late, and is here,', () => {
  type Late = Awaited<ReturnType<typeof newOrder>>
  const late = async (recording: Recording = {}) => {
    const made = await newOrder({ disposition: 'late', status: 'held', ...recording })
    await changeOrder(made.orderId, { supersededAt: now() })
    return made
  }
  const ask = (
    { subject: { order } }: Late,
    more: { currency?: string } = {},
    scope: Scope = SCOPE,
  ) =>
    ensureOrder(
      world.bridge.deps,
      scope,
      { account: order.account, key: order.key, amount: AMOUNT, currency: 'USD', ...more },
      SOURCE.words,
    )
  const refundOf = ({ payment }: Late, status: string) =>
    world.bridge.db.insert(refunds).values({
      dodoRefundId: `ref_${crypto.randomUUID()}`,
      dodoPaymentId: payment.dodoPaymentId,
      status,
      amount: AMOUNT,
      madeAt: now(),
      observedAt: now(),
    })

  test('is current again when it is asked for, and what could not be told of it is told', async () => {
    const { db } = world.bridge
    const made = await late()
    await refundOf(made, 'failed')
    const { orderId } = made
    const at = now()
    await db
      .insert(tellings)
      .values({ orderId, what: 'paid', status: 'failed', error: 'no', attempts: 9, plannedAt: at })

    expect(await ask(made)).toMatchObject({ orderId, supersededAt: null })

    expect(await recordingOf(orderId)).toMatchObject({ disposition: 'applied', status: 'recorded' })
    const told = await db.select().from(tellings).where(eq(tellings.orderId, orderId))
    expect(told).toMatchObject([{ status: 'waiting', attempts: 0, error: null }])
  })

  test.each<[string, () => Promise<Late>]>([
    ['is on its way back', () => late({ reason: 'goes back' })],
    [
      'is being given back',
      async () => {
        const made = await late()
        const { dodoPaymentId } = made.payment
        await world.bridge.db.insert(refundOrders).values({
          dodoPaymentId,
          receivableId: made.orderId,
          cause: 'late',
          status: 'unknown',
          amount: AMOUNT,
          repeatableAt: now(),
          orderedAt: now(),
        })
        return made
      },
    ],
    [
      'is contested',
      async () => {
        const made = await late()
        await world.bridge.db.insert(disputes).values({
          dodoDisputeId: `dsp_${crypto.randomUUID()}`,
          dodoPaymentId: made.payment.dodoPaymentId,
          status: 'dispute_opened',
          stage: 'dispute',
          amount: '25.99',
          currency: 'USD',
          observedAt: now(),
        })
        return made
      },
    ],
    [
      'was for an order that its source has closed',
      async () => {
        const made = await late()
        await changeOrder(made.orderId, { closedAt: now(), closedReason: 'over' })
        return made
      },
    ],
  ])('stays superseded when its money %s: a new one is asked for', async (_how, make) => {
    const made = await make()

    expect((await ask(made)).orderId).not.toBe(made.orderId)
    expect(await recordingOf(made.orderId)).toMatchObject({ disposition: 'late' })
  })

  test.each<[string, { currency?: string }, Scope]>([
    ['as much of another currency', { currency: 'EUR' }, SCOPE],
    ['the same for another source', {}, { ...SCOPE, source: 'highlevel' }],
    ['the same for another tenant', {}, { ...SCOPE, tenant: 'other' }],
    ['the same in the other mode', {}, { ...SCOPE, mode: 'live' }],
  ])('pays nothing else: %s is an order of its own', async (_what, more, scope) => {
    const made = await late()

    expect((await ask(made, more, scope)).orderId).not.toBe(made.orderId)
    expect(await recordingOf(made.orderId)).toMatchObject({ disposition: 'late' })
  })
})

test('a charge that nobody can be charged for any more is not made anew by being asked for again', async () => {
  const { deps } = world.bridge
  const key = crypto.randomUUID()
  const asked = { account: deps.account, key, amount: AMOUNT, currency: 'USD' }
  const charge = { ...asked, collect: 'charge' as const }
  const { orderId } = await ensureOrder(deps, SCOPE, charge, SOURCE.words)
  await changeOrder(orderId, { closedAt: now(), closedReason: 'declined' })

  expect((await ensureOrder(deps, SCOPE, charge, SOURCE.words)).orderId).toBe(orderId)
  // On a page it may be paid with another card.
  expect((await ensureOrder(deps, SCOPE, asked, SOURCE.words)).orderId).not.toBe(orderId)
})

test('a refund is not written down while somebody else holds its order', async () => {
  const { deps } = world.bridge
  const { orderId, payment, subject } = await newOrder({})
  const { dodoPaymentId } = payment
  const wish = { amount: 500, reason: undefined, key: undefined, dodoPaymentId }
  const isOfOrder = eq(refundRequests.orderId, orderId)

  const asking = whileHeld(orderId, () => refundPayment(deps, subject, wish))
  const findRequest = async () =>
    (await deps.db.select().from(refundRequests).where(isOfOrder)).at(0)
  let request = await findRequest()
  for (; !request; request = await findRequest()) await Bun.sleep(20)
  await deps.db.delete(refundRequests).where(isOfOrder)

  expect(await asking).toMatchObject({ is: 'refused' })
  const { order } = await readStanding(deps, orderId)
  expect(request.createdAt.getTime()).toBeGreaterThanOrEqual(order.supersededAt?.getTime() ?? 0)
})
