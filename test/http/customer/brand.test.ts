import { afterEach, expect, test } from 'bun:test'

import { createBrands } from '../../../src/customer/brand.ts'
import { openWorld, type World } from '../../support/world.ts'

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]
const NAME = `<img src=x onerror=alert(1)>"Acme & Söhne`
const LIVE = {
  DODO_ENVIRONMENT: 'live',
  PUBLIC_URL: 'https://bridge.test',
  LAGO_API_URL: 'https://lago.test',
  DODO_API_URL: 'https://dodo.test',
  ADMIN_TOKEN: 'operator-token',
}

let world: World
afterEach(() => world.close())

/** Whoever serves the merchant's logo; counts how often it is asked. */
function serveLogo(bytes: ArrayLike<number> | string, type = 'image/png') {
  const seen: Request[] = []
  const body = typeof bytes === 'string' ? bytes : Uint8Array.from(bytes)
  const fetch = (request: Request) => {
    seen.push(request)
    return new Response(body, { headers: { 'Content-Type': type } })
  }
  return { seen, fetch }
}

/** The page of an invoice that is paid, as a person sees it. */
async function paidPage(amountCents = 4_200) {
  const invoice = world.bill(amountCents)
  const { report, sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  const path = new URL(report.payUrl).pathname
  const html = async () => (await world.get(`${path}/return`)).text()
  return { number: invoice.number, html }
}

test('name, logo, colour and whom to ask are the merchant’s, as the settings say, and nothing else is asked', async () => {
  const logo = serveLogo(PNG)
  world = await openWorld({
    env: {
      ...LIVE,
      MERCHANT_NAME: NAME,
      MERCHANT_LOGO: 'https://cdn.test/logo.png',
      MERCHANT_COLOR: '#7a1fa2',
      SUPPORT_EMAIL: 'help@acme.example',
      SUPPORT_URL: 'https://acme.example/help',
      TERMS_URL: 'https://acme.example/terms',
    },
    others: { 'cdn.test': logo },
  })
  const { number, html } = await paidPage()
  const page = await html()
  await html()
  const [, src = ''] = /<img src="([^"]+)"/.exec(page) ?? []
  const [, css = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(page) ?? []
  const image = await world.get(src)

  expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;Acme &amp; Söhne')
  expect(page).not.toContain('<img src=x')
  expect(page).toContain(`href="mailto:help@acme.example?subject=Invoice%20${number}"`)
  expect(page).toContain('href="https://acme.example/help"')
  expect(page).toContain('href="https://acme.example/terms"')
  expect(page).toContain('Dodo Payments has mailed you the receipt.')
  expect(await (await world.get(css)).text()).toContain('--brand: #7a1fa2')
  expect(src).toStartWith('/assets/logo/')
  expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png'])
  expect(image.headers.get('x-content-type-options')).toBe('nosniff')
  // Fetched once, by us: no third party sees the customer.
  expect(logo.seen).toHaveLength(1)
  expect(logo.seen[0]?.headers.get('referer')).toBeNull()
}, 20_000)

test.each([
  ['a drawing', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 'image/png'],
  ['a page', '<html><script>alert(1)</script>', 'image/png'],
  ['too large', [...PNG, ...new Uint8Array(210_000)], 'image/png'],
])(
  'without settings it is Lago’s billing entity; %s is no logo',
  async (_what, bytes, type) => {
    const logo = serveLogo(bytes, type)
    world = await openWorld({ env: { COLLECTION: 'checkout' }, others: { 'cdn.test': logo } })
    Object.assign(world.lago.store.billingEntity, {
      name: 'Blue Whale',
      email: 'whale@sea.example, other@sea.example',
      logo_url: 'https://cdn.test/logo.png',
    })
    const { number, html } = await paidPage()
    const page = await html()

    expect(page).toContain('Blue Whale')
    expect(page).toContain(`href="mailto:whale@sea.example?subject=Invoice%20${number}"`)
    expect(logo.seen.length).toBeGreaterThan(0)
    expect(page).not.toContain('<img')
    expect((await world.get('/assets/logo/acme')).status).toBe(404)
  },
  20_000,
)

test('what was known of the merchant is known as long as Lago does not say otherwise, also while it is away', async () => {
  world = await openWorld()
  const { deps } = world.bridge
  const log = { info: () => undefined }
  const brands = createBrands({ ...deps, log, fetch })
  const before = await brands.ask(null)
  expect(before.name).toBe('Sandbox')

  world.lago.faults.add({ kind: 'status', status: 503 })
  const meanwhile = await brands.ask(null)
  world.lago.faults.clear()

  expect(meanwhile).toEqual(before)
  expect(brands.known(null)).toEqual(before)
}, 20_000)
