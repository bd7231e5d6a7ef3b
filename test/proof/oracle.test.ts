import { afterEach, describe, expect, test } from 'bun:test'

import { createOracle } from '../../proof/oracle.ts'
import { openWorld, type World } from '../support/world.ts'

describe('the oracle', () => {
  let world: World | undefined
  afterEach(() => world?.close())

  const paid = async () => {
    world = await openWorld({ unproven: 'its books are spoilt to see whether that is seen' })
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    await world.quiet()
    const { lago, dodo } = world
    const [record] = lago.store.payments
    if (!record) throw new Error('nothing was recorded')
    return { lago, dodo, payment, record, world }
  }

  test('has nothing to say of an invoice that was paid, and names each rule once its books are spoilt', async () => {
    const { world: open, lago, dodo, payment, record } = await paid()
    await open.assertProven()
    expect(open.watch.counts).toMatchObject({ unasked: 0, creations: 4 })
    const { lago_id: lagoInvoiceId, number } = record.invoice
    const told = () => {
      try {
        createOracle({ lago, dodo }).assert()
        return ''
      } catch (error) {
        return String(error)
      }
    }
    const spoil = (change: () => void, mend: () => void) => {
      change()
      const story = told()
      mend()
      expect(told()).toBe('')
      return story
    }

    const doubled = spoil(
      () => lago.store.payments.push({ ...record, lago_id: crypto.randomUUID() }),
      () => lago.store.payments.pop(),
    )
    expect(doubled).toContain(`I5: ${payment.payment_id} is recorded 2 times on ${number}`)
    expect(doubled).toContain(`I4: ${payment.payment_id} paid`)

    const unpaid = spoil(
      () => (payment.status = 'failed'),
      () => (payment.status = 'succeeded'),
    )
    expect(unpaid).toContain(`I4: ${number} was recorded as paid with ${payment.payment_id}`)

    const otherCurrency = spoil(
      () => (payment.currency = 'EUR'),
      () => (payment.currency = 'USD'),
    )
    expect(otherCurrency).toContain(`I7: ${payment.payment_id} asks for 5000`)

    const { metadata } = payment
    const stranger = spoil(
      () => (payment.metadata = { ...metadata, lago_organization_id: 'another' }),
      () => (payment.metadata = metadata),
    )
    expect(stranger).toContain('I11:')
    const noAttempt = spoil(
      () => (payment.metadata = { lago_invoice_id: lagoInvoiceId }),
      () => (payment.metadata = metadata),
    )
    expect(noAttempt).toContain('which no attempt of the bridge made')

    // What was once broken is told, even when it was mended before anybody asked.
    const watching = createOracle({ lago, dodo })
    payment.status = 'failed'
    watching.look()
    payment.status = 'succeeded'
    expect(() => watching.assert()).toThrow(/^I4: /)
  })

  test('names a refund that was made or credited twice', async () => {
    const { world: open, lago, dodo, payment } = await paid()
    const refund = dodo.refund(payment.payment_id, 3_000)
    await open.eventually(String(payment.metadata['lago_invoice_id']), ({ refunds }) =>
      Boolean(refunds[0]?.lagoCreditNoteId),
    )
    await open.quiet()
    await open.assertProven()

    const again = { ...refund, refund_id: 'ref_again', status: 'succeeded' as const }
    dodo.store.refunds.set(again.refund_id, again)
    expect(() => createOracle({ lago, dodo }).assert()).toThrow(/I5: .* was given back 6000/)
    dodo.store.refunds.delete(again.refund_id)

    const order = (refund_id: string) =>
      ({ ...refund, refund_id, amount: 1, metadata: { bridge_refund: 'order_1' } }) as typeof refund
    dodo.store.refunds.set('ref_a', order('ref_a')).set('ref_b', order('ref_b'))
    expect(() => createOracle({ lago, dodo }).assert()).toThrow(/I5: order order_1 was refunded 2/)
    dodo.store.refunds.delete('ref_a')
    dodo.store.refunds.delete('ref_b')

    const [note] = lago.store.creditNotes
    const metadata = { lago_credit_note_id: note?.lago_id ?? '' }
    dodo.store.refunds.set('ref_c', { ...refund, refund_id: 'ref_c', amount: 1_000, metadata })
    dodo.store.refunds.set('ref_d', { ...refund, refund_id: 'ref_d', amount: 2_001, metadata })
    expect(() => createOracle({ lago, dodo }).assert()).toThrow(
      /I5: credit note .* was refunded 3001/,
    )
    dodo.store.refunds.delete('ref_c')
    dodo.store.refunds.delete('ref_d')
    if (note) lago.store.creditNotes.push({ ...note, lago_id: crypto.randomUUID() })
    expect(() => createOracle({ lago, dodo }).assert()).toThrow(/I5: .* is credited 2 times/)
  })

  test('names money that is neither recorded nor given back nor known', async () => {
    const { world: open, payment, lago, dodo } = await paid()
    const silent = { ...payment, payment_id: 'pay_silent' }
    dodo.store.payments.set(silent.payment_id, silent)
    expect(lago.store.payments).toHaveLength(1)
    const story = await open.assertProven().catch(String)
    expect(story).toContain('I6: 50.00 USD of pay_silent')
  })
})
