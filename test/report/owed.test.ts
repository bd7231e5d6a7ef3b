import { describe, expect, test } from 'bun:test'

import { listCustomers } from '../../src/report/dashboard/customers.ts'
import { links } from '../../src/report/links.ts'
import { shareWorld } from '../support/world.ts'

describe('what a customer owes', () => {
  const shared = shareWorld({ lago: { premium: false } })

  test('is not what they have paid, though a Lago without a licence goes on naming it as due', async () => {
    const { world } = shared
    const { deps } = world.bridge
    const customer = world.addCustomer()
    const invoice = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    world.dodo.refund(payment.payment_id, 2_000)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    const { items } = await listCustomers(deps.db, { text: customer.external_id })
    const lines: string[] = []
    await links(deps, customer.external_id, (line) => lines.push(line))

    expect(items).toMatchObject([{ lagoCustomerId: customer.external_id, owed: [] }])
    expect(lines.join('\n')).not.toContain('50.00 USD')
  })
})
