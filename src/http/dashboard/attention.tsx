/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import type { ReasonCode } from '../../collect/receivable.ts'
import { formatBooks, withoutCurrency } from '../../collect/money.ts'
import { listAttention, listPutAside, type Attention } from '../../report/dashboard/attention.ts'
import { anchorOf, REMEDIES } from '../../report/remedies.ts'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { pathToGiveBack } from './held-money.tsx'
import { CustomerLink } from './invoices.tsx'
import { Link, When } from './kit.tsx'
import { given, inPath } from './query.ts'
import { pathOfReceivable } from './receivable-link.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Pager, Table } from './table.tsx'
import { forPeople } from './words.ts'

/** More would be no list that anybody works through. */
const SHOWN = 500
const CODES = Object.keys(REMEDIES) as ReasonCode[]

/** What a person must look at, by reason, the worst first, each with what to do. This list should be empty. */
export function attentionPage(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    if (asCsvAsked(c)) {
      const list = (before: string | undefined, limit: number) =>
        listAttention(db, { before, limit })
      const pages = readAll(list, (items) => items.map(asCells))
      return answerCsv(c, 'attention', CSV_COLUMNS, pages)
    }
    const before = given(c, 'before')
    const [{ items, next }, aside] = await Promise.all([
      listAttention(db, { before, limit: SHOWN }),
      before === undefined ? listPutAside(db) : [],
    ])
    const unseen = Map.groupBy(
      items.filter(({ seen }) => !seen),
      ({ reasonCode }) => reasonCode,
    )
    const seen = items.filter((one) => one.seen !== null)
    return show(
      c,
      { title: 'Attention', section: 'Attention' },
      <>
        <ListHead title="Attention" to="/attention" />
        <p class="soft">Each of these waits for a person. This list should be empty.</p>
        {unseen.size === 0 && <p class="empty">Nothing needs attention.</p>}
        {CODES.map((code) => (
          <Group code={code} rows={unseen.get(code) ?? []} />
        ))}
        <Pager to="/attention" before={before} next={next} />
        {seen.length > 0 && <Seen rows={seen} />}
        {aside.length > 0 && <PutAside rows={aside} />}
      </>,
    )
  })
}

const pathOf = ({ kind, id }: Attention) => pathOfReceivable(kind, id)
const nameOf = ({ kind, number, id }: Attention) =>
  kind === 'payment_request' ? `payment request ${id}` : (number ?? id)
const dueOf = ({ amountDue, currency }: Attention) =>
  currency ? formatBooks(amountDue, currency) : 'not known yet'

const CSV_COLUMNS = [
  'kind',
  'id',
  'number',
  'customer',
  'currency',
  'amount_due',
  'reason_code',
].concat(['reason', 'since', 'seen_by', 'seen_note'])
const asCells = (one: Attention) => [
  one.kind,
  one.id,
  one.number,
  one.customer,
  one.currency,
  one.currency && withoutCurrency(dueOf(one)),
  one.reasonCode,
  one.reason,
  one.since?.toISOString() ?? null,
  one.seen?.by ?? null,
  one.seen?.note ?? null,
]

function Group({ code, rows }: { code: ReasonCode; rows: readonly Attention[] }) {
  if (rows.length === 0) return <></>
  const { title, remedy } = REMEDIES[code]
  const anchor = anchorOf(code)
  return (
    <section aria-labelledby={anchor}>
      <h2 id={anchor}>
        {title} ({rows.length})
      </h2>
      <p>
        {remedy}{' '}
        <span class="soft small">
          <code>{code}</code> · docs/operations.md#{anchor}
        </span>
      </p>
      <Rows caption={title} rows={rows} />
    </section>
  )
}

const Rows = ({ caption, rows }: { caption: string; rows: readonly Attention[] }) => (
  <Table
    caption={caption}
    columns={[
      { label: 'Number', is: 'keep' },
      'Customer',
      { label: 'Due', is: 'number' },
      'Reason',
      { label: 'Since', is: 'keep' },
      { label: 'What may be done', is: 'hidden' },
    ]}
    rows={rows.map((one) => [
      <Link to={pathOf(one)}>{nameOf(one)}</Link>,
      <CustomerLink lagoCustomerId={one.customer} customerName={one.customerName} />,
      dueOf(one),
      forPeople(one.reason),
      <When at={one.since ?? one.createdAt} only="age" />,
      <Choices one={one} />,
    ])}
    empty=""
  />
)

const Choices = ({ one }: { one: Attention }) => (
  <span class="buttons">
    {one.held.map((dodoPaymentId) => (
      <Link to={pathToGiveBack(one.id, dodoPaymentId)}>
        Give it back
        <span class="hidden">
          : {dodoPaymentId} of {nameOf(one)}
        </span>
      </Link>
    ))}
    {one.kind === 'invoice' && !one.seen && (
      <Link to={`${pathOf(one)}/seen`}>
        Seen<span class="hidden"> {nameOf(one)}</span>
      </Link>
    )}
    {one.kind === 'invoice' && (
      <Link to={`${pathOf(one)}/put-aside`}>
        Put aside<span class="hidden"> {nameOf(one)}</span>
      </Link>
    )}
  </span>
)

const Seen = ({ rows }: { rows: readonly Attention[] }) => (
  <section aria-labelledby="seen">
    <h2 id="seen">Seen, not yet mended ({rows.length})</h2>
    <Table
      caption="Seen, not yet mended"
      columns={[
        { label: 'Number', is: 'keep' },
        { label: 'Due', is: 'number' },
        'Reason',
        'Seen by',
        'Note',
        { label: 'When', is: 'keep' },
      ]}
      rows={rows.map((one) => [
        <Link to={pathOf(one)}>{nameOf(one)}</Link>,
        dueOf(one),
        forPeople(one.reason),
        one.seen?.by ?? '',
        one.seen?.note ?? '–',
        <When at={one.seen?.at} only="age" />,
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
