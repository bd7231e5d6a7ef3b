import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { readPeriod } from '../../../src/report/period.ts'
import { statement } from '../../../src/report/statement.ts'
import { HOSTILE, fill, serveDashboard, signIn, type Served } from './support.ts'

type Me = Awaited<ReturnType<typeof signIn>>
type Filled = Awaited<ReturnType<typeof fill>>

const DAY_MS = 86_400_000

describe('the numbers of the dashboard', () => {
  const shared = {} as { served: Served; me: Me; filled: Filled }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.filled = await fill(shared.served.world)
    shared.me = await signIn(shared.served.origin)
  }, 60_000)
  afterAll(() => shared.served.close())

  const daysOf = () => {
    const to = new Date()
    const day = (at: Date) => at.toISOString().slice(0, 10)
    return { from: day(new Date(to.getTime() - 29 * DAY_MS)), to: day(to) }
  }
  const told = async (isCsv: boolean) => {
    const { deps } = shared.served.world.bridge
    const lines: string[] = []
    const period = readPeriod(daysOf(), deps.now())
    const exitCode = await statement(deps, { period, isCsv }, (line) => lines.push(line))
    return { exitCode, lines }
  }
  const textOf = (html: string) =>
    html
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()

  test('are those of bridge statement, to the cent', async () => {
    const { from, to } = daysOf()
    const { lines } = await told(false)
    const usd =
      lines
        .find((line) => line.startsWith('  USD'))
        ?.trim()
        .split(/\s{2,}/) ?? []
    const [, count, inDodo, countLago, inLago, refunds, refunded, credits, credited, difference] =
      usd

    const page = textOf(await shared.me.text(`/dashboard/statement?from=${from}&to=${to}`))

    expect(inDodo).toBe('308.00 USD')
    expect(page).toContain(`Payments ${count} ${inDodo} ${countLago} ${inLago}`)
    expect(page).toContain(`Refunds, credit notes ${refunds} ${refunded} ${credits} ${credited}`)
    expect(page).toContain(`differ by ${difference}, explained below`)
    expect(page).toContain('1 difference, 0 unexplained')
    expect(page).toContain('JPY ● agree')
    const overview = textOf(await shared.me.text('/dashboard'))
    expect(overview).toContain(`Collected USD ${inDodo} ${count} of them`)
    expect(overview).toContain(
      '8 finalised 8 asked for (100 %) 4 paid at once (50 %) 0 paid after a retry',
    )
    expect(overview).toContain(`Given back USD ${refunded} ${refunds} of them`)
    expect(overview).toContain('Held USD 50.00 USD 1 of them')
    expect(overview).toContain('Open USD 192.00 USD 1 of them')
    expect(overview).toContain('Failed USD 108.00 USD 1 of them')
  })

  test('as CSV are byte for byte those of bridge statement --csv', async () => {
    const { from, to } = daysOf()
    const { lines } = await told(true)

    const response = await shared.me.get(`/dashboard/statement/csv?from=${from}&to=${to}`)

    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="statement-${from}-to-${to}.csv"`,
    )
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.toString('utf8')).toBe(lines.map((line) => `${line}\n`).join(''))
  })

  test('a period that cannot be meant is said to be so, where it is asked for', async () => {
    for (const [query, problem] of [
      ['from=2026-02-31', 'from 2026-02-31 is not a date'],
      ['from=2026-03-01&to=2026-02-01', 'is later than'],
      ['tz=Mars/Base', 'Mars/Base is not a time zone'],
      ['from=2999-01-01&to=2999-01-31', '2999-01-01 has not come yet'],
    ] as const) {
      const response = await shared.me.get(`/dashboard/statement?${query}`)
      expect(response.status).toBe(400)
      expect(await response.text()).toContain(problem)
    }
  })

  test('of one invoice say of both services what each holds, and whether they agree', async () => {
    const { filled, me } = shared
    const page = async (lagoInvoiceId: string) =>
      textOf(await me.text(`/dashboard/invoices/${lagoInvoiceId}`))

    const paid = await page(filled.paid.invoice.lago_id)
    expect(paid).toContain('Both books ● They agree')
    expect(paid).toContain('Recorded 108.00 USD in 1 payment')
    expect(paid).toContain('Taken 108.00 USD in 1 payment')
    const refunded = await page(filled.refunded.invoice.lago_id)
    expect(refunded).toContain('Both books ● They agree')
    expect(refunded).toContain('Given back 30.00 USD in 1 refund')
    const held = await page(filled.held.lago_id)
    expect(held).toContain('Both books ■ They differ')
    expect(held).toContain('50.00 USD in Dodo, 0.00 USD in Lago: the invoice is void in Lago')
    const open = await page(filled.open.lago_id)
    expect(open).toContain('Nothing was taken, and nothing is recorded.')
    // A sandbox has no pages of Dodo's.
    expect(await me.text(`/dashboard/invoices/${filled.paid.invoice.lago_id}`)).not.toContain(
      'app.dodopayments.com',
    )
    expect(open).toContain('Next: the customer pays; the checkout expires at')
  })

  test('lists are narrowed down and turned over by their address, and begin anew where it is nonsense', async () => {
    const { me, served } = shared
    const rows = async (query: string) =>
      (await me.text(`/dashboard/invoices${query}`)).match(/<tr role="row">/g)?.length ?? 1

    expect(await rows('?state=paid&currency=USD')).toBe(1 + 3)
    expect(await rows('?q=Blue')).toBeGreaterThan(3)
    expect(await rows('?q=%25')).toBe(1)
    expect(await rows('?state=nonsense&before=nonsense&since=nonsense&sort=nonsense')).toBe(1 + 8)
    expect(await rows(`?q=${encodeURIComponent(HOSTILE)}`)).toBe(1 + 1)
    const never = Buffer.from('["never","x"]').toString('base64url')
    expect(await rows(`?before=${never}`)).toBe(1 + 8)
    expect(await rows(`?sort=due&before=${never}`)).toBe(1 + 8)
    const noYear = Buffer.from('["0000-01-01T00:00:00.000Z","x"]').toString('base64url')
    expect(await rows(`?before=${noYear}`)).toBe(1 + 8)
    expect(await rows('?since=0000-01-01&dueFrom=0000-01-01&dueTo=0000-12-31')).toBe(1 + 8)
    for (const path of ['deliveries', 'refunds', 'attention'])
      expect((await me.get(`/dashboard/${path}?since=0000-01-01&before=${noYear}`)).status).toBe(
        200,
      )
    for (const path of ['invoices', 'customers', 'orders', 'payment-requests', 'deliveries/lago'])
      expect((await me.get(`/dashboard/${path}/%00`)).status).toBe(404)
    const { db, deps } = served.world.bridge
    const { receivables } = await import('../../../src/db/schema.ts')
    await db.insert(receivables).values(
      Array.from({ length: 120 }, (_, index) => ({
        receivableId: `many-${index}`,
        number: `MANY-${String(index).padStart(3, '0')}`,
        currency: 'EUR',
        payToken: `many-${index}`,
        createdAt: deps.now(),
      })),
    )

    for (const sort of ['newest', 'number', 'due']) {
      const seen = new Set<string>()
      let path: string | undefined = `/dashboard/invoices?currency=EUR&sort=${sort}`
      for (let pages = 0; path; pages += 1) {
        const html: string = await me.text(path)
        const own = Array.from(html.matchAll(/>(MANY-\d+)</g), ([, number = '']) => number)
        for (const number of own) seen.add(number)
        path = /href="([^"]+)"[^>]*>Next 50</.exec(html)?.[1]?.replaceAll('&amp;', '&')
        expect(pages).toBeLessThan(3)
      }
      expect(seen.size).toBe(120)
    }
  })

  test('the search leads to whatever has that number, name, link or id', async () => {
    const { me, filled, served } = shared
    const found = async (text: string) => {
      const response = await me.get(`/dashboard/search?q=${encodeURIComponent(text)}`)
      return response.headers.get('location') ?? textOf(await response.text())
    }
    const { lago_id: lagoInvoiceId, number } = filled.paid.invoice
    const report = await served.world.invoiceReport(lagoInvoiceId)
    const to = `/dashboard/invoices/${lagoInvoiceId}`

    expect(await found(number)).toBe(to)
    expect(await found(lagoInvoiceId)).toBe(to)
    expect(await found(filled.paid.payment.payment_id)).toBe(to)
    expect(await found(report?.payUrl ?? '')).toBe(to)
    expect(await found(report?.attempts[0]?.dodoSessionId ?? '')).toBe(to)
    expect(await found(filled.fern.external_id)).toContain('Blue Fern Inc')
    expect(await found('Køge')).toContain('Køge Værft A/S')
    expect(await found('no such thing')).toContain('Nothing here has the number, name or id')
    expect(await found('%_\\\0')).toContain('Nothing here has')
  })
})
