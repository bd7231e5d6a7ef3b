import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'

import { createSandboxDodo } from '../../../sandbox/dodo/dodo.ts'
import { createSandboxHighlevel } from '../../../sandbox/highlevel/highlevel.ts'
import { listen } from '../../../sandbox/kit/listen.ts'
import { SCOPES } from '../../../src/highlevel/oauth.ts'
import { openBrowser, whyNoBrowser } from '../../support/browser.ts'
import { createTestDatabase } from '../../support/database.ts'
import { startServer } from '../../support/server-process.ts'
import { DODO_KEY, HIGHLEVEL_SECRET, WEBHOOK_SECRET } from '../../support/world.ts'
import { eventually, LOCATION } from './support.ts'

type Message = { type: string; chargeId?: string; error?: { description: string } }
type Stage = Awaited<ReturnType<typeof openStage>>

/** The bridge as a process of its own, behind the pages of both services, each of another origin. */
async function openStage() {
  const database = await createTestDatabase()
  const dodo = listen({ port: 0 }, (publicUrl) =>
    createSandboxDodo({ apiKey: DODO_KEY, webhookSecret: WEBHOOK_SECRET, publicUrl }),
  )
  const app = {
    id: 'app_demo_1',
    clientId: 'app_demo_1-lx0k9',
    clientSecret: 'client-secret-0001',
    redirectUrl: '',
    scopes: SCOPES,
    ssoSecret: 'test-shared-secret-0001',
  }
  const highlevel = listen({ port: 0 }, (publicUrl) => createSandboxHighlevel({ app, publicUrl }))
  const port = await freePort()
  // Another site than the platform's, as in life.
  const url = `http://localhost:${port}`
  const server = await startServer({
    PORT: String(port),
    PUBLIC_URL: url,
    NO_PROXY: '127.0.0.1,localhost',
    DATABASE_URL: database.url,
    DODO_API_URL: dodo.url,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    HIGHLEVEL_CLIENT_ID: app.clientId,
    HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
    HIGHLEVEL_SECRET,
    HIGHLEVEL_LOCATIONS: LOCATION,
    HIGHLEVEL_API_URL: highlevel.url,
    HIGHLEVEL_WEBHOOK_URL: `${highlevel.url}/payments/custom-provider/webhook`,
    HIGHLEVEL_MARKETPLACE_URL: highlevel.url,
    HIGHLEVEL_WEBHOOK_PUBLIC_KEY: highlevel.sandbox.webhookPublicKey,
  })
  app.redirectUrl = `${url}/highlevel/oauth/callback`
  highlevel.sandbox.setWebhookUrl(`${url}/webhooks/highlevel`)
  dodo.sandbox.setWebhookUrl(`${url}/webhooks/dodo`)
  highlevel.sandbox.createLocation(LOCATION)
  await fetch(`${app.redirectUrl}?code=${highlevel.sandbox.install(LOCATION)}`)
  await eventually(
    async () => highlevel.sandbox.store.integrations.get(LOCATION)?.keys.test ?? undefined,
    'the location is connected',
  )
  return {
    url,
    dodo: dodo.sandbox,
    highlevel: highlevel.sandbox,
    highlevelUrl: highlevel.url,
    async close() {
      await server.stop()
      await Promise.all([dodo.stop(), highlevel.stop()])
      await database.drop()
    },
  }
}

async function freePort(): Promise<number> {
  const server = Bun.serve({ port: 0, fetch: () => new Response() })
  const { port = 0 } = server
  await server.stop(true)
  return port
}

let stage: Stage
let browser: Browser
let context: BrowserContext
beforeAll(async () => {
  if (whyNoBrowser) return
  ;[stage, browser] = await Promise.all([openStage(), openBrowser()])
  context = await browser.newContext()
})
afterAll(async () => {
  if (whyNoBrowser) return
  await browser.close()
  await stage.close()
})

/** A buyer reaches the payment step; the platform's page frames ours. */
async function reach(prepare?: (page: Page) => Promise<unknown>) {
  const { transaction } = stage.highlevel.createSale({ locationId: LOCATION, amount: 25.99 })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await prepare?.(page)
  await page.goto(`${stage.highlevelUrl}/checkout/${transaction._id}`)
  const frame = page.frameLocator('#provider')
  return {
    page,
    frame,
    complaints,
    transactionId: transaction._id,
    pay: frame.getByRole('button', { name: 'Pay 25.99 USD' }),
    outcome: async (text: string) => {
      const seen = page.locator('#outcome')
      await seen
        .filter({ hasText: text })
        .waitFor({ timeout: 40_000 })
        .catch(async (error: unknown) => {
          throw new Error(
            `it says ${await seen.textContent()}, not ${text}: ${complaints.join()}`,
            {
              cause: error,
            },
          )
        })
    },
    /** What ended it, as the platform heard it. */
    ends: async () => {
      const messages = await page.evaluate<Message[]>('window.messages')
      return messages.filter(({ type }) => type !== 'custom_provider_ready')
    },
  }
}

/** Presses a button that opens the checkout, and returns its window once Dodo's page is there. */
async function popupOf(press: () => Promise<unknown>): Promise<Page> {
  const [popup] = await Promise.all([context.waitForEvent('page'), press()])
  await popup.getByRole('button', { name: 'Pay', exact: true }).waitFor()
  return popup
}

/** Fills in what Dodo's page asks for, and pays. */
async function payIn(popup: Page) {
  const form = popup.locator('form', {
    has: popup.getByRole('button', { name: 'Pay', exact: true }),
  })
  await form.locator('[name=email]').fill('ada@example.test')
  await form.getByRole('button', { name: 'Pay', exact: true }).click()
}

describe.skipIf(whyNoBrowser !== undefined)('the pay page', () => {
  test('is paid in a window of its own, says so once, and closes it', async () => {
    const { pay, outcome, ends, complaints, transactionId, page } = await reach()
    const popup = await popupOf(() => pay.click())
    await payIn(popup)
    await outcome('verified: succeeded')

    const charge = stage.highlevel.store.transactions.get(transactionId)?.chargeId
    expect(await ends()).toEqual([
      { type: 'custom_element_success_response', chargeId: String(charge) },
    ])
    await eventually(async () => (popup.isClosed() ? true : undefined), 'the window is closed')
    expect(complaints).toEqual([])
    expect(await context.cookies()).toEqual([])
    await page.close()
  }, 120_000)

  test('ends with the decline when its window is closed after one', async () => {
    const { pay, frame, outcome, ends, page } = await reach()
    const popup = await popupOf(() => pay.click())
    await popup.getByRole('button', { name: 'Decline' }).click()
    await frame.getByText('The payment was declined').waitFor()
    await popup.close()
    await outcome('error: The payment was declined')
    expect(await ends()).toMatchObject([{ type: 'custom_element_error_response' }])
    await page.close()
  }, 120_000)

  test('closes when its window is closed and nothing was paid', async () => {
    const { pay, outcome, ends, page } = await reach()
    const popup = await popupOf(() => pay.click())
    await popup.close()
    await outcome('closed')
    expect(await ends()).toEqual([{ type: 'custom_element_close_response' }])
    await page.close()
  }, 120_000)

  test('does not take a checkout for closed that is being paid', async () => {
    const { pay, outcome, page, ends } = await reach()
    const popup = await popupOf(() => pay.click())
    // Longer than a window may be closed without anything being paid.
    await Bun.sleep(13_000)
    expect(await ends()).toEqual([])
    await payIn(popup)
    await outcome('verified: succeeded')
    await page.close()
  }, 120_000)

  test('offers a link where windows are blocked', async () => {
    const { pay, frame, outcome, page } = await reach((fresh) =>
      fresh.addInitScript('window.open = () => null'),
    )
    await pay.click()
    const link = frame.getByRole('link', { name: 'Open the payment page' })
    const popup = await popupOf(() => link.click())
    await payIn(popup)
    await outcome('verified: succeeded')
    await popup.close()
    await page.close()
  }, 120_000)

  test('closes at Cancel', async () => {
    const { pay, frame, outcome, ends, page } = await reach()
    await pay.waitFor()
    await frame.getByRole('button', { name: 'Cancel' }).click()
    await outcome('closed')
    expect(await ends()).toEqual([{ type: 'custom_element_close_response' }])
    await page.close()
  }, 120_000)

  test('knows after a reload what was paid meanwhile', async () => {
    const { pay, outcome, page } = await reach()
    const popup = await popupOf(() => pay.click())
    await page.reload()
    await pay.waitFor()
    await payIn(popup)
    await outcome('verified: succeeded')
    await page.close()
  }, 120_000)

  test('takes doubled props, as texts and with noise between, for one payment', async () => {
    const { pay, outcome, ends, page, transactionId } = await reach()
    await pay.waitFor()
    const props = stage.highlevel.paymentProps(transactionId)
    await page.evaluate(`
      const frame = document.getElementById('provider').contentWindow
      for (const message of [42, '{', 'hello', null, { type: 'noise' }, ${JSON.stringify(props)}])
        frame.postMessage(message, '*')
      frame.postMessage(JSON.stringify(${JSON.stringify(props)}), '*')
    `)
    const popup = await popupOf(() => pay.click())
    await payIn(popup)
    await outcome('verified: succeeded')
    expect(await ends()).toHaveLength(1)
    const sessions = [...stage.dodo.store.sessions.values()].filter(
      ({ request }) => request.metadata?.['highlevel_transaction_id'] === transactionId,
    )
    expect(sessions).toHaveLength(1)
    await page.close()
  }, 120_000)

  test('does not take the props of another frame on the page for those of the platform', async () => {
    const { pay, page, ends, outcome, transactionId } = await reach()
    await pay.waitFor()
    const { transaction: others } = stage.highlevel.createSale({
      locationId: LOCATION,
      amount: 25.99,
    })
    const props = JSON.stringify(stage.highlevel.paymentProps(others._id))
    await page.evaluate(`new Promise((sent) => {
      window.forge = sent
      const frame = document.createElement('iframe')
      const script = \`parent.document.getElementById('provider').contentWindow.postMessage(\${JSON.stringify(${props})}, '*')
        parent.forge()\`
      frame.srcdoc = '<script>' + script + '</' + 'script>'
      document.body.append(frame)
    })`)
    const popup = await popupOf(() => pay.click())
    await payIn(popup)
    await outcome('verified: succeeded')

    expect(await ends()).toHaveLength(1)
    const paidFor = [...stage.dodo.store.sessions.values()].map(
      ({ request }) => request.metadata?.['highlevel_transaction_id'],
    )
    expect(paidFor).toContain(transactionId)
    expect(paidFor).not.toContain(others._id)
    await page.close()
  }, 120_000)

  test('says in words that a forged amount is not paid', async () => {
    const { transaction } = stage.highlevel.createSale({ locationId: LOCATION, amount: 100 })
    const page = await context.newPage()
    await page.addInitScript(`
      addEventListener('message', (event) => {
        if (event.data?.type === 'payment_initiate_props') event.data.amount = 1
      }, true)`)
    await page.goto(`${stage.highlevelUrl}/checkout/${transaction._id}`)
    await page
      .locator('#outcome', { hasText: 'error: HighLevel asks for another amount' })
      .waitFor()
    await page.close()
  }, 120_000)

  test('can be used by everybody', async () => {
    const { pay, page } = await reach()
    await pay.waitFor()
    const own = page.frames().find((one) => one.url().includes('/highlevel/pay'))
    await own?.evaluate(axe.source).catch(() => undefined)
    const fresh = await context.newPage()
    await fresh.setContent(await (await fetch(`${stage.url}/highlevel/pay`)).text())
    await fresh.evaluate(axe.source)
    const { violations } = await fresh.evaluate<axe.AxeResults>(
      `axe.run({ resultTypes: ['violations'] })`,
    )
    expect(violations.map(({ id }) => id)).toEqual([])
    await fresh.close()
    await page.close()
  }, 120_000)
})
