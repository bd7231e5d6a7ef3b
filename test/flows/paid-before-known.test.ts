import { describe, expect, test } from 'bun:test'

import { assureAttempt } from '../../src/collect/act/observe.ts'
import { readPayment } from '../../src/collect/act/read-dodo.ts'
import { recordings } from '../../src/db/schema.ts'
import { Later } from '../../src/errors.ts'
import { isCall, tap } from '../support/tap.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

/** Bills, and keeps the answer that opens the checkout back until `answer`: it is paid before that is written down. */
async function payBeforeAnswer(world: World) {
  const paid = Promise.withResolvers<string>()
  const answer = Promise.withResolvers<void>()
  const stop = tap(world, 'dodo', async (request, go) => {
    const response = await go()
    if (!isCall(request, 'POST', /^\/checkouts$/) || !response.ok) return response
    stop()
    const { session_id } = (await response.clone().json()) as { session_id: string }
    paid.resolve(world.dodo.pay(session_id).payment_id)
    await answer.promise
    return response
  })
  const invoice = world.bill(5_000)
  return { id: invoice.lago_id, paymentId: await paid.promise, answer: () => answer.resolve() }
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
