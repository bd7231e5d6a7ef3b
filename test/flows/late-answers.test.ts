import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { observePayment, writeRefund, type Observation } from '../../src/collect/act/observe.ts'
import { disputes, payments, refunds } from '../../src/db/schema.ts'
import type { DodoDispute, DodoPayment } from '../../src/dodo/objects.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const MINUTE_MS = 60_000

let world: World
let shown: DodoPayment
let isThis: ReturnType<typeof eq>
beforeAll(async () => {
  world = await openWorld({ unproven: 'what Dodo says is made up' })
})
afterAll(() => world.close())
beforeEach(async () => {
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const { payment_id } = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  const found = await world.bridge.deps.dodo.findPayment(payment_id)
  if (!found) throw new Error('it is not known')
  shown = found
  isThis = eq(payments.dodoPaymentId, payment_id)
})

const later = (minutes: number) => new Date(Date.now() + minutes * MINUTE_MS)
const db = () => world.bridge.db
const observe = (
  change: Partial<DodoPayment>,
  observation: Observation,
  account = world.bridge.deps.account,
) => observePayment({ ...world.bridge.deps, account }, { ...shown, ...change }, observation)
const known = async () => (await db().select().from(payments).where(isThis))[0]

describe('what Dodo says of a payment', () => {
  const failed = { status: 'failed' } as const
  const underWay = { status: 'processing' } as const
  const api = (at: Date) => ({ source: 'api', at }) as const
  const webhook = (at: Date) => ({ source: 'webhook', at }) as const

  test.each([
    ['a later answer that says otherwise', failed, api],
    ['a later webhook', failed, webhook],
    ['a later webhook about its beginning', underWay, webhook],
  ])('that it succeeded is not undone by %s', async (_what, change, source) => {
    await observe(change, source(later(5)))
    expect(await known()).toMatchObject({ status: 'succeeded', isConfirmed: true })
  })

  test('is not undone by an answer from before it', async () => {
    await db().delete(payments).where(isThis)
    await observe(failed, api(later(5)))
    await observe(underWay, api(later(1)))
    expect(await known()).toMatchObject({ status: 'failed' })
    // But a success counts whenever it is heard of.
    await observe({}, api(later(1)))
    expect(await known()).toMatchObject({ status: 'succeeded' })
  })

  test('that it ended is not undone by a webhook about its beginning', async () => {
    await db().delete(payments).where(isThis)
    await observe(failed, webhook(later(1)))
    await observe(underWay, webhook(later(5)))
    expect(await known()).toMatchObject({ status: 'failed' })
  })

  test('to another account changes nothing', async () => {
    await db().delete(payments).where(isThis)
    await observe(failed, api(later(1)))
    await observe({}, api(later(5)), 'acc_other')
    expect(await known()).toMatchObject({ status: 'failed' })
  })

  test('is not certain any more once a webhook alone says otherwise', async () => {
    await db().delete(payments).where(isThis)
    await observe(underWay, api(later(1)))
    await observe({}, webhook(later(5)))
    expect(await known()).toMatchObject({ status: 'succeeded', isConfirmed: false })
  })
})

test('what Dodo says of a refund is not undone by an answer from before it, nor by one that leaves out how much', async () => {
  const refund = {
    refund_id: `ref_${crypto.randomUUID()}`,
    payment_id: shown.payment_id,
    status: 'succeeded',
    amount: 2_000,
    currency: 'USD',
    reason: null,
    metadata: {},
    created_at: later(0),
  } as const
  await writeRefund(db(), refund, later(2))
  await writeRefund(db(), { ...refund, amount: null }, later(3))
  await writeRefund(db(), { ...refund, status: 'pending' }, later(1))

  const isRefund = eq(refunds.dodoRefundId, refund.refund_id)
  expect(await db().select().from(refunds).where(isRefund)).toMatchObject([
    { status: 'succeeded', amount: 2_000 },
  ])
})

test('what Dodo says of a dispute is not undone by an answer from before it, nor is a webhook’s word for it taken', async () => {
  const dispute: DodoDispute = {
    dispute_id: `dp_${crypto.randomUUID()}`,
    payment_id: shown.payment_id,
    dispute_status: 'dispute_won',
    dispute_stage: 'dispute',
    is_resolved_by_rdr: false,
    amount: '10000',
    currency: 'USD',
    created_at: later(0),
  }
  const isDispute = eq(disputes.dodoDisputeId, dispute.dispute_id)
  const opened = { ...dispute, dispute_status: 'dispute_opened' }
  await observe({ disputes: [opened] }, { source: 'webhook', at: later(1) })
  expect(await db().select().from(disputes).where(isDispute)).toEqual([])

  await observe({ disputes: [dispute] }, { source: 'api', at: later(3) })
  await observe({ disputes: [opened] }, { source: 'api', at: later(2) })
  expect(await db().select().from(disputes).where(isDispute)).toMatchObject([
    { status: 'dispute_won' },
  ])
})
