import { afterAll, beforeAll, expect, test } from 'bun:test'

import { mails, operatorActions } from '../../../src/db/schema.ts'
import { openSink } from '../../mail/support.ts'
import { fieldsOf, serveDashboard, signIn, type Served } from './support.ts'

const VIEWER_TOKEN = 'only-for-looking-0001'
let sink: Awaited<ReturnType<typeof openSink>>
let served: Served
beforeAll(async () => {
  sink = await openSink()
  // Nothing is mailed to customers: no kind is chosen.
  const real = { DODO_API_URL: 'https://test.dodopayments.com' }
  const env = { ...real, SMTP_URL: sink.url, MAIL_FROM: 'billing@acme.example', VIEWER_TOKEN }
  served = await serveDashboard({ env })
})
afterAll(async () => {
  await served.close()
  await sink.close()
})

test('a test mail goes to whom it is asked for, once, and never to what is no address', async () => {
  const { world, origin } = served
  const [person, viewer] = [await signIn(origin), await signIn(origin, { token: VIEWER_TOKEN })]
  const page = '/dashboard/health/mail-test'
  const send = async (address: string, fields?: Record<string, string>) => {
    const form = fields ?? fieldsOf(await person.text(page), page)
    const done = await person.post(page, { ...form, address })
    return { form, html: await person.text(done.headers.get('location') ?? '') }
  }
  const { form, html } = await send('ana@fern.example')
  await send('ana@fern.example', form)
  const header = await send('ana@fern.example\r\nBcc: all@fern.example')
  const several = await send('ana@fern.example, all@fern.example')

  expect(html).toContain('Done: 127.0.0.1')
  expect(sink.mails.map(({ recipients }) => recipients)).toEqual([['ana@fern.example']])
  expect(header.html).toContain('Not done: that is no e-mail address')
  expect(several.html).toContain('Not done: that is no e-mail address')
  expect((await viewer.post(page, { ...form, address: 'ana@fern.example' })).status).toBe(403)
  expect(await world.bridge.db.select().from(operatorActions)).toContainEqual(
    expect.objectContaining({ who: 'Ana', action: 'send test mail', subject: 'SMTP_URL' }),
  )
}, 20_000)

test('what a customer was mailed, and what not and why, is on the pages of invoice and customer', async () => {
  const { world, origin } = served
  const customer = world.addCustomer()
  const { lago_id: id } = world.bill(1_000, { customer })
  await world.openCheckout(id)
  const person = await signIn(origin)
  const invoicePage = `/dashboard/invoices/${id}`
  const customerPage = `/dashboard/customers/${customer.external_id}`
  // Where mail is off there is nothing to be read about it.
  expect(await person.text(invoicePage)).not.toContain('id="mails"')

  const at = world.bridge.deps.now()
  const about = { subject: id, payerKey: customer.external_id, plannedAt: at }
  await world.bridge.db.insert(mails).values([
    { ...about, kind: 'invoice', state: 'sent', endedAt: at },
    { ...about, kind: 'reminder', occasion: '3d', state: 'suppressed', reason: 'it is <paid>' },
    { ...about, kind: 'failed', occasion: '2', state: 'waiting', tries: 2, reason: 'try later' },
  ])
  for (const page of [invoicePage, customerPage]) {
    const html = await person.text(page)
    const section = html.slice(html.indexOf('id="mails"'))
    for (const text of ['sent', 'not sent', 'it is &lt;paid&gt;', 'tried 2 times', 'try later'])
      expect(section).toContain(text)
  }
})

test('the link of the account page is made anew, also of who is not known to Dodo', async () => {
  const { world, origin } = served
  const customer = world.addCustomer({ email: null as never })
  await world.openCheckout(world.bill(1_000, { customer }).lago_id)
  const person = await signIn(origin)
  const page = `/dashboard/customers/${customer.external_id}`
  const linkIn = (html: string) => /\/account\/[\w-]{22}/.exec(html)?.[0] ?? ''
  const before = linkIn(await person.text(page))
  const confirm = `${page}/new-link`
  expect(await person.text(page)).toContain(`href="${confirm}"`)
  const after = linkIn(await person.press(confirm, confirm))

  expect(after).not.toBe(before)
  const visits = await Promise.all([before, after].map((path) => world.get(path)))
  expect(visits.map(({ status }) => status)).toEqual([404, 200])
})

test('a payment leads to its page in Dodo’s own dashboard, and in a sandbox to none', async () => {
  const { world, origin } = served
  const { lago_id: id } = world.bill(1_000)
  const { sessionId } = await world.openCheckout(id)
  const { payment_id: paymentId } = world.dodo.pay(sessionId)
  await world.eventually(id, ({ state }) => state === 'paid')
  const person = await signIn(origin)

  expect(await person.text(`/dashboard/invoices/${id}`)).toContain(
    `<a href="https://app.dodopayments.com/transactions/payments/${paymentId}" rel="noreferrer">`,
  )
})
