import { expect, test } from 'bun:test'

import { isCall, tap } from '../support/tap.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const payUnheard = async (world: World, amount: number) => {
  const { lago_id: invoiceId } = world.bill(amount)
  const { sessionId } = await world.openCheckout(invoiceId)
  const { payment_id: paymentId } = await world.inSilence(() => world.dodo.pay(sessionId))
  return { invoiceId, paymentId }
}

test.each<[string, string, (world: World, paymentId: string) => unknown, (now: Report) => boolean]>(
  [
    ['payments', 'total_amount', () => undefined, isPaid],
    [
      'refunds',
      'status',
      ({ dodo }, paymentId) => dodo.refund(paymentId, 1_000),
      ({ refunds }) => refunds.length === 1,
    ],
    [
      'disputes',
      'amount',
      ({ dodo }, paymentId) => dodo.openDispute(paymentId),
      ({ reason }) => reason.includes('is disputed'),
    ],
  ],
)(
  'a row of Dodo’s list of %s that nobody can read does not hide the others from the sweep',
  async (list, field, happen, isFound) => {
    const world = await openWorld({ unproven: 'Dodo says what nobody can read' })
    const odd = await payUnheard(world, 5_000)
    const known = await payUnheard(world, 6_000)
    if (list !== 'payments') {
      await world.sweep()
      for (const { invoiceId } of [odd, known]) await world.eventually(invoiceId, isPaid)
      await world.quiet()
    }
    await world.inSilence(() => [odd, known].map(({ paymentId }) => happen(world, paymentId)))
    const untap = tap(world, 'dodo', async (request, go) => {
      const answer = await go()
      if (!isCall(request, 'GET', new RegExp(`^/${list}$`))) return answer
      const { items } = (await answer.json()) as { items: Record<string, unknown>[] }
      const spoil = (item: Record<string, unknown>) =>
        item['payment_id'] === odd.paymentId ? { ...item, [field]: null } : item
      return Response.json({ items: items.map(spoil) })
    })

    await world.sweep()

    expect(await world.eventually(known.invoiceId, isFound)).toBeDefined()
    untap()
    await world.close()
  },
)
