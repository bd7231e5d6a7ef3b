import { afterEach, describe, expect, test } from 'bun:test'
import { eq, like } from 'drizzle-orm'

import { accountPages, attempts, receivables, selections, shares } from '../../src/db/schema.ts'
import { readAccount } from '../../src/customer/account.ts'
import { lookAtInvoice } from '../../src/operate/look-again.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
/** Links may be looked at so often within a minute, and tests look more often. */
const LOOKS_BACK_MS = 60_000
const ROBOT = { headers: { 'User-Agent': 'MailScanner/5.3' } }

/** The path of a customer's account page. */
async function accountPath(world: World, externalId: string): Promise<string> {
  const [row] = await world.bridge.db
    .select()
    .from(accountPages)
    .where(eq(accountPages.payerKey, externalId))
  return `/account/${row?.token ?? 'none'}`
}

/** A customer who owes some amounts, each with its own checkout. */
async function owe(world: World, amounts: readonly number[], customer = world.addCustomer()) {
  const invoices = amounts.map((amountCents) => world.bill(amountCents, { customer }))
  const payUrls: string[] = []
  for (const { lago_id } of invoices)
    payUrls.push((await world.openCheckout(lago_id)).report.payUrl)
  await world.quiet()
  const path = await accountPath(world, customer.external_id)
  return { customer, invoices, ids: invoices.map(({ lago_id }) => lago_id), payUrls, path }
}

/** Presses the button with these ticked. */
function choose(world: World, path: string, ids: readonly string[]) {
  const body = new URLSearchParams([
    ['currency', 'USD'],
    ...ids.map((id): [string, string] => ['invoice', id]),
  ])
  return world.get(`${path}/pay`, { method: 'POST', body, redirect: 'manual' })
}

const sessionOf = ({ headers }: Response) => headers.get('location')?.split('/').at(-1) ?? ''

const liveSharesOf = (world: World, id: string) =>
  world.bridge.db.$count(shares, eq(shares.receivableId, id))

describe('GET /account/:token', () => {
  const shared = shareWorld()
  afterEach(() => shared.world.advance(LOOKS_BACK_MS))

  test('shows what is owed, and asks no service', async () => {
    const { world } = shared
    const { path, invoices } = await owe(world, [10_800, 4_200])
    await world.quiet()
    const asked = world.requests.length

    const response = await world.get(path)
    const page = await response.text()

    expect(response.status).toBe(200)
    for (const { number } of invoices) expect(page).toContain(number)
    expect(page).toContain('$150.00')
    expect(page).toContain('Acme')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect(response.headers.get('x-robots-tag')).toBe('noindex')
    const ofDodo = world.requests.slice(asked).filter(({ url }) => url.includes('dodo.test'))
    expect(ofDodo).toEqual([])
  })

  test('sums up all that is owed of each currency, also what it does not list', async () => {
    const { world } = shared
    const { customer, path } = await owe(world, [10_800])
    const { db } = world.bridge
    const [owed] = await db
      .select()
      .from(receivables)
      .where(eq(receivables.payerKey, customer.external_id))
    if (!owed) throw new Error('nothing is owed')
    const more = (currency: string, many: number, dueOn: string) =>
      Array.from({ length: many }, (_, index) => {
        const id = crypto.randomUUID()
        const number = `MORE-${currency}-${index}`
        return { ...owed, receivableId: id, payToken: id, number, currency, dueOn, amountDue: 100 }
      })
    await db
      .insert(receivables)
      .values([...more('USD', 249, '2026-01-01'), ...more('EUR', 3, '2027-01-01')])

    const page = await (await world.get(path)).text()
    await db.delete(receivables).where(like(receivables.number, 'MORE-%'))

    expect(page).toContain('$357.00')
    expect(page).toContain('€3.00')
    expect(page.match(/type="checkbox"/g)).toHaveLength(203)
    expect(page).toContain('200 / 250')
  })

  test('dates what was paid elsewhere by when that was heard of, however often it is looked at', async () => {
    const { world } = shared
    const { deps } = world.bridge
    const { ids, path, customer } = await owe(world, [3_300])
    const [id = ''] = ids
    world.lago.recordManualPayment(id, { amountCents: 3_300, reference: 'bank' })
    await world.eventually(id, ({ state }) => state !== 'open' && state !== 'processing')
    const [account] = await deps.db
      .select()
      .from(accountPages)
      .where(eq(accountPages.payerKey, customer.external_id))
    const paidAt = async () => {
      const view = account && (await readAccount(deps.db, account, deps.now()))
      return view?.paid[0]?.paidAt
    }
    const heard = await paidAt()

    world.advance(3 * 24 * 3_600_000)
    await lookAtInvoice(deps, id, 'Ana')
    await world.quiet()

    expect(heard).toBeInstanceOf(Date)
    expect(await paidAt()).toEqual(heard)
    expect((await world.get(path)).status).toBe(200)
  })

  test('shows nothing of anybody else', async () => {
    const { world } = shared
    const one = await owe(world, [10_800])
    const other = await owe(world, [999])

    const page = await (await world.get(one.path)).text()

    expect(page).not.toContain(other.ids[0] ?? '')
    expect(page).not.toContain('$9.99')
    expect(page).not.toContain(one.customer.email ?? '-')
  })

  test('of a token that nobody has is as unknown as any other link', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [10_800])
    const { payUrls } = await owe(world, [4_000])
    const payToken = new URL(payUrls[0] ?? '').pathname.split('/').at(-1) ?? ''
    for (const token of ['x', 'A'.repeat(22), '%00', '..%2f', payToken, `${path.slice(9)}x`]) {
      const pages = [
        await world.get(`/account/${token}`),
        await choose(world, `/account/${token}`, ids),
        await world.get(`/account/${token}/invoice/${ids[0]}`),
      ]
      for (const page of pages) expect(page.status).toBe(404)
    }
  })

  test('its token opens no pay link, and is the same for ever', async () => {
    const { world } = shared
    const { path, customer } = await owe(world, [10_800])
    expect((await world.get(path.replace('/account/', '/pay/'))).status).toBe(404)
    const { customer: same } = await owe(world, [300], customer)
    expect(await accountPath(world, same.external_id)).toBe(path)
  })
})

describe('paying several at once', () => {
  const shared = shareWorld()
  afterEach(() => shared.world.advance(LOOKS_BACK_MS))

  test('is one checkout for the sum, and pays each with its part', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [10_800, 4_200, 500])

    const response = await choose(world, path, ids)
    const payment = world.dodo.pay(sessionOf(response))

    expect(response.status).toBe(303)
    expect(payment.total_amount).toBe(15_500)
    for (const id of ids) await world.eventually(id, isPaid)
    await world.quiet()
    for (const [index, id] of ids.entries()) {
      const paid = world.paidIn(id).map(({ amount_cents }) => amount_cents)
      expect(paid).toEqual([[10_800], [4_200], [500]][index] ?? [])
    }
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    await world.assertProven()
  })

  test('shows of each what was paid for it, and not what was paid together', async () => {
    const { world } = shared
    const { path, ids, payUrls } = await owe(world, [10_800, 4_200])
    world.dodo.pay(sessionOf(await choose(world, path, ids)))
    for (const id of ids) await world.eventually(id, isPaid)
    await world.quiet()

    const list = await (await world.get(path)).text()
    const page = await (await world.get(new URL(payUrls[1] ?? '').pathname)).text()

    expect(list).toContain('$108.00')
    expect(list).toContain('$42.00')
    expect(list).not.toContain('$150.00')
    expect(page).toContain('<h1>Paid</h1>')
    expect(page).toContain('$42.00')
    expect(page).not.toContain('$150.00')
  })

  test('leaves alone what was not chosen', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000, 4_000])
    const [first = '', second = '', third = ''] = ids

    const payment = world.dodo.pay(sessionOf(await choose(world, path, [first, third])))

    expect(payment.total_amount).toBe(5_000)
    for (const id of [first, third]) await world.eventually(id, isPaid)
    await world.quiet()
    expect((await world.invoiceReport(second))?.state).toBe('open')
    expect(await (await world.get(path)).text()).toContain('$20.00')
  })

  test('pressed twice, and in five tabs, leads to one and the same checkout', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])

    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => choose(world, path, ids)))
    const sessions = new Set(answers.map(sessionOf))

    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303, 303])
    expect(sessions.size).toBe(1)
    const made = await world.bridge.db
      .select()
      .from(selections)
      .where(eq(selections.payerKey, (await world.invoiceReport(ids[0] ?? ''))?.customer ?? ''))
    expect(made).toHaveLength(1)
  })

  test('chosen otherwise takes the place of what was chosen before', async () => {
    const { world } = shared
    const { path, ids, customer } = await owe(world, [1_000, 2_000, 4_000])
    const [first = '', second = '', third = ''] = ids
    const before = sessionOf(await choose(world, path, [first, second]))

    const after = sessionOf(await choose(world, path, [second, third]))
    await world.quiet()

    expect(after).not.toBe(before)
    expect(world.dodo.pay(after).total_amount).toBe(6_000)
    for (const id of [second, third]) await world.eventually(id, isPaid)
    await world.quiet()
    const made = await world.bridge.db
      .select({ state: receivables.state, supersededAt: selections.supersededAt })
      .from(selections)
      .innerJoin(receivables, eq(receivables.receivableId, selections.receivableId))
      .where(eq(selections.payerKey, customer.external_id))
      .orderBy(selections.createdAt)
    expect(made.map(({ state }) => state)).toEqual(['void', 'paid'])
    expect((await world.invoiceReport(first))?.state).toBe('open')
  })

  test('of only one that is ticked is that one’s own link', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    const [first = ''] = ids

    const response = await choose(world, path, [first])

    expect(world.dodo.pay(sessionOf(response)).total_amount).toBe(1_000)
    await world.eventually(first, isPaid)
    const own = await world.bridge.db
      .select()
      .from(attempts)
      .where(eq(attempts.receivableId, first))
    expect(own.map(({ status }) => status)).toEqual(['paid'])
  })

  test('thought better of, one alone is asked for alone', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    const [first = '', second = ''] = ids
    await choose(world, path, ids)

    const response = await choose(world, path, [first])

    expect(world.dodo.pay(sessionOf(response)).total_amount).toBe(1_000)
    await world.eventually(first, isPaid)
    await world.quiet()
    expect((await world.invoiceReport(second))?.state).toBe('open')
    await world.assertProven()
  })

  test('an old tab that is paid all the same pays what is owed, and the rest goes back', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    const [first = '', second = ''] = ids
    const together = sessionOf(await choose(world, path, ids))
    const alone = sessionOf(await choose(world, path, [first]))

    world.dodo.pay(alone)
    await world.eventually(first, isPaid)
    const late = world.dodo.pay(together)
    await world.eventually(second, isPaid)
    await world.quiet()

    expect(world.refundsOf(late.payment_id).map(({ amount }) => amount)).toEqual([1_000])
    for (const [index, id] of ids.entries())
      expect(world.paidIn(id).map(({ amount_cents }) => amount_cents)).toEqual([
        [1_000, 2_000][index] ?? 0,
      ])
    await world.assertProven()
  })

  test('what is void meanwhile is not asked for', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000, 4_000])
    const [first = '', second = '', third = ''] = ids
    await world.inSilence(() => world.lago.voidInvoice(second))

    const response = await choose(world, path, ids)

    expect(world.dodo.pay(sessionOf(response)).total_amount).toBe(5_000)
    for (const id of [first, third]) await world.eventually(id, isPaid)
  })

  test('what is void after the checkout was opened is asked for no more by who comes back', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    const [first = '', second = ''] = ids
    const before = sessionOf(await choose(world, path, ids))
    world.lago.voidInvoice(second)
    await world.eventually(second, ({ state }) => state === 'void')
    await world.quiet()

    const page = await choose(world, path, ids)
    expect(page.status).toBe(422)
    expect(await page.text()).toContain('Something has changed meanwhile')
    const after = sessionOf(await choose(world, path, [first]))

    expect(after).not.toBe(before)
    expect(world.dodo.pay(after).total_amount).toBe(1_000)
    await world.eventually(first, isPaid)
    await world.assertProven()
  })

  test('of what a payment request asks for is not to be chosen, and the request is shown', async () => {
    const { world } = shared
    const { path, ids, customer } = await owe(world, [1_000, 2_000])
    for (const id of ids) world.lago.markOverdue(id)
    world.lago.requestPayment({ externalCustomerId: customer.external_id, invoiceIds: ids })
    await world.eventually(ids[0] ?? '', ({ attempts: all }) => !!all.at(-1)?.lagoPaymentRequestId)
    await world.quiet()
    const report = await world.invoiceReport(ids[0] ?? '')

    const page = await (await world.get(path)).text()

    expect(page).not.toContain('type="checkbox"')
    expect(page).toContain(new URL(report?.paymentRequests[0]?.payUrl ?? '').pathname)
    expect((await choose(world, path, ids)).status).toBe(422)
  })

  test('of what is being processed is not to be chosen', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    world.dodo.pay(sessionOf(await choose(world, path, ids)), { outcome: 'processing' })
    for (const id of ids) await world.eventually(id, ({ state }) => state === 'processing')

    expect(await (await world.get(path)).text()).toContain('Your bank is working on it')
    expect((await choose(world, path, ids)).status).toBe(422)
    for (const id of ids) expect(await liveSharesOf(world, id)).toBe(2)
  })

  test('of another customer’s is refused, and changes nothing', async () => {
    const { world } = shared
    const one = await owe(world, [1_000, 2_000])
    const other = await owe(world, [4_000])

    const response = await choose(world, one.path, [...one.ids, ...other.ids])

    expect(response.status).toBe(422)
    expect((await world.invoiceReport(other.ids[0] ?? ''))?.attempts).toHaveLength(1)
    expect((await world.invoiceReport(one.ids[0] ?? ''))?.attempts).toHaveLength(1)
  })

  test.each([
    ['nothing', new URLSearchParams()],
    ['a file', new FormData()],
    ['a text', 'invoice'],
    ['what is far too much', new URLSearchParams({ invoice: 'x'.repeat(70_000) })],
  ])('%s is answered by the page, which says what to choose', async (_what, body) => {
    const { world } = shared
    const { path } = await owe(world, [1_000, 2_000])

    const response = await world.get(`${path}/pay`, { method: 'POST', body })

    expect(response.status).toBe(422)
    expect(await response.text()).toContain('Choose at least one invoice')
  })
})

describe('the own link of an invoice that is being paid together with others', () => {
  const shared = shareWorld()
  afterEach(() => shared.world.advance(LOOKS_BACK_MS))

  test('asks first, and leads to its own checkout when somebody presses', async () => {
    const { world } = shared
    const { path, ids, payUrls } = await owe(world, [1_000, 2_000])
    const [first = ''] = ids
    const together = sessionOf(await choose(world, path, ids))

    expect(await world.follow(payUrls[0] ?? '')).toBe('')
    expect(sessionOf(await choose(world, path, ids))).toBe(together)
    const alone = await world.press(payUrls[0] ?? '')

    expect(alone).not.toBe('')
    expect(alone).not.toBe(together)
    expect(world.dodo.pay(alone).total_amount).toBe(1_000)
    await world.eventually(first, isPaid)
    await world.assertProven()
  })
})

describe('a program that looks at an account page and all that it links to', () => {
  const shared = shareWorld()
  afterEach(() => shared.world.advance(LOOKS_BACK_MS))

  test('costs nothing at Dodo, and changes nothing', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000, 2_000])
    world.dodo.pay(sessionOf(await choose(world, path, ids)))
    for (const id of ids) await world.eventually(id, isPaid)
    await owe(world, [4_000], { ...(await owe(world, [300])).customer })
    await world.quiet()
    const asked = world.requests.length

    const page = await (await world.get(path, ROBOT)).text()
    const links = Array.from(page.matchAll(/href="(\/[^"]+)"/g), ([, link]) => link ?? '')
    for (const link of links) {
      const response = await world.get(link, { ...ROBOT, redirect: 'manual' })
      expect(response.status).toBeLessThan(300)
    }
    await world.quiet()

    expect(links.some((link) => link.includes('/receipt/'))).toBe(true)
    expect(world.requests.slice(asked).filter(({ url }) => url.includes('dodo.test'))).toEqual([])
  })

  test('a person is led to both files of what is paid', async () => {
    const { world } = shared
    const { path, ids } = await owe(world, [1_000])
    const payment = world.dodo.pay(sessionOf(await choose(world, path, ids)))
    await world.eventually(ids[0] ?? '', isPaid)

    const open = (link: string) => world.get(`${path}${link}`, { redirect: 'manual' })
    const first = await open(`/invoice/${ids[0]}`)
    const again = await open(`/invoice/${ids[0]}`)
    const receipt = await open(`/receipt/${payment.payment_id}`)

    expect(await first.text()).toContain('The PDF is being made')
    expect(again.headers.get('location')).toContain(`${ids[0]}.pdf`)
    expect(receipt.headers.get('location')).toEndWith(`/invoices/payments/${payment.payment_id}`)
    expect((await open('/receipt/pay_other')).status).toBe(404)
  })

  test('the receipt of an invoice is that of the payment which paid it, and not of one that went back', async () => {
    const { world } = shared
    const invoice = world.bill(3_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    const other = await world.follow(report.payUrl)
    const paid = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    const twice = world.dodo.pay(other)
    await world.quiet()
    expect(world.refundsOf(twice.payment_id)).toHaveLength(1)

    const { pathname } = new URL(report.payUrl)
    const receipt = await world.get(`${pathname}/receipt`, { redirect: 'manual' })

    expect(receipt.headers.get('location')).toEndWith(`/invoices/payments/${paid.payment_id}`)
  })
})
