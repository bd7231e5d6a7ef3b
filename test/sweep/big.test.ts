import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { shareWorld, type World } from '../support/world.ts'

const DAY_MS = 24 * 3_600_000
const PLENTY = { DODO_RATE_LIMIT: '100000/s', LAGO_RATE_LIMIT: '100000/s' }

const day = (agoDays: number) => new Date(Date.now() - agoDays * DAY_MS).toISOString().slice(0, 10)

/** Bills without a word to the bridge. */
const billInSilence = (world: World, count: number, issuingDate: string) =>
  world.inSilence(() => {
    const customer = world.addCustomer()
    return Array.from({ length: count }, () => world.bill(5_000, { customer, issuingDate }))
  })

const states = async (world: World) => {
  const rows = await world.bridge.db.execute<{ state: string; reason: string; count: number }>(sql`
    select state, case when state = 'open' then '' else reason end as reason, count(*)::int as count
    from receivables group by 1, 2 order by 1, 2`)
  return rows.map(({ state, reason, count }) => `${count} ${state} ${reason}`.trim())
}

describe('a bridge that is put in front of an old Lago', () => {
  const shared = shareWorld({ env: PLENTY })

  test('leaves more than a hundred old unpaid invoices alone, collects new ones, and looks no more', async () => {
    const { world } = shared
    await world.quiet()
    await world.bridge.db.execute(sql`
      update findings set value = '{"leavesOld": "undecided"}' where name = 'installation'`)
    await billInSilence(world, 250, day(20))
    const [young] = await billInSilence(world, 1, day(1))

    const found = await world.sweep()
    await world.quiet()

    expect(found.map(({ receivableId }) => receivableId)).toEqual([young?.lago_id ?? ''])
    expect(await states(world)).toEqual(['1 open', '250 skipped older than this installation'])
    expect(await world.sweep()).toEqual([])
  })

  test('skips them also when Lago itself tells of one', async () => {
    const { world } = shared

    const invoice = world.bill(5_000, { issuingDate: day(30) })

    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'skipped')
    expect(report.reason).toBe('older than this installation')
    expect(report.attempts).toEqual([])
  })
})

describe('a bridge in front of a Lago with few old unpaid invoices', () => {
  const shared = shareWorld({ env: PLENTY })

  test('collects them', async () => {
    const { world } = shared
    await world.quiet()
    await world.bridge.db.execute(sql`
      update findings set value = '{"leavesOld": "undecided"}' where name = 'installation'`)
    await billInSilence(world, 3, day(20))

    await world.sweep()
    await world.quiet()

    expect(await states(world)).toEqual(['3 open'])
  })
})

describe('COLLECT_SINCE', () => {
  const shared = shareWorld({ env: { ...PLENTY, COLLECT_SINCE: day(10) } })

  test('decides, and what it skips is collected once it says so', async () => {
    const { world } = shared
    const old = await billInSilence(world, 2, day(20))
    await billInSilence(world, 1, day(5))
    await world.sweep()
    await world.quiet()
    const reason = `issued before COLLECT_SINCE (${day(10)}T00:00:00.000Z)`
    expect(await states(world)).toEqual(['1 open', `2 skipped ${reason}`])

    Object.assign(world.bridge.deps.config, { collectSince: 'all' })
    await world.sweep()

    // Of two invoices of a new customer, one waits until the other has made them known to Dodo.
    for (const { lago_id } of old) await world.eventually(lago_id, ({ state }) => state === 'open')
    expect(await states(world)).toEqual(['3 open'])
  })
})

describe('a sweep of much', () => {
  const shared = shareWorld({ env: PLENTY })

  test('wakes nothing a second time that waits behind a limit', async () => {
    const { world } = shared
    await world.quiet()
    const match = { method: 'POST', path: '/checkouts$' }
    world.dodo.faults.add({ kind: 'status', status: 429, times: 10_000, match })
    await billInSilence(world, 4, day(0))
    const waiting = async () => {
      const rows = await world.bridge.db.execute<{ key: string }>(sql`
        select singleton_key as key from pgboss.job where name = 'settle' and state = 'created'`)
      return rows.map(({ key }) => key)
    }

    for (let sweep = 0; sweep < 2; sweep += 1) {
      await world.sweep()
      await Bun.sleep(200)
    }

    const keys = await waiting()
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.length).toBe(new Set(keys).size)
  })

  test('finds the one lost payment among five thousand, and is done', async () => {
    const { world } = shared
    const invoice = world.bill(9_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const paid = await world.inSilence(async () =>
      world.dodo.pay(await world.follow(report.payUrl)),
    )
    await world.quiet()
    for (let copy = 0; copy < 5_000; copy += 1) {
      const payment_id = `pay_copy${copy}`
      const created_at = new Date(Date.now() - (copy % 40) * 3_600_000).toISOString()
      const other = { ...paid, payment_id, created_at, metadata: {} }
      world.dodo.store.payments.set(payment_id, other)
    }

    await world.sweep()

    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    const [row] = await world.bridge.db.execute<{ value: { at: number; from: number } }>(sql`
      select value from findings where name = 'sweep:payments:days'`)
    expect(row?.value.at).toBe(row?.value.from)
  })
})
