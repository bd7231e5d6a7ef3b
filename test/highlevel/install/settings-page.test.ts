import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import type { Browser, Page } from 'playwright-core'

import { encryptSso } from '../../../sandbox/highlevel/api/sso.ts'
import { openBrowser, whyNoBrowser } from '../../support/browser.ts'
import { DODO_KEY } from '../../support/world.ts'
import { LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const SSO_SECRET = 'test-shared-secret-0001'
const WIDTHS = [360, 1280] as const

let world: InstallWorld
let browser: Browser
let bridge: ReturnType<typeof Bun.serve>
let highlevel: ReturnType<typeof Bun.serve>

/** HighLevel's page around ours, on another origin. It answers as HighLevel does, and only the second time. */
const parentPage = (
  payload: string,
) => `<!doctype html><meta name="viewport" content="width=device-width">
<body style="margin:0"><iframe src="http://127.0.0.1:${bridge.port}/highlevel/settings" style="width:100%;height:1200px;border:0"></iframe>
<script>
let asked = 0
addEventListener('message', ({ data, source }) => {
  if (data?.message !== 'REQUEST_USER_DATA' || (asked += 1) < 2) return
  source.postMessage({ message: 'REQUEST_USER_DATA_RESPONSE', payload: ${JSON.stringify(payload)} }, '*')
})
</script>`

beforeAll(async () => {
  if (whyNoBrowser) return
  world = await openInstallWorld({ env: { HIGHLEVEL_ACCOUNTS: 'own' } })
  await world.install()
  bridge = Bun.serve({ port: 0, fetch: (request) => world.bridge.app.fetch(request) })
  const payload = encryptSso(SSO_SECRET, {
    userId: 'usr_demo_1',
    role: 'admin',
    activeLocation: LOCATION,
  })
  highlevel = Bun.serve({
    port: 0,
    fetch: () => new Response(parentPage(payload), { headers: { 'Content-Type': 'text/html' } }),
  })
  browser = await openBrowser()
})
afterAll(async () => {
  if (whyNoBrowser) return
  await browser.close()
  await Promise.all([bridge.stop(true), highlevel.stop(true)])
  await world.close()
})

/** The page in its frame, with all that the browser complained about. */
async function open(width: number) {
  const context = await browser.newContext({ viewport: { width, height: 1_200 } })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`http://localhost:${highlevel.port}/`)
  return { page, frame: page.frameLocator('iframe'), complaints }
}

/** In the page, where there is a document. */
const WIDER = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
const isTooWide = (page: Page) => page.frames()[1]?.evaluate(WIDER)

describe.skipIf(whyNoBrowser !== undefined)('the settings page, framed by another origin', () => {
  test.each(WIDTHS)('shows how the location stands, %d pixels wide', async (width) => {
    const { page, frame, complaints } = await open(width)

    await frame.getByText('Next: enter the API key of a Dodo Payments account below.').waitFor()
    expect(await frame.getByRole('heading', { name: 'Live mode' }).isVisible()).toBe(true)
    expect(await frame.getByText('Not served').count()).toBe(2)
    expect(await isTooWide(page)).toBe(false)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('takes an account, refuses a wrong one in words, and forgets it again', async () => {
    const { page, frame } = await open(WIDTHS[0])
    const key = frame.getByLabel('Dodo Payments API key, test mode')
    const press = () => frame.getByRole('button', { name: 'Use this account' }).last().click()

    await key.fill('a-key-that-nobody-has')
    await press()
    await frame.getByText('Dodo refuses this key in test mode').waitFor()

    await key.fill(DODO_KEY)
    await press()
    await frame.getByText('The account is connected.').waitFor()
    await frame.getByText('Collects into this location’s own Dodo Payments account.').waitFor()
    expect(await key.inputValue()).toBe('')
    expect(await frame.locator('body').innerHTML()).not.toContain(DODO_KEY)

    await frame.getByRole('button', { name: 'Forget this account' }).click()
    await frame.getByRole('button', { name: 'Press again' }).click()
    await frame.getByText('The account is forgotten.').waitFor()
    await page.context().close()
  })

  test('asks the parent again when its ten minutes are over', async () => {
    const { page, frame } = await open(WIDTHS[1])
    await frame.getByText('Next: enter the API key').waitFor()
    world.advance(601_000)

    await frame.getByLabel('Dodo Payments API key, test mode').fill('a-key-that-nobody-has')
    await frame.getByRole('button', { name: 'Use this account' }).last().click()

    await frame.getByText('Next: enter the API key').waitFor()
    await page.context().close()
  })

  test('says so when it is not within HighLevel', async () => {
    const page = await browser.newPage()

    await page.goto(`http://127.0.0.1:${bridge.port}/highlevel/settings`)

    await page.getByText('Open this page within HighLevel').waitFor()
    await page.close()
  })
})
