import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { fieldsOf, serveDashboard, signIn, type Served } from './support.ts'

const VIEWER_TOKEN = 'somebody-who-looks-on'

describe('whoever signs in with VIEWER_TOKEN', () => {
  const shared = {} as { served: Served; page: string }
  beforeAll(async () => {
    shared.served = await serveDashboard({ env: { VIEWER_TOKEN } })
    const invoice = shared.served.world.bill(10_800)
    await shared.served.world.openCheckout(invoice.lago_id)
    shared.page = `/dashboard/invoices/${invoice.lago_id}`
  })
  afterAll(() => shared.served.close())

  test('sees every page, and no button but the one that leaves', async () => {
    const me = await signIn(shared.served.origin, { name: 'Max', token: VIEWER_TOKEN })

    expect((await me.get('/dashboard')).status).toBe(200)
    const html = await me.text(shared.page)
    expect(html).toContain('108.00')
    expect(html).not.toContain('Look again')
    expect(html).toContain('Sign out')
    expect(await me.text('/dashboard/health/audit')).toContain('Audit')
  })

  test('sees of a delivery that it came, and not what it said', async () => {
    const { served } = shared
    const [row] = await served.world.bridge.db.query.deliveries.findMany({ limit: 1 })
    const page = `/dashboard/deliveries/${row?.source}/${row?.deliveryId}`
    const said = 'webhook_type'

    const [me, operator] = await Promise.all([
      signIn(served.origin, { token: VIEWER_TOKEN }),
      signIn(served.origin),
    ])

    expect(await operator.text(page)).toContain(said)
    const seen = await me.text(page)
    expect(seen).toContain(row?.eventType ?? '')
    expect(seen).not.toContain(said)
  })

  test('does nothing by a form all the same, and by none of an operator', async () => {
    const { served, page } = shared
    const operator = await signIn(served.origin)
    const me = await signIn(served.origin, { token: VIEWER_TOKEN })
    const fields = fieldsOf(await operator.text(page), `${page}/look`)
    const own = fieldsOf(await me.text('/dashboard'), '/dashboard/logout')
    await served.world.quiet()
    // Others are looked at meanwhile, by whom nobody has asked.
    const about = () =>
      served.world.requests.filter(({ url }) => url.includes(page.split('/').at(-1) ?? '')).length
    const before = about()

    expect((await me.post(`${page}/look`, fields)).status).toBe(403)
    expect((await me.post(`${page}/look`, { ...fields, token: own['token'] ?? '' })).status).toBe(
      403,
    )
    await served.world.quiet()
    expect(about()).toBe(before)
  })

  test('signs out', async () => {
    const me = await signIn(shared.served.origin, { token: VIEWER_TOKEN })
    const fields = fieldsOf(await me.text('/dashboard'), '/dashboard/logout')

    expect((await me.post('/dashboard/logout', fields)).status).toBe(303)
  })

  test('is nobody once the token is another', async () => {
    const { cookie } = await signIn(shared.served.origin, { token: VIEWER_TOKEN })
    const other = await serveDashboard({ env: { VIEWER_TOKEN: 'another-who-looks-on' } })

    const response = await fetch(`${other.origin}/dashboard`, {
      headers: { Cookie: cookie },
      redirect: 'manual',
    })

    expect(response.status).toBe(302)
    await other.close()
  })
})
