import { afterEach, describe, expect, test } from 'bun:test'
import pino from 'pino'
import postgres from 'postgres'

import { openBridge } from '../../src/bridge.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { chargesSent, withMandate } from '../support/mandates.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const is =
  (wanted: string) =>
  ({ state }: Report) =>
    state === wanted

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const one of cleanUp.splice(0).toReversed()) await one()
})

const open = async (...options: Parameters<typeof openWorld>) => {
  const world = await openWorld(...options)
  cleanUp.push(() => world.close())
  return world
}

/** Every row of the ledger as it is now, in a database of its own: what a dump of the schema holds. */
async function backUp(world: World): Promise<TestDatabase> {
  await world.quiet()
  const database = await createTestDatabase()
  cleanUp.push(() => database.drop())
  const [from, to] = [world.databaseUrl, database.url].map((url) => postgres(url, { max: 1 }))
  if (!from || !to) throw new Error('no connections')
  const tables = await from<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'dodo_bridge' and table_type = 'BASE TABLE' and table_name <> 'migrations'`
  for (const { name } of tables) {
    const table = `dodo_bridge."${name}"`
    const [row] = await from.unsafe<{ rows: string | null }[]>(
      `select json_agg(t)::text as rows from ${table} t`,
    )
    await to.unsafe(`delete from ${table}`)
    if (row?.rows) {
      await to.unsafe(
        `insert into ${table} select * from json_populate_recordset(null::${table}, $1::text::json)`,
        [row.rows],
      )
    }
  }
  for (const name of ['timeline', 'operator_actions']) {
    await to.unsafe(`select setval(pg_get_serial_sequence('dodo_bridge.${name}', 'id'),
      coalesce((select max(id) from dodo_bridge.${name}), 0) + 1, false)`)
  }
  await Promise.all([from.end(), to.end()])
  return database
}

/** The bridge is gone, and another one begins on the backup. */
async function restore(world: World, backup: TestDatabase) {
  await world.quiet()
  await world.bridge.close()
  world.lago.faults.clear()
  const { config, now } = world.bridge.deps
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input instanceof URL ? input.href : (input as string), init)
    world.requests.push(request.clone() as Request)
    const { host } = new URL(request.url)
    return host === 'lago.test' ? world.lago.fetch(request) : world.dodo.fetch(request)
  }
  const restored = await openBridge(
    { ...config, databaseUrl: backup.url },
    { log: pino({ level: 'silent' }), now, fetch },
  )
  Object.assign(world.bridge, restored)
  world.requests.splice(0)
  await restored.work()
  await world.sweep()
  await world.quiet()
}

const paidOnce = (world: World, id: string, amount: number) =>
  expect(world.paidIn(id).map(({ amount_cents }) => amount_cents)).toEqual([amount])

describe('an older backup that is restored', () => {
  test('learns from both services what happened since, and does nothing of it again', async () => {
    const world = await open({ env: { VOID_PAYMENTS: 'refund' } })
    const bill = async (amount: number) => {
      const { lago_id: id } = world.bill(amount)
      const { sessionId, report } = await world.openCheckout(id)
      return { id, sessionId, payUrl: report.payUrl }
    }
    const open1 = await bill(10_000)
    const paid = await bill(8_000)
    const paidWith = world.dodo.pay(paid.sessionId)
    await world.eventually(paid.id, is('paid'))
    const gone = await bill(3_000)
    const still = await bill(4_000)
    const backup = await backUp(world)

    // An open one is paid, a paid one refunded in part, money of a void one given back, and a new one comes and is paid.
    world.dodo.pay(open1.sessionId)
    await world.eventually(open1.id, is('paid'))
    world.dodo.refund(paidWith.payment_id, 2_500)
    await world.eventually(paid.id, ({ refunds }) => Boolean(refunds[0]?.lagoCreditNoteId))
    world.lago.voidInvoice(gone.id)
    await world.eventually(gone.id, is('void'))
    const late = world.dodo.pay(gone.sessionId)
    await world.eventually(gone.id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    const fresh = await bill(6_000)
    const freshWith = world.dodo.pay(fresh.sessionId)
    await world.eventually(fresh.id, is('paid'))
    const unpaid = await bill(7_000)

    await restore(world, backup)

    await world.eventually(open1.id, is('paid'))
    await world.eventually(fresh.id, is('paid'))
    paidOnce(world, open1.id, 10_000)
    paidOnce(world, paid.id, 8_000)
    paidOnce(world, fresh.id, 6_000)
    expect(world.notesOf(paid.id)).toHaveLength(1)
    expect(world.refundsOf(paidWith.payment_id)).toHaveLength(1)
    expect(world.refundsOf(late.payment_id)).toHaveLength(1)
    expect(world.refundsOf(freshWith.payment_id)).toHaveLength(0)
    expect(world.sent('POST', /^\/refunds$/)).toEqual([])
    expect(world.sent('POST', /payments$/)).toEqual([])
    expect(world.sent('POST', /credit_notes$/)).toEqual([])
    // Links that were sent go on working: those of the backup, and those that Lago holds.
    for (const { payUrl } of [still, unpaid])
      expect((await world.visit(payUrl)).status).not.toBe(404)
    const again = await world.follow(still.payUrl)
    expect(again).toBe(still.sessionId)

    // What nobody but the lost ledger knew: the checkout that was opened since, paid only now.
    world.dodo.pay(unpaid.sessionId)
    const told = await world.eventually(unpaid.id, ({ state }) => state !== 'open')
    expect(['paid', 'attention']).toContain(told.state)
    await world.quiet()
    expect(world.paidIn(unpaid.id).length).toBeLessThanOrEqual(1)
    await world.assertProven()
  }, 120_000)

  test('charges no card again that was charged since', async () => {
    const world = await open({ env: { COLLECTION: 'automatic' } })
    const { customer } = await withMandate(world)
    const backup = await backUp(world)
    const invoice = world.bill(2_000, { customer })
    await world.eventually(invoice.lago_id, is('paid'))
    const silent = await world.inSilence(() => world.bill(3_000, { customer }))
    // Charged, and cut off before Lago was told: only Dodo knows of it.
    world.lago.faults.add({
      kind: 'status',
      status: 503,
      match: { method: 'POST', path: '/api/v1/payments' },
    })
    const cut = world.bill(4_000, { customer })
    await world.eventually(cut.lago_id, ({ payments }) => payments[0]?.status === 'succeeded')
    expect(chargesSent(world)).toHaveLength(2)

    await restore(world, backup)

    await world.eventually(invoice.lago_id, is('paid'))
    await world.eventually(cut.lago_id, is('paid'))
    paidOnce(world, cut.lago_id, 4_000)
    await world.eventually(silent.lago_id, is('paid'))
    // The one that nobody had been told of, and no other.
    expect(chargesSent(world)).toHaveLength(1)
    paidOnce(world, invoice.lago_id, 2_000)
    paidOnce(world, silent.lago_id, 3_000)
    await world.assertProven()
  }, 120_000)

  test('charges no card again although its customer is another one at Dodo by now', async () => {
    const world = await open({ env: { COLLECTION: 'automatic' } })
    const { customer } = await withMandate(world)
    const backup = await backUp(world)
    world.lago.faults.add({
      kind: 'status',
      status: 503,
      match: { method: 'POST', path: '/api/v1/payments' },
    })
    const cut = world.bill(4_000, { customer })
    await world.eventually(cut.lago_id, ({ payments }) => payments[0]?.status === 'succeeded')
    // Merged there: what was paid before stays with the customer that is no more.
    const sql = postgres(backup.url, { max: 1 })
    await sql`update dodo_bridge.payers set dodo_customer_id = 'cus_merged'`
    await sql.end()

    await restore(world, backup)

    expect(chargesSent(world)).toEqual([])
    await world.eventually(cut.lago_id, is('paid'))
    paidOnce(world, cut.lago_id, 4_000)
    await world.assertProven()
  }, 120_000)
})
