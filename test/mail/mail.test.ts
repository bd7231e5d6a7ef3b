import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { and, eq } from 'drizzle-orm'

import { createBrands } from '../../src/customer/brand.ts'
import { mails, mandates, receivables } from '../../src/db/schema.ts'
import { judge } from '../../src/mail/about.ts'
import { planDueMails } from '../../src/mail/due.ts'
import { beginMail } from '../../src/mail/mails.ts'
import { sendMail } from '../../src/mail/send.ts'
import { mandateOf, withMandate } from '../support/mandates.ts'
import { openWorld, type World } from '../support/world.ts'
import { openSink, refusal } from './support.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const LIVE = {
  DODO_ENVIRONMENT: 'live',
  PUBLIC_URL: 'https://bridge.test',
  LAGO_API_URL: 'https://lago.test',
  DODO_API_URL: 'https://dodo.test',
  ADMIN_TOKEN: 'operator-token',
  MAIL_FROM: 'billing@acme.example',
  CUSTOMER_EMAILS: 'invoice,failed,card,reminder,request',
  REMINDERS: '-3d,3d,10d',
  COLLECTION: 'automatic',
}

describe('mail to customers', () => {
  let sink: Awaited<ReturnType<typeof openSink>>
  let world: World

  beforeAll(async () => {
    sink = await openSink()
    world = await openWorld({ env: { ...LIVE, SMTP_URL: sink.url } })
  })
  afterAll(async () => {
    await world.close()
    await sink.close()
  })
  beforeEach(() => {
    sink.mails.length = 0
    sink.behaviour.recipient = () => undefined
    sink.behaviour.data = () => undefined
    world.lago.store.billingEntity.email_settings = []
  })

  /** Until what is planned about it has come to its end; time passes only where a mail waits for it. */
  async function untilEnded(subject: string) {
    for (;;) {
      const rows = await world.bridge.db.select().from(mails).where(eq(mails.subject, subject))
      const waiting = rows.filter(({ state }) => state === 'waiting')
      if (rows.length > 0 && waiting.length === 0) return rows
      const idle = waiting.filter(({ tries, reason }) => tries === 0 || reason !== null)
      const latest = Math.max(...idle.map(({ nextTryAt }) => nextTryAt?.getTime() ?? 0))
      const waitMs = latest - world.bridge.deps.now().getTime()
      if (idle.length > 0 && waitMs > 0) world.advance(waitMs + 1)
      if (rows.length > 0) await world.bridge.planMail()
      await Bun.sleep(50)
    }
  }

  test('an invoice is told of once, in the language of its customer, as text and as HTML', async () => {
    const customer = world.addCustomer({
      email: 'ap@fern.example, boss@fern.example',
      name: '<b>Fern</b>',
      billing_configuration: { document_locale: 'de' },
    })
    const invoice = world.bill(10_800, { customer })
    const { report } = await world.openCheckout(invoice.lago_id)
    await untilEnded(invoice.lago_id)
    const [mail, ...others] = sink.mails
    const account = (await world.customerReport(customer.external_id)) as unknown as {
      accountUrl: string
    }

    expect(others).toEqual([])
    expect(mail?.recipients).toEqual(['ap@fern.example', 'boss@fern.example'])
    expect(mail?.from?.text).toBe('"Acme" <billing@acme.example>')
    expect(mail?.headers.get('auto-submitted')).toBe('auto-generated')
    expect(mail?.subject).toStartWith(`Rechnung ${report.number} von Acme: 108,00`)
    expect(mail?.text).toContain(report.payUrl)
    expect(mail?.text).toContain(account.accountUrl)
    expect(mail?.html).toContain('<html lang="de">')
    expect(mail?.html).toContain(`href="${report.payUrl}"`)
    expect(mail?.html).not.toMatch(/<script|<img|http:\/\//)
    // Whatever wakes it again, it was said.
    for (let again = 0; again < 3; again += 1) await world.sweep()
    await world.quiet()
    world.advance(10 * MINUTE_MS)
    await world.quiet()
    expect(sink.mails).toHaveLength(1)
    expect(
      (await world.invoiceReport(invoice.lago_id))?.timeline.map(({ what }) => what),
    ).toContain('mail "invoice" sent')
  }, 60_000)

  test('what was paid, or is mailed by Lago, or has nobody to be mailed to, is not told', async () => {
    const paid = world.bill(500)
    const { sessionId } = await world.openCheckout(paid.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(paid.lago_id, ({ state }) => state === 'paid')
    const [gone] = await untilEnded(paid.lago_id)
    world.lago.store.billingEntity.email_settings = ['invoice.finalized']
    const twice = world.bill(600)
    const nobody = world.bill(700, { customer: world.addCustomer({ email: null as never }) })
    await world.openCheckout(twice.lago_id)
    await world.openCheckout(nobody.lago_id)
    const [other] = await untilEnded(twice.lago_id)
    const [third] = await untilEnded(nobody.lago_id)

    expect(gone).toMatchObject({ state: 'suppressed', reason: 'it is paid by now' })
    expect(other).toMatchObject({
      state: 'suppressed',
      reason: 'Lago mails the invoices of this billing entity itself',
    })
    expect(third).toMatchObject({
      state: 'suppressed',
      reason: 'the customer has no e-mail address in Lago',
    })
    expect(sink.mails).toEqual([])
  }, 60_000)

  test('a server that does not take it is asked again; a mailbox that is none, never', async () => {
    let refusals = 2
    sink.behaviour.data = () => {
      refusals -= 1
      return refusals >= 0 ? refusal(451, 'try later') : undefined
    }
    const later = world.bill(800)
    await world.openCheckout(later.lago_id)
    const [sent] = await untilEnded(later.lago_id)
    const bounce = (address: string) =>
      address.startsWith('gone') ? refusal(550, `no such user ${address}`) : undefined
    sink.behaviour.recipient = bounce
    const customer = world.addCustomer({ email: 'gone@fern.example' })
    const lost = world.bill(900, { customer })
    await world.openCheckout(lost.lago_id)
    const [failed] = await untilEnded(lost.lago_id)
    const next = world.bill(950, { customer })
    await world.openCheckout(next.lago_id)
    const [suppressed] = await untilEnded(next.lago_id)
    const dead = await world.get('/api/dead-letters?kind=mail', {
      headers: { Authorization: 'Bearer operator-token' },
    })

    expect(sent).toMatchObject({ state: 'sent', tries: 3 })
    expect(sink.mails).toHaveLength(1)
    expect(failed).toMatchObject({ state: 'failed', address: 'gone@fern.example' })
    expect(failed?.reason).toContain('no such user …@fern.example')
    expect(suppressed).toMatchObject({
      state: 'suppressed',
      reason: 'nobody takes mail at the address that Lago has',
    })
    expect(JSON.stringify(await dead.json())).toContain('no such user')
  }, 60_000)

  test('a fourth one within a day waits for the next, and is one with all that is open', async () => {
    const customer = world.addCustomer({ email: 'many@fern.example' })
    const invoices = [1, 2, 3, 4, 5].map((units) => world.bill(units * 1_000, { customer }))
    for (const { lago_id: id } of invoices) {
      await world.openCheckout(id)
      await untilEnded(id)
    }
    const told = () => sink.mails.filter(({ recipients }) => recipients[0] === 'many@fern.example')
    expect(told().map(({ subject }) => subject)).toHaveLength(3)
    world.advance(DAY_MS)
    await sink.until(() => told().length > 3)
    await world.quiet()

    const [, , , all, ...others] = told()
    expect(others).toEqual([])
    expect(all?.subject).toBe('Your open invoices from Acme')
    for (const { number } of invoices) expect(all?.text).toContain(number)
    expect(all?.text).toContain('/account/')
  }, 90_000)

  test('what is too much on the day of such a mail is told by another one, and not by none', async () => {
    const { db, deps } = world.bridge
    // At noon, so that all of it is one day.
    const hour = deps.now().getUTCHours()
    world.advance((hour < 12 ? 12 - hour : 36 - hour) * HOUR_MS)
    const at = deps.now()
    const customer = world.addCustomer({ email: 'busy@fern.example' })
    const payerKey = customer.external_id
    const sent = (kind: 'invoice' | 'account', agoMs: number, occasion = '') => ({
      kind,
      payerKey,
      subject: kind === 'account' ? payerKey : crypto.randomUUID(),
      occasion,
      state: 'sent' as const,
      plannedAt: new Date(at.getTime() - agoMs),
      endedAt: new Date(at.getTime() - agoMs),
    })
    await db
      .insert(mails)
      .values([
        sent('invoice', 23 * HOUR_MS),
        sent('invoice', 22 * HOUR_MS),
        sent('account', HOUR_MS, at.toISOString().slice(0, 10)),
      ])
    const invoice = world.bill(1_000, { customer })
    await world.openCheckout(invoice.lago_id)

    const [folded] = await untilEnded(invoice.lago_id)

    expect(folded).toMatchObject({ kind: 'invoice', state: 'folded' })
    const waiting = await db
      .select()
      .from(mails)
      .where(and(eq(mails.payerKey, payerKey), eq(mails.state, 'waiting')))
    expect(waiting).toMatchObject([{ kind: 'account', subject: payerKey }])
    // A day after the last one of its kind.
    expect(waiting[0]?.nextTryAt).toEqual(new Date(at.getTime() + 23 * HOUR_MS))
  }, 60_000)

  test('who has not paid is reminded on the days that were asked for, each once', async () => {
    // At noon, so that somebody reads it.
    const hour = world.bridge.deps.now().getUTCHours()
    world.advance((hour < 12 ? 12 - hour : 36 - hour) * HOUR_MS)
    const invoice = world.bill(1_200, { netPaymentTerm: 10 })
    await world.openCheckout(invoice.lago_id)
    await untilEnded(invoice.lago_id)
    const told: (readonly [number, string])[] = []
    let past = 0
    for (const day of [6, 7, 8, 12, 13, 19, 20, 22]) {
      world.advance((day - past) * DAY_MS)
      past = day
      await world.bridge.planMail()
      await world.bridge.planMail()
      const rows = await untilEnded(invoice.lago_id)
      if (rows.length - 1 > told.length) {
        const number = `${invoice.number} `
        const mail = sink.mails.findLast(({ subject }) => subject?.includes(number))
        told.push([day, mail?.subject?.replace(/ on .*/, '') ?? ''])
      }
    }

    const name = `Invoice ${invoice.number} from Acme`
    expect(told).toEqual([
      [7, `${name} is due`],
      [13, `${name} was due`],
      [20, `${name} was due`],
    ])
  }, 90_000)

  test('a reminder says that it is due or that it was, by the day on which it goes', async () => {
    const { db, deps } = world.bridge
    const invoice = world.bill(1_200)
    await world.openCheckout(invoice.lago_id)
    await untilEnded(invoice.lago_id)
    const isIt = eq(receivables.receivableId, invoice.lago_id)
    const [mail] = await db.select().from(mails).where(eq(mails.subject, invoice.lago_id))
    if (!mail) throw new Error('none was planned')
    const textDue = async (days: number, occasion: string) => {
      const dueOn = new Date(deps.now().getTime() + days * DAY_MS).toISOString().slice(0, 10)
      await db.update(receivables).set({ dueOn }).where(isIt)
      const judged = await judge(deps, { ...mail, kind: 'reminder', occasion })
      return 'about' in judged && judged.about.text
    }

    expect(await textDue(3, '-3d')).toBe('soon')
    expect(await textDue(0, '0d')).toBe('soon')
    // The server was away, or the bridge: it goes a day later.
    expect(await textDue(-1, '0d')).toBe('overdue')
    expect(await textDue(-1, '-1d')).toBe('overdue')
    expect(await textDue(-3, '3d')).toBe('overdue')
  })

  test('of more invoices than are read at once each is reminded of', async () => {
    const { db, deps } = world.bridge
    const hour = deps.now().getUTCHours()
    world.advance((hour < 12 ? 12 - hour : 36 - hour) * HOUR_MS)
    const dueOn = (days: number) =>
      new Date(deps.now().getTime() - days * DAY_MS).toISOString().slice(0, 10)
    const owed = (many: number, days: number) =>
      Array.from({ length: many }, () => ({
        receivableId: crypto.randomUUID(),
        kind: 'invoice' as const,
        payerKey: 'acct_of_many',
        payToken: crypto.randomUUID(),
        state: 'open' as const,
        reason: 'waiting',
        isPayable: true,
        dueOn: dueOn(days),
        createdAt: deps.now(),
      }))
    // Those of yesterday's reminder, which are read first, and those of today's.
    await db.insert(receivables).values([...owed(1_100, 2), ...owed(5, 3)])

    await planDueMails(deps)

    const isMeant = and(eq(mails.payerKey, 'acct_of_many'), eq(mails.kind, 'reminder'))
    expect(await db.$count(mails, isMeant)).toBe(5)
    await db.delete(receivables).where(eq(receivables.payerKey, 'acct_of_many'))
    await db.delete(mails).where(isMeant)
  })

  test('a saved card that was declined is told of, with why and when it is charged again', async () => {
    const { customer, mandate } = await withMandate(world, { email: 'card@fern.example' })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, (report) => report.nextWakeAt !== null)
    await world.bridge.planMail()
    const rows = await untilEnded(invoice.lago_id)
    const held = await untilEnded(mandate)
    const mail = sink.mails.findLast(({ subject }) => subject?.includes(`${invoice.number}:`))

    expect(rows.map(({ kind, state }) => [kind, state])).toEqual([['failed', 'sent']])
    expect(mail?.subject).toBe(`Invoice ${invoice.number}: the payment did not go through`)
    expect(mail?.text).toContain('There was not enough money in the account.')
    expect(mail?.text).toMatch(/It is tried again on [A-Z][a-z]{2} \d+, \d{4}\./)
    expect(held).toMatchObject([
      { kind: 'card', state: 'suppressed', reason: 'the mail about the declined payment tells it' },
    ])
  }, 60_000)

  test('of a declined card nothing is said of another try while its customer is about to pay', async () => {
    const { customer, mandate } = await withMandate(world, { email: 'soon@fern.example' })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    const report = await world.eventually(invoice.lago_id, ({ nextWakeAt }) => nextWakeAt !== null)
    const { db, deps } = world.bridge
    const [mail] = await db.select().from(mails).where(eq(mails.subject, invoice.lago_id))
    if (!mail) throw new Error('none was planned')
    const againAt = async () => {
      const judged = await judge(deps, mail)
      return 'about' in judged ? judged.about.againAt : judged
    }
    expect(await againAt()).toBeInstanceOf(Date)

    const begun = await world.press(report.payUrl)
    const payment = world.dodo.pay(begun, { outcome: 'requires_customer_action' })
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ payments }) => payments.length === 2)
    await world.quiet()

    // The moment that is written down now is when that payment is given up.
    expect(await againAt()).toBeUndefined()
    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    await untilEnded(invoice.lago_id)
  }, 60_000)

  test('a card that cannot be charged any more is told of with the link to save another', async () => {
    const { customer, mandate } = await withMandate(world, { email: 'held@fern.example' })
    // Another one that ends is none to be charged instead.
    const { db } = world.bridge
    const dodoSubscriptionId = 'sub_ending'
    const [held] = await db.select().from(mandates).where(eq(mandates.dodoSubscriptionId, mandate))
    if (!held) throw new Error('no card is saved')
    const ending = { dodoSubscriptionId, isEnding: true, madeAt: new Date(0) }
    await db.insert(mandates).values({ ...held, ...ending })
    world.dodo.holdMandate(mandate)
    await mandateOf(world, customer, 'on_hold')
    await world.bridge.planMail()
    const [row] = await untilEnded(mandate)
    const mail = sink.mails.findLast(({ recipients }) => recipients[0] === 'held@fern.example')

    await db.delete(mandates).where(eq(mandates.dodoSubscriptionId, dodoSubscriptionId))
    expect(row).toMatchObject({ kind: 'card', state: 'sent' })
    expect(mail?.subject).toBe('Your card for Acme cannot be charged any more')
    expect(mail?.text).toContain((await world.customerReport(customer.external_id))?.setupUrl ?? '')
  }, 60_000)

  test('a card that ends soon is told of once, as long as it is the one that is charged', async () => {
    const { customer, mandate } = await withMandate(world, { email: 'ends@fern.example' })
    const { db, deps } = world.bridge
    const [row] = await db.select().from(mandates).where(eq(mandates.dodoSubscriptionId, mandate))
    const card = world.dodo.store.cards.get(row?.dodoPaymentMethodId ?? '')?.card
    if (!row || !card) throw new Error('no card is saved')
    const ends = new Date(deps.now().getTime() + 20 * DAY_MS).toISOString().slice(0, 7)
    const endsWith = async (month: string) => {
      card.expiry_month = month.slice(5)
      card.expiry_year = month.slice(0, 4)
      const set = { cardReadAt: null }
      await db.update(mandates).set(set).where(eq(mandates.dodoSubscriptionId, mandate))
      await world.bridge.planMail()
    }
    await endsWith('2099-06')
    await world.quiet()
    expect(await db.select().from(mails).where(eq(mails.subject, mandate))).toEqual([])
    const asked = world.sent('GET', /payment-methods$/).length
    await world.bridge.planMail()
    expect(world.sent('GET', /payment-methods$/)).toHaveLength(asked)

    // The month that holds the day twenty days from now ends within thirty days, or is told of when it does.
    const lastDay = Date.UTC(Number(ends.slice(0, 4)), Number(ends.slice(5)), 1) - 12 * HOUR_MS
    world.advance(Math.max(0, lastDay - 20 * DAY_MS - deps.now().getTime()))
    await endsWith(ends)
    const [ended] = await untilEnded(mandate)
    await endsWith(ends)
    await world.quiet()
    const report = await world.customerReport(customer.external_id)
    const told = sink.mails.filter(({ recipients }) => recipients[0] === 'ends@fern.example')
    const ofCard = told.filter(({ subject }) => subject === 'Your card for Acme expires soon')
    const page = await world.get(new URL(report?.accountUrl ?? '').pathname)

    expect(ended).toMatchObject({ kind: 'card', occasion: `ends ${ends}`, state: 'sent' })
    expect(ofCard).toHaveLength(1)
    expect(ofCard[0]?.text).toContain(report?.setupUrl ?? 'no link')
    expect(ofCard[0]?.text).toContain(
      new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric' }).format(
        new Date(`${ends}-01T12:00:00Z`),
      ),
    )
    expect(report?.mandates[0]).toMatchObject({ card: 'VISA ···4242', cardEnds: ends })
    expect(await page.text()).toContain(`VISA ···4242, ${ends.slice(5)}/${ends.slice(2, 4)}`)

    // A newer one takes its place: nothing more is said of this one.
    const later = { dodoSubscriptionId: 'sub_newer', renewedAt: deps.now() }
    await db.insert(mandates).values({ ...row, ...later, cardReadAt: deps.now() })
    await db.delete(mails).where(eq(mails.subject, mandate))
    await endsWith(ends)
    expect(await untilEnded(mandate)).toMatchObject([
      { state: 'suppressed', reason: 'another card is saved by now' },
    ])
    await db.delete(mandates).where(eq(mandates.dodoSubscriptionId, 'sub_newer'))
  }, 60_000)

  test('a payment request is told of with all of its invoices, and stands for their reminders', async () => {
    const customer = world.addCustomer({ email: 'request@fern.example' })
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    for (const { lago_id: id } of invoices) {
      await untilEnded(id)
      world.lago.markOverdue(id)
    }
    const request = world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id: id }) => id),
    })
    const [row] = await untilEnded(request.lago_id)
    const mail = sink.mails.findLast(({ recipients }) => recipients[0] === 'request@fern.example')
    world.advance(3 * DAY_MS)
    await world.bridge.planMail()
    const reminded = await untilEnded(invoices[0]?.lago_id ?? '')

    expect(row).toMatchObject({ kind: 'request', state: 'sent' })
    expect(mail?.subject).toBe('Invoices from Acme: $30.00')
    for (const { number } of invoices) expect(mail?.text).toContain(number)
    expect(reminded.filter(({ kind }) => kind === 'reminder')).toMatchObject([
      { state: 'suppressed', reason: 'a payment request asks for it' },
    ])
  }, 60_000)

  test('a payment request is told of with what it asks for, and not with what the bank has', async () => {
    const customer = world.addCustomer({ email: 'partly@fern.example' })
    const [slow, owed] = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    if (!slow || !owed) throw new Error('no invoices')
    const { sessionId } = await world.openCheckout(slow.lago_id)
    const payment = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.eventually(slow.lago_id, ({ state }) => state === 'processing')
    for (const { lago_id: id } of [slow, owed]) {
      await untilEnded(id)
      world.lago.markOverdue(id)
    }

    const request = world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: [slow.lago_id, owed.lago_id],
    })
    await untilEnded(request.lago_id)

    const mail = sink.mails.findLast(({ recipients }) => recipients[0] === 'partly@fern.example')
    expect(mail?.subject).toBe('Invoices from Acme: $20.00')
    expect(mail?.text).toContain(owed.number)
    expect(mail?.text).not.toContain(slow.number)
    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.quiet()
  }, 60_000)

  test('whoever dies between planning and sending, or right after, sends what a mailbox takes once', async () => {
    const { db, deps } = world.bridge
    const invoice = world.bill(1_300, {
      customer: world.addCustomer({ email: 'dead@fern.example' }),
    })
    await world.openCheckout(invoice.lago_id)
    // It is planned when the invoice comes to rest, which is after its checkout is there.
    await world.quiet()
    const planned = await db.select().from(mails).where(eq(mails.subject, invoice.lago_id))
    const id = planned[0]?.id ?? ''
    const told = () => sink.mails.filter(({ recipients }) => recipients[0] === 'dead@fern.example')
    world.advance(MINUTE_MS)
    // It begins, and dies before anything left.
    expect(await beginMail(deps, id)).toMatchObject({ tries: 1 })
    expect(await beginMail(deps, id)).toBeUndefined()
    expect(told()).toEqual([])
    world.advance(2 * MINUTE_MS)
    // Two replicas at once.
    const brands = createBrands({ ...deps, fetch })
    const isUnlicensed = async () => false
    const mailing = { ...deps, brands, isUnlicensed, onMailed: () => undefined }
    await Promise.all([1, 2, 3].map(() => sendMail(mailing, id, false)))
    await untilEnded(invoice.lago_id)
    expect(told()).toHaveLength(1)
    // It was taken, and nobody lived to note that.
    const again = { state: 'waiting' as const, nextTryAt: deps.now(), endedAt: null }
    await db.update(mails).set(again).where(eq(mails.id, id))
    await untilEnded(invoice.lago_id)
    const [first, second] = told()

    expect(told()).toHaveLength(2)
    expect(second?.messageId).toBe(first?.messageId ?? '-')
    expect(first?.messageId).toEndWith('@bridge.test>')
  }, 60_000)

  test('a server that is away holds nothing up: the money comes in, and the mail goes later', async () => {
    sink.behaviour.data = () => refusal(421, 'closing')
    const invoice = world.bill(1_400)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.advance(2 * MINUTE_MS)
    for (;;) {
      const rows = await world.bridge.db
        .select()
        .from(mails)
        .where(eq(mails.subject, invoice.lago_id))
      if (rows.some(({ tries, reason }) => tries > 0 && reason !== null)) break
      await Bun.sleep(50)
    }
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    const metrics = await world.get('/metrics', {
      headers: { Authorization: 'Bearer operator-token' },
    })

    expect(await metrics.text()).toMatch(
      /bridge_emails_total\{kind="invoice",result="failed"\} [1-9]/,
    )
    expect(await untilEnded(invoice.lago_id)).toMatchObject([{ state: 'suppressed' }])
  }, 60_000)
})

describe('in test mode', () => {
  test('mail goes to one address, which is no customer, and without it nowhere', async () => {
    const sink = await openSink()
    const env = {
      SMTP_URL: sink.url,
      MAIL_FROM: 'Acme Ltd <billing@acme.example>',
      CUSTOMER_EMAILS: 'invoice',
      MAIL_TEST_TO: 'me@acme.example',
    }
    const world = await openWorld({ env })
    const invoice = world.bill(1_000)
    await world.openCheckout(invoice.lago_id)
    world.advance(2 * MINUTE_MS)
    await sink.until(() => sink.mails.length > 0)
    await world.close()

    expect(sink.mails.map(({ recipients, from }) => [recipients, from?.text])).toEqual([
      [['me@acme.example'], '"Acme Ltd" <billing@acme.example>'],
    ])
    await sink.close()
  }, 60_000)

  test('an invoice is told of though a Lago without a licence is set to mail it, which it cannot', async () => {
    const sink = await openSink()
    const env = {
      SMTP_URL: sink.url,
      MAIL_FROM: 'billing@acme.example',
      CUSTOMER_EMAILS: 'invoice',
      MAIL_TEST_TO: 'me@acme.example',
    }
    const world = await openWorld({ env, lago: { premium: false } })
    world.lago.store.billingEntity.email_settings = ['invoice.finalized']
    // By this the bridge knows the licence.
    const paid = world.bill(1_000)
    world.dodo.pay((await world.openCheckout(paid.lago_id)).sessionId)
    await world.eventually(paid.lago_id, ({ state }) => state === 'paid')
    const invoice = world.bill(2_000)
    await world.openCheckout(invoice.lago_id)
    world.advance(2 * MINUTE_MS)
    await world.bridge.planMail()

    const isMeant = and(eq(mails.subject, invoice.lago_id), eq(mails.kind, 'invoice'))
    const isEnded = async () => {
      const [row] = await world.bridge.db.select().from(mails).where(isMeant)
      return row?.state !== 'waiting' && row
    }
    let ended = await isEnded()
    for (; !ended; ended = await isEnded()) await Bun.sleep(20)
    await world.close()
    await sink.close()

    expect(ended).toMatchObject({ state: 'sent', reason: null })
  }, 60_000)

  test('and nothing is planned where nothing is switched on', async () => {
    const world = await openWorld()
    const invoice = world.bill(1_000)
    await world.openCheckout(invoice.lago_id)
    await world.bridge.planMail()
    expect(await world.bridge.db.$count(mails)).toBe(0)
    await world.close()
  })
})
