import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { ensureReceivable } from '../../../src/collect/load.ts'
import { operatorActions } from '../../../src/db/schema.ts'
import { ruleOnHeldMoney } from '../../../src/operate/held-money.ts'
import { chargesSent, mandateOf, withMandate } from '../../support/mandates.ts'
import type { Report } from '../../support/world.ts'
import { fieldsOf, serveDashboard, signIn, type Served } from './support.ts'

type Me = Awaited<ReturnType<typeof signIn>>

const is =
  (wanted: string) =>
  ({ state }: Report) =>
    state === wanted
const whats = ({ timeline }: Report) => timeline.map(({ what }) => what)

describe('held money', () => {
  const shared = {} as { served: Served; me: Me }
  beforeAll(async () => {
    shared.served = await serveDashboard()
    shared.me = await signIn(shared.served.origin)
  })
  afterAll(async () => {
    await shared.served.world.assertProven()
    await shared.served.close()
  })

  /** A payment of an invoice that was made void before it came: by default nobody gives it back. */
  async function holdMoney() {
    const { world } = shared.served
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, is('void'))
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, is('attention'))
    const page = `/dashboard/invoices/${invoice.lago_id}`
    const at = `/dashboard/held/${invoice.lago_id}/${payment.payment_id}`
    return { id: invoice.lago_id, page, at, paymentId: payment.payment_id }
  }

  test('is offered to be given back where it waits for a person, until somebody has said so', async () => {
    const { served, me } = shared
    const other = await holdMoney()
    const { id, at } = await holdMoney()
    const link = `href="${at}/give-back"`
    const links = (html: string) =>
      Array.from(html.matchAll(/href="(\/dashboard\/held\/[^"]*)"/g), ([, to = '']) => to)
    const shown = links(await me.text('/dashboard/attention')).filter((to) => to.includes(id))
    expect(shown).toEqual([`${at}/give-back`])
    expect(shown.join()).not.toContain(other.paymentId)

    await me.post(`${at}/give-back`, fieldsOf(await me.text(`${at}/give-back`), `${at}/give-back`))

    await served.world.eventually(id, is('void'))
    expect(await me.text('/dashboard/attention')).not.toContain(link)
  })

  test('is given back once, however often the button is pressed, and by name', async () => {
    const { served, me } = shared
    const { world } = served
    const { id, page, at, paymentId } = await holdMoney()
    expect(await me.text(page)).toContain('Give back 50.00 USD')
    const confirm = await me.text(`${at}/give-back`)
    expect(confirm).toContain(`Gives back 50.00 USD of payment ${paymentId}`)
    expect(confirm).toContain('This cannot be undone')
    expect(world.refundsOf(paymentId)).toHaveLength(0)

    const fields = fieldsOf(confirm, `${at}/give-back`)
    const twice = await Promise.all([
      me.post(`${at}/give-back`, fields),
      me.post(`${at}/give-back`, fields),
    ])
    expect(twice.map(({ status }) => status)).toEqual([303, 303])
    const report = await world.eventually(id, is('void'))
    await world.quiet()

    expect(world.refundsOf(paymentId)).toMatchObject([{ amount: 5_000 }])
    expect(whats(report)).toContain(`50.00 USD of payment ${paymentId} to be given back, by Ana`)
    // Another form, too, finds nothing that is left.
    expect((await me.get(`${at}/give-back`)).status).toBe(404)
    await me.post(`${at}/give-back`, { ...fields, once: crypto.randomUUID() })
    await world.quiet()
    expect(world.refundsOf(paymentId)).toHaveLength(1)
    const actions = await world.bridge.db.select().from(operatorActions)
    const ours = actions.filter(({ subject }) => subject.includes(paymentId))
    expect(ours.map(({ action, who }) => [action, who])).toEqual([
      ['give back', 'Ana'],
      ['give back', 'Ana'],
    ])
    expect(ours[0]?.outcome).toMatch(/^done: /)
    expect(ours[1]?.outcome).toBe('refused: nothing of this payment is held')
  })

  test('is not given back in another amount than was shown', async () => {
    const { served, me } = shared
    const { id, at, paymentId } = await holdMoney()
    const fields = fieldsOf(await me.text(`${at}/give-back`), `${at}/give-back`)

    const done = await me.post(`${at}/give-back`, { ...fields, amount: '4999' })

    const page = await me.text(done.headers.get('location') ?? '')
    expect(page).toContain('Not done: 50.00 USD is held by now, which is not what was shown')
    await served.world.quiet()
    expect(served.world.refundsOf(paymentId)).toHaveLength(0)
    expect((await served.world.invoiceReport(id))?.state).toBe('attention')
  })

  test('is not given back while it is disputed', async () => {
    const { served, me } = shared
    const { id, page, at, paymentId } = await holdMoney()
    served.world.dodo.openDispute(paymentId)
    await served.world.eventually(id, ({ reason }) => reason.includes('is disputed'))

    expect(await me.text(page)).toContain('it is disputed')
    const confirm = await me.text(`${at}/give-back`)
    expect(confirm).toContain('This cannot be done now: it is disputed')
    const token = /name="token" value="([^"]+)"/.exec(confirm)?.[1] ?? ''
    await me.post(`${at}/give-back`, { token, once: crypto.randomUUID(), amount: '5000' })
    await served.world.quiet()
    expect(served.world.refundsOf(paymentId)).toHaveLength(0)
  })

  test('that a person settled otherwise needs nobody any more, and the statement says who', async () => {
    const { served, me } = shared
    const { id, at, paymentId } = await holdMoney()
    const action = `${at}/accept`
    const fields = fieldsOf(await me.text(action), action)

    const nothing = await me.post(action, { ...fields, why: '  ' })
    expect(await me.text(nothing.headers.get('location') ?? '')).toContain('it needs a reason')
    const again = { ...fieldsOf(await me.text(action), action), why: 'credited to the next order' }
    await me.post(action, again)

    const report = await served.world.eventually(id, is('void'))
    expect(whats(report)).toContain(
      `50.00 USD of payment ${paymentId} accepted as settled by other means, by Ana: credited to the next order`,
    )
    expect(served.world.refundsOf(paymentId)).toHaveLength(0)
    expect(await me.text('/dashboard/statement/csv')).toContain(
      'settled by other means, by Ana: credited to the next order',
    )
    // It may still be given back, after all.
    const back = `${at}/give-back`
    await me.press(back, back)
    await served.world.quiet()
    expect(served.world.refundsOf(paymentId)).toHaveLength(1)
  })

  test('is given back after a crash between the word and the refund, by whoever settles next', async () => {
    const { served } = shared
    const { world } = served
    const { id, paymentId } = await holdMoney()
    const { deps } = world.bridge
    await world.quiet()
    // The word is written down and the process ends: no job is left, and the next sweep wakes it.
    const silent = { ...deps, queue: { ...deps.queue, send: async () => undefined } }
    const subject = { receivableId: id, dodoPaymentId: paymentId }
    await ruleOnHeldMoney(silent, subject, { ruling: 'give_back', who: 'Ana' })
    expect(world.refundsOf(paymentId)).toHaveLength(0)
    await world.bridge.settle(id, { cause: 'sweep' })
    await world.bridge.settle(id, { cause: 'sweep' })
    await world.quiet()
    expect(world.refundsOf(paymentId)).toHaveLength(1)
  })

  test('whose refund was asked for and not answered goes back once', async () => {
    const { served, me } = shared
    const { world } = served
    const { id, at, paymentId } = await holdMoney()
    world.dodo.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'POST', path: '/refunds' },
    })
    const action = `${at}/give-back`

    await me.press(action, action)
    await world.eventually(id, is('void'))
    await world.quiet()

    expect(world.refundsOf(paymentId)).toHaveLength(1)
  }, 90_000)

  test('whose refund fails after all is shown, and asked for again only on another word', async () => {
    const { served, me } = shared
    const { world } = served
    const { id, at, paymentId } = await holdMoney()
    const action = `${at}/give-back`
    world.dodo.behaviour.refunds = 'fail'
    await me.press(action, action)
    await world.eventually(id, ({ reason }) => reason.includes('could not be refunded'))
    await world.bridge.settle(id, { cause: 'sweep' })
    await world.quiet()
    expect(world.refundsOf(paymentId)).toHaveLength(1)
    world.dodo.behaviour.refunds = 'succeed'

    await me.press(action, action)

    await world.eventually(id, is('void'))
    await world.quiet()
    expect(world.refundsOf(paymentId).map(({ status }) => status)).toEqual(['failed', 'succeeded'])
    const listed = await me.text('/dashboard/refunds?status=failed')
    expect(listed).toContain(world.refundsOf(paymentId)[0]?.refund_id ?? 'none')
    expect(listed).not.toContain(world.refundsOf(paymentId)[1]?.refund_id ?? 'none')
  })

  test('that somebody has seen moves down the list, with the note, until its reason is another', async () => {
    const { served, me } = shared
    const { id, page } = await holdMoney()
    const before = await me.text('/dashboard/attention')
    expect(before).toContain('A payment of a void invoice is held (')
    expect(before).toContain('docs/operations.md#held-late')
    const fields = fieldsOf(await me.text(`${page}/seen`), `${page}/seen`)

    await me.post(`${page}/seen`, { ...fields, note: 'asked <the> customer' })

    const after = await me.text('/dashboard/attention')
    expect(after).toContain('Seen, not yet mended (1)')
    expect(after).toContain('asked &lt;the&gt; customer')
    expect((await served.world.invoiceReport(id))?.state).toBe('attention')
    const csv = await (await me.get('/dashboard/attention?as=csv')).text()
    expect(csv).toMatch(/held_late,[^\r]*,Ana,asked <the> customer\r\n/)
  })

  test('of an invoice that Lago does not have is a row whose amount nobody knows', async () => {
    const { served, me } = shared
    const receivableId = crypto.randomUUID()
    const { deps } = served.world.bridge
    const unknown = { state: 'attention', reasonCode: 'invoice_unknown', reason: 'who?' } as const
    await ensureReceivable(deps, { receivableId, kind: 'invoice', ...unknown })

    const csv = await (await me.get('/dashboard/attention?as=csv')).text()

    expect(csv).toContain(`invoice,${receivableId},,,,,invoice_unknown,who?,`)
  })

  test('moves no link: another one can be made, and the old one leads nowhere', async () => {
    const { served, me } = shared
    const { world } = served
    const invoice = world.bill(1_200)
    const { report } = await world.openCheckout(invoice.lago_id)
    const action = `/dashboard/invoices/${invoice.lago_id}/new-link`

    expect(await me.press(action, action)).toContain('Done: another pay link was made')

    expect((await world.visit(report.payUrl)).status).toBe(404)
    const fresh = await world.invoiceReport(invoice.lago_id)
    expect(fresh?.payUrl).not.toBe(report.payUrl)
    await world.quiet()
    const inLago = world.lago.store.invoices.get(invoice.lago_id)?.metadata ?? []
    expect(inLago.find(({ key }) => key === 'dodo_pay_url')?.value).toBe(fresh?.payUrl ?? '')
  })
})

describe('a saved card', () => {
  test('that an operator stops is cancelled in Dodo, though Dodo is away at first, and charged no more', async () => {
    const served = await serveDashboard({ env: { COLLECTION: 'automatic' } })
    const { world } = served
    const me = await signIn(served.origin)
    const { customer, mandate } = await withMandate(world)
    const page = `/dashboard/customers/${customer.external_id}`
    const action = `${page}/cards/${mandate}/stop`
    expect(await me.text(page)).toContain('Stop charging')
    world.dodo.faults.add({ kind: 'status', status: 503, times: 2, match: { method: 'PATCH' } })

    expect(await me.press(action, action)).toContain('Done: it is charged no more')

    const invoice = world.bill(2_000, { customer })
    const report = await world.eventually(invoice.lago_id, ({ attempts }) => {
      return attempts[0]?.status === 'live'
    })
    expect(report.attempts[0]?.kind).toBe('mandate')
    expect(chargesSent(world)).toHaveLength(0)
    await mandateOf(world, customer, 'cancelled')
    expect(world.dodo.store.subscriptions.get(mandate)?.status).toBe('cancelled')
    expect(await me.text(page)).toContain('Ana stopped charging it')
    expect(await me.press(page, `${page}/look`)).not.toContain('Stop charging')
    await served.close()
  }, 90_000)
})
