import { formatDodo, formatLago } from '../domain/money.ts'
import type { Difference, Entry } from './compare-ledgers.ts'

const HEADER = [
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
]

/** One row for each payment and refund, as RFC 4180 has it; the writer ends each with a line feed. */
export function asCsv(entries: readonly Entry[], differences: readonly Difference[]): string[] {
  const why = new Map(differences.map((difference) => [difference.entry, describe(difference)]))
  const rows = entries.map((entry) => [...describeEntry(entry), why.get(entry) ?? ''])
  return [HEADER, ...rows].map((row) => `${row.map(quote).join(',')}\r`)
}

const describe = ({ why, isExplained }: Difference) => (isExplained ? why : `unexplained: ${why}`)

const describeEntry = (entry: Entry) => [
  entry.kind,
  entry.madeAt.toISOString(),
  entry.dodoPaymentId,
  entry.dodoRefundId ?? '',
  entry.lagoInvoiceId ?? '',
  entry.invoiceNumber ?? '',
  entry.lago?.id ?? '',
  entry.dodo?.currency ?? entry.lago?.currency ?? '',
  entry.dodo ? bare(formatDodo(entry.dodo.amount, entry.dodo.currency)) : '',
  entry.lago ? bare(formatLago(entry.lago.amount, entry.lago.currency)) : '',
]

/** The currency has a column of its own. */
const bare = (formatted: string) => formatted.split(' ')[0] ?? ''

const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
