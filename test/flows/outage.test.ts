import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { receivables } from '../../src/db/schema.ts'
import { explain } from '../../src/report/explain.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

async function explained(lagoInvoiceId: string) {
  const lines: string[] = []
  await explain(world.bridge.deps, lagoInvoiceId, (line) => lines.push(line))
  return lines.join('\n')
}

const readiness = async () =>
  (await (await world.get('/ready')).json()) as { ready: boolean; missing: string[] }

test('while a service is away, explain says so and when it is tried again', async () => {
  world.dodo.faults.add({ kind: 'status', status: 503 })
  const invoice = world.bill(3_100)
  await world.eventually(invoice.lago_id, (report) =>
    expect(report).toMatchObject({
      state: 'open',
      lastError: expect.stringContaining('Dodo answered 503'),
      nextRunAt: expect.any(String),
    }),
  )

  const during = await explained(invoice.lago_id)
  expect(during).toMatch(/Trouble +Dodo answered 503 to/)
  expect(during).toMatch(/Next: it is tried again at 20\d\d-\S+: .*Dodo answered 503/)
  expect(await readiness()).toEqual({ ready: true, missing: [] })

  world.dodo.faults.clear()
  await world.openCheckout(invoice.lago_id)
  await world.eventually(invoice.lago_id, (report) =>
    expect(report).toMatchObject({ lastError: null, lastErrorAt: null, nextRunAt: null }),
  )
  expect(await explained(invoice.lago_id)).not.toContain('Trouble')
})

describe('a key that is refused', () => {
  test.each(['lago', 'dodo'] as const)(
    'of %s keeps the bridge from being ready until it is taken again',
    async (service) => {
      const variable = `${service.toUpperCase()}_API_KEY`
      world[service].faults.add({ kind: 'status', status: 401 })
      await world.bridge.introduce()

      expect((await world.get('/ready')).status).toBe(503)
      expect((await readiness()).missing).toEqual([expect.stringContaining(variable)])

      world[service].faults.clear()
      await world.bridge.introduceRefused()
      expect(await readiness()).toEqual({ ready: true, missing: [] })
    },
  )

  test('for writing only is not dead: reads of Dodo still work', async () => {
    world.dodo.faults.add({ kind: 'status', status: 401, match: { method: 'POST' } })
    const invoice = world.bill(3_200)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    expect(await readiness()).toEqual({ ready: true, missing: [] })
    world.dodo.faults.clear()
  })
})

test('an id of Dodo that is none is asked nobody', async () => {
  const { dodo } = world.bridge.deps
  const before = world.requests.length

  for (const id of ['.', '..', 'pay_1/../../refunds', 'pay 1', '', 'a'.repeat(300)]) {
    expect(await dodo.findPayment(id)).toBeUndefined()
    expect(await dodo.findRefund(id)).toBeUndefined()
    expect(dodo.listLineItems(id)).rejects.toThrow('is not an id of Dodo')
  }

  expect(world.requests.length).toBe(before)
})

test('a link that nobody has said the address of is not written, and a good one is not replaced', async () => {
  const invoice = world.bill(3_300)
  await world.openCheckout(invoice.lago_id)
  await world.quiet()
  const { config } = world.bridge.deps
  const linkOf = () =>
    world.lago.store.invoices
      .get(invoice.lago_id)
      ?.metadata.find(({ key }: { key: string }) => key === 'dodo_pay_url')?.value
  const good = linkOf()
  expect(good).toStartWith(config.publicUrl)

  Object.assign(config, { publicUrl: 'http://localhost:3000', isPublicUrlGuessed: true })
  await world.bridge.settle(invoice.lago_id, { cause: 'operator' })

  expect(linkOf()).toBe(good)
  const [row] = await world.bridge.db
    .select()
    .from(receivables)
    .where(eq(receivables.receivableId, invoice.lago_id))
  expect(row?.state).toBe('open')
})
