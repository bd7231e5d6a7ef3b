import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { tap } from '../../support/tap.ts'
import { serveDashboard, signIn, type Served } from './support.ts'

describe('*Open in Lago*', () => {
  const shared = {} as { served: Served; me: Awaited<ReturnType<typeof signIn>>; page: string }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.me = await signIn(shared.served.origin)
    const invoice = shared.served.world.bill(10_800)
    await shared.served.world.openCheckout(invoice.lago_id)
    shared.page = `/dashboard/invoices/${invoice.lago_id}`
  })
  afterAll(() => shared.served.close())

  /** Lago shows the invoice with another address of its page, or none. */
  async function shownAs(webUrl: unknown) {
    const { world } = shared.served
    const stop = tap(world, 'lago', async (request, go) => {
      const response = await go()
      if (request.method !== 'GET' || !/\/invoices\/[^/]+$/.test(request.url)) return response
      const { invoice } = (await response.json()) as { invoice: object }
      return Response.json({ invoice: { ...invoice, web_url: webUrl } })
    })
    const response = await shared.me.get(`${shared.page}/lago`)
    stop()
    return response
  }

  test('leads from the page of an invoice to where Lago says that its own is', async () => {
    const { me, page } = shared
    expect(await me.text(page)).toContain(`href="${page}/lago"`)

    const response = await shownAs('https://billing.example/acme/invoice/1/overview')

    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe('https://billing.example/acme/invoice/1/overview')
  })

  test.each([[undefined], [null], ['javascript:alert(1)'], ['no address'], ['data:text/html,hi']])(
    'leads nowhere else: %p',
    async (webUrl) => {
      const response = await shownAs(webUrl)

      expect(response.status).toBe(404)
      expect(await response.text()).toContain('does not say where its page is')
    },
  )

  test('says so when Lago does not know it, or does not answer', async () => {
    const { served, me, page } = shared
    const unknown = `/dashboard/invoices/${crypto.randomUUID()}/lago`
    expect(await me.text(unknown)).toContain('Lago does not know this invoice')

    const stop = tap(served.world, 'lago', async () => new Response('gone', { status: 401 }))
    expect(await me.text(`${page}/lago`)).toContain('Lago could not be asked')
    stop()
  })

  test('is only for who has signed in', async () => {
    const response = await fetch(`${shared.served.origin}${shared.page}/lago`, {
      redirect: 'manual',
    })
    expect(response.headers.get('location')).toContain('/dashboard/login')
  })
})
