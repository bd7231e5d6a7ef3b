import type { OrderRow } from '../billers/orders/order.ts'
import type { Books, CurrencyLine, Difference, Entry } from './compare-ledgers.ts'
import type { DisputeEntry } from './disputes.ts'

/** What Dodo and one system's books hold of a period: Lago's, or a store's or a location's in one mode. */
export type Section = {
  source: 'lago' | OrderRow['source']
  tenant: string
  mode: string
  title: string
  books: Books
  entries: readonly Entry[]
  disputes: readonly DisputeEntry[]
  currencies: readonly CurrencyLine[]
  differences: readonly Difference[]
  /** What happened beside payments that simply paid, a line each. */
  notes: readonly string[]
}

/** Of invoices, and not of orders. */
export const isOfLago = ({ source }: Section) => source === 'lago'

/** What of which invoice or order, what each side holds, and why. */
export type Told = { isExplained: boolean; columns: string[] }

/** Every difference, and every dispute that there is something to say of. */
export const tell = ({ differences, disputes }: Section): Told[] => [
  ...differences.map(describeDifference),
  ...disputes.flatMap(describeDispute),
]

const describeDifference = ({ isExplained, sides, why, ...of }: Difference): Told => ({
  isExplained,
  columns: [
    of.dodoRefundId ?? of.dodoPaymentId ?? of.entry?.books?.id ?? of.receivableId ?? 'no order',
    of.name ?? of.receivableId ?? 'no invoice',
    sides,
    why,
  ],
})

const describeDispute = ({ why, isExplained, ...dispute }: DisputeEntry): Told[] =>
  why === undefined
    ? []
    : [
        {
          isExplained,
          columns: [
            dispute.dodoDisputeId,
            dispute.invoiceNumber ?? dispute.lagoInvoiceId ?? 'no invoice',
            `${dispute.amount} of ${dispute.dodoPaymentId}`,
            why,
          ],
        },
      ]
