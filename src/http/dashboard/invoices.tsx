/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { formatBooks, SUPPORTED_CURRENCIES, withoutCurrency } from '../../collect/money.ts'
import { REASON_CODES } from '../../collect/receivable.ts'
import {
  INVOICE_SORTS,
  INVOICE_STATES,
  listInvoices,
  type InvoiceFilter,
} from '../../report/dashboard/list-invoices.ts'
import { readCurrencies } from '../../report/dashboard/currencies.ts'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { Choose, Filter, Input } from './filter.tsx'
import { Link, State, When, wordOf } from './kit.tsx'
import { given, givenDay, givenOf, inPath } from './query.ts'
import type { DashboardContext, DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Pager, Table } from './table.tsx'
import { forPeople } from './words.ts'

const SORT_WORDS = { newest: 'Newest first', number: 'Number', due: 'Most due first' } as const
const LABELS = {
  q: 'matching',
  state: 'state',
  currency: 'currency',
  customer: 'customer',
  since: 'since',
  dueFrom: 'due from',
  dueTo: 'due to',
  reason: 'reason',
}

export type ListedInvoice = Awaited<ReturnType<typeof listInvoices>>['items'][number]

/** All invoices of the ledger, to be narrowed down, fifty at a time. */
export function invoiceList(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const asked = readAsked(c)
    if (asCsvAsked(c)) {
      const pages = readAll(
        (cursor, limit) => listInvoices(db, filterOf(c), { before: cursor, limit }),
        (items) => items.map(asCells),
      )
      return answerCsv(c, 'invoices', CSV_COLUMNS, pages)
    }
    const before = given(c, 'before')
    const [{ items, next }, currencies] = await Promise.all([
      listInvoices(db, filterOf(c), { before }),
      readCurrencies(db),
    ])
    return show(
      c,
      { title: 'Invoices', section: 'Invoices' },
      <>
        <ListHead title="Invoices" to="/invoices" given={asked} />
        <Filter to="/invoices" given={asked} labels={LABELS}>
          <Input label="Number, id or customer" name="q" value={asked.q} />
          <Choose
            label="State"
            name="state"
            value={asked.state}
            any="any"
            choices={INVOICE_STATES.map((state) => [state, wordOf(state)])}
          />
          <Choose
            label="Currency"
            name="currency"
            value={asked.currency}
            any="any"
            choices={currencies.map((currency) => [currency, currency])}
          />
          <Input label="Due from" name="dueFrom" type="date" value={asked.dueFrom} />
          <Input label="Due to" name="dueTo" type="date" value={asked.dueTo} />
          <Input label="Finalised since" name="since" type="date" value={asked.since} />
          <Choose
            label="Sorted by"
            name="sort"
            value={asked.sort}
            choices={INVOICE_SORTS.map((sort) => [sort, SORT_WORDS[sort]])}
          />
          {asked.reason && <input type="hidden" name="reason" value={asked.reason} />}
          {asked.customer && <input type="hidden" name="customer" value={asked.customer} />}
        </Filter>
        <InvoiceTable
          invoices={items}
          empty="No invoice is like that. Invoices are here as soon as Lago finalises them, or a sweep finds them."
        />
        <Pager to="/invoices" given={asked} before={before} next={next} />
      </>,
    )
  })
}

const CSV_COLUMNS = ['lago_invoice_id', 'number', 'customer', 'customer_name', 'currency'].concat([
  'amount_due',
  'state',
  'reason_code',
  'reason',
  'first_seen',
  'looked_at',
])
const asCells = (one: ListedInvoice) => [
  one.lagoInvoiceId,
  one.number,
  one.lagoCustomerId,
  one.customerName,
  one.currency,
  one.currency ? withoutCurrency(formatBooks(one.amountDue, one.currency)) : null,
  one.state,
  one.reasonCode,
  one.reason,
  one.createdAt.toISOString(),
  one.settledAt?.toISOString() ?? null,
]

const readAsked = (c: DashboardContext) => ({
  q: given(c, 'q'),
  state: givenOf(c, 'state', INVOICE_STATES),
  currency: givenOf(c, 'currency', SUPPORTED_CURRENCIES),
  customer: given(c, 'customer'),
  since: givenDay(c, 'since')?.toISOString().slice(0, 10),
  dueFrom: givenDay(c, 'dueFrom')?.toISOString().slice(0, 10),
  dueTo: givenDay(c, 'dueTo')?.toISOString().slice(0, 10),
  reason: givenOf(c, 'reason', REASON_CODES),
  sort: givenOf(c, 'sort', INVOICE_SORTS),
})

function filterOf(c: DashboardContext): InvoiceFilter {
  const { q: text, since: _since, ...rest } = readAsked(c)
  return { ...rest, text, since: givenDay(c, 'since') }
}

export function InvoiceTable({
  invoices,
  empty,
}: {
  invoices: readonly ListedInvoice[]
  empty: string
}) {
  return (
    <Table
      caption="Invoices"
      columns={[
        { label: 'Number', is: 'keep' },
        'Customer',
        { label: 'Due', is: 'number' },
        'State',
        'Reason',
        { label: 'Looked at', is: 'keep' },
      ]}
      rows={invoices.map((invoice) => [
        <Link to={`/invoices/${inPath(invoice.lagoInvoiceId)}`}>
          {invoice.number ?? invoice.lagoInvoiceId}
        </Link>,
        <CustomerLink {...invoice} />,
        invoice.currency ? formatBooks(invoice.amountDue, invoice.currency) : 'not known yet',
        <State is={invoice.state} />,
        <span class="small">{forPeople(invoice.reason)}</span>,
        invoice.settledAt ? <When at={invoice.settledAt} only="age" /> : 'not yet',
      ])}
      empty={empty}
    />
  )
}

export function CustomerLink(props: {
  lagoCustomerId: string | null
  customerName: string | null
}) {
  const { lagoCustomerId, customerName } = props
  if (lagoCustomerId === null) return <>not known yet</>
  return <Link to={`/customers/${inPath(lagoCustomerId)}`}>{customerName ?? lagoCustomerId}</Link>
}
