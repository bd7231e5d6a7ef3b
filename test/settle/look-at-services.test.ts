import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'

import { createLookAtServices } from '../../src/billers/lago/look-at-services.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

describe('in front of a Lago of 1.0', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ lago: { release: '1.0.0' } })
  })
  afterAll(() => world.close())

  const look = () => {
    const lines: { level: number; msg: string; url?: string }[] = []
    const log = pino(
      { level: 'info' },
      { write: (line: string) => void lines.push(JSON.parse(line)) },
    )
    return { lines, lookAtServices: createLookAtServices({ ...world.bridge.deps, log }) }
  }

  test('what is off is said once, however often it is looked', async () => {
    const { lines, lookAtServices } = look()

    await lookAtServices()
    await lookAtServices()

    const said = lines.filter(({ msg }) => msg.includes('no payments are recorded'))
    expect(said).toHaveLength(1)
    expect(said[0]?.msg).toContain('since 1.19.0')
  })

  test('an endpoint of ours that Dodo has disabled is told of, and one of others is not', async () => {
    const { lines, lookAtServices } = look()
    const [ours] = [...world.dodo.store.endpoints.values()]
    if (!ours) throw new Error('there is no endpoint')
    await lookAtServices()
    expect(lines.filter(({ msg }) => msg.includes('disabled'))).toEqual([])

    ours.disabled = true
    world.dodo.store.endpoints.set('theirs', {
      ...ours,
      id: 'theirs',
      url: 'https://other.example/',
    })
    await lookAtServices()
    ours.disabled = false
    world.dodo.store.endpoints.delete('theirs')

    expect(lines.filter(({ msg }) => msg.includes('disabled'))).toMatchObject([{ url: ours.url }])
  })

  test('services that do not answer are no reason to fail', async () => {
    const { lines, lookAtServices } = look()
    world.dodo.faults.add({ kind: 'status', status: 500, times: 1 })

    await lookAtServices()

    expect(lines.some(({ msg }) => msg.includes('a look at the services failed'))).toBe(true)
  })

  test('a lost dispute asks for attention, and Lago is not asked for what it does not have', async () => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)

    const { dispute_id: id } = world.dodo.openDispute(payment.payment_id)
    world.dodo.moveDispute(id, 'dispute_lost')

    const report = await world.eventually(invoice.lago_id, ({ reason }) => reason.includes('1.1.1'))
    expect(report.state).toBe('attention')
    expect(report.reason).toContain(id)
    await world.sweep()
    await world.quiet()
    expect(world.sent('POST', /lose_dispute/)).toEqual([])
  })
})
