import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'

import axe from 'axe-core'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'

import { choose } from '../../../src/collect/selection.ts'
import { deadLetters } from '../../../src/db/schema.ts'
import { openBrowser, whyNoBrowser } from '../../support/browser.ts'
import { ADMIN_TOKEN, type World } from '../../support/world.ts'
import { fill, serveDashboard, type Served } from './support.ts'

const STORE_KEY = 'ofk_0123456789abcdef'
const WIDTHS = [320, 390, 1280] as const
const HEIGHT = 900
/** A4 within the margins that Chromium leaves. */
const PAPER_WIDTH = 718
/** Where pictures of all pages are left to be looked at; nowhere without it. */
const PICTURES = process.env['PICTURES']

/** What was wrong while a page was looked at. */
type Watched = { messages: string[]; elsewhere: string[] }

const openContext = (browser: Browser, width: number) =>
  browser.newContext({ viewport: { width, height: HEIGHT }, colorScheme: 'light' })

function watch(page: Page, origin: string): Watched {
  const watched: Watched = { messages: [], elsewhere: [] }
  page.on('console', (message) => watched.messages.push(message.text()))
  page.on('pageerror', (error) => watched.messages.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) watched.elsewhere.push(request.url())
  })
  return watched
}

/** Who reads of a test that was skipped reads why. */
const named = (what: string) => (whyNoBrowser ? `${what} (${whyNoBrowser})` : what)

async function signIn(page: Page, origin: string, name = 'Ana') {
  await page.goto(`${origin}/dashboard`)
  await page.getByLabel('Token').fill(ADMIN_TOKEN)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
}

/** That it takes room, and more than the pixel of what only a screen reader is to have. */
async function expectSeen(shown: Locator) {
  const box = await shown.boundingBox()
  expect(box?.height).toBeGreaterThan(10)
}

/** How much wider the page is than the window. */
const overflowOf = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

/** What axe finds: everything, or only what depends on the colours. */
async function violationsOf(page: Page, rules: 'all' | 'colours'): Promise<string[]> {
  const options =
    rules === 'all'
      ? { resultTypes: ['violations'] }
      : { resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] }
  const run = `axe.run(${JSON.stringify(options)})`
  const { violations } = await page.evaluate<axe.AxeResults>(run)
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** An order of a shop that is to be paid. */
async function askForOrder(world: World): Promise<string> {
  const provider = { credentials: { apiKey: STORE_KEY } }
  const cart = { id: 'cart_1', customer: { name: 'May', email: 'may@shop.test' } }
  const response = await world.get('/api/create-payment', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ provider, cart, amount: 2_599, currency: 'usd' }),
  })
  return ((await response.json()) as { paymentId: string }).paymentId
}

/** Two invoices that their customer has chosen to pay together. */
async function chooseTwo(world: World): Promise<string> {
  const { external_id: payerKey } = world.addCustomer({ name: 'Both Ltd' })
  const ids = [1_000, 2_000].map(
    (amount) => world.bill(amount, { customer: { external_id: payerKey } }).lago_id,
  )
  for (const id of ids) await world.eventually(id, ({ attempts }) => attempts.length === 1)
  return choose(world.bridge.deps, { payerKey, currency: 'USD', receivableIds: ids })
}

async function look(page: Page, name: string) {
  if (PICTURES === undefined) return
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}

type Visit = { origin: string; name: string; path: string; width: (typeof WIDTHS)[number] }

/** The whole of axe's rules at both ends; what depends on the colours also by night. */
const JUDGED: Record<(typeof WIDTHS)[number], { byDay?: boolean; byNight?: boolean }> = {
  320: { byDay: true },
  390: { byNight: true },
  1280: { byDay: true, byNight: true },
}

/** Everything that is wrong with a page, in words. */
async function visit(page: Page, watched: Watched, { origin, name, path, width }: Visit) {
  await page.goto(`${origin}${path}`)
  const overflow = await overflowOf(page)
  await look(page, `${name}-${width}`)
  await page.evaluate(axe.source)
  const violations = JUDGED[width].byDay ? await violationsOf(page, 'all') : []
  if (JUDGED[width].byNight) {
    await page.emulateMedia({ colorScheme: 'dark' })
    await look(page, `${name}-${width}-dark`)
    violations.push(...(await violationsOf(page, 'colours')))
    await page.emulateMedia({ colorScheme: 'light' })
  }
  return [
    ...(overflow === 0 ? [] : [`${path} is ${String(overflow)} px too wide`]),
    ...violations.map((one) => `${path} ${one}`),
    ...watched.messages.splice(0).map((one) => `${path} said ${one}`),
    ...watched.elsewhere.splice(0).map((one) => `${path} asked ${one}`),
  ]
}

describe.skipIf(whyNoBrowser !== undefined)(named('the pages of the dashboard'), () => {
  const shared = {} as { served: Served; browser: Browser; paths: Record<string, string> }
  beforeAll(async () => {
    const served = await serveDashboard({ env: { OPENFRONT_API_KEYS: `demo:${STORE_KEY}` } })
    const { world } = served
    const { fern, paid, refunded, declined, open, held, disputed } = await fill(world)
    const invoice = (one: { lago_id: string }) => `/dashboard/invoices/${one.lago_id}`
    const heldPayment = (await world.invoiceReport(held.lago_id))?.payments[0]?.dodoPaymentId
    const [delivery] = await world.bridge.db.query.deliveries.findMany({ limit: 1 })
    shared.served = served
    shared.browser = await openBrowser()
    shared.paths = {
      overview: '/dashboard',
      invoices: '/dashboard/invoices',
      filtered: '/dashboard/invoices?state=paid&currency=USD&sort=due',
      paid: invoice(paid.invoice),
      refunded: invoice(refunded.invoice),
      declined: invoice(declined),
      open: invoice(open),
      held: invoice(held),
      disputed: invoice(disputed.invoice),
      collect: `${invoice(declined)}/collect`,
      aside: `${invoice(held)}/put-aside`,
      unknown: '/dashboard/invoices/nobody-knows-this-one',
      customers: '/dashboard/customers',
      customer: `/dashboard/customers/${fern.external_id}`,
      attention: '/dashboard/attention',
      seen: `${invoice(held)}/seen`,
      'give-back': `/dashboard/held/${held.lago_id}/${heldPayment}/give-back`,
      accept: `/dashboard/held/${held.lago_id}/${heldPayment}/accept`,
      'new-link': `${invoice(open)}/new-link`,
      'new-account': `/dashboard/customers/${fern.external_id}/new-link`,
      orders: '/dashboard/orders',
      order: `/dashboard/orders/${await askForOrder(world)}`,
      chosen: `/dashboard/payment-requests/${await chooseTwo(world)}`,
      replay: '/dashboard/deliveries/replay?source=lago',
      ticked: `/dashboard/deliveries/ticked?one=lago:${delivery?.deliveryId}`,
      'redrive-all': '/dashboard/dead-letters/redrive-all',
      forget: '/dashboard/dead-letters/forget?kind=customer&error=Dodo+is+away',
      zone: '/dashboard/statement?tz=America%2FLos_Angeles',
      refunds: '/dashboard/refunds',
      disputes: '/dashboard/disputes',
      health: '/dashboard/health',
      'mail-test': '/dashboard/health/mail-test',
      deliveries: '/dashboard/deliveries',
      delivery: `/dashboard/deliveries/${delivery?.source}/${delivery?.deliveryId}`,
      refused: '/dashboard/deliveries/refused',
      'dead-letters': '/dashboard/dead-letters',
      statement: '/dashboard/statement',
      kept: '/dashboard/statement/kept',
      'no-statement': '/dashboard/statement?from=yesterday',
      audit: '/dashboard/health/audit',
      search: '/dashboard/search?q=ACM',
      'found-nothing': '/dashboard/search?q=nothing-at-all',
      nowhere: '/dashboard/nowhere',
    }
  }, 180_000)
  afterAll(async () => {
    await shared.browser.close()
    await shared.served.close()
  })

  test.each(WIDTHS)(
    'fit %d px, by day and by night, shut nobody out, and ask nobody else for anything',
    async (width) => {
      const { browser, served, paths } = shared
      const { origin } = served
      const context = await openContext(browser, width)
      const page = await context.newPage()
      const watched = watch(page, origin)
      const toLogin = { origin, name: 'login', path: '/dashboard/login', width }
      const faults = await visit(page, watched, toLogin)
      await signIn(page, origin)

      for (const [name, path] of Object.entries(paths)) {
        faults.push(...(await visit(page, watched, { origin, name, path, width })))
      }

      // A browser says so itself where an answer is not 200.
      const told = faults.filter((one) => !/Failed to load resource.*40[04]/.test(one))
      expect(told).toEqual([])
      await context.close()
    },
    600_000,
  )

  test('hold words that are longer than any screen, in whatever somebody may write', async () => {
    const { browser, served, paths } = shared
    const { origin, world } = served
    const { db } = world.bridge
    const long = 'W'.repeat(280)
    await db.insert(deadLetters).values([
      { kind: 'customer', key: long, error: long, buriedAt: new Date() },
      { kind: 'settle', key: 'x', error: 'y', buriedAt: new Date() },
    ])
    const context = await openContext(browser, 320)
    const page = await context.newPage()
    await signIn(page, origin, 'W'.repeat(40))
    const tooWide: string[] = []

    for (const path of [
      paths['overview'],
      paths['audit'],
      '/dashboard/dead-letters',
      '/dashboard/dead-letters/redrive-all',
      `/dashboard/dead-letters/forget?kind=customer&error=${long}`,
      `/dashboard/invoices?q=${'N'.repeat(200)}&customer=${'y'.repeat(200)}`,
      `/dashboard/search?q=${'N'.repeat(200)}`,
      `/dashboard/invoices/${'N'.repeat(200)}`,
    ]) {
      await page.goto(`${origin}${path}`)
      const overflow = await overflowOf(page)
      if (overflow !== 0) tooWide.push(`${path}: ${String(overflow)} px`)
    }

    await db.delete(deadLetters)
    await context.close()
    expect(tooWide).toEqual([])
  }, 60_000)

  test('no name, however it is written, is ever more than text', async () => {
    const { browser, served, paths } = shared
    const context = await openContext(browser, 1280)
    const page = await context.newPage()
    const dialogs: string[] = []
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    await signIn(page, served.origin)

    for (const path of [paths['open'], paths['customers'], paths['overview'], paths['invoices']]) {
      await page.goto(`${served.origin}${path}`)
      expect(await page.locator('main script, main img, main b').count()).toBe(0)
    }
    await page.goto(`${served.origin}${paths['customers']}`)
    expect(await page.getByText('<script>alert(1)</script>').count()).toBe(1)
    expect(dialogs).toEqual([])
    await context.close()
  }, 60_000)

  test('work by keyboard alone, with the focus to be seen, from the login to what was done', async () => {
    const { browser, served, paths } = shared
    const context = await openContext(browser, 1280)
    const page = await context.newPage()
    await page.goto(`${served.origin}${paths['declined']}`)

    await tabTo(page, 'Token')
    await page.keyboard.type(ADMIN_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /^ACM/ }).waitFor()
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to content')
    await page.keyboard.press('Enter')
    await tabTo(page, 'Ask for the money now')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /^Ask for the money/ }).waitFor()
    await tabTo(page, 'Open a new checkout')
    await page.keyboard.press('Space')
    await page.getByRole('status').filter({ hasText: 'Done: it is open' }).waitFor()
    await context.close()
  }, 60_000)

  test('are tables on paper, with nothing folded away and nothing beside the sheet', async () => {
    const { browser, served } = shared
    const context = await openContext(browser, PAPER_WIDTH)
    const page = await context.newPage()
    await signIn(page, served.origin)
    await page.emulateMedia({ media: 'print' })

    for (const path of ['statement', 'invoices', 'deliveries']) {
      await page.goto(`${served.origin}/dashboard/${path}`)
      expect(await overflowOf(page)).toBe(0)
      await expectSeen(page.locator('.table thead').first())
    }
    await page.goto(`${served.origin}/dashboard/statement`)
    await expectSeen(page.locator('details .table').first())
    await context.close()
  }, 60_000)

  test('work without a script', async () => {
    const { browser, served, paths } = shared
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await signIn(page, served.origin)

    await page.goto(`${served.origin}${paths['open']}`)
    await page.getByRole('button', { name: 'Look again' }).click()

    await page.getByRole('status').filter({ hasText: 'Done: it is open' }).waitFor()
    expect(await page.getByRole('button', { name: /^Copy/ }).count()).toBe(0)
    await context.close()
  }, 60_000)
})

describe.skipIf(whyNoBrowser !== undefined)(named('the dashboard of a new bridge'), () => {
  test('says on each page what would be there', async () => {
    const [served, browser] = await Promise.all([serveDashboard(), openBrowser()])
    const context: BrowserContext = await openContext(browser, 320)
    const page = await context.newPage()
    const { origin } = served
    const watched = watch(page, origin)
    await signIn(page, origin)
    const faults: string[] = []

    const sections = ['', 'invoices', 'customers', 'attention', 'deliveries', 'dead-letters']
    const others = ['refunds', 'disputes', 'health', 'statement', 'health/audit', 'search']
    for (const name of [...sections, ...others]) {
      const path = `/dashboard/${name}`
      const picture = `empty-${name.replace('/', '-')}`
      faults.push(...(await visit(page, watched, { origin, name: picture, path, width: 320 })))
    }

    expect(faults).toEqual([])
    await page.goto(`${origin}/dashboard`)
    await page.getByText('a checkout was opened: not yet').waitFor()
    await browser.close()
    await served.close()
  }, 120_000)
})

/** What has the focus, by what it is called, if it can be seen that it has. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const element = document.activeElement
    if (getComputedStyle(element).outlineStyle === 'none') return ''
    return (element.labels?.[0]?.textContent ?? element.textContent).trim()
  })()`)
}

async function tabTo(page: Page, name: string) {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await focused(page)).startsWith(name)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} cannot be reached, or it cannot be seen that it is`)
}
