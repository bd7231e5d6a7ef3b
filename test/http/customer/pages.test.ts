import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'

import axe from 'axe-core'
import { eq } from 'drizzle-orm'
import type { Browser, Page } from 'playwright-core'

import { accountPages } from '../../../src/db/schema.ts'
import { openBrowser, whyNoBrowser } from '../../support/browser.ts'
import { openWorld, type Report, type World } from '../../support/world.ts'

const WIDTHS = [320, 390, 1280] as const
/** Where pictures of all pages are left to be looked at; nowhere without it. */
const PICTURES = process.env['PICTURES']
/** A name that would be a script, wherever it were shown as it is. */
const HOSTILE = `<script>alert(1)</script><img src=x onerror=alert(2)>'"><b>Blue & Co`
const isPaid = ({ state }: Report) => state === 'paid'
const named = (what: string) => (whyNoBrowser ? `${what} (${whyNoBrowser})` : what)

async function accountPath(world: World, externalId: string) {
  const [row] = await world.bridge.db
    .select()
    .from(accountPages)
    .where(eq(accountPages.payerKey, externalId))
  return `/account/${row?.token ?? 'none'}`
}

/** One of each page that a customer may see. */
async function furnish(world: World) {
  const customer = world.addCustomer({ name: HOSTILE })
  const bill = async (amountCents: number) => {
    const { lago_id } = world.bill(amountCents, { customer })
    const { report, sessionId } = await world.openCheckout(lago_id)
    return { id: lago_id, path: new URL(report.payUrl).pathname, sessionId }
  }
  const paid = await bill(10_800)
  world.dodo.pay(paid.sessionId)
  await world.eventually(paid.id, isPaid)
  const declined = await bill(4_200)
  world.dodo.decline(declined.sessionId, 'INSUFFICIENT_FUNDS')
  await world.eventually(declined.id, ({ state }) => state === 'failed')
  const busy = await bill(7_700)
  world.dodo.pay(busy.sessionId, { outcome: 'processing' })
  await world.eventually(busy.id, ({ state }) => state === 'processing')
  const open = await bill(123_456_789)
  const another = await bill(99)
  await world.quiet()
  const empty = world.addCustomer()
  const settled = world.bill(500, { customer: empty })
  const { sessionId } = await world.openCheckout(settled.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(settled.lago_id, isPaid)
  return {
    account: await accountPath(world, customer.external_id),
    empty: await accountPath(world, empty.external_id),
    paid: paid.path,
    declined: `${declined.path}/return`,
    processing: busy.path,
    waiting: `${open.path}/return`,
    late: `${open.path}/return?check=9`,
    ready: `${open.path}?lang=en`,
    german: `${another.path}?lang=de`,
    unknown: '/pay/unknown',
  }
}

async function wrongsOf(page: Page, name: string, width: number): Promise<string[]> {
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
  await page.evaluate(axe.source)
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    if (PICTURES)
      await page.screenshot({
        path: join(PICTURES, `customer-${name}-${width}-${colorScheme}.png`),
        fullPage: true,
      })
    const { violations } = await page.evaluate<axe.AxeResults>(
      "axe.run({ resultTypes: ['violations'] })",
    )
    found.push(...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)))
  }
  return [...(overflow > 0 ? [`${overflow} px too wide`] : []), ...found]
}

describe.skipIf(whyNoBrowser !== undefined)(named('the pages of customers'), () => {
  const shared = {} as {
    world: World
    browser: Browser
    origin: string
    paths: Record<string, string>
    stop: () => Promise<void>
  }
  beforeAll(async () => {
    const world = await openWorld({ env: { MERCHANT_COLOR: '#7a1fa2' } })
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: world.bridge.app.fetch })
    shared.world = world
    shared.browser = await openBrowser()
    shared.origin = `http://127.0.0.1:${server.port}`
    shared.stop = () => server.stop(true)
    shared.paths = await furnish(world)
  }, 180_000)
  afterAll(async () => {
    await shared.browser.close()
    await shared.stop()
    await shared.world.close()
  })

  test.each(WIDTHS)(
    'at %i px, in light and dark, nothing is too wide, axe finds nothing, and nobody else is asked',
    async (width) => {
      const { browser, origin, paths } = shared
      const context = await browser.newContext({ viewport: { width, height: 800 } })
      const page = await context.newPage()
      const said: string[] = []
      page.on('console', (message) => said.push(message.text()))
      page.on('pageerror', (error) => said.push(error.message))
      page.on('request', (request) => {
        if (!request.url().startsWith(origin)) said.push(`asked ${request.url()}`)
      })
      const wrong: string[] = []
      for (const [name, path] of Object.entries(paths)) {
        await page.goto(`${origin}${path}`)
        for (const one of await wrongsOf(page, name, width)) wrong.push(`${name}: ${one}`)
        const heard = said.splice(0)
        wrong.push(...heard.filter((one) => !one.includes('404')).map((one) => `${name}: ${one}`))
      }
      await context.close()

      expect(wrong).toEqual([])
    },
    180_000,
  )

  test('the result of a payment shows by itself, and is announced, without the page being loaded anew', async () => {
    const { browser, world, origin } = shared
    const invoice = world.bill(4_200)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    const page = await browser.newPage()
    await page.goto(`${origin}${new URL(report.payUrl).pathname}/return`)
    await page.getByRole('heading', { name: 'Waiting for the result' }).waitFor()
    await page.evaluate('window.isSamePage = true')

    world.dodo.pay(sessionId)
    await page.getByRole('heading', { name: 'Paid' }).waitFor()

    expect(await page.getByRole('status').textContent()).toContain('Paid')
    expect(await page.evaluate('window.isSamePage')).toBe(true)
    await page.close()
  }, 120_000)

  test('the button says what is chosen, and is pressed with the keyboard alone', async () => {
    const { browser, world, origin } = shared
    const customer = world.addCustomer()
    for (const amount of [1_000, 2_000]) {
      const { lago_id } = world.bill(amount, { customer })
      await world.openCheckout(lago_id)
    }
    await world.quiet()
    const page = await browser.newPage()
    await page.goto(`${origin}${await accountPath(world, customer.external_id)}`)
    expect(await page.getByRole('button', { name: 'Pay 2 invoices, $30.00' }).count()).toBe(1)

    const [first] = await page.getByRole('checkbox').all()
    await first?.focus()
    await page.keyboard.press('Space')
    expect(await page.getByRole('button', { name: 'Pay 1 invoice, $20.00' }).count()).toBe(1)
    await page.keyboard.press('Space')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    const sent = page.waitForRequest((request) => request.url().includes('dodo.test/session/'))
    await page.keyboard.press('Enter')

    expect((await sent).url()).toContain('/session/cks_')
    await page.close()
  }, 120_000)

  test('without a script several are paid, and a wrong form says what to do', async () => {
    const { browser, origin, paths } = shared
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${origin}${paths['account']}`)
    for (const box of await page.getByRole('checkbox').all()) await box.uncheck()
    await page.getByRole('button', { name: 'Pay what is chosen' }).click()

    expect(await page.getByRole('alert').textContent()).toContain('Choose at least one invoice')
    await context.close()
  }, 120_000)
})
