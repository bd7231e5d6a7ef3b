import { describe, expect, test } from 'bun:test'

import { openDodo, openMandate, paidCheckout, prepareCheckout } from './dodo/support.ts'
import { openLago, WORKED_EXAMPLE } from './lago/support.ts'

/** The fields of a page that no label is around, and how many mains it has. */
function inspect(html: string) {
  const unlabelled: string[] = []
  let fields = 0
  let mains = 0
  let depth = 0
  const isHidden = (element: { getAttribute: (name: string) => string | null }) =>
    element.getAttribute('type') === 'hidden'
  new HTMLRewriter()
    .on('main', { element: () => void (mains += 1) })
    .on('label', {
      element: (label) => {
        depth += 1
        label.onEndTag(() => void (depth -= 1))
      },
    })
    .on('input, select, textarea', {
      element: (field) => {
        if (isHidden(field)) return
        fields += 1
        if (depth === 0) unlabelled.push(field.getAttribute('name') ?? '')
      },
    })
    .transform(html)
  return { fields, unlabelled, mains }
}

async function inspectPage(response: Response | Promise<Response>) {
  return inspect(await (await response).text())
}

describe('on a page of the sandbox every field has a label, and there is one main:', () => {
  test('Lago', async () => {
    const { lago } = openLago()
    lago.createInvoice(WORKED_EXAMPLE)
    lago.topUpWallet({ externalCustomerId: 'acct_4711', paidCredits: '10' })

    const page = await inspectPage(lago.fetch('http://lago.test/'))

    expect(page.fields).toBeGreaterThan(20)
    expect(page).toMatchObject({ unlabelled: [], mains: 1 })
  })

  test("Dodo's operator", async () => {
    const opened = await openMandate({ mandate_only: false, product_price: 5_000 })
    opened.sandbox.pay(opened.sessionId)
    const { payment } = await paidCheckout(opened)
    opened.sandbox.refund(payment.payment_id, 100)
    opened.sandbox.openDispute(payment.payment_id)

    const page = await inspectPage(opened.sandbox.fetch('http://dodo.test/sandbox'))

    expect(page.fields).toBeGreaterThan(20)
    expect(page).toMatchObject({ unlabelled: [], mains: 1 })
  })

  test('a checkout, which asks for what the request left open', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    const { customer: _, billing_address: _address, ...open } = request
    const { checkout_url } = await opened.client.checkoutSessions.create(open)
    const page = await inspectPage(opened.sandbox.fetch(checkout_url ?? ''))
    expect(page).toMatchObject({ unlabelled: [], mains: 1 })

    await opened.sandbox.fetch(checkout_url ?? '', {
      method: 'POST',
      body: new URLSearchParams({
        outcome: 'succeeded',
        email: 'ann@fern.example',
        name: 'Ann',
        country: 'DE',
      }),
      redirect: 'manual',
    })

    const [payment] = opened.sandbox.store.payments.values()
    expect(payment).toMatchObject({
      customer: { email: 'ann@fern.example', name: 'Ann' },
      billing: { country: 'DE' },
    })
  })
})
