import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'

import { CHECKS } from '../../src/doctor/checks.ts'
import { shareWorld } from '../support/world.ts'
import { diagnose, examine, setUp } from './support.ts'

const shared = shareWorld()

/** What a rehearsal cannot have: TLS, a database that survives a power cut, a clock of theirs. */
const OF_THE_TEST = ['database', 'public_url']

test('after setup and a first payment nothing is broken, and nothing was changed by looking', async () => {
  const { world } = shared
  await setUp(world)
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  await world.sweep()
  await world.quiet()
  const endpoints = JSON.stringify([
    world.lago.store.webhookEndpoints,
    ...world.dodo.store.endpoints,
  ])

  const { exitCode, failed, warned, skipped, find } = await diagnose(world)

  expect(failed.map(find)).toEqual([])
  expect(exitCode).toBe(0)
  expect(warned).toEqual(OF_THE_TEST)
  expect(skipped).toEqual([
    'clock',
    'embedded',
    'lago.mail',
    'dodo.mail',
    'smtp',
    'mail',
    'notifications',
  ])
  expect(find('dodo.signature')?.evidence).toMatch(/^the secret fits; last verified \d+ s ago$/)
  expect(find('lago.key')?.evidence).toContain(
    `organisation Sandbox (${world.lago.organizationId})`,
  )
  expect(find('dodo.checkout')?.evidence).toBe('asks for exactly what is due: 10.00 USD in DE')
  expect(JSON.stringify([world.lago.store.webhookEndpoints, ...world.dodo.store.endpoints])).toBe(
    endpoints,
  )
})

describe('its output', () => {
  test('fits 80 columns, one line and its fix for each check, and says the sum', async () => {
    const { text } = await examine(shared.world)
    const lines = text.split('\n')

    expect(lines.filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
    expect(lines.filter((line) => /^(ok|warn|FAIL|skip) /.test(line))).toHaveLength(CHECKS.length)
    expect(lines.at(-1)).toMatch(/^36 checks: \d+ ok, 2 warnings, 0 failed, 7 skipped$/)
    expect(text).not.toContain('\u001b')
  })

  test('is coloured only where it is asked to be', async () => {
    const { text } = await examine(shared.world, { isColoured: true, only: 'settings' })

    expect(text).toContain('\u001b[32mok')
  })

  test('--quiet leaves out what is well', async () => {
    const { text } = await examine(shared.world, { isQuiet: true })

    expect(text.match(/^\w+ {2,}\S+/gm)?.map((head) => head.split(/ +/)[1])).toEqual(OF_THE_TEST)
  })

  test('--only runs a family, and what it needs in silence', async () => {
    const { text } = await examine(shared.world, { only: 'lago' })
    const ids = text.split('\n').flatMap((line) => /^\w+ +(lago\.\w+)/.exec(line)?.[1] ?? [])

    expect(ids).toEqual(CHECKS.map(({ id }) => id).filter((id) => id.startsWith('lago.')))
  })

  test('a check that does not exist is wrong usage, and all names are told', async () => {
    const { exitCode, text } = await examine(shared.world, { only: 'stripe' })

    expect(exitCode).toBe(2)
    expect(text).toContain('There is no check stripe. There are: settings, clock, ')
  })

  test('what is told of customers lines up in any script', async () => {
    const { world } = shared
    const customer = world.addCustomer({ name: '株式会社ブルー' })
    const kept = world.lago.store.customers.get(customer.external_id)
    Object.assign(kept ?? {}, { payment_provider: 'stripe' })

    const { text } = await examine(world, { only: 'lago.providers' })

    expect(text).toContain('株式会社ブルー')
    expect(text.split('\n').filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
  })
})

describe('the checks', () => {
  test('each has a name of its own, and stands behind those that it needs', () => {
    const ids = CHECKS.map(({ id }) => id)

    expect(new Set(ids).size).toBe(ids.length)
    for (const [index, { needs = [] }] of CHECKS.entries()) {
      expect(needs.filter((id) => !ids.slice(0, index).includes(id))).toEqual([])
    }
  })

  test('the documentation explains exactly these, in this order', () => {
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
    const section = /^## Doctor\n([\s\S]*?)^## /m.exec(page)?.[1] ?? ''
    const told = Array.from(section.matchAll(/^\| `([a-z_.]+)` \|/gm), ([, id]) => id ?? '')

    expect(told).toEqual(CHECKS.map(({ id }) => id))
  })
})
