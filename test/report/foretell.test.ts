import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { foretell, foretellRequest } from '../../src/billers/lago/foretell.ts'
import { receivables, recordings } from '../../src/db/schema.ts'
import type { World } from '../support/world.ts'
import { collect, explained, inWorld, openBundle } from './support.ts'

const rowOf = async ({ bridge: { db } }: World, id: string) => {
  const [row] = await db.select().from(receivables).where(eq(receivables.receivableId, id))
  if (!row) throw new Error(`${id} is not in the ledger`)
  return row
}

async function decline(world: World) {
  const invoice = world.bill(4_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
  await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
  await world.quiet()
  return invoice
}

describe('what is decided about an invoice as it was last seen', () => {
  test('is to rest where it rests, as long as nothing changes', () =>
    inWorld({}, async (world) => {
      const paid = await collect(world, 10_000)
      const open = world.bill(3_000)
      await world.openCheckout(open.lago_id)
      const declined = await decline(world)
      await world.quiet()

      for (const { lago_id } of [paid.invoice, open, declined]) {
        const row = await rowOf(world, lago_id)
        const step = await foretell(world.bridge.deps, lago_id)
        expect(step).toEqual({
          do: 'rest',
          standing: { state: row.state, reason: row.reason },
          isPayable: row.isPayable,
          wakeAt: row.nextWakeAt ?? undefined,
        })
      }
    }))

  test('is the same of a Lago that keeps no payments: it makes no credit note of a refund', () =>
    inWorld({ lago: { release: '1.0.0', premium: false } }, async (world) => {
      const { invoice, payment } = await collect(world, 10_000)
      world.dodo.refund(payment.payment_id, 2_500)
      await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
      await world.quiet()
      const row = await rowOf(world, invoice.lago_id)

      const step = await foretell(world.bridge.deps, invoice.lago_id)

      expect(step).toMatchObject({
        do: 'rest',
        standing: { state: 'attention', reason: row.reason },
      })
    }))

  test('keeps nothing of its customer but the country', () =>
    inWorld({}, async (world) => {
      const { invoice } = await collect(world, 10_000)

      const { snapshot } = await rowOf(world, invoice.lago_id)

      expect(snapshot).toMatchObject({ customer: { email: 'not kept' }, status: 'finalized' })
      expect(JSON.stringify(snapshot)).not.toContain('@')
    }))

  test('is what explain foretells: a payment without its recording is recorded', () =>
    inWorld({}, async (world) => {
      const { invoice, payment } = await collect(world, 10_000)
      await world.quiet()
      const { db } = world.bridge
      await db.delete(recordings).where(eq(recordings.dodoPaymentId, payment.payment_id))

      const { text } = await explained(world, invoice.number)

      expect(text).toContain(`Next: payment ${payment.payment_id} is recorded in Lago`)
    }))

  test('follows the schedule of retries as it is now', () =>
    inWorld({}, async (world) => {
      const invoice = await decline(world)
      const before = await explained(world, invoice.number)
      Object.assign(world.bridge.deps.config, { retryScheduleMs: [] })

      const after = await explained(world, invoice.number)

      expect(before.text).toMatch(/Next: attempt 2 opens at \d{4}-/)
      expect(after.text).toContain('Next: nothing by itself, as no retry is left')
    }))

  test('is what the row says where nothing is kept of the invoice', () =>
    inWorld({}, async (world) => {
      const invoice = await decline(world)
      await world.bridge.db.update(receivables).set({ snapshot: null })

      expect(await foretell(world.bridge.deps, invoice.lago_id)).toBeUndefined()
      expect((await explained(world, invoice.number)).text).toMatch(/Next: attempt 2 opens at/)
    }))
})

describe('what is decided about a payment request, by its invoices as they were last seen', () => {
  test('is to rest where it rests, as long as nothing changes', () =>
    inWorld({}, async (world) => {
      const { request } = await openBundle(world, [3_000, 4_000, 5_000])
      const row = await rowOf(world, request.lago_id)

      expect(await foretellRequest(world.bridge.deps, request.lago_id)).toEqual({
        do: 'rest',
        standing: { state: row.state, reason: row.reason },
        isPayable: row.isPayable,
        wakeAt: undefined,
      })
    }))

  test('is what explain foretells: a checkout of another sum makes way for a new one', () =>
    inWorld({}, async (world) => {
      const { request, invoices } = await openBundle(world, [3_000, 4_000, 5_000])
      const member = await rowOf(world, invoices[1].lago_id)
      await world.bridge.db
        .update(receivables)
        .set({ snapshot: { ...(member.snapshot as object), paymentStatus: 'succeeded', due: 0 } })
        .where(eq(receivables.receivableId, invoices[1].lago_id))

      const { text } = await explained(world, request.lago_id)

      expect(text).toContain('Next: a new checkout opens at the next look')
    }))

  test('is what the row says where one of its invoices was never at rest', () =>
    inWorld({}, async (world) => {
      const { request, invoices } = await openBundle(world, [3_000, 4_000, 5_000])
      await world.bridge.db
        .update(receivables)
        .set({ snapshot: null })
        .where(eq(receivables.receivableId, invoices[0].lago_id))

      const { text } = await explained(world, request.lago_id)

      expect(await foretellRequest(world.bridge.deps, request.lago_id)).toBeUndefined()
      expect(text).toContain('Next: the customer pays at the pay link; the checkout expires at')
    }))
})
