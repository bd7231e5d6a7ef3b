import { describe, expect, test } from 'bun:test'

import { collect, explained, givenBack, inWorld, isPaid, openBundle } from './support.ts'

describe('explain in automatic collection', () => {
  test('tells the checkout that saved the card, the charges on it, and what its next decline means', () =>
    inWorld(
      {
        env: { COLLECTION: 'automatic' },
        dodo: { behaviour: { declineHoldsMandate: false } },
      },
      async (world) => {
        const customer = world.addCustomer()
        const { invoice: first } = await collect(world, 10_000, { customer })
        const second = world.bill(5_000, { customer })
        await world.eventually(second.lago_id, isPaid)
        const [sub = ''] = world.dodo.store.subscriptions.keys()
        world.dodo.setCard(sub, 'INSUFFICIENT_FUNDS')
        const third = world.bill(6_000, { customer })
        await world.eventually(third.lago_id, ({ state }) => state === 'failed')

        const texts = [first, second, third].map(async ({ number }) => explained(world, number))
        const [saved, charged, declined] = await Promise.all(texts)

        expect(saved?.text).toMatch(/1 +checkout that saves a card +paid +100\.00 USD +cks_/)
        expect(charged?.text).toMatch(
          new RegExp(`1 +charge of the saved card +paid +50\\.00 USD +${sub} +by invoice`),
        )
        expect(charged?.text).toMatch(
          /pay_\w+ +succeeded +50\.00 USD +applied +charged by attempt 1/,
        )
        expect(charged?.text).toContain(`Saved card  ${sub} (active)`)
        expect(declined?.text).toMatch(/pay_\w+ +failed .*charged by attempt 1 +INSUFFICIENT_FUNDS/)
        expect(declined?.text).toMatch(/Next: the saved card is charged as attempt 2 at \d{4}-/)
      },
    ))

  test('names a card that is on hold, and the checkout that takes its place', () =>
    inWorld({ env: { COLLECTION: 'automatic' } }, async (world) => {
      const customer = world.addCustomer()
      await collect(world, 10_000, { customer })
      const [sub = ''] = world.dodo.store.subscriptions.keys()
      world.dodo.holdMandate(sub)
      await world.quiet()
      const invoice = world.bill(5_000, { customer })
      await world.openCheckout(invoice.lago_id)

      const { text } = await explained(world, invoice.number)

      expect(text).toContain(`Saved card  ${sub} (on_hold)`)
      expect(text).toContain('Next: the customer pays, which also saves a card for later invoices')
    }))

  test('tells of a customer where a card is saved, and which are', () =>
    inWorld({ env: { COLLECTION: 'automatic' } }, async (world) => {
      const customer = world.addCustomer()
      await collect(world, 10_000, { customer })
      const [sub = ''] = world.dodo.store.subscriptions.keys()
      await world.quiet()

      const before = await explained(world, customer.external_id)
      world.dodo.cancelMandate(sub)
      await world.quiet()
      const after = await explained(world, customer.external_id)

      expect(before.exitCode).toBe(0)
      expect(before.text).toContain(`Customer ${customer.external_id}`)
      expect(before.text).toMatch(/Link to save a card +http:\/\/bridge\.test\/pay\//)
      expect(before.text).toMatch(new RegExp(`${sub} +active +USD +renewed `))
      expect(before.text).toContain('are charged as they come')
      expect(after.text).toMatch(new RegExp(`${sub} +cancelled `))
      expect(after.text).toContain('the next checkout that is paid')
    }))
})

test('explain tells of a customer that no card is charged where collection is not automatic', () =>
  inWorld({}, async (world) => {
    const customer = world.addCustomer()
    await collect(world, 10_000, { customer })

    const { exitCode, text } = await explained(world, customer.external_id)

    expect(exitCode).toBe(0)
    expect(text).toContain('COLLECTION is not automatic')
    expect(text).not.toContain('Link to save a card')
  }))

describe('explain of a payment request', () => {
  test('tells its invoices and its pay link, and each invoice tells of it', () =>
    inWorld({}, async (world) => {
      const { request, invoices } = await openBundle(world, [3_000, 4_000, 5_000])

      const { exitCode, text } = await explained(world, request.lago_id)
      const member = await explained(world, invoices[1].number)

      expect(exitCode).toBe(0)
      expect(text).toContain(`Payment request ${request.lago_id}`)
      expect(text).toMatch(/Amount due +120\.00 USD/)
      for (const { number } of invoices) expect(text).toMatch(new RegExp(`${number} +open`))
      expect(text).toMatch(/1 +live +120\.00 USD +cks_\w+ +for 3 of the invoices/)
      const [link = 'no link'] = /http:\/\/bridge\.test\/pay\/\S+/.exec(text) ?? []
      expect(text).toContain('Next: the customer pays at the pay link')
      expect(member.text).toMatch(new RegExp(`${request.lago_id} +open +${link}`))
      expect(member.text).toMatch(/1 +its share of a payment request +live +40\.00 USD/)
      expect(member.text).toContain(`Next: the customer pays it together with others at ${link}`)
    }))

  test('tells each invoice’s part of the payment and of its refund', () =>
    inWorld({}, async (world) => {
      const { request, invoices, sessionId } = await openBundle(world, [3_000, 4_000, 5_000])
      world.lago.recordManualPayment(invoices[1].lago_id, { amountCents: 4_000, reference: 'bank' })
      await world.eventually(invoices[1].lago_id, ({ state }) => state === 'paid')
      const { payment_id } = world.dodo.pay(sessionId)
      await givenBack(world)
      world.dodo.refund(payment_id)
      await world.quiet()

      const [first, second] = await Promise.all(
        [invoices[0], invoices[1]].map(({ number }) => explained(world, number)),
      )
      const bundle = await explained(world, request.lago_id)

      expect(first?.text).toMatch(
        new RegExp(
          `${payment_id} +succeeded +120\\.00 USD +applied +through a payment request +30\\.00 USD of it for`,
        ),
      )
      expect(first?.text).toMatch(/made in Dodo +30\.00 USD of it for this invoice: credit note/)
      expect(second?.text).toMatch(/120\.00 USD +duplicate +through a payment request/)
      expect(second?.text).toMatch(/by the bridge: duplicate +no credit note is wanted/)
      expect(bundle.text).toMatch(new RegExp(`${payment_id} +succeeded +120\\.00 USD`))
      expect(bundle.text).toContain('State       paid')
      expect(bundle.text).toContain('Next: nothing')
    }))
})

describe('explain of money that goes back', () => {
  test('tells the credit note that the merchant wrote and the refund that carried it out', () =>
    inWorld({}, async (world) => {
      const { invoice } = await collect(world, 10_000)
      const note = world.lago.createCreditNote({
        invoiceId: invoice.lago_id,
        refundAmountCents: 2_500,
      })
      await world.quiet()

      const { text } = await explained(world, invoice.number)

      expect(text).toMatch(
        new RegExp(
          `ref_\\w+ +succeeded +25\\.00 USD .*by the bridge: credit note +credit note ${note.number}`,
        ),
      )
      expect(text).toMatch(new RegExp(`${note.number} +succeeded +25\\.00 USD`))
      expect(text).toContain('Next: nothing')
    }))

  test('tells the refund that is under way', () =>
    inWorld({ dodo: { behaviour: { refunds: 'hold' } } }, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      const { text } = await explained(world, invoice.number)

      expect(text).toMatch(/ref_\w+ +pending +25\.00 USD/)
      expect(text).toMatch(/-CN001 +pending +25\.00 USD/)
      expect(text).toMatch(/Next: Dodo carries out refund ref_\w+ \(pending\), then Lago is told/)
    }))

  test('tells the refund that Dodo refused, and why', () =>
    inWorld({ dodo: { behaviour: { refundWindowDays: 0 } } }, async (world) => {
      const { invoice } = await collect(world, 10_000)
      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })
      await world.quiet()

      const { text } = await explained(world, invoice.number)

      expect(text).toMatch(/not in Dodo yet +refused by Dodo +25\.00 USD .*REFUND_WINDOW_EXPIRED/)
      expect(text).toMatch(/-CN001 +failed +25\.00 USD +.*REFUND_WINDOW_EXPIRED/)
      expect(text).toContain('Next: a person mends')
    }))

  test('tells a dispute while it is open, and when it was lost', () =>
    inWorld({}, async (world) => {
      const { invoice, payment } = await collect(world, 10_000)
      const dispute = world.dodo.openDispute(payment.payment_id)
      await world.quiet()
      const open = await explained(world, invoice.number)
      world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost')
      await world.quiet()
      const lost = await explained(world, invoice.number)

      const row = `${dispute.dispute_id} +dispute_\\w+ +dispute +100\\.00 USD +on ${payment.payment_id}`
      expect(open.text).toMatch(new RegExp(`${row} +to be answered in Dodo`))
      expect(open.text).toContain(`Next: a person answers dispute ${dispute.dispute_id}`)
      expect(lost.text).toMatch(new RegExp(`${row} +the money went back`))
      expect(lost.text).toContain('Next: nothing by itself: a person collects the money anew')
    }))

  test('tells a dispute’s amount as Dodo writes it where it is not all of the payment', () =>
    inWorld({}, async (world) => {
      const { invoice, payment } = await collect(world, 10_000)
      world.dodo.openDispute(payment.payment_id, { amount: 4_000, rdr: true })
      await world.quiet()

      const { text } = await explained(world, invoice.number)

      expect(text).toMatch(/dispute_lost +dispute +4000 USD +on pay_\w+ +.*by Visa itself \(RDR\)/)
    }))
})
