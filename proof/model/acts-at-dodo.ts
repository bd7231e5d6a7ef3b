import type { Doing } from './acts.ts'

const sessionsOf = ({ world, sale }: Doing) =>
  [...world.dodo.store.sessions.values()]
    .filter(({ request }) => sale.isAbout(request.metadata ?? {}))
    .map(({ sessionId }) => sessionId)

const newest = (doing: Doing) => sessionsOf(doing).at(-1) ?? ''

const paymentsOf = ({ world, sale }: Doing) =>
  [...world.dodo.store.payments.values()].filter(({ metadata }) => sale.isAbout(metadata))

const paymentOf = (doing: Doing) => paymentsOf(doing).at(-1)?.payment_id ?? ''

const refundOf = (doing: Doing) =>
  [...doing.world.dodo.store.refunds.values()].findLast(
    ({ payment_id }) => payment_id === paymentOf(doing),
  )?.refund_id ?? ''

const disputeOf = (doing: Doing) =>
  [...doing.world.dodo.store.disputes.values()].findLast(
    ({ payment_id }) => payment_id === paymentOf(doing),
  )?.dispute_id ?? ''

/** The card of the customer whose invoice it is. */
function mandateOf({ world, sale }: Doing): string {
  const externalId = world.lago.store.invoices.get(sale.id)?.customer.external_id
  return (
    [...world.dodo.store.subscriptions.values()].findLast(
      ({ metadata }) => metadata['lago_customer_id'] === externalId,
    )?.subscription_id ?? ''
  )
}

const processing = (doing: Doing) =>
  paymentsOf(doing).findLast(({ status }) => status === 'processing')?.payment_id ?? ''

/** What customers, their banks and the merchant do at Dodo. */
export const AT_DODO = {
  'the customer pays': (doing: Doing) => void doing.world.dodo.pay(newest(doing)),
  'the customer pays in an older tab': (doing: Doing) =>
    void doing.world.dodo.pay(sessionsOf(doing)[0] ?? ''),
  'the customer pays by bank transfer': (doing: Doing) =>
    void doing.world.dodo.pay(newest(doing), { outcome: 'processing' }),
  'the customer leaves at the bank’s question': (doing: Doing) =>
    void doing.world.dodo.pay(newest(doing), { outcome: 'requires_customer_action' }),
  'the bank lets a payment pass': (doing: Doing) =>
    void doing.world.dodo.settlePayment(processing(doing), 'succeeded'),
  'the bank refuses a payment': (doing: Doing) =>
    void doing.world.dodo.settlePayment(processing(doing), 'failed', 'INSUFFICIENT_FUNDS'),
  'the card is declined': (doing: Doing) =>
    void doing.world.dodo.decline(newest(doing), 'INSUFFICIENT_FUNDS'),
  'the card is stolen': (doing: Doing) =>
    void doing.world.dodo.decline(newest(doing), 'STOLEN_CARD'),
  async 'the customer opens the pay link'({ world, sale }: Doing) {
    const report = await world.invoiceReport(sale.id)
    if (report) await world.visit(report.payUrl)
  },
  'charges of the card are declined from now on': ({ world }: Doing) => {
    world.dodo.behaviour.charges = 'INSUFFICIENT_FUNDS'
  },
  'charges of the card wait for the bank from now on': ({ world }: Doing) => {
    world.dodo.behaviour.charges = 'hold'
  },
  'charges take the money and are not answered from now on': ({ world }: Doing) => {
    world.dodo.behaviour.charges = 'lost'
  },
  'charges are good again': ({ world }: Doing) => {
    world.dodo.behaviour.charges = 'succeed'
  },
  'the customer cancels the mandate': (doing: Doing) =>
    void doing.world.dodo.cancelMandate(mandateOf(doing)),
  'the customer gives another card': (doing: Doing) =>
    void doing.world.dodo.replaceCard(mandateOf(doing)),
  'the merchant refunds in Dodo': (doing: Doing) =>
    void doing.world.dodo.refund(paymentOf(doing), doing.amount),
  'the merchant refunds all in Dodo': (doing: Doing) =>
    void doing.world.dodo.refund(paymentOf(doing)),
  'refunds fail from now on': ({ world }: Doing) => {
    world.dodo.behaviour.refunds = 'fail'
  },
  'refunds wait for the bank from now on': ({ world }: Doing) => {
    world.dodo.behaviour.refunds = 'hold'
  },
  'refunds are good again': ({ world }: Doing) => {
    world.dodo.behaviour.refunds = 'succeed'
  },
  'the bank carries a refund out': (doing: Doing) =>
    void doing.world.dodo.settleRefund(refundOf(doing), 'succeeded'),
  'a refund comes back': (doing: Doing) => void doing.world.dodo.bounceRefund(refundOf(doing)),
  'the cardholder contests the payment': (doing: Doing) =>
    void doing.world.dodo.openDispute(paymentOf(doing)),
  'the dispute is won': (doing: Doing) =>
    void doing.world.dodo.moveDispute(disputeOf(doing), 'dispute_won'),
  'the dispute is lost': (doing: Doing) =>
    void doing.world.dodo.moveDispute(disputeOf(doing), 'dispute_lost'),
}
