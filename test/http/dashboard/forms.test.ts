import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { ADMIN_TOKEN } from '../../support/world.ts'
import { fieldsOf, send, serveDashboard, signIn, type Served } from './support.ts'

type Me = Awaited<ReturnType<typeof signIn>>

describe('the forms of the dashboard', () => {
  const shared = {} as { served: Served; me: Me; lagoInvoiceId: string }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.me = await signIn(shared.served.origin)
    const invoice = shared.served.world.bill(4_200)
    await shared.served.world.openCheckout(invoice.lago_id)
    shared.lagoInvoiceId = invoice.lago_id
  })
  afterAll(() => shared.served.close())

  const linesOf = async () => {
    const report = await shared.served.world.invoiceReport(shared.lagoInvoiceId)
    return report?.timeline.filter(({ what }) => what === 'looked at again by Ana').length
  }
  const page = () => `/dashboard/invoices/${shared.lagoInvoiceId}`
  const form = async () => fieldsOf(await shared.me.text(page()), `${page()}/look`)

  test('do nothing without a session, without their token, or with that of another session', async () => {
    const { served, me } = shared
    const { origin } = served
    const other = await signIn(origin, { name: 'Bo' })
    const { token = '', once = '' } = await form()
    const url = `${origin}${page()}/look`
    const own = { Cookie: me.cookie, Origin: origin }

    const attempts = await Promise.all([
      send(url, { token, once }, { Origin: origin }),
      send(url, { once }, own),
      send(url, { token: `${token}x`, once }, own),
      send(url, { token, once }, { ...own, Cookie: other.cookie }),
      send(url, { token }, own),
      send(url, { token, once: 'not an id' }, own),
    ])

    expect(attempts.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403])
    expect(await attempts[1]?.text()).toContain('This form is too old')
    expect(await linesOf()).toBe(0)
  })

  test('that nobody can read are forms without a token', async () => {
    const { served, me } = shared
    const broken = (type: string) =>
      fetch(`${served.origin}${page()}/look`, {
        method: 'POST',
        body: '--a\r\nbroken',
        headers: { Cookie: me.cookie, Origin: served.origin, 'Content-Type': type },
      })

    for (const type of ['multipart/form-data', 'multipart/form-data; boundary=a'])
      expect((await broken(type)).status).toBe(403)
    expect(await linesOf()).toBe(0)
  })

  test('do nothing when they come from another site, token or not', async () => {
    const { served, me } = shared
    const fields = await form()
    const url = `${served.origin}${page()}/look`
    const from = (headers: Record<string, string>) =>
      send(url, fields, { Cookie: me.cookie, ...headers })

    const attempts = await Promise.all([
      from({ Origin: 'https://evil.example' }),
      from({ Origin: 'null' }),
      from({ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }),
      from({ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-site' }),
      from({}),
    ])

    expect(attempts.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
    expect(await linesOf()).toBe(0)
  })

  test('a login that another site sends signs nobody in', async () => {
    const { origin } = shared.served
    const headers = { Origin: 'https://evil.example' }

    const response = await send(`${origin}/dashboard/login`, { token: ADMIN_TOKEN }, headers)

    expect(response.status).toBe(403)
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  test('an address alone does nothing', async () => {
    const { me } = shared

    expect((await me.get(`${page()}/look`)).status).toBe(404)
    expect((await me.get('/dashboard/sweep')).status).toBe(404)
    expect((await me.get('/dashboard/logout')).status).toBe(404)

    expect((await me.get('/dashboard')).status).toBe(200)
    expect(await linesOf()).toBe(0)
  })

  test('a form that is sent twice, also at once, does it once', async () => {
    const { served, me } = shared
    const fields = await form()

    const sent = await Promise.all([1, 2, 3].map(() => me.post(`${page()}/look`, fields)))
    const again = await me.post(`${page()}/look`, fields)

    expect([...sent, again].map(({ status }) => status)).toEqual([303, 303, 303, 303])
    expect(await linesOf()).toBe(1)
    const { operatorActions } = served.world.bridge.db.query
    const actions = await operatorActions.findMany({
      where: (row, { eq }) => eq(row.formId, fields['once'] ?? ''),
    })
    expect(actions).toMatchObject([
      {
        who: 'Ana',
        role: 'admin',
        action: 'look',
        subject: `invoice ${shared.lagoInvoiceId}`,
        outcome: expect.stringMatching(/^done: it is open/),
      },
    ])
  })

  test('one that is too large is not read', async () => {
    const response = await shared.me.post(`${page()}/look`, { token: 'x'.repeat(100_000) })

    expect(response.status).toBe(403)
    expect(await response.text()).toContain('too large')
  })
})

describe('every page of the dashboard', () => {
  const shared = {} as { served: Served; me: Me }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.me = await signIn(shared.served.origin)
  })
  afterAll(() => shared.served.close())

  test.each(['/dashboard/login', '/dashboard', '/dashboard/nowhere', '/dashboard/statement'])(
    '%s may be framed, kept and scripted by nobody',
    async (path) => {
      const { headers } = await shared.me.get(path)

      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      )
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
      expect(headers.get('x-robots-tag')).toBe('noindex')
      expect(headers.get('referrer-policy')).toBe('same-origin')
    },
  )

  test('does not reload itself, and holds no script and no style of its own', async () => {
    for (const path of ['/dashboard', '/dashboard/invoices', '/dashboard/login']) {
      const html = await shared.me.text(path)
      expect(html).not.toMatch(/http-equiv|<style|style="|<script(?! type="module" src=)| on\w+="/)
    }
  })

  test('finds its files, which change their address with what they hold', async () => {
    const html = await shared.me.text('/dashboard')
    const paths = Array.from(html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g), ([, one]) => one)

    expect(paths).toHaveLength(2)
    for (const path of paths) {
      const response = await fetch(`${shared.served.origin}${path}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toContain('immutable')
    }
    expect((await fetch(`${shared.served.origin}/assets/app.ts`)).status).toBe(404)
  })

  test('says so when the database does not answer, and that nothing is lost', async () => {
    const { served, me } = shared
    await served.world.letDatabaseBe('away')

    const response = await me.get('/dashboard/invoices')

    expect(response.status).toBe(503)
    expect(await response.text()).toContain('Nothing is lost')
    await served.world.letDatabaseBe('there')
  })
})
