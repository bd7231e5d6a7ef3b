import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

test('a payment that cannot be recorded because of a redirect is shown to a person, and recorded afterwards', async () => {
  const invoice = world.bill(4_500)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.lago.faults.add({ kind: 'status', status: 301 })
  const payment = world.dodo.pay(sessionId)

  await world.eventually(invoice.lago_id, ({ state, reason }) => {
    expect(state).toBe('attention')
    expect(reason).toBe('LAGO_API_URL answers 301, as no API does')
  })
  expect(world.paidIn(invoice.lago_id)).toEqual([])

  world.lago.faults.clear()
  await world.sweep()
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  expect(world.paidIn(invoice.lago_id)).toMatchObject([{ reference: payment.payment_id }])
})

test("a redirect at Dodo's address is no refusal of an invoice", async () => {
  world.dodo.faults.add({ kind: 'status', status: 308, match: { method: 'POST' } })
  const invoice = world.bill(4_600)

  await world.eventually(invoice.lago_id, ({ reason }) =>
    reason.includes('DODO_API_URL answers 308'),
  )
  world.dodo.faults.clear()
  await world.sweep()

  await world.openCheckout(invoice.lago_id)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'open')
})
