import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type World } from '../support/world.ts'

const HOUR_MS = 3_600_000

describe('GET /pay/:token', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const titleOf = async (response: Response) => /<h1>(.*?)<\/h1>/.exec(await response.text())?.[1]
  const openInvoice = async (amountCents = 4_200) => {
    const invoice = world.bill(amountCents)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    return { invoice, sessionId, payUrl: report.payUrl }
  }
  /** The page that the return address of a checkout shows. */
  const visitReturn = (payUrl: string, query = '') =>
    world.get(`${new URL(payUrl).pathname}/return${query}`)

  test('an unknown link is answered 404, whatever it looks like', async () => {
    const token = 'A'.repeat(22)
    for (const path of [`/pay/${token}`, '/pay/x', '/pay/..%2f', `/pay/${token}/return`]) {
      const response = await world.get(path, { redirect: 'manual' })
      expect(response.status).toBe(404)
      expect(response.headers.get('location')).toBeNull()
    }
  })

  test('a link with a character that no database holds is as unknown as any other', async () => {
    expect((await world.get('/pay/%00')).status).toBe(404)
    expect((await world.get('/pay/%00/return')).status).toBe(404)
  })

  test('the customer is sent to the live checkout, and nobody may keep the answer', async () => {
    const { payUrl, sessionId } = await openInvoice()

    const response = await world.visit(payUrl)

    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe(`http://dodo.test/session/${sessionId}`)
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('the link is on the invoice in Lago', async () => {
    const { invoice, payUrl } = await openInvoice()
    await world.eventually(invoice.lago_id, () => invoice.metadata.length > 0)

    expect(invoice.metadata.map(({ key, value }) => ({ key, value }))).toEqual([
      { key: 'dodo_pay_url', value: payUrl },
    ])
  })

  test('five tabs at once lead to one and the same checkout', async () => {
    const { payUrl, sessionId } = await openInvoice()

    const visits = await Promise.all([1, 2, 3, 4, 5].map(() => world.visit(payUrl)))

    const places = new Set(visits.map(({ headers }) => headers.get('location')))
    expect([...places]).toEqual([`http://dodo.test/session/${sessionId}`])
  })

  test('five tabs at once after a decline open one new checkout together', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    const visits = await Promise.all([1, 2, 3, 4, 5].map(() => world.visit(payUrl)))

    expect(visits.map(({ status }) => status)).toEqual([302, 302, 302, 302, 302])
    expect(new Set(visits.map(({ headers }) => headers.get('location'))).size).toBe(1)
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(2)
  })

  test('a paid invoice cannot be paid again, also when the webhook has not come yet', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    await world.visit(payUrl)
    await Bun.sleep(2_200)
    world.dodo.courier.switches.lose = true
    world.dodo.pay(sessionId)

    const response = await world.visit(payUrl)
    world.dodo.courier.switches.lose = false

    expect([response.status, await titleOf(response)]).toEqual([200, 'Paid'])
    expect(invoice.payment_status).toBe('succeeded')
  })

  test('a payment that the bank takes its time over is shown as such, and leads nowhere', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    const payment = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'processing')

    const response = await world.visit(payUrl)
    expect([response.status, await titleOf(response)]).toEqual([200, 'Being processed'])

    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect(await titleOf(await world.visit(payUrl))).toBe('Paid')
  })

  test('a void invoice leads nowhere, from the moment it is void in Lago', async () => {
    const { invoice, payUrl } = await openInvoice()
    world.lago.courier.switches.lose = true
    world.lago.voidInvoice(invoice.lago_id)

    const response = await world.visit(payUrl)
    world.lago.courier.switches.lose = false

    expect([response.status, await titleOf(response)]).toEqual([200, 'No longer due'])
    expect((await world.invoiceReport(invoice.lago_id))?.attempts[0]?.status).toBe('superseded')
  })

  test('an invoice that needs attention leads nowhere, and does not say why to the customer', async () => {
    const invoice = world.bill(4_200, { customer: world.addCustomer({ country: 'KP' }) })
    const { payUrl, reason } = await world.eventually(
      invoice.lago_id,
      ({ state }) => state === 'attention',
    )

    const response = await world.visit(payUrl)
    const text = await response.clone().text()

    expect([response.status, await titleOf(response)]).toEqual([200, 'Not payable here'])
    expect(text).not.toContain(reason)
  })

  test('the return page waits for the result, and believes nothing that its address says', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    const claims = '?status=succeeded&payment_id=pay_forged&payment_status=succeeded'

    expect(await titleOf(await visitReturn(payUrl, claims))).toBe('Waiting for the result')
    await world.quiet()
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('open')

    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect(await titleOf(await visitReturn(payUrl, '?status=failed'))).toBe('Paid')
  })

  test('the return page finds out by itself when the webhook is lost', async () => {
    const { payUrl, sessionId } = await openInvoice()
    world.dodo.courier.switches.lose = true
    world.dodo.pay(sessionId)
    await Bun.sleep(4_200)

    let title: string | undefined
    for (let time = 0; time < 40 && title !== 'Paid'; time += 1) {
      title = await titleOf(await visitReturn(payUrl))
      await Bun.sleep(100)
    }
    world.dodo.courier.switches.lose = false

    expect(title).toBe('Paid')
  })

  test('whoever chooses a language where they wait stays there, and is asked for nothing', async () => {
    const { payUrl } = await openInvoice()
    const page = await (await visitReturn(payUrl)).text()
    const [, chosenAt] = /<form method="get" action="([^"]*)"/.exec(page) ?? []

    const german = await world.get(`${chosenAt}?lang=de`, { redirect: 'manual' })

    expect(german.status).toBe(200)
    const text = await german.text()
    expect(text).toContain('lang="de"')
    expect(await titleOf(new Response(text))).toBe('Wir warten auf das Ergebnis')
  })

  test('the return page says that the payment was declined, and links back to try again', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    const page = await (await visitReturn(payUrl, '?status=succeeded')).text()

    expect(page).toContain('<h1>The payment was declined</h1>')
    expect(page).toContain(`href="${new URL(payUrl).pathname}"`)
    expect(page).not.toContain('http-equiv="refresh"')
    expect(page).not.toContain('INSUFFICIENT_FUNDS')
  })

  test('a page that waits does not reload itself: it says where to look again, and at last that it takes longer', async () => {
    const { payUrl } = await openInvoice()
    const path = `${new URL(payUrl).pathname}/return`

    let query = '?status=processing'
    const titles: string[] = []
    for (;;) {
      const page = await (await visitReturn(payUrl, query)).text()
      expect(page).not.toContain('http-equiv')
      expect(page).toContain('role="status"')
      titles.push(/<h1>(.*?)<\/h1><p>(.*?)<\/p>/.exec(page)?.[2] ?? '')
      const next: string | undefined = /href="([^"]*\?check=\d+)"/.exec(page)?.[1]
      if (next === undefined) break
      expect(next).toStartWith(`${path}?check=`)
      query = next.slice(path.length)
    }

    expect(titles.length).toBe(5)
    expect(titles[0]).toContain('We are asking whether your payment went through')
    expect(titles.at(-1)).toContain('This takes longer than usual')
  }, 120_000)

  test('who looks again by hand is answered as soon as there is news', async () => {
    const { payUrl, sessionId } = await openInvoice()
    const looking = visitReturn(payUrl, '?check=1')
    await Bun.sleep(300)
    world.dodo.pay(sessionId)

    expect(await titleOf(await looking)).toBe('Paid')
  })

  test('the status of a link is one word, also for who has not paid', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    const statusOf = async () => (await world.get(`${new URL(payUrl).pathname}/status`)).text()
    await world.quiet()
    expect(await statusOf()).toBe('open')

    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

    expect(await statusOf()).toBe('paid')
    expect((await world.get(`/pay/${'A'.repeat(22)}/status`)).status).toBe(404)
  })

  test('a decline is explained where the customer can mend it, and only there', async () => {
    const reasons: (string | undefined)[] = []
    for (const code of ['INSUFFICIENT_FUNDS', 'STOLEN_CARD'] as const) {
      const { invoice, payUrl, sessionId } = await openInvoice()
      world.dodo.decline(sessionId, code)
      await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
      const page = await (await visitReturn(payUrl)).text()
      reasons.push(/not enough money/.exec(page)?.[0])
      expect(page).not.toMatch(/stolen|fraud/i)
    }

    expect(reasons).toEqual(['not enough money', undefined])
  })

  test('what is paid is told with its amount, its day and its card', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

    const page = await (await visitReturn(payUrl)).text()

    expect(page).toContain('$42.00')
    expect(page).toContain('By VISA ···4242')
    // In test mode Dodo mails nobody.
    expect(page).not.toContain('Dodo Payments has mailed you the receipt.')
  })

  test('both files of what is paid are a press away, for a person, and of nothing else', async () => {
    const { invoice, payUrl, sessionId } = await openInvoice()
    const path = new URL(payUrl).pathname
    const open = (file: string, headers = {}) =>
      world.get(`${path}/${file}`, { redirect: 'manual', headers })
    const before = await Promise.all(['invoice', 'receipt'].map((file) => open(file)))
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    const page = await (await visitReturn(payUrl)).text()
    await world.quiet()
    const asked = world.requests.length
    const scanned = await open('invoice', { 'User-Agent': 'MailScanner/5.3' })
    await open('receipt', { 'User-Agent': 'MailScanner/5.3' })
    const askedByRobots = world.requests.length - asked
    const first = await open('invoice')
    const again = await open('invoice')
    const receipt = await open('receipt')

    expect(before.map(({ status }) => status)).toEqual([404, 404])
    for (const file of ['invoice', 'receipt']) expect(page).toContain(`href="${path}/${file}"`)
    expect([scanned.status, askedByRobots]).toEqual([200, 0])
    expect(await first.text()).toContain('The PDF is being made')
    expect(again.headers.get('location')).toContain(`${invoice.lago_id}.pdf`)
    expect(receipt.headers.get('location')).toEndWith(`/invoices/payments/${payment.payment_id}`)
    expect((await world.get('/pay/nobody/receipt')).status).toBe(404)
  })

  test.each(['-1', '1e9', 'NaN', '1.5', '"><script>', 'Infinity', ''])(
    'whoever says to have looked %p times gets a page all the same',
    async (check) => {
      const { payUrl } = await openInvoice()
      const init = { headers: { 'Sec-Fetch-Mode': 'cors' } }
      const path = `${new URL(payUrl).pathname}/return?check=${encodeURIComponent(check)}`

      const response = await world.get(path, init)
      const page = await response.text()

      expect(response.status).toBe(200)
      expect(page).toContain('Waiting for the result')
      expect(page).not.toContain('<script>')
      expect(/\?check=([^"]*)"/.exec(page)?.[1] ?? '2').toMatch(/^\d+$/)
    },
  )

  test('pages are safe to show, whatever a number may hold', async () => {
    const { payUrl } = await openInvoice()
    const response = await visitReturn(payUrl)

    expect(response.headers.get('content-type')).toContain('text/html')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await response.text()).toContain('name="viewport"')
  })
})

describe('GET /pay/:token, when time has passed', () => {
  test('an expired checkout is replaced by a new one, for the same amount, by one visit', async () => {
    const world = await openWorld()
    const invoice = world.bill(4_200)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.advance(25 * HOUR_MS)

    const response = await world.visit(report.payUrl)

    expect(response.status).toBe(302)
    const location = response.headers.get('location') ?? ''
    expect(location).not.toContain(sessionId)
    const payment = world.dodo.pay(location.split('/').at(-1) ?? '')
    expect(payment.total_amount).toBe(4_200)
    const paid = await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect(paid.attempts.map(({ status }) => status)).toEqual(['expired', 'paid'])
    await world.close()
  })
})
