/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { formatDodo, withoutCurrency } from '../../collect/money.ts'
import { listRefunds, REFUND_STATUSES, type ListedRefund } from '../../report/dashboard/refunds.ts'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { Choose, Filter } from './filter.tsx'
import { PaymentId, When } from './kit.tsx'
import { given, givenOf } from './query.ts'
import { ReceivableLink } from './receivable-link.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Pager, Table } from './table.tsx'

const CSV_COLUMNS = [
  'at',
  'dodo_refund_id',
  'dodo_payment_id',
  'status',
  'currency',
  'amount',
].concat(['receivable_id', 'number', 'made_by', 'lago_credit_note_id', 'credit', 'reason'])

const moneyOf = ({ amount, currency }: ListedRefund) =>
  amount === null || currency === null ? 'not known yet' : formatDodo(amount, currency)
/** Who asked for it: a merchant in Dodo, a document of Lago, or the bridge by its policy or an operator's word. */
const makerOf = ({ cause, lagoCreditNoteId, credit }: ListedRefund) => {
  if (cause === null) return 'the merchant, in Dodo'
  return lagoCreditNoteId && credit === null ? 'a credit note' : `the bridge: ${cause}`
}

const asCells = (one: ListedRefund) => [
  one.at.toISOString(),
  one.dodoRefundId,
  one.dodoPaymentId,
  one.status,
  one.currency,
  one.amount === null ? null : withoutCurrency(moneyOf(one)),
  one.receivableId,
  one.number,
  makerOf(one),
  one.lagoCreditNoteId,
  one.credit,
  one.reason,
]

/** Money that went back to customers, goes back, or could not. */
export function refundPages(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const asked = { status: givenOf(c, 'status', REFUND_STATUSES) }
    if (asCsvAsked(c)) {
      const pages = readAll(
        (cursor, limit) => listRefunds(db, asked, { before: cursor, limit }),
        (items) => items.map(asCells),
      )
      return answerCsv(c, 'refunds', CSV_COLUMNS, pages)
    }
    const before = given(c, 'before')
    const { items, next } = await listRefunds(db, asked, { before })
    return show(
      c,
      { title: 'Refunds', section: 'Refunds' },
      <>
        <ListHead title="Refunds" to="/refunds" given={asked} />
        <Filter to="/refunds" given={asked} labels={{ status: 'status' }}>
          <Choose
            label="Status"
            name="status"
            value={asked.status}
            any="any"
            choices={REFUND_STATUSES.map((one) => [one, one])}
          />
        </Filter>
        <RefundTable refunds={items} />
        <Pager to="/refunds" given={asked} before={before} next={next} />
      </>,
    )
  })
}

const RefundTable = ({ refunds }: { refunds: readonly ListedRefund[] }) => (
  <Table
    caption="Refunds"
    columns={[
      'Refund',
      { label: 'Amount', is: 'number' },
      'Status',
      'Of payment',
      'Invoice',
      'Made by',
      'In Lago',
      { label: 'When', is: 'keep' },
    ]}
    rows={refunds.map((one) => [
      one.dodoRefundId ? <code>{one.dodoRefundId}</code> : 'not in Dodo yet',
      moneyOf(one),
      one.status,
      <PaymentId of={one.dodoPaymentId} />,
      <ReceivableLink {...one} />,
      makerOf(one),
      describeCredit(one),
      <When at={one.at} only="age" />,
    ])}
    empty="No refund is like that. Whatever is given back in Dodo, by whomever, is here."
  />
)

function describeCredit({ credit, lagoCreditNoteId, reason }: ListedRefund): string {
  const note = lagoCreditNoteId ? `credit note ${lagoCreditNoteId}` : undefined
  if (credit === 'reversed') return `${note ?? 'its credit note'}, marked as failed`
  if (credit === 'impossible') return `no credit note: ${reason ?? 'Lago refused it'}`
  return note ?? reason ?? '–'
}
