import { formatDodo, formatBooks } from '../collect/money.ts'
import type { Calendar } from './calendar.ts'
import type { CurrencyLine, Difference, Entry } from './compare-ledgers.ts'
import type { DisputeEntry } from './disputes.ts'
import { sumLost } from './summary.ts'

/** Without it a spreadsheet takes the letters for those of some old code page. */
const BYTE_ORDER_MARK = '\uFEFF'

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
type Cells = Partial<Record<(typeof COLUMNS)[number], string | null>>

export type Stated = {
  entries: readonly Entry[]
  differences: readonly Difference[]
  disputes: readonly DisputeEntry[]
  currencies: readonly CurrencyLine[]
}

/**
 * One row for each payment, refund and dispute, then a sum for each currency, as RFC 4180 has it; the writer
 * ends each with a line feed.
 */
export function asCsv(stated: Stated, { write }: Pick<Calendar, 'write'>): string[] {
  const { entries, differences, disputes, currencies } = stated
  const why = new Map(differences.map((difference) => [difference.entry, describe(difference)]))
  const rows = [
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
  const lines = [
    COLUMNS.join(','),
    ...rows.map((cells: Cells) => COLUMNS.map((column) => quote(cells[column] ?? '')).join(',')),
  ]
  return lines.map((line, index) => `${index === 0 ? BYTE_ORDER_MARK : ''}${line}\r`)
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

const NUMBER = /^-?\d+(\.\d+)?$/
/** What a spreadsheet would run as a formula; some skip blanks before they look. */
const FORMULA = /^\s*[=+\-@\t\r\uFF0B\uFF0D\uFF1D\uFF20]/

const harmless = (text: string) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text)

function quote(cell: string): string {
  const text = harmless(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
