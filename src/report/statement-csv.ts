import { formatDodo, formatBooks } from '../collect/money.ts'
import type { Calendar } from './calendar.ts'
import type { CurrencyLine, Difference, Entry } from './compare-ledgers.ts'
import { netOf, type OrderDifference, type OrderSection } from './compare-orders.ts'
import { BYTE_ORDER_MARK, quoteCell } from './csv.ts'
import type { DisputeEntry } from './disputes.ts'
import type { OrderEntry } from './order-entries.ts'
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

export type Stated = {
  entries: readonly Entry[]
  differences: readonly Difference[]
  disputes: readonly DisputeEntry[]
  currencies: readonly CurrencyLine[]
}

/** What there is besides where somebody else than Lago is collected for. */
export type OfSources = {
  hasSources: boolean
  /** Lago's organisation, as its tenant. */
  organizationId: string
  sections: readonly OrderSection[]
}

/**
 * One row for each payment, refund and dispute, then a sum for each currency, as RFC 4180 has it; the writer
 * ends each with a line feed.
 */
export function asCsv(
  stated: Stated & Partial<OfSources>,
  { write }: Pick<Calendar, 'write'>,
): string[] {
  const { hasSources = false, organizationId = '', sections = [] } = stated
  const columns: readonly Column[] = hasSources ? [...COLUMNS, ...OF_SOURCES] : COLUMNS
  const ofLago = listOfLago(stated, write).map((cells) => ({
    ...cells,
    source: 'lago',
    tenant: organizationId,
  }))
  const rows = [...ofLago, ...sections.flatMap((section) => listOfSection(section, write))]
  const lines = [
    columns.join(','),
    ...rows.map((cells: Cells) =>
      columns.map((column) => quoteCell(cells[column] ?? '')).join(','),
    ),
  ]
  return lines.map((line, index) => `${index === 0 ? BYTE_ORDER_MARK : ''}${line}\r`)
}

function listOfLago(
  { entries, differences, disputes, currencies }: Stated,
  write: Calendar['write'],
): Cells[] {
  const why = new Map(differences.map((difference) => [difference.entry, describe(difference)]))
  return [
    ...entries.map((entry) => ({
      ...describeEntry(entry),
      made_at: write(entry.madeAt),
      difference: why.get(entry) ?? '',
    })),
    ...disputes.map((dispute) => ({ ...describeDispute(dispute), made_at: write(dispute.madeAt) })),
    ...currencies.map((line) => describeSum(line)),
    ...sumLost(disputes).map(({ currency, amount }) => ({
      kind: 'sum',
      currency,
      dodo_amount: bare(formatDodo(amount, currency)),
      dispute_outcome: 'lost',
    })),
  ]
}

const isOf = (entry: OrderEntry, one: OrderDifference) =>
  one.kind === entry.kind &&
  one.dodoPaymentId === entry.dodoPaymentId &&
  one.dodoRefundId === entry.dodoRefundId

/** A row for each payment and refund of a tenant, for each difference that is about neither, and the sums. */
function listOfSection(section: OrderSection, write: Calendar['write']): Cells[] {
  const { source, tenant, mode, entries, differences, currencies } = section
  const others = differences.filter((one) => !entries.some((entry) => isOf(entry, one)))
  const rows: Cells[] = [
    ...entries.map((entry) => ({
      ...describeOfOrder(entry),
      made_at: write(entry.madeAt),
      difference: differences
        .filter((one) => isOf(entry, one))
        .map(describe)
        .join('; '),
    })),
    ...others.map((one) => ({
      kind: one.kind,
      dodo_payment_id: one.dodoPaymentId,
      order_id: one.orderId,
      order_key: one.key,
      difference: describe({ ...one, why: `${one.why} (${one.sides})` }),
    })),
    ...currencies.map(({ currency, dodo, ledger, difference }) => ({
      kind: 'sum',
      currency,
      dodo_amount: bare(formatDodo(netOf(dodo), currency)),
      ledger_amount: bare(formatDodo(netOf(ledger), currency)),
      difference: difference === 0 ? '' : bare(formatDodo(difference, currency)),
    })),
  ]
  return rows.map((cells) => ({ ...cells, source, tenant, mode }))
}

function describeOfOrder(entry: OrderEntry): Cells {
  const { kind, dodoPaymentId, dodoRefundId, orderId, key, currency, dodo, ledger } = entry
  return {
    kind,
    dodo_payment_id: dodoPaymentId,
    dodo_refund_id: dodoRefundId,
    order_id: orderId,
    order_key: key,
    currency,
    dodo_amount: dodo === null ? '' : bare(formatDodo(dodo, currency)),
    ledger_amount: ledger === null ? '' : bare(formatDodo(ledger, currency)),
  }
}

const describe = ({ why, isExplained }: { why: string; isExplained: boolean }) =>
  isExplained ? why : `unexplained: ${why}`

const OUTCOMES = { lost: 'lost', kept: 'won or withdrawn', open: 'open' } as const

const describeDispute = ({ why, isExplained, ...dispute }: DisputeEntry): Cells => ({
  kind: 'dispute',
  dodo_payment_id: dispute.dodoPaymentId,
  lago_invoice_id: dispute.lagoInvoiceId,
  invoice_number: dispute.invoiceNumber,
  currency: dispute.currency,
  dodo_amount: bare(
    dispute.amountMinor === null
      ? dispute.amount
      : formatDodo(dispute.amountMinor, dispute.currency),
  ),
  difference:
    why === undefined ? '' : describe({ why: `${dispute.dodoDisputeId}: ${why}`, isExplained }),
  dodo_dispute_id: dispute.dodoDisputeId,
  dispute_outcome: OUTCOMES[dispute.outcome],
})

const describeEntry = (entry: Entry): Cells => ({
  kind: entry.kind,
  dodo_payment_id: entry.dodoPaymentId,
  dodo_refund_id: entry.dodoRefundId,
  lago_invoice_id: entry.lagoInvoiceId,
  invoice_number: entry.invoiceNumber,
  lago_record_id: entry.lago?.id ?? '',
  currency: entry.dodo?.currency ?? entry.lago?.currency ?? '',
  dodo_amount: entry.dodo ? bare(formatDodo(entry.dodo.amount, entry.dodo.currency)) : '',
  lago_amount: entry.lago ? bare(formatBooks(entry.lago.amount, entry.lago.currency)) : '',
})

/** Payments less refunds, on either side. */
const describeSum = ({ currency, dodo, lago, difference }: CurrencyLine): Cells => ({
  kind: 'sum',
  currency,
  dodo_amount: bare(formatDodo(dodo.payments.amount - dodo.refunds.amount, currency)),
  lago_amount: bare(formatBooks(lago.payments.amount - lago.refunds.amount, currency)),
  difference: difference === 0 ? '' : bare(formatDodo(difference, currency)),
})

/** The currency has a column of its own. */
const bare = (formatted: string) => formatted.split(' ')[0] ?? ''
