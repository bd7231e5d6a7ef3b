import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import { deadLetters, deliveries } from '../../../src/db/schema.ts'
import type { Report } from '../../support/world.ts'
import { fieldsOf, fill, serveDashboard, signIn, type Served } from './support.ts'

type Me = Awaited<ReturnType<typeof signIn>>
type Filled = Awaited<ReturnType<typeof fill>>

const whats = ({ timeline }: Report) => timeline.map(({ what }) => what)

describe('what an operator may do', () => {
  const shared = {} as { served: Served; me: Me; filled: Filled }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.filled = await fill(shared.served.world)
    shared.me = await signIn(shared.served.origin)
  }, 60_000)
  afterAll(() => shared.served.close())

  const pageOf = ({ lago_id }: { lago_id: string }) => `/dashboard/invoices/${lago_id}`
  const buttonsOf = (html: string) =>
    ['Look again', 'Ask for the money now', 'Put aside', 'Show what was put aside'].filter(
      (label) => new RegExp(`(?:class="button"|type="submit")>${label}<`).test(html),
    )
  const actionsOf = (html: string) =>
    Array.from(html.matchAll(/<td[^>]*data-label="Did"[^>]*><div>([^<]*)</g), ([, one]) => one)

  test('is offered where it makes sense, and only there', async () => {
    const { me, filled } = shared
    const offered = async (invoice: { lago_id: string }) =>
      buttonsOf(await me.text(pageOf(invoice)))

    expect(await offered(filled.paid.invoice)).toEqual(['Look again'])
    expect(await offered(filled.open)).toEqual(['Look again'])
    expect(await offered(filled.declined)).toEqual(['Look again', 'Ask for the money now'])
    expect(await offered(filled.held)).toEqual(['Look again', 'Put aside'])
  })

  test('asking for the money opens a checkout, counts as Retry, and is not asked for twice', async () => {
    const { served, me, filled } = shared
    const page = pageOf(filled.declined)

    const before = await me.text(`${page}/collect`)
    expect(before).toContain(
      'Opens a new checkout for 108.00 USD behind the pay link of Blue Fern Inc',
    )
    expect((await served.world.invoiceReport(filled.declined.lago_id))?.attempts).toHaveLength(1)
    const after = await me.press(`${page}/collect`, `${page}/collect`)

    expect(after).toContain('Done: it is open: waiting for the customer to pay 108.00 USD')
    const report = await served.world.eventually(filled.declined.lago_id, ({ attempts }) => {
      return attempts[1]?.status === 'live'
    })
    expect(report.attempts[1]).toMatchObject({ cause: 'merchant', amount: 10_800 })
    expect(whats(report)).toContain('Ana asked for the money now')
    const again = await me.text(`${page}/collect`)
    expect(again).toContain('This cannot be done now: its checkout is open')

    const sessionId = report.attempts[1]?.dodoSessionId ?? ''
    served.world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await served.world.eventually(filled.declined.lago_id, ({ state }) => state === 'failed')
    const refused = await me.press(`${page}/collect`, `${page}/collect`)
    expect(refused).toContain('Not done: Retry pressed again within the hour: not counted')
    const last = await served.world.invoiceReport(filled.declined.lago_id)
    expect(last?.attempts).toHaveLength(2)
  })

  test('a reason that a person has dealt with is put aside, and shown again', async () => {
    const { served, me, filled } = shared
    const page = pageOf(filled.held)

    const aside = await me.press(`${page}/put-aside`, `${page}/put-aside`)

    expect(aside).toContain('Done: Put aside: 50.00 USD of payment')
    expect(buttonsOf(aside)).toEqual(['Look again', 'Show what was put aside'])
    const report = await served.world.eventually(
      filled.held.lago_id,
      ({ state }) => state === 'void',
    )
    expect(whats(report)).toContainEqual(expect.stringMatching(/^put aside by Ana: 50\.00 USD/))
    expect(await me.text('/dashboard/attention')).toContain('Reasons that a person has put aside')
    const shown = await me.press(`${page}/show-again`, `${page}/show-again`)
    expect(shown).toContain('Done: Shown again: 50.00 USD of payment')
    await served.world.eventually(filled.held.lago_id, ({ state }) => state === 'attention')
  })

  test('a delivery is put through again, which does nothing twice and is on record once', async () => {
    const { served, me, filled } = shared
    const { db } = served.world.bridge
    const [delivery] = await db
      .select()
      .from(deliveries)
      .where(eq(deliveries.wakesKey, filled.paid.invoice.lago_id))
      .limit(1)
    const { source = '', deliveryId = '' } = delivery ?? {}
    const page = `/dashboard/deliveries/${source}/${encodeURIComponent(deliveryId)}`

    const done = await me.press(page, `${page}/replay`)

    expect(done).toContain('Done: it is read again')
    await served.world.quiet()
    expect(served.world.paidIn(filled.paid.invoice.lago_id)).toHaveLength(1)
    const replays = actionsOf(await me.text('/dashboard/health/audit')).filter((one) =>
      one?.startsWith('replay'),
    )
    expect(replays).toHaveLength(1)
  })

  test('dead letters of one error are run again together, and those of another are not', async () => {
    const { served, me, filled } = shared
    const { db, deps } = served.world.bridge
    const key = filled.paid.invoice.lago_id
    const at = deps.now()
    await db.insert(deadLetters).values([
      { kind: 'settle', key, error: 'Lago answered 500', buriedAt: at },
      { kind: 'customer', key: 'acct_gone', error: 'something else', buriedAt: at },
    ])

    const done = await me.press('/dashboard/dead-letters', '/dashboard/dead-letters/redrive')

    expect(done).toContain('Done: 1 job run again')
    expect(await db.select().from(deadLetters)).toHaveLength(1)
    await db.delete(deadLetters)
  })

  test('an invoice whose webhook was lost is found in Lago, by id or number', async () => {
    const { served, me } = shared
    const invoice = await served.world.inSilence(() => served.world.bill(1_900))
    const page = pageOf({ lago_id: invoice.number })
    expect((await me.get(page)).status).toBe(404)

    const found = await me.press(page, `${page}/find`)

    expect(found).toContain(`<h1>${invoice.number}</h1>`)
    expect(found).toContain('Done: it is open: waiting for the customer to pay 19.00 USD')
    const nobody = pageOf({ lago_id: 'INV-0' })
    expect(await me.press(nobody, `${nobody}/find`)).toContain(
      'Not done: Lago knows no invoice INV-0',
    )
  })

  test('a customer, a sweep, and what a delivery says can be asked for', async () => {
    const { served, me, filled } = shared
    const customer = `/dashboard/customers/${filled.fern.external_id}`
    const looked = await me.press(customer, `${customer}/look`)
    expect(looked).toContain('Done: the customer and what they owe')

    const swept = await me.press('/dashboard', '/dashboard/sweep')
    expect(swept).toContain('Done: a sweep is asked for')

    const [row] = await served.world.bridge.db.query.deliveries.findMany({
      where: (one, { eq: is }) => is(one.eventType, 'invoice.created'),
      limit: 1,
    })
    const delivery = `/dashboard/deliveries/lago/${row?.deliveryId}`
    const covered = await me.text(delivery)
    expect(covered).not.toMatch(/@fern\.example/)
    expect(covered).toContain('•••')
    const revealed = await me.press(delivery, `${delivery}/reveal`)
    expect(revealed).toMatch(/@fern\.example/)

    const audit = await me.text('/dashboard/health/audit')
    expect(actionsOf(audit).slice(0, 3)).toEqual(['show personal data', 'sweep', 'look'])
    expect(audit).toContain(`delivery lago ${row?.deliveryId}`)
  })

  test('what another delivery says is not shown by a form that is on record for something else', async () => {
    const { served, me } = shared
    const { db } = served.world.bridge
    const [one, other] = await db.query.deliveries.findMany({
      where: (row, { eq: is }) => is(row.eventType, 'invoice.created'),
      limit: 2,
    })
    const pathOf = (row: typeof one) => `/dashboard/deliveries/lago/${row?.deliveryId}`
    const fields = fieldsOf(await me.text(pathOf(one)), `${pathOf(one)}/reveal`)
    const shown = await me.post(`${pathOf(one)}/reveal`, fields)
    expect(await shown.text()).toMatch(/@fern\.example/)
    const again = await me.post(`${pathOf(one)}/reveal`, fields)
    expect(await again.text()).toMatch(/@fern\.example/)

    const crossed = await me.post(`${pathOf(other)}/reveal`, fields)

    expect(crossed.status).toBe(403)
    expect(await crossed.text()).not.toMatch(/@fern\.example/)
  })

  test('what the ledger does not know cannot be acted on', async () => {
    const { me } = shared
    const fields = { token: '', once: crypto.randomUUID() }
    const html = await me.text('/dashboard')
    fields.token = /name="token" value="([^"]+)"/.exec(html)?.[1] ?? ''

    const unknown = `/dashboard/invoices/${crypto.randomUUID()}`
    expect((await me.post(`${unknown}/look`, fields)).status).toBe(404)
    for (const nothing of ['delete', 'constructor', '__proto__'])
      expect((await me.post(`${pageOf(shared.filled.open)}/${nothing}`, fields)).status).toBe(404)
    const held = `/dashboard/held/${shared.filled.held.lago_id}/pay_x`
    expect((await me.post(`${held}/constructor`, fields)).status).toBe(404)
    expect((await me.get('/dashboard/customers/nobody')).status).toBe(404)
    const customer = await me.post('/dashboard/customers/nobody/look', fields)
    expect(customer.status).toBe(303)
    expect(await me.text('/dashboard/health/audit')).toContain(
      'refused: the bridge does not know this customer',
    )
  })
})
