import { formatDodo } from '../collect/money.ts'
import type { OrderDifference, OrderLine, OrderSection } from './compare-orders.ts'
import { describeDifferences, type Told } from './differences.ts'
import { alignColumns } from '../print/text.ts'

const TITLES = { openfront: 'Openfront, store', highlevel: 'HighLevel, location' } as const

/** Whose orders a section is about: "Openfront, store demo (test)". */
export const titleOf = ({ source, tenant, mode }: OrderSection) =>
  `${TITLES[source]} ${tenant} (${mode})`

const HEADER = [
  '',
  'Payments',
  'in Dodo',
  'Payments',
  'in the ledger',
  'Refunds',
  'in Dodo',
  'Refunds',
  'in the ledger',
  'Difference',
]
const NUMERIC = [1, 2, 3, 4, 5, 6, 7, 8, 9]

/** What a tenant collected, for a terminal. */
export function describeSection(section: OrderSection): string[] {
  const { currencies, differences, entries } = section
  const table =
    currencies.length > 0
      ? alignColumns([HEADER, ...currencies.map(describeLine)], { numeric: NUMERIC })
      : ['  No payments and no refunds.']
  const told = differences.map(asTold)
  return [titleOf(section), '', ...table, ...describeDifferences(told, entries.length > 0)]
}

/** A difference as it is shown: what, of which order, what each side holds, and why. */
export const asTold = (one: OrderDifference): Told => ({
  isExplained: one.isExplained,
  columns: [
    one.dodoRefundId ?? one.dodoPaymentId ?? one.orderId ?? 'no order',
    one.key,
    one.sides,
    one.why,
  ],
})

function describeLine({ currency, dodo, ledger, difference }: OrderLine): string[] {
  const write = (amount: number) => formatDodo(amount, currency)
  return [
    currency,
    String(dodo.payments.count),
    write(dodo.payments.amount),
    String(ledger.payments.count),
    write(ledger.payments.amount),
    String(dodo.refunds.count),
    write(dodo.refunds.amount),
    String(ledger.refunds.count),
    write(ledger.refunds.amount),
    write(difference),
  ]
}
