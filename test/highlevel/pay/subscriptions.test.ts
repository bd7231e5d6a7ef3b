import { afterAll, beforeAll, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import { GOOD_DAY } from '../../../sandbox/dodo/store/world.ts'
import { wakeSubscriptions } from '../../../src/billers/highlevel/recurring/settle.ts'
import { changeRunning } from '../../../src/billers/highlevel/recurring/rows.ts'
import { highlevelSubscriptions } from '../../../src/db/schema.ts'
import { HIGHLEVEL_CHECKS } from '../../../src/doctor/highlevel.ts'
import type { Patient } from '../../../src/doctor/patient.ts'
import { explain } from '../../../src/report/explain.ts'
import { listAttention } from '../../../src/report/attention.ts'
import { eventually, install, LOCATION, openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    env: { HIGHLEVEL_PAYMENTS: 'recurring', RETRY_SCHEDULE: '1d', HIGHLEVEL_TELL_AFTER: '60s' },
  })
})
afterAll(() => paying.world.close())

/** A subscription that began by paying on the page, and was verified. */
async function subscribe(recurring: Record<string, unknown> = {}) {
  const { world } = paying
  const terms = { interval: 'month', intervalCount: 1, ...recurring } as const
  const begun = await paying.begin(20, { recurring: terms })
  const payment = world.dodo.pay(begun.sessionId)
  await world.quiet()
  const subscriptionId = begun.subscription?._id ?? ''
  await paying.verify(begun.transactionId, payment.payment_id, { subscriptionId })
  return { ...begun, payment, subscriptionId, mandate: String(payment.subscription_id) }
}
const chargesOf = (mandate: string) =>
  [...paying.world.dodo.store.payments.values()].filter(
    ({ subscription_id: id, total_amount: amount }) => id === mandate && amount > 0,
  )
const factsOf = (subscriptionId: string) =>
  paying.world.highlevel.store.events
    .map(({ body }) => body)
    .filter((body) => body['ghlSubscriptionId'] === subscriptionId)
    .map(({ event, subscriptionSnapshot: snapshot }) => {
      return `${String(event)} ${(snapshot as { status: string }).status}`
    })
const orderOf = (key: string, check: (state: string, reason: string) => boolean) =>
  paying.eventuallyOrder(key, ({ state, reason }) => check(state, reason))
async function explained(id: string) {
  const lines: string[] = []
  const exitCode = await explain(paying.world.bridge.deps, id, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

test('one that is declined to the end is unpaid, told once, and somebody must look until a cycle is paid', async () => {
  const { world } = paying
  const { subscriptionId, mandate } = await subscribe()
  // A mandate that Dodo puts on hold is its customer's to renew first.
  Object.assign(world.dodo.behaviour, { declineHoldsMandate: false, maxFailedCharges: 99 })
  world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
  world.advance(31 * DAY_MS)
  await eventually(
    async () => factsOf(subscriptionId).find((fact) => fact === 'subscription.updated unpaid'),
    'it is told',
  )
  world.advance(DAY_MS + 60_000)

  await orderOf(`${subscriptionId}#2`, (state, reason) => {
    return state === 'attention' && reason.includes('cycle 2 was not paid')
  })
  const lines: string[] = []
  await listAttention(world.bridge.deps, (line) => lines.push(line), { isJson: true })
  expect(lines.join('\n')).toContain('subscription_unpaid')
  const told = await explained(subscriptionId)
  expect(told.text).toMatch(/State +unpaid/)
  expect(told.text).toContain('Trouble')

  world.dodo.setCard(mandate)
  const { declineHoldsMandate, maxFailedCharges } = GOOD_DAY
  Object.assign(world.dodo.behaviour, { declineHoldsMandate, maxFailedCharges })
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#3`, (state) => state === 'paid')
  await orderOf(`${subscriptionId}#2`, (state) => state === 'failed')
  expect(factsOf(subscriptionId).filter((fact) => fact.endsWith('unpaid'))).toHaveLength(1)
})

test('whoever opens the pay link of a cycle does not keep its card from being charged by the schedule', async () => {
  const { world } = paying
  const { subscriptionId, mandate } = await subscribe()
  world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
  world.advance(31 * DAY_MS)
  const declined = await orderOf(`${subscriptionId}#2`, (_state, reason) =>
    reason.startsWith('declined'),
  )
  world.dodo.setCard(mandate)

  const page = await world.visit(declined.payUrl)
  world.advance(DAY_MS + 60_000)

  expect(page.headers.get('location')).toBeNull()
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')
})

test('one that HighLevel does not show any more is neither charged nor cancelled, but shown', async () => {
  const { world } = paying
  const { subscriptionId, mandate, transactionId } = await subscribe()
  const kept = world.highlevel.store.subscriptions.get(subscriptionId)
  world.highlevel.store.subscriptions.delete(subscriptionId)
  world.advance(31 * DAY_MS)

  await orderOf(transactionId, (state, reason) => {
    return state === 'attention' && reason.includes('does not know it')
  })
  expect(chargesOf(mandate)).toHaveLength(1)
  expect(world.dodo.store.subscriptions.get(mandate)?.status).toBe('active')

  if (kept) world.highlevel.store.subscriptions.set(subscriptionId, kept)
  world.advance(DAY_MS + 60_000)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')
  await orderOf(transactionId, (state) => state === 'paid')
})

test('one that is held before anything of it was due is for doctor to name, since no order shows it', async () => {
  const { world } = paying
  const sale = paying.sell(0.01, {
    recurring: { interval: 'month', intervalCount: 1, trialPeriod: 7 },
  })
  sale.transaction.amount = 0
  sale.order.amount = 0
  if (sale.subscription) sale.subscription.amount = 20
  const subscriptionId = sale.subscription?._id ?? ''
  const { body } = await paying.session(world.highlevel.paymentProps(sale.transactionId))
  world.dodo.saveCard(String(body['checkoutUrl']).split('/').at(-1) ?? '')
  await world.quiet()
  if (sale.subscription) sale.subscription.amount = 30
  const check = HIGHLEVEL_CHECKS.find(({ id }) => id === 'highlevel.subscriptions')
  const { db } = world.bridge
  const look = () => check?.run({ ledger: async () => ({ db }) } as unknown as Patient)
  expect(await look()).toMatchObject({ verdict: 'ok' })

  world.advance(8 * DAY_MS)
  const found = await eventually(async () => {
    await wakeSubscriptions(world.bridge.deps)
    const finding = await look()
    return finding?.verdict === 'warn' ? finding : undefined
  }, 'doctor names it')
  expect(found.evidence).toContain(`${subscriptionId} of ${LOCATION}`)
  expect(found.evidence).toContain('another amount')

  if (sale.subscription) sale.subscription.amount = 20
  world.advance(DAY_MS + 60_000)
  await orderOf(`${subscriptionId}#1`, (state) => state === 'paid')
  expect(await look()).toMatchObject({ verdict: 'ok' })
})

test('cycles that nobody expects any more are passed over, and stay to be read', async () => {
  const { world } = paying
  const { subscriptionId, mandate, transactionId } = await subscribe()
  world.advance(31 * 3 * DAY_MS)

  await orderOf(`${subscriptionId}#4`, (state) => state === 'paid')

  const told = await explained(transactionId)
  expect(told.text).toContain('cycle 2 was not charged: it was more than one interval late')
  expect(chargesOf(mandate)).toHaveLength(2)
})

test('a cycle that could not be charged until the next one was due is not charged any more', async () => {
  const { world } = paying
  const { subscriptionId, mandate } = await subscribe()
  world.dodo.faults.add({
    kind: 'status',
    status: 401,
    match: { method: 'POST', path: '/charge$' },
  })
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'attention')
  world.advance(31 * DAY_MS)
  world.dodo.faults.clear()
  await world.sweep()

  await orderOf(`${subscriptionId}#3`, (state) => state === 'paid')
  expect(await paying.reportsOf(`${subscriptionId}#2`)).toMatchObject([{ payments: [] }])
  expect(chargesOf(mandate)).toHaveLength(2)
})

test('after its last cycle it is expired, and told', async () => {
  const { world } = paying
  const { subscriptionId, mandate } = await subscribe({ totalCycles: 2 })
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')

  await eventually(
    async () => factsOf(subscriptionId).find((fact) => fact === 'subscription.updated expired'),
    'it is told',
  )
  world.advance(62 * DAY_MS)
  await world.quiet()
  expect(chargesOf(mandate)).toHaveLength(2)
})

test('a cycle is refunded by the transaction that HighLevel made of it, and by no other', async () => {
  const { world } = paying
  const { subscriptionId, mandate, transactionId, payment } = await subscribe()
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')
  const chargeId = chargesOf(mandate).at(-1)?.payment_id ?? ''
  const made = world.highlevel.copyTransaction(transactionId)
  const stranger = world.highlevel.copyTransaction(transactionId)
  Object.assign(made, { status: 'succeeded', chargeId, subscriptionId })
  Object.assign(stranger, { status: 'succeeded', chargeId: 'pay_of_nobody', subscriptionId })

  for (const wrong of [
    await paying.refund(stranger._id, 5, { chargeId }),
    await paying.refund(made._id, 5, { chargeId: 'pay_of_nobody' }),
    await paying.refund('f'.repeat(24), 5, { chargeId }),
  ])
    expect(wrong.body).toMatchObject({ success: false, message: 'Unknown payment' })
  // Nor by one of another mode or subscription, or of what is no cycle.
  for (const change of [
    { liveMode: true },
    { subscriptionId: 'e'.repeat(24) },
    { chargeId: payment.payment_id },
  ]) {
    const other = world.highlevel.copyTransaction(transactionId)
    Object.assign(other, { status: 'succeeded', chargeId, subscriptionId, ...change })
    const refused = await paying.refund(other._id, 5)
    expect([change, refused.body['message']]).toEqual([change, 'Unknown payment'])
  }
  const refunded = await paying.refund(made._id, 5, { chargeId })

  expect(refunded.body).toMatchObject({ success: true, amount: 5 })
  expect(world.refundsOf(chargeId)).toHaveLength(1)
})

test('one that is cancelled while its charge is under way is told of the money, and never charged again', async () => {
  const { world } = paying
  const { subscriptionId, mandate } = await subscribe()
  world.dodo.behaviour.settleAfterMs = 4_000
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'processing')
  const answer = await paying.query('cancel_subscription', { subscriptionId })
  world.dodo.behaviour.settleAfterMs = GOOD_DAY.settleAfterMs
  expect(answer.body).toEqual({ status: 'canceled' })
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')
  await eventually(
    async () => factsOf(subscriptionId).find((fact) => fact === 'subscription.charged canceled'),
    'the money is told',
  )
  world.advance(31 * DAY_MS)
  await world.quiet()

  expect(chargesOf(mandate)).toHaveLength(2)
})

test('one that was cancelled meanwhile is not taken up again by whoever had read it before', async () => {
  const { db } = paying.world.bridge
  const { subscriptionId } = await subscribe()
  const isThis = eq(highlevelSubscriptions.subscriptionId, subscriptionId)
  const [read] = await db.select().from(highlevelSubscriptions).where(isThis)
  const id = read?.id ?? ''
  expect(await changeRunning(db, id, { nextCycle: 2 })).toBe(true)
  await paying.query('cancel_subscription', { subscriptionId })

  const later = { status: 'active', nextCycle: 3, nextWakeAt: new Date() } as const
  expect(await changeRunning(db, id, later)).toBe(false)
  const [after] = await db.select().from(highlevelSubscriptions).where(isThis)
  expect(after).toMatchObject({ status: 'canceled', nextCycle: 2, nextWakeAt: null })
})

test('whoever had read an earlier cycle, and comes late to say so, does not keep it from going on', async () => {
  const { world } = paying
  const { db, deps } = world.bridge
  const { subscriptionId, mandate } = await subscribe()
  const isThis = eq(highlevelSubscriptions.subscriptionId, subscriptionId)
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#2`, (state) => state === 'paid')
  world.advance(31 * DAY_MS)
  await orderOf(`${subscriptionId}#3`, (state) => state === 'paid')

  await db
    .update(highlevelSubscriptions)
    .set({ nextCycle: 2, nextWakeAt: new Date(0) })
    .where(isThis)
  await wakeSubscriptions(deps)

  await eventually(async () => {
    const [row] = await db.select().from(highlevelSubscriptions).where(isThis)
    return row?.nextCycle === 4 ? row : undefined
  }, 'it waits for its next cycle')
  expect(chargesOf(mandate)).toHaveLength(3)
  expect((await explained(`${subscriptionId}#3`)).text).not.toContain('was not charged')
})

test('those that cannot be looked at do not keep the others waiting', async () => {
  const { db, deps } = paying.world.bridge
  const at = new Date('2020-01-01')
  const locationId = 'loc_gone'
  const row = {
    locationId,
    mode: 'test',
    transactionId: 't',
    contactId: 'c',
    payerKey: 'p',
  } as const
  const terms = {
    currency: 'USD',
    amount: 1,
    interval: 'month',
    intervalCount: 1,
    trialDays: 0,
  } as const
  const due = Array.from({ length: 250 }, (_, index) => ({
    ...row,
    ...terms,
    subscriptionId: `gone_${index}`,
    status: 'active' as const,
    createdAt: at,
    nextWakeAt: at,
  }))
  const made = await db.insert(highlevelSubscriptions).values(due).returning()
  const woken = new Set<string>()
  const send: typeof deps.queue.send = async (_db, _kind, jobs) => {
    for (const { key } of jobs) woken.add(key)
  }

  const tick = () => wakeSubscriptions({ ...deps, queue: { ...deps.queue, send } })
  await tick()
  await tick()

  expect(made.filter(({ id }) => !woken.has(id))).toEqual([])
  await db.delete(highlevelSubscriptions).where(eq(highlevelSubscriptions.locationId, locationId))
})

test('it stops with the app, is not told of that, and stays so when the app comes back', async () => {
  const { world } = paying
  const { subscriptionId, mandate, transactionId } = await subscribe()
  world.highlevel.uninstall(LOCATION)
  await world.highlevel.idle()
  await world.quiet()
  const before = factsOf(subscriptionId).length
  world.advance(31 * DAY_MS)
  await world.quiet()
  await world.sweep()
  await world.quiet()

  expect(chargesOf(mandate)).toHaveLength(1)
  expect(factsOf(subscriptionId)).toHaveLength(before)
  expect((await explained(subscriptionId)).text).toMatch(/State +canceled/)
  expect((await explained(LOCATION)).text).toMatch(/State +uninstalled[^]*Newest orders/)
  await install(world, LOCATION)
  world.advance(31 * DAY_MS)
  await world.quiet()
  expect(chargesOf(mandate)).toHaveLength(1)
  await orderOf(transactionId, (state) => state === 'paid')
})
