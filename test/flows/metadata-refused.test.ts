import { describe, expect, test } from 'bun:test'

import { isCall, tap } from '../support/tap.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const INVOICE = /\/invoices\/[0-9a-f-]{36}$/
const JSON_TYPE = { headers: { 'content-type': 'application/json' } }
const isPaid = ({ state }: Report) => state === 'paid'

const refusal = (details: Record<string, string[]>) =>
  Response.json(
    {
      status: 422,
      error: 'Unprocessable Entity',
      code: 'validation_errors',
      error_details: details,
    },
    { status: 422 },
  )

/** Lago refuses every change of an invoice that has metadata with it. */
const refuseMetadata = (world: World) =>
  tap(world, 'lago', async (request, go) => {
    if (!isCall(request, 'PUT', INVOICE)) return go()
    const { invoice } = (await request.clone().json()) as { invoice: { metadata?: unknown } }
    return invoice.metadata ? refusal({ metadata: ['invalid_count'] }) : go()
  })

/** After each write of metadata Lago shows the invoice twice as it was before: a replica that lags. */
function lag(world: World) {
  const shown = new Map<string, string>()
  const before = new Map<string, { body: string; shown: number }>()
  return tap(world, 'lago', async (request, go) => {
    const { pathname } = new URL(request.url)
    if (isCall(request, 'PUT', INVOICE)) {
      const body = shown.get(pathname)
      const answer = await go()
      if (answer.ok && body) before.set(pathname, { body, shown: 0 })
      return answer
    }
    if (!isCall(request, 'GET', INVOICE)) return go()
    const old = before.get(pathname)
    const isLate = old !== undefined && old.shown < 2
    if (isLate) old.shown += 1
    const answer = isLate ? new Response(old.body, JSON_TYPE) : await go()
    if (!isLate) shown.set(pathname, await answer.clone().text())
    return answer
  })
}

describe('metadata that Lago does not take', () => {
  const shared = shareWorld()

  test('because what was read of it was older ends up on the invoice all the same', async () => {
    const { world } = shared
    const close = lag(world)
    const invoice = world.bill(5_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    await world.sweep()
    await world.quiet()
    world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    await world.sweep()
    await world.quiet()
    close()
    await world.sweep()
    await world.quiet()

    const keysIn = () =>
      world.lago.store.invoices.get(invoice.lago_id)?.metadata.map(({ key }) => key) ?? []
    await world.eventually(invoice.lago_id, () => keysIn().includes('dodo_payment_id'))
    expect(keysIn().toSorted()).toEqual(['dodo_pay_url', 'dodo_payment_id'])
    const { timeline } = (await world.invoiceReport(invoice.lago_id)) ?? { timeline: [] }
    expect(timeline.filter(({ what }) => what.includes('metadata'))).toEqual([])
  })
})

describe('a free Lago that takes no metadata', () => {
  const shared = shareWorld({ lago: { premium: false } })

  test('is told that the invoice is paid all the same', async () => {
    const { world } = shared
    const close = refuseMetadata(world)
    const invoice = world.bill(5_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(await world.follow(report.payUrl))

    const paid = await world.eventually(invoice.lago_id, isPaid)

    expect(paid.reason).toContain('paid with Dodo payment')
    close()
  })
})
