import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type World } from '../support/world.ts'
import { diagnose, setUp } from './support.ts'

describe('a Lago without a licence, whose webhooks never arrive', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ lago: { premium: false } })
    await setUp(world)
  })
  afterAll(() => world.close())

  test('before the first invoice it says what is yet to come', async () => {
    const { exitCode, failed, find } = await diagnose(world)

    expect(failed.map(find)).toEqual([])
    expect(exitCode).toBe(0)
    expect(find('lago.license')).toMatchObject({ verdict: 'skip' })
    expect(find('lago.signature')).toMatchObject({
      verdict: 'warn',
      evidence: 'one key; no webhook of Lago has arrived yet',
    })
  })

  test('once invoices are known and no webhook of them, it says that none arrives, and what a free Lago lacks', async () => {
    await world.inSilence(() => world.bill(5_000))
    await world.sweep()
    await world.quiet()

    const { failed, warned, find } = await diagnose(world)

    expect(failed).toEqual(['lago.signature', 'dodo.signature'])
    expect(find('lago.signature')?.evidence).toContain(
      'no webhook of Lago has ever arrived, though 1 invoice is known',
    )
    expect(find('lago.signature')?.fix).toContain('can Lago reach PUBLIC_URL?')
    expect(warned).toContain('lago.license')
    expect(find('lago.license')?.evidence).toContain('no premium licence')
  })
})

describe('a Lago whose key may not do everything', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ lago: { denied: ['read:payment', 'read:webhook_endpoint'] } })
  })
  afterAll(() => world.close())

  test('what will not be done without a permission is told', async () => {
    const { find, failed } = await diagnose(world, { only: 'lago' })

    expect(find('lago.permissions')).toMatchObject({
      verdict: 'warn',
      evidence:
        'may not read payments: no payment is recorded\n' +
        'may not read webhook endpoints: neither `setup` nor this can look at the webhooks',
    })
    expect(failed).toEqual(['lago.webhook'])
    expect(find('lago.webhook')).toMatchObject({
      evidence: 'LAGO_API_KEY may not read webhook endpoints',
      fix: 'give it that permission in Lago > Developers > API keys',
    })
  })
})

describe('an older Lago, and a key of Dodo that may only read', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({
      lago: { release: '1.15.2' },
      dodo: { readOnlyKey: 'dodo_test_reader' },
    })
  })
  afterAll(() => world.close())

  test('before 1.16 the API key signs, and 1.19 records the first payment', async () => {
    const { find } = await diagnose(world, { only: 'lago' })

    expect(find('lago.reach')?.evidence).toContain('Lago 1.15.2')
    expect(find('lago.signature')?.evidence).toContain('signs with its API key')
    expect(find('lago.license')?.evidence).toContain('before 1.19 records no payments')
  })

  test('a key that may only read is told from one that nobody knows', async () => {
    const reader = await diagnose(world, {
      env: { DODO_API_KEY: 'dodo_test_reader' },
      only: 'dodo',
    })
    const unknown = await diagnose(world, { env: { DODO_API_KEY: 'dodo_test_gone' }, only: 'dodo' })

    expect(reader.failed).toContain('dodo.key')
    expect(reader.find('dodo.key')?.evidence).toContain('may only read')
    expect(unknown.failed).toEqual(['dodo.mode'])
    expect(unknown.find('dodo.key')?.evidence).toBe('because dodo.mode failed')
  })
})
