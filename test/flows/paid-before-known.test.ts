import { describe, expect, test } from 'bun:test'
import { eq, inArray } from 'drizzle-orm'

import { assureAttempt } from '../../src/collect/act/observe.ts'
import { readPayment } from '../../src/collect/act/read-dodo.ts'
import { payments, recordings, refundOrders } from '../../src/db/schema.ts'
import { Later } from '../../src/errors.ts'
import { isCall, tap } from '../support/tap.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

/** Bills, and keeps the answer that opens the checkout back until `answer`: it is paid before that is written down. */
async function payBeforeAnswer(world: World) {
  const paid = Promise.withResolvers<{ paymentId: string; sessionId: string }>()
  const answer = Promise.withResolvers<void>()
  const stop = tap(world, 'dodo', async (request, go) => {
    const response = await go()
    if (!isCall(request, 'POST', /^\/checkouts$/) || !response.ok) return response
    stop()
    const { session_id } = (await response.clone().json()) as { session_id: string }
    paid.resolve({ paymentId: world.dodo.pay(session_id).payment_id, sessionId: session_id })
    await answer.promise
    return response
  })
  const invoice = world.bill(5_000)
  return { id: invoice.lago_id, ...(await paid.promise), answer: () => answer.resolve() }
}

async function assertPaidOnce(world: World, { id, paymentId }: { id: string; paymentId: string }) {
  const report = await world.eventually(id, isPaid)
  expect(report.reason).toBe(`paid with Dodo payment ${paymentId}`)
  expect(report.attempts).toHaveLength(1)
  expect(world.paidIn(id)).toMatchObject([{ amount_cents: 5_000 }])
  await world.quiet()
  expect(world.refundsOf(paymentId)).toEqual([])
}

describe('a payment that is seen before its checkout is written down', () => {
  const shared = shareWorld()

  test('is of that checkout once it is', async () => {
    const { world } = shared
    const one = await payBeforeAnswer(world)
    await readPayment(world.bridge.deps, one.paymentId)

    one.answer()

    await assertPaidOnce(world, one)
  })

  test('is so, too, when another worker had held it as a stranger’s by then', async () => {
    const { world } = shared
    const { db, now } = world.bridge.deps
    const one = await payBeforeAnswer(world)
    await readPayment(world.bridge.deps, one.paymentId)
    await db.insert(recordings).values({
      dodoPaymentId: one.paymentId,
      receivableId: one.id,
      disposition: 'mismatch',
      status: 'held',
      amount: 0,
      repeatableAt: now(),
    })

    one.answer()

    await assertPaidOnce(world, one)
  })

  test('is not judged by who does not know of it yet', async () => {
    const { world } = shared
    const { db, now } = world.bridge.deps
    const one = await payBeforeAnswer(world)
    one.answer()
    await assertPaidOnce(world, one)

    const stale = { dodoPaymentId: one.paymentId, attemptId: null }
    const judging = db.transaction((tx) => assureAttempt(tx, stale, now()))

    expect(await judging.catch((error: unknown) => error)).toBeInstanceOf(Later)
  })
})

describe('what is written down of a payment before its checkout is known', () => {
  const open = () => openWorld({ unproven: 'what others wrote is written by hand' })
  const held = { disposition: 'mismatch', status: 'held', amount: 0 } as const
  type Row = Partial<typeof recordings.$inferInsert>

  test.each<[string, Row]>([
    ['a person has decided about it', { ...held, ruling: 'accepted', ruledAmount: 5_000 }],
    ['it counts as something else', { ...held, disposition: 'late' }],
    ['Lago holds it', { disposition: 'mismatch', status: 'recorded', amount: 5_000 }],
    ['it is on its way back', held],
  ])('stays where %s', async (_what, row) => {
    const world = await open()
    const { db, now } = world.bridge.deps
    const { id: receivableId, paymentId: dodoPaymentId, answer } = await payBeforeAnswer(world)
    await readPayment(world.bridge.deps, dodoPaymentId)
    const of = { dodoPaymentId, receivableId, repeatableAt: now() }
    await db.insert(recordings).values({ ...held, ...of, ...row })
    const order = { ...of, cause: 'late', amount: 5_000, orderedAt: now() }
    if (row === held) await db.insert(refundOrders).values({ ...order, status: 'refused' })

    answer()
    await world.eventually(receivableId, ({ attempts }) => attempts[0]?.status === 'paid')

    const isThis = eq(recordings.dodoPaymentId, dodoPaymentId)
    expect(await db.select().from(recordings).where(isThis)).toMatchObject([row])
    await world.close()
  })

  test('stays another account’s, or another attempt’s, whatever session it names', async () => {
    const world = await open()
    const { db, now } = world.bridge.deps
    const { id, sessionId, answer } = await payBeforeAnswer(world)
    const attemptId = crypto.randomUUID()
    const others = [
      { dodoPaymentId: 'pay_of_another_account', account: 'acc_other', attemptId: null },
      { dodoPaymentId: 'pay_of_another_attempt', account: world.bridge.deps.account, attemptId },
    ]
    const shown = { status: 'failed', currency: 'USD', amount: 5_000, isConfirmed: true }
    const times = { madeAt: now(), changedAt: now(), observedAt: now() }
    const of = { ...shown, ...times, dodoSessionId: sessionId }
    await db.insert(payments).values(others.map((one) => ({ ...of, ...one })))

    answer()
    await world.eventually(id, isPaid)

    const isOther = inArray(
      payments.dodoPaymentId,
      others.map((one) => one.dodoPaymentId),
    )
    const rows = await db.select().from(payments).where(isOther)
    expect(new Set(rows.map((one) => one.attemptId))).toEqual(new Set([null, attemptId]))
    await world.close()
  })
})
