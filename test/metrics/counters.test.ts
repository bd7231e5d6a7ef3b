import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { mandates, refunds } from '../../src/db/schema.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { ruleOnHeldMoney } from '../../src/operate/held-money.ts'
import { inWorld } from '../report/support.ts'
import type { World } from '../support/world.ts'
import { parseMetrics, valueOf } from './support.ts'

/** As if another replica was asked: nothing of an earlier scrape is kept. */
async function scrape({ bridge }: World) {
  const metrics = createMetrics(bridge.deps.config)
  const { schema: queueSchema } = bridge.deps.queue
  metrics.openLedger({ ...bridge.deps, queueSchema, isReady: async () => true })
  return parseMetrics((await metrics.expose(undefined)).text)
}

describe('what only grows', () => {
  test('begins at zero before anything is counted, so that the first is seen as an increase', () =>
    inWorld({}, async (world) => {
      const invoice = world.bill(10_800)
      await world.openCheckout(invoice.lago_id)

      const samples = await scrape(world)

      const usd = { currency: 'USD' }
      for (const [name, labels] of [
        ['bridge_collected_amount_total', { ...usd, kind: 'checkout' }],
        ['bridge_collected_amount_total', { ...usd, kind: 'charge' }],
        ['bridge_recovered_amount_total', usd],
        ['bridge_refunded_amount_total', { ...usd, cause: 'merchant' }],
        ['bridge_refunded_amount_total', { ...usd, cause: 'duplicate' }],
        ['bridge_payments_total', { status: 'failed', kind: 'charge' }],
        ['bridge_declines_total', { class: 'soft', code: 'INSUFFICIENT_FUNDS' }],
        ['bridge_declines_total', { class: 'soft', code: 'other' }],
      ] as const)
        expect([name, labels, valueOf(samples, name, labels)]).toEqual([name, labels, 0])
    }))

  test('a refund counts with what it gave back, once Dodo says how much that is', () =>
    inWorld({}, async (world) => {
      const { db } = world.bridge.deps
      const invoice = world.bill(10_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      const { payment_id } = world.dodo.pay(sessionId)
      await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
      world.dodo.refund(payment_id, 800)
      await world.eventually(invoice.lago_id, (report) => !!report.refunds[0]?.lagoCreditNoteId)
      const given = async () =>
        valueOf(await scrape(world), 'bridge_refunded_amount_total', { cause: 'merchant' })
      await world.quiet()
      expect(await given()).toBe(8)

      await db.update(refunds).set({ amount: null }).where(eq(refunds.dodoPaymentId, payment_id))

      expect(await given()).toBe(0)
    }))

  test('who gives back a second payment that was held does not make it another one', () =>
    inWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } }, async (world) => {
      const { deps } = world.bridge
      const invoice = world.bill(5_000)
      const { report, sessionId } = await world.openCheckout(invoice.lago_id)
      world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
      await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
      const other = await world.follow(report.payUrl)
      world.dodo.pay(sessionId)
      world.dodo.pay(other)
      const held = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
      const second = held.payments.find(({ disposition }) => disposition === 'duplicate')
      const counted = async () => {
        const samples = await scrape(world)
        return ['held', 'refunded'].map((handling) =>
          valueOf(samples, 'bridge_duplicate_payments_total', { handling }),
        )
      }
      expect(await counted()).toEqual([1, 0])

      const money = { receivableId: invoice.lago_id, dodoPaymentId: second?.dodoPaymentId ?? '' }
      await ruleOnHeldMoney(deps, money, { ruling: 'give_back', who: 'Ana' })
      await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

      expect(await counted()).toEqual([1, 0])
    }))

  test('a card that was cancelled is over, also one that Dodo had refused to charge', () =>
    inWorld({}, async (world) => {
      const { db, now } = world.bridge.deps
      const at = now()
      const kept = { payerKey: 'acct', currency: 'USD', madeAt: at, renewedAt: at, observedAt: at }
      await db.insert(mandates).values([
        { dodoSubscriptionId: 'sub_1', status: 'active', refusal: 'it was stolen', ...kept },
        { dodoSubscriptionId: 'sub_2', status: 'cancelled', refusal: 'it was stolen', ...kept },
        { dodoSubscriptionId: 'sub_3', status: 'active', ...kept },
      ])

      const samples = await scrape(world)

      const counted = ['active', 'on_hold', 'refused', 'ended'].map((status) =>
        valueOf(samples, 'bridge_mandates', { status }),
      )
      expect(counted).toEqual([1, 0, 1, 1])
    }))
})
