import { describe, expect, test } from 'bun:test'
import { codeOf, openDodo, paidCheckout, prepareCheckout, savedMandate } from './support.ts'

const AT = 'http://dodo.test/sandbox'

function play(fetch: ReturnType<typeof openDodo>['sandbox']['fetch']) {
  return async (path: string, body: object = {}) => {
    const answer = await fetch(AT + path, { method: 'POST', body: JSON.stringify(body) })
    return { status: answer.status, result: JSON.parse(await answer.text()) }
  }
}

describe('the operator', () => {
  test('pays, refunds and disputes over HTTP without a key', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    const post = play(opened.sandbox.fetch)

    const { result: payment } = await post(`/sessions/${session_id}/pay`)
    expect(payment.status).toBe('succeeded')
    const { result: refund } = await post(`/payments/${payment.payment_id}/refund`, { amount: 100 })
    expect(refund).toMatchObject({ status: 'pending', amount: 100 })
    const { result: dispute } = await post(`/payments/${payment.payment_id}/dispute`)
    const lost = await post(`/disputes/${dispute.dispute_id}`, { status: 'dispute_lost' })
    expect(lost.result.dispute_status).toBe('dispute_lost')
  })

  test('finds the open checkouts as data, and none that was paid', async () => {
    const opened = openDodo()
    const { request } = await paidCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)

    const answer = await opened.sandbox.fetch(`${AT}/sessions`)
    expect(JSON.parse(await answer.text())).toMatchObject({
      open: [{ sessionId: session_id, metadata: { lago_invoice_id: 'inv_1' } }],
    })
    expect(await (await opened.sandbox.fetch(AT)).text()).toContain(`href="/session/${session_id}"`)
  })

  test('sees payments and buttons on one page', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const html = await (await opened.sandbox.fetch(AT)).text()

    expect(html).toContain(payment.payment_id)
    for (const offer of ['123.45 EUR', 'Refund', 'Open dispute', 'lose them'])
      expect(html).toContain(offer)
  })

  test('sees no table where there is nothing yet', async () => {
    const { sandbox } = openDodo()
    const html = await (await sandbox.fetch(AT)).text()

    expect(html).toContain('None yet.')
    expect(html).not.toContain('<th>')
  })

  test('has a browser that asks for an icon, and gets none without a complaint', async () => {
    const { sandbox } = openDodo()

    expect((await sandbox.fetch('http://dodo.test/favicon.ico')).status).toBe(204)
  })

  test('turns the switches of the network and the API', async () => {
    const { sandbox, client } = openDodo()
    const post = play(sandbox.fetch)

    expect((await post('/network', { lose: true, delayMs: 5 })).result).toMatchObject({
      lose: true,
      delayMs: 5,
    })
    await post('/faults', { kind: 'status', status: 503, match: { path: '/customers' } })
    expect(await codeOf(client.customers.list())).toBe('INTERNAL_SERVER_ERROR')
    await post('/faults/clear')
    expect((await client.customers.list()).items).toEqual([])
  })

  test('finds a button for whatever can happen to mandates, refunds and disputes', async () => {
    const { sandbox, id, charge } = await savedMandate({ behaviour: { refunds: 'hold' } })
    const post = play(sandbox.fetch)
    const { payment_id } = await charge()
    await sandbox.idle()
    const { result: dispute } = await post(`/payments/${payment_id}/dispute`, { rdr: false })
    const { result: refund } = await post(`/payments/${payment_id}/refund`, { amount: 100 })
    const html = await (await sandbox.fetch(AT)).text()

    for (const offer of ['Its charges', 'replaces the card', 'ends it with the period'])
      expect(html).toContain(offer)
    for (const code of ['INSUFFICIENT_FUNDS', 'STOLEN_CARD', 'lost']) expect(html).toContain(code)
    for (const path of [
      `subscriptions/${id}/card`,
      `subscriptions/${id}/replace_card`,
      `refunds/${refund.refund_id}/settle`,
      `disputes/${dispute.dispute_id}`,
    ])
      expect(html).toContain(`action="/sandbox/${path}"`)
  })

  test('plays the life of a mandate over HTTP', async () => {
    const { sandbox, id } = await savedMandate()
    const post = play(sandbox.fetch)
    const at = `/subscriptions/${id}`

    await post(`${at}/card`, { outcome: 'EXPIRED_CARD' })
    expect(sandbox.behaviour.chargesOf).toEqual({ [id]: 'EXPIRED_CARD' })
    expect((await post(at, { status: 'on_hold' })).result.status).toBe('on_hold')
    expect((await post(`${at}/replace_card`)).result.status).toBe('succeeded')
    expect(sandbox.behaviour.chargesOf).toEqual({})
    expect((await post(`${at}/schedule`, { scheduled: true })).result).toMatchObject({
      status: 'active',
      cancel_at_next_billing_date: true,
    })
    expect((await post(`${at}/billing_date`)).result.status).toBe('cancelled')
    expect((await post(at, { status: 'active' })).status).toBe(422)
  })

  test('a form switches what nobody knows about Dodo', async () => {
    const { sandbox } = openDodo()
    const body = new URLSearchParams({ onHoldIsChargeable: 'false' })
    await sandbox.fetch(`${AT}/behaviour`, { method: 'POST', body, redirect: 'manual' })

    expect(sandbox.behaviour).toMatchObject({ onHoldIsChargeable: false, partialRefunds: true })
  })

  test('asking for nonsense is a refusal, not a crash', async () => {
    const { sandbox } = openDodo()

    expect(await play(sandbox.fetch)('/faults', { kind: 'explode' })).toMatchObject({ status: 422 })
    expect(await play(sandbox.fetch)('/payments/pay_x/refund')).toMatchObject({ status: 404 })
  })
})
