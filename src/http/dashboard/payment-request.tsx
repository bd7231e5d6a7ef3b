/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { foretellRequest } from '../../billers/lago/foretell.ts'
import { formatDodo, formatBooks } from '../../collect/money.ts'
import { audited } from '../../operate/audit.ts'
import { lookAtRequest } from '../../operate/look-again.ts'
import { describeRequest, type RequestReport } from '../../report/payment-request.ts'
import { describeNextOfRequest } from '../../report/next-of-request.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { Act, Copy, Facts, Link, PaymentId, State, When } from './kit.tsx'
import { inPath } from './query.ts'
import { showNothing, type DashboardDeps, type Env, type Show } from './show.tsx'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

/** One payment request: several invoices that are paid in one checkout. */
export function requestPages(show: Show, deps: DashboardDeps) {
  return new Hono<Env>()
    .get('/:id', async (c) => {
      const request = await describeRequest(deps.db, deps.config.publicUrl, c.req.param('id'))
      if (!request) return showNothing(show, c, 'The bridge does not know this payment request.')
      const title = `Payment request · ${request.state}`
      const step = await foretellRequest(deps, request.lagoPaymentRequestId)
      const next = describeNextOfRequest(request, step)
      return show(c, { title, section: 'Invoices' }, <RequestPage request={request} next={next} />)
    })
    .post('/:id/look', async (c) => {
      const id = c.req.param('id')
      const request = await requestOf(c, 'look', `payment request ${id}`)
      await audited(deps, request, () => lookAtRequest(deps, id))
      const path = `${show.basePath}/dashboard/payment-requests/${inPath(id)}`
      return c.redirect(`${path}?done=${request.formId}`, 303)
    })
}

const RequestPage = ({ request, next }: { request: RequestReport; next: string }) => (
  <>
    <div class="intro">
      <div class="title">
        <h1>Payment request</h1>
        <State is={request.state} />
      </div>
      <p>{forPeople(request.reason)}</p>
      <p>
        <strong>Next:</strong> {forPeople(next)}
      </p>
    </div>
    <div class="buttons noprint">
      <Act
        to={`/payment-requests/${inPath(request.lagoPaymentRequestId)}/look`}
        label="Look again"
      />
    </div>
    <div class="card">
      <Facts
        rows={[
          ['Lago id', <code>{request.lagoPaymentRequestId}</code>],
          [
            'Customer',
            <Link to={`/customers/${inPath(request.customer)}`}>{request.customer}</Link>,
          ],
          ['Due', formatBooks(request.amountDue, request.currency)],
          [
            'Pay link',
            <>
              <a href={request.payUrl} rel="noreferrer">
                {request.payUrl}
              </a>{' '}
              <Copy text={request.payUrl} what="the pay link" />
            </>,
          ],
        ]}
      />
    </div>
    <section aria-labelledby="invoices">
      <h2 id="invoices">Invoices</h2>
      <Table
        caption="Invoices of the payment request"
        columns={['Number', 'State', { label: 'Due', is: 'number' }]}
        rows={request.invoices.map(({ lagoInvoiceId, number, state, amountDue }) => [
          <Link to={`/invoices/${inPath(lagoInvoiceId)}`}>{number ?? lagoInvoiceId}</Link>,
          <State is={state} />,
          formatBooks(amountDue, request.currency),
        ])}
        empty="It has no invoices."
      />
    </section>
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      <Table
        caption="Attempts"
        columns={['No.', 'Outcome', { label: 'Amount', is: 'number' }, 'Checkout', 'For', 'Begun']}
        rows={request.attempts.map((attempt) => [
          String(attempt.number),
          attempt.status,
          formatBooks(attempt.amount, request.currency),
          <code>{attempt.dodoSessionId ?? 'none'}</code>,
          count(attempt.shares.length, 'invoice'),
          <When at={attempt.startedAt} />,
        ])}
        empty="Nobody has been asked for this money yet."
      />
    </section>
    <section aria-labelledby="payments">
      <h2 id="payments">Payments</h2>
      <Table
        caption="Payments"
        columns={['Payment', 'In Dodo', { label: 'Amount', is: 'number' }, 'Why', 'Made']}
        rows={request.payments.map((payment) => [
          <PaymentId of={payment.dodoPaymentId} />,
          payment.status,
          formatDodo(payment.amount, payment.currency),
          payment.errorCode ?? '–',
          <When at={payment.madeAt} />,
        ])}
        empty="No payment has been made."
      />
    </section>
  </>
)
