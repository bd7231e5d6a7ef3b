/** @jsxImportSource hono/jsx */
import { formatDodo, formatBooks } from '../../collect/money.ts'
import { ORDERED } from '../../report/explain-invoice.ts'
import type { InvoiceReport } from '../../report/invoice.ts'
import { Link, PaymentId, When } from './kit.tsx'
import { inPath } from './query.ts'
import { Table } from './table.tsx'

/** Every attempt, payment, refund, credit note and dispute of an invoice; what there is none of is left out. */
export const InvoiceMoney = ({ invoice }: { invoice: InvoiceReport }) => (
  <>
    <Attempts invoice={invoice} />
    <Payments invoice={invoice} />
    {invoice.refunds.length + invoice.refundOrders.length > 0 && <Refunds invoice={invoice} />}
    {invoice.creditNotes.length > 0 && <CreditNotes invoice={invoice} />}
    {invoice.disputes.length > 0 && <Disputes invoice={invoice} />}
    {invoice.paymentRequests.length > 0 && <Requests invoice={invoice} />}
  </>
)

const KINDS = {
  checkout: 'Checkout',
  mandate: 'Checkout that saves a card',
  charge: 'Charge of the saved card',
} as const

const Attempts = ({ invoice: { attempts, currency } }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="attempts">
    <h2 id="attempts">Attempts</h2>
    <Table
      caption="Attempts to collect"
      columns={[
        'No.',
        'What',
        'Outcome',
        { label: 'Amount', is: 'number' },
        'In Dodo',
        'Because of',
        'Begun',
        'Expires',
      ]}
      rows={attempts.map((attempt) => [
        String(attempt.number),
        attempt.lagoPaymentRequestId ? 'Its part of a payment request' : KINDS[attempt.kind],
        attempt.status,
        formatBooks(attempt.amount, currency ?? ''),
        <code>{attempt.dodoSessionId ?? attempt.dodoSubscriptionId ?? 'none'}</code>,
        attempt.cause,
        <When at={attempt.startedAt} only="age" />,
        attempt.status === 'live' ? <When at={attempt.expiresAt} only="age" /> : 'over',
      ])}
      empty="Nobody has been asked for this money yet."
    />
  </section>
)

const DISPOSITIONS = {
  applied: 'recorded',
  duplicate: 'held: a second payment',
  mismatch: 'held: not what was asked for',
  late: 'held: too late',
  none: 'not recorded',
} as const

const Payments = ({ invoice: { payments, currency } }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="payments">
    <h2 id="payments">Payments</h2>
    <Table
      caption="Payments in Dodo, and what Lago holds of them"
      columns={[
        'Payment',
        'In Dodo',
        { label: 'Amount', is: 'number' },
        'In Lago',
        { label: 'Recorded', is: 'number' },
        'Through',
        'Made',
        'Why',
      ]}
      rows={payments.map((payment) => [
        <PaymentId of={payment.dodoPaymentId} />,
        payment.status,
        formatDodo(payment.amount, payment.currency),
        DISPOSITIONS[payment.disposition],
        formatBooks(payment.recorded, currency ?? payment.currency),
        describeThrough(payment),
        <When at={payment.madeAt} only="age" />,
        payment.reason ?? payment.errorCode ?? '–',
      ])}
      empty="No payment has been made."
    />
  </section>
)

function describeThrough({
  attempt,
  lagoPaymentRequestId,
}: InvoiceReport['payments'][number]): string {
  if (attempt === null) return 'not the bridge'
  return lagoPaymentRequestId ? 'a payment request' : `attempt ${attempt}`
}

const Refunds = ({ invoice }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="refunds">
    <h2 id="refunds">Refunds</h2>
    <Table
      caption="Refunds in Dodo, and the credit notes that they became"
      columns={[
        'Refund',
        'In Dodo',
        { label: 'Amount', is: 'number' },
        'Of payment',
        'Made by',
        'In Lago',
      ]}
      rows={[
        ...invoice.refunds.map((refund) => [
          <code>{refund.dodoRefundId}</code>,
          refund.status,
          refund.amount === null
            ? 'not known yet'
            : formatDodo(refund.amount, refund.currency ?? invoice.currency ?? ''),
          <PaymentId of={refund.dodoPaymentId} />,
          refund.cause === null ? 'the merchant, in Dodo' : `the bridge: ${refund.cause}`,
          describeCredit(refund),
        ]),
        ...invoice.refundOrders.map((order) => [
          'not in Dodo yet',
          ORDERED[order.status],
          formatDodo(order.amount, order.currency),
          <PaymentId of={order.dodoPaymentId} />,
          `the bridge: ${order.cause}`,
          order.reason ?? '–',
        ]),
      ]}
      empty=""
    />
  </section>
)

function describeCredit(refund: InvoiceReport['refunds'][number]): string {
  const { lagoCreditNoteId, credit, reason, taken } = refund
  if (credit === 'reversed') return `credit note ${lagoCreditNoteId}, marked as failed`
  if (lagoCreditNoteId) return `credit note ${lagoCreditNoteId}`
  if (credit === 'impossible') return `no credit note${reason ? `: ${reason}` : ''}`
  return taken > 0 ? 'no credit note yet' : 'no credit note is wanted'
}

const CreditNotes = ({ invoice: { creditNotes, currency } }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="notes">
    <h2 id="notes">Credit notes that want a refund</h2>
    <Table
      caption="Credit notes that want a refund"
      columns={['Note', 'Refund', { label: 'Amount', is: 'number' }, 'Why']}
      rows={creditNotes.map(({ number, lagoCreditNoteId, refundStatus, amount, reason }) => [
        number ?? lagoCreditNoteId,
        refundStatus,
        formatBooks(amount, currency ?? ''),
        reason ?? '–',
      ])}
      empty=""
    />
  </section>
)

const OUTCOMES = {
  open: 'to be answered in Dodo’s dashboard',
  lost: 'the money went back',
  kept: 'the money stayed',
} as const

const Disputes = ({ invoice: { disputes } }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="disputes">
    <h2 id="disputes">Disputes</h2>
    <Table
      caption="Disputes"
      columns={['Dispute', 'Status', 'Stage', 'Amount, as Dodo writes it', 'Of payment', 'Outcome']}
      rows={disputes.map((dispute) => [
        <code>{dispute.dodoDisputeId}</code>,
        dispute.status.replace('dispute_', ''),
        dispute.stage,
        `${dispute.amount} ${dispute.currency}`,
        <PaymentId of={dispute.dodoPaymentId} />,
        `${OUTCOMES[dispute.outcome]}${dispute.isByRdr ? ', by Visa itself (RDR)' : ''}`,
      ])}
      empty=""
    />
  </section>
)

const Requests = ({ invoice: { paymentRequests } }: { invoice: InvoiceReport }) => (
  <section aria-labelledby="requests">
    <h2 id="requests">Payment requests</h2>
    <Table
      caption="Payment requests that ask for it"
      columns={['Payment request', 'State', 'Pay link']}
      rows={paymentRequests.map(({ lagoPaymentRequestId, state, payUrl }) => [
        <Link to={`/payment-requests/${inPath(lagoPaymentRequestId)}`}>
          {lagoPaymentRequestId}
        </Link>,
        state,
        <a href={payUrl} rel="noreferrer">
          {payUrl}
        </a>,
      ])}
      empty=""
    />
  </section>
)
