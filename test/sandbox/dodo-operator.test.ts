import { describe, expect, test } from 'bun:test'
import { codeOf, openDodo, paidCheckout, prepareCheckout } from './dodo-support.ts'

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

  test('sees payments and buttons on one page', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    const html = await (await opened.sandbox.fetch(AT)).text()

    expect(html).toContain(payment.payment_id)
    for (const offer of ['123.45 EUR', 'Refund', 'Open dispute', 'lose them'])
      expect(html).toContain(offer)
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

  test('asking for nonsense is a refusal, not a crash', async () => {
    const { sandbox } = openDodo()

    expect(await play(sandbox.fetch)('/faults', { kind: 'explode' })).toMatchObject({ status: 422 })
    expect(await play(sandbox.fetch)('/payments/pay_x/refund')).toMatchObject({ status: 404 })
  })
})
