import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { keepDeadLetter } from '../../src/deliveries/dead-letters.ts'
import type { JobKind } from '../../src/jobs.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../support/world.ts'

const CLI = Bun.fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const PATIENCE_MS = 20_000
const HEADERS = { Authorization: `Bearer ${ADMIN_TOKEN}` }

type Listed = {
  items: { kind: string; key: string; error: string }[]
  groups: { kind: string; error: string; count: number; sample: string }[]
  count: number
}

let world: World
beforeAll(async () => {
  world = await openWorld({ unproven: 'it buries work of invoices that are in no books' })
})
afterAll(() => world.close())

const list = async (query = '') =>
  (await (await world.get(`/api/dead-letters${query}`, { headers: HEADERS })).json()) as Listed
const post = async (path: string, body: object) => {
  const init = { method: 'POST', headers: HEADERS, body: JSON.stringify(body) }
  return (await (await world.get(`/api/dead-letters/${path}`, init)).json()) as Record<
    string,
    unknown
  >
}
const keep = (kind: JobKind, key: string, error = 'Lago did not answer') =>
  keepDeadLetter(world.bridge.deps, { kind, key, error })

async function until(check: (listed: Listed) => boolean) {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const listed = await list()
    if (check(listed)) return listed
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(listed)}`)
    await Bun.sleep(100)
  }
}

/** As the queue hands over what it gave up. */
const giveUp = (kind: JobKind, key: string) =>
  world.bridge.db.transaction((tx) => world.bridge.deps.queue.send(tx, `${kind}-dead`, [{ key }]))

describe('a job that gives up', () => {
  test('is kept where a person sees it, also if it is not about an invoice, until it is done after all', async () => {
    const customer = world.addCustomer()
    await world.quiet()
    await giveUp('customer', customer.external_id)

    const { items } = await until(({ count }) => count === 1)
    expect(items[0]).toMatchObject({ kind: 'customer', key: customer.external_id })

    world.lago.updateCustomer(customer.external_id, { name: 'Blue Fern II' })
    await until(({ count }) => count === 0)
  })

  test('puts its invoice before a person, and redriven it is settled', async () => {
    const invoice = world.bill(4_000)
    await world.openCheckout(invoice.lago_id)
    await world.quiet()
    await giveUp('settle', invoice.lago_id)
    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(report).toMatchObject({ reasonCode: 'gave_up' })

    expect(await post('redrive', { kind: 'settle' })).toEqual({ redriven: 1 })
    expect(await post('redrive', { kind: 'settle' })).toEqual({ redriven: 0 })

    await world.eventually(invoice.lago_id, ({ state }) => state === 'open')
    expect((await list()).count).toBe(0)
  })
})

describe('dead letters', () => {
  test('are shown in groups of what went wrong, and narrowed by kind and key', async () => {
    await keep('mandate', 'sub_1')
    await keep('mandate', 'sub_2')
    await keep('trace', 'pay_1', 'Dodo answered 500')

    const all = await list()

    expect(all.count).toBe(3)
    expect(all.groups).toMatchObject([
      { kind: 'mandate', error: 'Lago did not answer', count: 2, sample: 'sub_1' },
      { kind: 'trace', error: 'Dodo answered 500', count: 1, sample: 'pay_1' },
    ])
    expect((await list('?kind=trace')).items.map(({ key }) => key)).toEqual(['pay_1'])
    expect((await list('?key=sub_2')).items.map(({ kind }) => kind)).toEqual(['mandate'])
  })

  test('are put away with a reason, which is written down, and not without one', async () => {
    const refused = await post('forget', { kind: 'trace' })
    const forgotten = await post('forget', { kind: 'trace', reason: 'a test payment' })

    expect(refused).toEqual({ error: expect.stringContaining('reason') })
    expect(forgotten).toEqual({ forgotten: 1 })
    const [action] = await world.bridge.db.execute(
      sql`select who, role, action, subject, outcome from operator_actions order by id desc limit 1`,
    )
    expect(action).toEqual({
      who: 'api',
      role: 'admin',
      action: 'forget',
      subject: 'dead letters trace',
      outcome: '1 put away: a test payment',
    })
  })

  test('redriven by two people at once are run once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => post('redrive', { kind: 'mandate' })))

    const total = answers.reduce((sum, { redriven }) => sum + Number(redriven), 0)
    expect(total).toBe(2)
  })
})

describe('bridge replay and bridge dead-letters', () => {
  async function bridge(...args: string[]) {
    const { config } = world.bridge.deps
    const env = {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: world.databaseUrl,
      LAGO_API_URL: 'http://127.0.0.1:9',
      LAGO_API_KEY: config.lago.apiKey,
      LAGO_WEBHOOK_HMAC_KEY: 'unused',
      DODO_API_URL: 'http://127.0.0.1:9',
      DODO_API_KEY: config.dodo.apiKey,
      DODO_WEBHOOK_SECRET: config.dodo.webhookSecrets.join(','),
    }
    const child = Bun.spawn(['bun', CLI, ...args], {
      env,
      cwd: '/',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ])
    return { out, err, exitCode }
  }

  test('one delivery is put through again beside the running server, which does the work', async () => {
    const invoice = world.bill(6_000)
    await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const [row] = await world.bridge.db.execute<{ id: string }>(
      sql`select delivery_id as id from deliveries where wakes_key = ${invoice.lago_id} limit 1`,
    )

    const replayed = await bridge('replay', 'lago', row?.id ?? '')
    const unknown = await bridge('replay', 'dodo', 'msg_none')

    expect(replayed).toEqual({
      exitCode: 0,
      err: '',
      out: `Delivery ${row?.id} of lago is put through again: what it is about is looked at next.\n`,
    })
    expect(unknown).toMatchObject({ exitCode: 1, out: 'Delivery msg_none of dodo never came.\n' })
    await world.eventually(invoice.lago_id, ({ timeline }) =>
      timeline.some(({ what }) => what.includes('replayed by command line')),
    )
  })

  test('many are counted, then put through; without saying which, none are', async () => {
    const counted = await bridge(
      'replay',
      '--since',
      '1h',
      '--event',
      'invoice.created',
      '--dry-run',
    )
    const done = await bridge('replay', '--since', '1h', '--event', 'invoice.created')
    const vague = await bridge('replay')

    expect(counted.out).toMatch(
      /^\d+ deliver(?:y|ies) about \d+ things?\. Replaying looks at them again/,
    )
    expect(counted.out).not.toContain('put through')
    expect(done.out).toMatch(/\d+ put through again, 0 about nothing of ours, 0 empty by now\./)
    expect(vague).toMatchObject({ exitCode: 2, err: expect.stringContaining('say which') })
  })

  test('dead letters are listed, redriven and gone', async () => {
    await keep('topup', 'wallet_1')

    const listed = await bridge('dead-letters')
    const redriven = await bridge('dead-letters', '--redrive', '--kind', 'topup')
    const after = await bridge('dead-letters', '--kind', 'topup')

    expect(listed.exitCode).toBe(1)
    expect(listed.out).toMatch(/topup +wallet_1 +\S+Z +Lago did not answer/)
    expect(redriven).toMatchObject({ exitCode: 0, out: '1 job run again.\n' })
    expect(after).toMatchObject({ exitCode: 0, out: 'No job has given up.\n' })
  })
})
