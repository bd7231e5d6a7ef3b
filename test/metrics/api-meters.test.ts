import { expect, test } from 'bun:test'
import { Registry } from '@prometheus-io/client'

import { createBudget } from '../../src/budget.ts'
import { createApiMeters } from '../../src/metrics/api-meters.ts'
import { createProcessMetrics } from '../../src/metrics/process.ts'
import { parseMetrics, valueOf } from './support.ts'

const LIMITS = [{ lengthMs: 1_000, most: 30 }]

function open() {
  const registry = new Registry()
  const meters = createApiMeters(createProcessMetrics(registry), () => undefined)
  const read = async (name: string, labels = {}) =>
    valueOf(parseMetrics(await registry.metrics()), name, labels)
  return { meters, read }
}

test('a service that is kept still for ten seconds, as four requests at once were told, was kept still for ten', async () => {
  const { meters, read } = open()
  const budget = meters.meterBudget(
    'Dodo',
    LIMITS,
    createBudget('Dodo', LIMITS, () => new Date()),
  )

  for (let told = 0; told < 4; told += 1) budget.pause(new Headers({ 'retry-after': '10' }))
  budget.close()

  const seconds = await read('bridge_api_paused_seconds_total', { service: 'dodo' })
  // What waits comes back over two seconds.
  expect(seconds).toBeGreaterThan(9)
  expect(seconds).toBeLessThan(12.5)
})

test('of more requests than are kept it is said that these are not all of the hour', async () => {
  const { meters } = open()
  const fetchIt = meters.meterFetch('Lago', async () => new Response('{}'))
  await fetchIt('https://lago.test/api')
  expect(meters.answers()).toMatchObject([{ service: 'lago', calls: 1, isCut: false }])

  for (let asked = 0; asked < 2_000; asked += 1) await fetchIt('https://lago.test/api')

  expect(meters.answers()).toMatchObject([{ service: 'lago', calls: 2_000, isCut: true }])
})
