/** @jsxImportSource hono/jsx */
import { writeEnd } from '../../customer/format.ts'
import { Hono } from 'hono'

import { formatDodo, formatBooks, withoutCurrency } from '../../collect/money.ts'
import { listMails } from '../../mail/mails.ts'
import { isMailOn } from '../../mail/plan.ts'
import { audited } from '../../operate/audit.ts'
import { lookAtCustomer } from '../../operate/look-again.ts'
import { describeCustomer, type CustomerReport } from '../../report/customer.ts'
import {
  listCustomers,
  readCustomer,
  type ListedCustomer,
  type Owed,
} from '../../report/dashboard/customers.ts'
import { listInvoices } from '../../report/dashboard/list-invoices.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { Filter, Input } from './filter.tsx'
import { InvoiceTable } from './invoices.tsx'
import { customerActions } from './customer-actions.tsx'
import { Mails } from './mails.tsx'
import { Act, Copy, Facts, Id, Link, When } from './kit.tsx'
import { given, inPath } from './query.ts'
import { showNothing, type DashboardDeps, type Env, type Show } from './show.tsx'
import { ListHead, Pager, Table } from './table.tsx'

/** The customers, and one of them: what they owe, which card is charged, and where they save one. */
export function customerPages(show: Show, deps: DashboardDeps) {
  const { db, config } = deps
  return new Hono<Env>()
    .get('/', async (c) => {
      const asked = { q: given(c, 'q') }
      if (asCsvAsked(c)) {
        const pages = readAll(
          (cursor, limit) => listCustomers(db, { text: asked.q, before: cursor, limit }),
          (items) => items.flatMap(asRows),
        )
        return answerCsv(c, 'customers', CSV_COLUMNS, pages)
      }
      const before = given(c, 'before')
      const { items, next } = await listCustomers(db, { text: asked.q, before })
      return show(
        c,
        { title: 'Customers', section: 'Customers' },
        <>
          <ListHead title="Customers" to="/customers" given={asked} />
          <Filter to="/customers" given={asked} labels={{ q: 'beginning with' }}>
            <Input label="Name or id" name="q" value={asked.q} />
          </Filter>
          <Table
            caption="Customers"
            columns={['Customer', 'Lago’s id', { label: 'Open', is: 'number' }, 'Card is charged']}
            rows={items.map(({ lagoCustomerId, name, owed, cards }) => [
              <Link to={`/customers/${inPath(lagoCustomerId)}`}>{name ?? lagoCustomerId}</Link>,
              <code>{lagoCustomerId}</code>,
              owed.length === 0 ? 'nothing' : <Lines of={owed.map(writeOwed)} />,
              cards.length === 0 ? 'no card' : `in ${cards.join(', ')}`,
            ])}
            empty="No customer is like that. Customers are here once Lago has an invoice for them."
          />
          <Pager to="/customers" given={asked} before={before} next={next} />
        </>,
      )
    })
    .get('/:id', async (c) => {
      const id = c.req.param('id')
      const [customer, report, mails, { items, next }] = await Promise.all([
        readCustomer(db, id),
        describeCustomer(db, config.publicUrl, id),
        listMails(db, { payerKey: id }),
        listInvoices(db, { customer: id }),
      ])
      if (!customer) return showNothing(show, c, 'The bridge does not know this customer.')
      return show(
        c,
        { title: customer.name ?? id, section: 'Customers' },
        <>
          <div class="head">
            <h1>{customer.name ?? id}</h1>
            <div class="buttons noprint">
              <Act to={`/customers/${inPath(id)}/look`} label="Look again" />
            </div>
          </div>
          <div class="cards">
            <Money customer={customer} id={id} />
            <Ways id={id} report={report} isAutomatic={config.collection === 'automatic'} />
          </div>
          <Cards report={report} id={id} />
          <section aria-labelledby="invoices">
            <h2 id="invoices">Invoices</h2>
            <InvoiceTable invoices={items} empty="None yet." />
            <Pager to="/invoices" given={{ customer: id }} next={next} />
          </section>
          <Requests requests={customer.requests} />
          <Mails mails={mails} isOn={isMailOn(config.mail)} />
        </>,
      )
    })
    .route('/', customerActions(show, deps))
    .post('/:id/look', async (c) => {
      const id = c.req.param('id')
      const request = await requestOf(c, 'look', `customer ${id}`)
      await audited(deps, request, () => lookAtCustomer(deps, id))
      return c.redirect(
        `${show.basePath}/dashboard/customers/${inPath(id)}?done=${request.formId}`,
        303,
      )
    })
}

const CSV_COLUMNS = ['customer', 'name', 'currency', 'open_amount', 'open_invoices', 'card']
/** A row for each currency in which something is owed, or a card may be charged; one for who has neither. */
function asRows({ lagoCustomerId, name, owed, cards }: ListedCustomer): (string | null)[][] {
  const currencies = [...new Set([...owed.map(({ currency }) => currency), ...cards])]
  if (currencies.length === 0) return [[lagoCustomerId, name, null, null, null, 'no']]
  return currencies.map((currency) => {
    const of = owed.find((one) => one.currency === currency)
    const amount = withoutCurrency(formatBooks(of?.amount ?? 0, currency))
    const card = cards.includes(currency) ? 'yes' : 'no'
    return [lagoCustomerId, name, currency, amount, String(of?.count ?? 0), card]
  })
}

type Customer = NonNullable<Awaited<ReturnType<typeof readCustomer>>>

const writeOwed = ({ amount, currency }: Owed) => formatBooks(amount, currency)

const Lines = ({ of }: { of: readonly string[] }) => (
  <>
    {of.map((line) => (
      <div>{line}</div>
    ))}
  </>
)

const Money = ({ customer: { owed, collected }, id }: { customer: Customer; id: string }) => (
  <div class="card">
    <h2>Money</h2>
    <Facts
      rows={[
        ['Lago’s id', <Id of={id} what="the id" />],
        [
          'Open',
          owed.length === 0 ? (
            'nothing'
          ) : (
            <Lines of={owed.map((one) => `${writeOwed(one)} in ${count(one.count, 'invoice')}`)} />
          ),
        ],
        [
          'Collected',
          collected.length === 0 ? (
            'nothing yet'
          ) : (
            <Lines
              of={collected.map(
                (one) =>
                  `${formatDodo(one.amount, one.currency)} in ${count(one.count, 'payment')}`,
              )}
            />
          ),
        ],
      ]}
    />
  </div>
)

const Ways = (props: { id: string; report: CustomerReport | undefined; isAutomatic: boolean }) => (
  <div class="card">
    <h2>In Dodo</h2>
    <Facts
      rows={[
        [
          'Customer',
          props.report?.dodoCustomerId ? (
            <Id of={props.report.dodoCustomerId} what="Dodo’s id" />
          ) : (
            'not made yet: the first checkout does'
          ),
        ],
        [
          'Account page',
          props.report?.accountUrl ? (
            <>
              <a href={props.report.accountUrl} rel="noreferrer">
                {props.report.accountUrl}
              </a>{' '}
              <Copy text={props.report.accountUrl} what="the link" />{' '}
              <Link to={`/customers/${inPath(props.id)}/new-link`}>New link</Link>
            </>
          ) : (
            'not made yet: the first invoice does'
          ),
        ],
        [
          'Link to save a card',
          props.report?.setupUrl && props.isAutomatic ? (
            <>
              <a href={props.report.setupUrl} rel="noreferrer">
                {props.report.setupUrl}
              </a>{' '}
              <Copy text={props.report.setupUrl} what="the link" />
            </>
          ) : props.isAutomatic ? (
            'not made yet: the first checkout does'
          ) : (
            'only with COLLECTION=automatic'
          ),
        ],
      ]}
    />
  </div>
)

const Cards = ({ report, id }: { report: CustomerReport | undefined; id: string }) => (
  <section aria-labelledby="cards">
    <h2 id="cards">Saved cards</h2>
    <Table
      caption="Saved cards"
      columns={[
        'Mandate',
        'Card',
        'Currency',
        'Status',
        { label: 'Renewed', is: 'keep' },
        'Why it is not charged',
        { label: 'What may be done', is: 'hidden' },
      ]}
      rows={(report?.mandates ?? []).map((mandate) => [
        <code>{mandate.dodoSubscriptionId}</code>,
        [mandate.card ?? 'not known yet', mandate.cardEnds && writeEnd(mandate.cardEnds)]
          .filter(Boolean)
          .join(', '),
        mandate.currency,
        mandate.status,
        <When at={mandate.renewedAt} />,
        mandate.reason ?? (mandate.status === 'active' ? '–' : `it is ${mandate.status}`),
        mandate.isStopped || mandate.status === 'cancelled' ? (
          '–'
        ) : (
          <Link to={`/customers/${inPath(id)}/cards/${inPath(mandate.dodoSubscriptionId)}/stop`}>
            Stop charging<span class="hidden"> {mandate.dodoSubscriptionId}</span>
          </Link>
        ),
      ])}
      empty="No card is saved."
    />
  </section>
)

const Requests = ({ requests }: { requests: Customer['requests'] }) =>
  requests.length === 0 ? (
    <></>
  ) : (
    <section aria-labelledby="requests">
      <h2 id="requests">Payment requests</h2>
      <Table
        caption="Payment requests"
        columns={[
          'Payment request',
          'State',
          { label: 'Due', is: 'number' },
          { label: 'Made', is: 'keep' },
        ]}
        rows={requests.map((one) => [
          <Link to={`/payment-requests/${inPath(one.receivableId)}`}>{one.receivableId}</Link>,
          one.state,
          formatBooks(one.amountDue, one.currency ?? ''),
          <When at={one.createdAt} />,
        ])}
        empty=""
      />
    </section>
  )
