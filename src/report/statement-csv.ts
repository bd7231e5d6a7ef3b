import { formatDodo, formatLago } from '../domain/money.ts'
import type { Difference, Entry } from './compare-ledgers.ts'
import type { DisputeEntry } from './disputes.ts'

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

/** One row for each payment, refund and lost dispute, as RFC 4180 has it; the writer ends each with a line feed. */
export function asCsv(
  entries: readonly Entry[],
  differences: readonly Difference[],
  disputes: readonly DisputeEntry[],
): string[] {
  const why = new Map(differences.map((difference) => [difference.entry, describe(difference)]))
  const rows = [
    ...entries.map((entry) => [...describeEntry(entry), why.get(entry) ?? '']),
    ...disputes.flatMap((dispute) => describeDispute(dispute)),
  ]
  return [HEADER, ...rows].map((row) => `${row.map(quote).join(',')}\r`)
}

const describe = ({ why, isExplained }: { why: string; isExplained: boolean }) =>
  isExplained ? why : `unexplained: ${why}`

/** No amount: the money is in the payment's own row, which Dodo goes on showing as succeeded. */
const describeDispute = ({ why, isExplained, ...dispute }: DisputeEntry): string[][] =>
  why === undefined
    ? []
    : [
        [
          'dispute',
          '',
          dispute.dodoPaymentId,
          '',
          dispute.lagoInvoiceId ?? '',
          dispute.invoiceNumber ?? '',
          '',
          dispute.currency,
          '',
          '',
          describe({ why: `${dispute.dodoDisputeId}: ${why}`, isExplained }),
        ],
      ]

const describeEntry = (entry: Entry) => [
  entry.kind,
  entry.madeAt.toISOString(),
  entry.dodoPaymentId ?? '',
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
