/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { formatBooks } from '../../collect/money.ts'
import { listPutAside, listTroubledRequests } from '../../report/dashboard/attention.ts'
import { listInvoices } from '../../report/dashboard/list-invoices.ts'
import { CustomerLink } from './invoices.tsx'
import { Link, When } from './kit.tsx'
import { given, inPath, withQuery } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { Pager, Table } from './table.tsx'
import { forPeople } from './words.ts'

/** What a person must look at, with the reason. This list should be empty. */
export function attentionPage(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const before = given(c, 'before')
    const [{ items, next }, requests, aside] = await Promise.all([
      listInvoices(db, { state: 'attention' }, { before }),
      before === undefined ? listTroubledRequests(db) : [],
      before === undefined ? listPutAside(db) : [],
    ])
    return show(
      c,
      { title: 'Attention', section: 'Attention' },
      <>
        <div class="intro">
          <h1>Attention</h1>
          <p class="soft">
            Each of these waits for a person. What each reason means and what to do is in the
            documentation under Operations, Attention. This list should be empty.
          </p>
        </div>
        <section aria-labelledby="invoices">
          <h2 id="invoices">Invoices</h2>
          <Troubled items={items} />
          <Pager
            first={before && '/attention'}
            next={next && withQuery('/attention', { before: next })}
          />
        </section>
        {requests.length > 0 && <Requests requests={requests} />}
        {aside.length > 0 && <PutAside rows={aside} />}
      </>,
    )
  })
}

const Troubled = ({ items }: { items: Awaited<ReturnType<typeof listInvoices>>['items'] }) => (
  <Table
    caption="Invoices that need attention"
    columns={[
      { label: 'Number', is: 'keep' },
      'Customer',
      { label: 'Due', is: 'number' },
      'Reason',
      { label: 'Looked at', is: 'keep' },
      { label: 'What may be done', is: 'hidden' },
    ]}
    rows={items.map((invoice) => {
      const at = `/invoices/${inPath(invoice.lagoInvoiceId)}`
      const name = invoice.number ?? invoice.lagoInvoiceId
      return [
        <Link to={at}>{name}</Link>,
        <CustomerLink {...invoice} />,
        invoice.currency ? formatBooks(invoice.amountDue, invoice.currency) : 'not known yet',
        forPeople(invoice.reason),
        <When at={invoice.settledAt} only="age" />,
        <Link to={`${at}/put-aside`}>
          Put aside<span class="hidden"> {name}</span>
        </Link>,
      ]
    })}
    empty="Nothing needs attention."
  />
)

const Requests = ({ requests }: { requests: Awaited<ReturnType<typeof listTroubledRequests>> }) => (
  <section aria-labelledby="requests">
    <h2 id="requests">Payment requests</h2>
    <Table
      caption="Payment requests that need attention"
      columns={['Payment request', 'Customer', { label: 'Due', is: 'number' }, 'Reason']}
      rows={requests.map((one) => [
        <Link to={`/payment-requests/${inPath(one.receivableId)}`}>{one.receivableId}</Link>,
        one.payerKey,
        formatBooks(one.amountDue, one.currency ?? ''),
        forPeople(one.reason),
      ])}
      empty=""
    />
  </section>
)

const PutAside = ({ rows }: { rows: Awaited<ReturnType<typeof listPutAside>> }) => (
  <section aria-labelledby="aside">
    <h2 id="aside">Put aside</h2>
    <Table
      caption="Reasons that a person has put aside"
      columns={[{ label: 'Number', is: 'keep' }, 'Reason', { label: 'When', is: 'keep' }]}
      rows={rows.map(({ lagoInvoiceId, number, reason, dismissedAt }) => [
        <Link to={`/invoices/${inPath(lagoInvoiceId)}`}>{number ?? lagoInvoiceId}</Link>,
        forPeople(reason),
        <When at={dismissedAt} only="age" />,
      ])}
      empty=""
    />
  </section>
)
