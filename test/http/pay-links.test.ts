import { describe, expect, test } from 'bun:test'

import { createLooks } from '../../src/http/looks.ts'
import type { Subject } from '../../src/http/pay-subject.ts'
import { openWorld, shareWorld } from '../support/world.ts'

const NAVIGATION = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
const pathOf = (payUrl: string) => new URL(payUrl).pathname

describe('a pay link that only a program looks at', () => {
  const shared = shareWorld({ env: { COLLECTION: 'automatic' } })
  const openInvoice = async () => {
    const { world } = shared
    const invoice = world.bill(4_200)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    return { world, invoice, path: pathOf(report.payUrl), sessionId }
  }
  const LOOKS: [string, RequestInit][] = [
    ['HEAD', { method: 'HEAD' }],
    ['a prefetch', { headers: { 'Sec-Purpose': 'prefetch;prerender', ...NAVIGATION } }],
    ['an older prefetch', { headers: { Purpose: 'prefetch' } }],
    ['a picture', { headers: { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' } }],
    ['a script', { headers: { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' } }],
    ['a mail scanner', { headers: { 'User-Agent': 'MailScanner/5.3' } }],
    ['a chat', { headers: { 'User-Agent': 'Slackbot-LinkExpanding 1.0' } }],
  ]

  test.each(LOOKS)('by %s leads nowhere, and changes nothing', async (_what, init) => {
    const { world, invoice, path } = await openInvoice()
    const before = await world.invoiceReport(invoice.lago_id)
    const asked = world.requests.length

    for (const at of [path, `${path}/return`]) {
      const response = await world.get(at, { ...init, redirect: 'manual' })
      expect(response.status).toBe(200)
      expect(response.headers.get('location')).toBeNull()
    }
    await world.quiet()

    expect(world.requests.length).toBe(asked)
    expect(await world.invoiceReport(invoice.lago_id)).toEqual(before)
    const rows = await world.bridge.db.query.attempts.findMany()
    const own = rows.filter(({ receivableId }) => receivableId === invoice.lago_id)
    expect(own.map(({ handedOutAt }) => handedOutAt)).toEqual([null])
  })

  test('shows a button, and whoever presses it is led to the checkout', async () => {
    const { world, path, sessionId } = await openInvoice()
    const response = await world.get(path, { headers: { 'User-Agent': 'MailScanner' } })
    const page = await response.text()
    expect(page).toContain(`<form method="post" action="${path}">`)
    expect(response.headers.get('content-security-policy')).toContain("form-action 'self' https:")

    const pressed = await world.get(path, { method: 'POST', redirect: 'manual' })

    expect(pressed.status).toBe(303)
    expect(pressed.headers.get('location')).toBe(`http://dodo.test/session/${sessionId}`)
  })

  test('by a browser that goes there is a visit', async () => {
    const { world, path, sessionId } = await openInvoice()

    const response = await world.get(path, { headers: NAVIGATION, redirect: 'manual' })

    expect(response.headers.get('location')).toBe(`http://dodo.test/session/${sessionId}`)
  })

  test('of nothing is as unknown to it as to anybody', async () => {
    const response = await shared.world.get('/pay/unknown', { method: 'HEAD' })

    expect([response.status, await response.text()]).toEqual([404, ''])
  })
})

describe('a pay link that is opened all the time', () => {
  test('asks neither service more than a few times, and goes on leading to the checkout', async () => {
    const world = await openWorld()
    const invoice = world.bill(4_200)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const asked = world.requests.length

    for (let round = 0; round < 40; round += 1) {
      const visits = await Promise.all(Array.from({ length: 25 }, () => world.visit(report.payUrl)))
      for (const { status, headers } of visits) {
        expect([200, 302]).toContain(status)
        if (status === 302) expect(headers.get('location')).toContain(sessionId)
      }
    }
    await world.quiet()

    expect(world.requests.length - asked).toBeLessThan(40)
    const toDodo = world.requests.slice(asked).filter(({ url }) => url.includes('dodo.test'))
    expect(toDodo.length).toBeLessThan(15)
    await world.close()
  })

  const subject = (key: string, customer: string) => ({ kind: 'invoice', key, customer }) as Subject
  const start = Date.now()

  test('has a few looks at once, and then one in a while', () => {
    let at = start
    const mayLook = createLooks(() => new Date(at))
    const one = subject('one', 'acme')
    let looks = 0
    for (let second = 0; second < 600; second += 1) {
      looks += mayLook(one) ? 1 : 0
      at += 1_000
    }

    expect(looks).toBeGreaterThan(10)
    expect(looks).toBeLessThan(20)
  })

  test('with nineteen others of its customer takes a small part of what is allowed', () => {
    let at = start
    const mayLook = createLooks(() => new Date(at))
    let looks = 0
    for (let second = 0; second < 60; second += 1) {
      for (let link = 0; link < 20; link += 1) looks += mayLook(subject(`${link}`, 'acme')) ? 1 : 0
      at += 1_000
    }

    expect(looks).toBeLessThan(25)
    expect(mayLook(subject('new', 'other'))).toBe(true)
  })

  test('with thousands of other people’s stays within a quarter of Dodo’s minute', () => {
    let at = start
    const mayLook = createLooks(() => new Date(at))
    let looks = 0
    for (let visit = 0; visit < 6_000; visit += 1) {
      looks += mayLook(subject(`${visit}`, `${visit}`)) ? 1 : 0
      at += 10
    }

    expect(looks).toBeLessThan(60)
  })
})

describe('a pay link below a path of PUBLIC_URL', () => {
  test('leads and links to addresses below it, whether a proxy takes it off or not', async () => {
    const world = await openWorld({ env: { PUBLIC_URL: 'https://example.test/billing/' } })
    const invoice = world.bill(123_456_789)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    const path = pathOf(report.payUrl)
    expect(path).toStartWith('/billing/pay/')

    for (const at of [path, path.replace('/billing', '')]) {
      const page = await (await world.get(`${at}/return`)).text()
      expect(page).toContain(`href="${path}/return?check=1"`)
      expect(page).toContain(`data-wait="${path}/status"`)
      expect(page).toContain(`href="${path}"`)
      expect(page).toContain('$1,234,567.89')
      const visit = await world.get(at, { redirect: 'manual' })
      expect(visit.headers.get('location')).toContain(sessionId)
    }
    await world.close()
  })
})

describe('a customer while Dodo or the database is away', () => {
  test('is told the truth, and always has a way on', async () => {
    const world = await openWorld()
    world.dodo.faults.add({ kind: 'status', status: 503 })
    const invoice = world.bill(4_200)
    const { payUrl } = await world.eventually(invoice.lago_id, ({ number }) => number !== null)

    const first = await (await world.get(`${pathOf(payUrl)}?check=3`)).text()
    expect(first).toContain('One moment')
    expect(first).toContain('Try again')
    const last = await (await world.get(`${pathOf(payUrl)}?check=4`)).text()
    expect(last).toContain('Not available at the moment')
    expect(last).toContain('Nothing was taken')
    expect(last).toContain(`href="${pathOf(payUrl)}"`)
    expect(last).not.toContain('http-equiv="refresh"')
    const waiting = await (await world.get(`${pathOf(payUrl)}/return?check=4`)).text()
    expect(waiting).toContain('You need not pay again')
    expect(waiting).not.toContain('data-wait')

    await world.letDatabaseBe('away')
    const away = await world.get(pathOf(payUrl))
    const page = await away.text()
    await world.letDatabaseBe('there')
    expect(away.status).toBe(503)
    expect(away.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(page).toStartWith('<!DOCTYPE html>')
    expect(page).toContain('Try again')
    await world.close()
  })
})
