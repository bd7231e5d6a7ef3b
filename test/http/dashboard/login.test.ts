import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { ADMIN_TOKEN, openWorld } from '../../support/world.ts'
import { fieldsOf, send, serveDashboard, signIn, type Served } from './support.ts'

const HOUR_MS = 3_600_000

describe('signing in to the dashboard', () => {
  const shared = {} as { served: Served }
  beforeAll(async () => {
    shared.served = await serveDashboard()
  })
  afterAll(() => shared.served.close())

  /** Somebody at another address, as the proxy in front says. */
  const guess = (token: string, from: string) =>
    send(
      `${shared.served.origin}/dashboard/login`,
      { token },
      { Origin: shared.served.origin, 'X-Forwarded-For': from },
    )

  test('whoever has no session sees the login, whatever they ask for, and comes back there', async () => {
    const { origin } = shared.served
    for (const path of ['', '/invoices?state=paid', '/nowhere', '/statement/csv']) {
      const response = await fetch(`${origin}/dashboard${path}`, { redirect: 'manual' })
      expect(response.status).toBe(302)
      const next = encodeURIComponent(`/dashboard${path}`)
      expect(response.headers.get('location')).toBe(`/dashboard/login?next=${next}`)
    }

    const login = `${origin}/dashboard/login`
    const fields = { token: ADMIN_TOKEN, next: '/dashboard/invoices?state=paid' }
    const response = await send(login, fields, { Origin: origin })

    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/dashboard/invoices?state=paid')
  })

  test.each([
    '/search?q=Blue+Fern',
    '/customers/acct%20(1)%2F2',
    '/customers/K%C3%B8ge',
    '/orders?as=csv',
  ])('from %s one comes back there, however it is written', async (path) => {
    const { origin } = shared.served
    const response = await fetch(`${origin}/dashboard${path}`, { redirect: 'manual' })
    const asked = new URL(response.headers.get('location') ?? '', origin)

    const next = asked.searchParams.get('next') ?? ''
    const fields = { token: ADMIN_TOKEN, next }
    const led = await send(`${origin}/dashboard/login`, fields, { Origin: origin })

    expect(led.headers.get('location')).toBe(`/dashboard${path}`)
  })

  test.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/dashboard//evil.example',
    '/dashboard/../pay/x',
    'javascript:alert(1)',
    '/dashboard\r\nSet-Cookie: a=b',
  ])('nobody is led from the login to %j', async (next) => {
    const { origin } = shared.served

    const fields = { token: ADMIN_TOKEN, next }
    const response = await send(`${origin}/dashboard/login`, fields, { Origin: origin })

    expect(response.headers.get('location')).toBe('/dashboard')
  })

  test('the cookie is out of reach of scripts and of other sites', async () => {
    const { response } = await signIn(shared.served.origin)

    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^bridge=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/)
    expect(cookie).not.toContain(ADMIN_TOKEN)
  })

  test('over https the cookie can be set by nobody else, and goes over nothing else', async () => {
    const world = await openWorld({ env: { PUBLIC_URL: 'https://bridge.example' } })
    const login = await world.get('/dashboard/login', {
      method: 'POST',
      body: new URLSearchParams({ token: ADMIN_TOKEN }),
      headers: { Origin: 'https://bridge.example' },
      redirect: 'manual',
    })

    const cookie = login.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(
      /^__Host-bridge=[^;]+; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    const headers = { Cookie: cookie.split(';')[0] ?? '' }
    expect((await world.get('/dashboard', { headers })).status).toBe(200)
    const planted = { Cookie: headers.Cookie.replace('__Host-', '') }
    const refused = await world.get('/dashboard', { headers: planted, redirect: 'manual' })
    expect(refused.status).toBe(302)
    await world.close()
  })

  test('a wrong token lets nobody in, and says nothing of the right one', async () => {
    const response = await guess('operator-tokem', '203.0.113.1')

    expect(response.status).toBe(403)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(await response.text()).not.toContain('operator-toke')
  })

  test('a session that somebody else made up, or changed, is none', async () => {
    const { origin } = shared.served
    const { cookie } = await signIn(origin)
    const [value = '', signature = ''] = cookie.replace('bridge=', '').split('.')
    const content = JSON.parse(Buffer.from(value, 'base64url').toString()) as { until: number }
    const longer = Buffer.from(JSON.stringify({ ...content, until: content.until + 1 }))
    const forged = [
      'bridge=anything',
      `bridge=${value}`,
      `bridge=${longer.toString('base64url')}.${signature}`,
      `bridge=.${signature}`,
    ]

    for (const Cookie of forged) {
      const headers = { Cookie }
      const response = await fetch(`${origin}/dashboard`, { headers, redirect: 'manual' })
      expect(response.status).toBe(302)
    }
  })

  test('a session that was planted before signing in is not the one that comes of it', async () => {
    const { origin } = shared.served
    const planted = await signIn(origin, { name: 'Eve' })

    const headers = { Origin: origin, Cookie: planted.cookie }
    const login = await send(`${origin}/dashboard/login`, { token: ADMIN_TOKEN }, headers)

    const own = login.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(own).not.toBe(planted.cookie)
    const page = await (await fetch(`${origin}/dashboard`, { headers: { Cookie: own } })).text()
    expect(page).not.toContain('Eve')
  })

  test('a session ends after twelve hours, and with another token', async () => {
    const world = await openWorld()
    const login = (await loginOf(world)).cookie
    const open = async (headers: Record<string, string>) =>
      (await world.get('/dashboard', { headers, redirect: 'manual' })).status
    expect(await open({ Cookie: login })).toBe(200)

    world.advance(12 * HOUR_MS - 60_000)
    const late = await world.get('/dashboard', { headers: { Cookie: login } })
    expect(await late.text()).toContain('You are signed in until')
    world.advance(120_000)

    expect(await open({ Cookie: login })).toBe(302)
    await world.close()
    const other = await openWorld({ env: { ADMIN_TOKEN: 'another-token' } })
    const status = (
      await other.get('/dashboard', { headers: { Cookie: login }, redirect: 'manual' })
    ).status
    expect(status).toBe(302)
    await other.close()
  })

  test('signing out takes the cookie away', async () => {
    const { origin } = shared.served
    const me = await signIn(origin)
    const fields = fieldsOf(await me.text('/dashboard'), '/dashboard/logout')

    const response = await me.post('/dashboard/logout', fields)

    expect(response.status).toBe(303)
    expect(response.headers.get('set-cookie')).toMatch(/^bridge=; Max-Age=0; Path=\//)
  })

  test('who guesses is slowed to one guess a second, which locks nobody else out', async () => {
    const from = '203.0.113.66'
    const begin = performance.now()
    const quick = await Promise.all(
      Array.from({ length: 10 }, (_, index) => guess(`wrong-${index}`, from)),
    )
    expect(quick.map(({ status }) => status)).toEqual(quick.map(() => 403))

    const many = Array.from({ length: 200 }, (_, index) => guess(`again-${index}`, from))
    const owner = performance.now()
    const elsewhere = await guess(ADMIN_TOKEN, '198.51.100.7')
    const ownerTookMs = performance.now() - owner
    const statuses = (await Promise.all(many)).map(({ status }) => status)

    expect(elsewhere.status).toBe(303)
    expect(ownerTookMs).toBeLessThan(5_000)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(190)
    expect(statuses.filter((status) => status === 403).length).toBeLessThan(10)
    expect(performance.now() - begin).toBeGreaterThan(1_000)
    const right = await guess(ADMIN_TOKEN, '198.51.100.7')
    expect(right.status).toBe(303)
  })

  test('an operator who was let in before is let in beside a guesser at the same address', async () => {
    const from = '203.0.113.67'
    expect((await guess(ADMIN_TOKEN, from)).status).toBe(303)

    const many = Array.from({ length: 100 }, (_, index) => guess(`wrong-${index}`, from))
    const begin = performance.now()
    const right = await guess(ADMIN_TOKEN, from)

    expect(right.status).toBe(303)
    expect(performance.now() - begin).toBeLessThan(5_000)
    await Promise.all(many)
  })
})

async function loginOf(world: Awaited<ReturnType<typeof openWorld>>) {
  const response = await world.get('/dashboard/login', {
    method: 'POST',
    body: new URLSearchParams({ token: ADMIN_TOKEN }),
    headers: { Origin: 'http://bridge.test' },
    redirect: 'manual',
  })
  return { cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' }
}

describe('without ADMIN_TOKEN', () => {
  test('there is no dashboard, and no sign of one', async () => {
    const world = await openWorld({ env: { ADMIN_TOKEN: '' } })

    for (const path of [
      '/dashboard',
      '/dashboard/login',
      '/dashboard/invoices',
      '/assets/style.css',
    ]) {
      expect((await world.get(path, { redirect: 'manual' })).status).toBe(404)
    }
    const init = { method: 'POST', body: new URLSearchParams({ token: '' }) }
    const login = await world.get('/dashboard/login', init)
    expect(login.status).toBe(404)
    await world.close()
  })
})
