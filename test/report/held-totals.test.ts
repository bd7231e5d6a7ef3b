import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { choose } from '../../src/collect/selection.ts'
import { readReceivable } from '../../src/collect/load.ts'
import { findHeldMoney, ruleOnHeldMoney } from '../../src/operate/held-money.ts'
import { readTotals } from '../../src/report/dashboard/totals.ts'
import { readPeriod } from '../../src/report/period.ts'
import { credits, recordings, refunds } from '../../src/db/schema.ts'
import { listHeld } from '../../src/metrics/held.ts'
import { findConditions } from '../../src/notify/conditions.ts'
import { shareWorld, type World } from '../support/world.ts'
import { inWorld } from './support.ts'

/** Two invoices that are paid together, one of which is void by then. */
async function payTogether(world: World) {
  const { deps } = world.bridge
  const customer = world.addCustomer()
  const [one, other] = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
  if (!one || !other) throw new Error('no invoices')
  for (const { lago_id } of [one, other]) await world.openCheckout(lago_id)
  const receivableIds = [one.lago_id, other.lago_id]
  const wanted = { payerKey: customer.external_id, currency: 'USD', receivableIds }
  const { payToken } = await readReceivable(deps.db, await choose(deps, wanted))
  const pressed = await world.get(`/pay/${payToken}`, { method: 'POST', redirect: 'manual' })
  const sessionId = pressed.headers.get('location')?.split('/').at(-1) ?? ''
  world.lago.voidInvoice(other.lago_id)
  await world.eventually(other.lago_id, ({ state }) => state === 'void')
  const { payment_id: dodoPaymentId } = world.dodo.pay(sessionId)
  await world.eventually(one.lago_id, ({ state }) => state === 'paid')
  await world.eventually(other.lago_id, ({ state }) => state === 'attention')
  return { receivableId: other.lago_id, dodoPaymentId, paidId: one.lago_id }
}

const heldIn = async ({ bridge: { deps } }: World) => {
  const totals = await readTotals(deps.db, readPeriod({}, deps.now()))
  return totals.map(({ held }) => held)
}

describe('what is held, in all', () => {
  const shared = shareWorld({ env: { VOID_PAYMENTS: 'hold' } })

  test('is no more once its part of a payment went back, whatever another invoice took of it', async () => {
    const { world } = shared
    const { deps } = world.bridge
    const held = await payTogether(world)
    expect(await heldIn(world)).toEqual([{ count: 1, amount: 2_000 }])

    await ruleOnHeldMoney(deps, held, { ruling: 'give_back', who: 'Ana' })
    await world.eventually(held.receivableId, ({ state }) => state === 'void')
    await world.quiet()

    const rows = await deps.db
      .select()
      .from(recordings)
      .where(eq(recordings.receivableId, held.receivableId))
    expect(rows).toMatchObject([{ status: 'held' }])
    expect(await findHeldMoney(deps.db, held.receivableId)).toEqual([])
    expect(await heldIn(world)).toEqual([{ count: 0, amount: 0 }])
  })

  test('is also what was paid beyond the due of an invoice that took the rest', () =>
    inWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } }, async (world) => {
      const { deps } = world.bridge
      const invoice = world.bill(10_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 4_000, reference: 'bank' })
      const { payment_id: dodoPaymentId } = world.dodo.pay(sessionId)
      await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

      const [onItsPage] = await findHeldMoney(deps.db, invoice.lago_id)
      expect(onItsPage).toMatchObject({ dodoPaymentId, amount: 4_000 })
      expect(await heldIn(world)).toEqual([{ count: 1, amount: 4_000 }])

      const held = { receivableId: invoice.lago_id, dodoPaymentId }
      await ruleOnHeldMoney(deps, held, {
        ruling: 'accepted',
        who: 'Ana',
        why: 'kept for next month',
      })
      expect(await heldIn(world)).toEqual([{ count: 0, amount: 0 }])
    }))

  test('is the same to who scrapes and who is told, also beside a refund that was credited before', () =>
    inWorld({ env: { VOID_PAYMENTS: 'hold' } }, async (world) => {
      const { deps } = world.bridge
      const { receivableId, dodoPaymentId, paidId } = await payTogether(world)
      await world.quiet()
      // Given back and credited to the invoice that was paid while nobody knew that the other one is void.
      const { dodoRefundId } = { dodoRefundId: 'ref_before' }
      const madeAt = deps.now()
      await deps.db.insert(refunds).values({
        dodoRefundId,
        dodoPaymentId,
        status: 'succeeded',
        currency: 'USD',
        amount: 500,
        madeAt,
        observedAt: madeAt,
      })
      await deps.db.insert(credits).values({
        dodoRefundId,
        receivableId: paidId,
        status: 'credited',
        amount: 500,
        repeatableAt: madeAt,
      })

      const [onItsPage] = await findHeldMoney(deps.db, receivableId)
      expect(onItsPage).toMatchObject({ dodoPaymentId, amount: 2_000 })
      expect(await listHeld(deps.db)).toMatchObject([{ dodoPaymentId, held: 2_000 }])
      const told = await findConditions({ db: deps.db, config: deps.config, now: deps.now() })
      expect(told.filter(({ type }) => type === 'money.held')).toMatchObject([
        { subject: dodoPaymentId, data: { amount: 2_000 } },
      ])
    }))
})
