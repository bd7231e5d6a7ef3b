import { ADMIN_TOKEN, openWorld, type Report, type World } from '../../support/world.ts'

/** A name that would be a script, wherever it were shown as it is. */
export const HOSTILE = `<script>alert(1)</script><img src=x onerror=alert(2)>'"><b>Blue & Co`

export type Served = Awaited<ReturnType<typeof serveDashboard>>

/** A world whose bridge listens on a real socket. */
export async function serveDashboard(options: Parameters<typeof openWorld>[0] = {}) {
  const world = await openWorld(options)
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: world.bridge.app.fetch })
  const origin = `http://127.0.0.1:${server.port}`
  return {
    world,
    origin,
    async close() {
      await server.stop(true)
      await world.close()
    },
  }
}

const HIDDEN = /<input type="hidden" name="(\w+)" value="([^"]*)"/g

/** The fields of the form that leads to an address, as a browser would send them. */
export function fieldsOf(html: string, action: string): Record<string, string> {
  const start = html.indexOf(`action="${action}"`)
  if (start === -1) throw new Error(`no form leads to ${action}`)
  const form = html.slice(start, html.indexOf('</form>', start))
  return Object.fromEntries(
    Array.from(form.matchAll(HIDDEN), ([, name = '', value = '']) => [name, value]),
  )
}

/** Somebody who has signed in, and sends forms as a browser of this origin does. */
export async function signIn(origin: string, { name = 'Ana', token = ADMIN_TOKEN } = {}) {
  const response = await send(`${origin}/dashboard/login`, { token, name }, { Origin: origin })
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
  const headers = { Cookie: cookie, Origin: origin }
  const get = (path: string) => fetch(`${origin}${path}`, { headers, redirect: 'manual' })
  return {
    response,
    cookie,
    get,
    text: async (path: string) => (await get(path)).text(),
    post: (path: string, fields: Record<string, string>, more: Record<string, string> = {}) =>
      send(`${origin}${path}`, fields, { ...headers, ...more }),
    /** Presses the button of a page that leads to an address, and returns the page that comes of it. */
    async press(page: string, action: string) {
      const fields = fieldsOf(await (await get(page)).text(), action)
      const done = await send(`${origin}${action}`, fields, headers)
      const location = done.headers.get('location')
      return location ? (await get(location)).text() : done.text()
    },
  }
}

/** Sends a form, and follows nothing. */
export const send = (
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) =>
  fetch(url, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    redirect: 'manual',
  })

const is =
  (wanted: string) =>
  ({ state }: Report) =>
    state === wanted

/** One of everything that a dashboard may have to show. */
export async function fill(world: World) {
  const fern = world.addCustomer({ name: 'Blue Fern Inc', country: 'US' })
  const pay = async (...bill: Parameters<World['bill']>) => {
    const invoice = world.bill(...bill)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, is('paid'))
    return { invoice, payment }
  }
  const paid = await pay(10_800, { customer: fern })
  await pay(4_500, { customer: world.addCustomer({ name: 'Køge Værft A/S' }) })
  const yen = await pay(1_080, { currency: 'JPY' })
  const refunded = await pay(8_000, { customer: fern })
  world.dodo.refund(refunded.payment.payment_id, 3_000)

  const declined = world.bill(10_800, { customer: fern })
  const { sessionId } = await world.openCheckout(declined.lago_id)
  world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
  await world.eventually(declined.lago_id, is('failed'))

  const open = world.bill(19_200, { customer: world.addCustomer({ name: HOSTILE }) })
  await world.openCheckout(open.lago_id)

  const held = world.bill(5_000, { customer: world.addCustomer({ name: 'Acme SAS' }) })
  const late = await world.openCheckout(held.lago_id)
  world.lago.voidInvoice(held.lago_id)
  await world.eventually(held.lago_id, is('void'))
  world.dodo.pay(late.sessionId)
  await world.eventually(held.lago_id, is('attention'))

  const disputed = await pay(2_500)
  world.dodo.openDispute(disputed.payment.payment_id)
  await world.quiet()
  return { fern, paid, yen, refunded, declined, open, held, disputed }
}
