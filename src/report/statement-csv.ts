import { formatDodo, withoutCurrency } from '../collect/money.ts'
import type { Calendar } from './calendar.ts'
import { netOf, type Books, type Difference, type Entry } from './compare-ledgers.ts'
import { asCsvLines } from './csv.ts'
import type { DisputeEntry } from './disputes.ts'
import type { Section } from './section.ts'
import { sumLost } from './summary.ts'

/** Columns are only ever added, at the end: somebody's macro counts them. */
const COLUMNS = [
  'kind',
  'made_at',
  'dodo_payment_id',
  'dodo_refund_id',
  'lago_invoice_id',
  'invoice_number',
  'lago_record_id',
  'currency',
  'dodo_amount',
  'lago_amount',
  'difference',
  'dodo_dispute_id',
  'dispute_outcome',
] as const
/** Only where somebody else than Lago is collected for. */
const OF_SOURCES = ['source', 'tenant', 'mode', 'order_id', 'order_key', 'ledger_amount'] as const
type Column = (typeof COLUMNS)[number] | (typeof OF_SOURCES)[number]
type Cells = Partial<Record<Column, string | null>>

/** Where it stands what something is about, and what the books hold of it. */
const COLUMNS_OF = {
  Lago: { id: 'lago_invoice_id', name: 'invoice_number', amount: 'lago_amount' },
  'the ledger': { id: 'order_id', name: 'order_key', amount: 'ledger_amount' },
} as const satisfies Record<Books['name'], Record<string, Column>>

/**
 * One row for each payment, refund and dispute, then a sum for each currency, of each section, as RFC 4180 has it; the
 * writer ends each with a line feed.
 */
export function asCsv(
  { sections, hasSources }: { sections: readonly Section[]; hasSources: boolean },
  { write }: Pick<Calendar, 'write'>,
): string[] {
  const columns: readonly Column[] = hasSources ? [...COLUMNS, ...OF_SOURCES] : COLUMNS
  const rows = sections.flatMap((section) => listSection(section, write))
  return asCsvLines([columns, ...rows.map((cells) => columns.map((column) => cells[column] ?? ''))])
}

function listSection(section: Section, write: Calendar['write']): Cells[] {
  const { source, tenant, mode, books, entries, disputes, currencies, differences } = section
  const others = differences.filter((one) => !entries.some((entry) => isAbout(one, entry)))
  const rows: Cells[] = [
    ...entries.map((entry) => ({
      ...describeEntry(entry, books),
      made_at: write(entry.madeAt),
      difference: differences
        .filter((one) => isAbout(one, entry))
        .map(explain)
        .join('; '),
    })),
    ...others.map((one) => ({
      kind: one.kind,
      dodo_payment_id: one.dodoPaymentId,
      ...describeAbout(one, books),
      difference: explain({ ...one, why: `${one.why} (${one.sides})` }),
    })),
    ...disputes.map((dispute) => ({ ...describeDispute(dispute), made_at: write(dispute.madeAt) })),
    ...currencies.map(({ currency, dodo, books: held, difference }) => ({
      kind: 'sum',
      currency,
      dodo_amount: withoutCurrency(formatDodo(netOf(dodo), currency)),
      [COLUMNS_OF[books.name].amount]: withoutCurrency(books.format(netOf(held), currency)),
      difference: difference === 0 ? '' : withoutCurrency(formatDodo(difference, currency)),
    })),
    ...sumLost(disputes).map(({ currency, amount }) => ({
      kind: 'sum',
      currency,
      dodo_amount: withoutCurrency(formatDodo(amount, currency)),
      dispute_outcome: 'lost',
    })),
  ]
  return rows.map((cells) => ({ ...cells, source, tenant, mode }))
}

const isAbout = (one: Difference, entry: Entry) =>
  one.entry
    ? one.entry === entry
    : one.kind === entry.kind &&
      one.dodoPaymentId === entry.dodoPaymentId &&
      one.dodoRefundId === entry.dodoRefundId

const describeAbout = (
  { receivableId, name }: Pick<Entry, 'receivableId' | 'name'>,
  books: Books,
): Cells => ({
  [COLUMNS_OF[books.name].id]: receivableId,
  [COLUMNS_OF[books.name].name]: name,
})

const describeEntry = (entry: Entry, books: Books): Cells => ({
  kind: entry.kind,
  dodo_payment_id: entry.dodoPaymentId,
  dodo_refund_id: entry.dodoRefundId,
  ...describeAbout(entry, books),
  lago_record_id: entry.books?.id ?? '',
  currency: entry.currency,
  dodo_amount: entry.dodo
    ? withoutCurrency(formatDodo(entry.dodo.amount, entry.dodo.currency))
    : '',
  [COLUMNS_OF[books.name].amount]: entry.books
    ? withoutCurrency(books.format(entry.books.amount, entry.books.currency))
    : '',
})

const explain = ({ why, isExplained }: { why: string; isExplained: boolean }) =>
  isExplained ? why : `unexplained: ${why}`

const OUTCOMES = { lost: 'lost', kept: 'won or withdrawn', open: 'open' } as const

const describeDispute = ({ why, isExplained, ...dispute }: DisputeEntry): Cells => ({
  kind: 'dispute',
  dodo_payment_id: dispute.dodoPaymentId,
  lago_invoice_id: dispute.lagoInvoiceId,
  invoice_number: dispute.invoiceNumber,
  currency: dispute.currency,
  dodo_amount: withoutCurrency(
    dispute.amountMinor === null
      ? dispute.amount
      : formatDodo(dispute.amountMinor, dispute.currency),
  ),
  difference:
    why === undefined ? '' : explain({ why: `${dispute.dodoDisputeId}: ${why}`, isExplained }),
  dodo_dispute_id: dispute.dodoDisputeId,
  dispute_outcome: OUTCOMES[dispute.outcome],
})
