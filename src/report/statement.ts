import type { Deps } from '../deps.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import {
  compareLedgers,
  type CurrencyLine,
  type Difference,
  type Entry,
} from './compare-ledgers.ts'
import { readDisputes, type DisputeEntry } from './disputes.ts'
import type { Period } from './period.ts'
import { readEntries } from './read-entries.ts'
import { asCsv, type Stated } from './statement-csv.ts'
import { summarize, sumLost } from './summary.ts'
import { alignColumns, count, type Write } from './text.ts'

type Stating = Pick<Deps, 'db' | 'dodo' | 'lago' | 'now'>

/** Both ledgers of a period, compared. */
export type Statement = Stated & {
  period: Period
  madeAt: Date
  /** Every difference, and every dispute that there is something to say of. */
  told: readonly Told[]
}

/** Reads both services' own lists, and compares them with each other and with the ledger. */
export async function readStatement(deps: Stating, period: Period): Promise<Statement> {
  const entries = await readEntries(deps, period)
  const disputes = await readDisputes(deps, period, entries)
  const madeAt = deps.now()
  const { currencies, differences } = compareLedgers(entries, madeAt)
  const told = [...differences.map(describeDifference), ...disputes.flatMap(describeDispute)]
  return { entries, disputes, currencies, differences, period, madeAt, told }
}

/** Shows both ledgers side by side. The exit code is 1 if a difference has no explanation. */
export async function statement(
  deps: Stating,
  { period, isCsv }: { period: Period; isCsv: boolean },
  write: Write,
): Promise<number> {
  const stated = await readStatement(deps, period)
  const { entries, currencies, told } = stated
  const lines = isCsv
    ? asCsv(stated, period.calendar)
    : describeStatement(period, currencies, [
        ...noteBeside(stated).map((line) => `  ${line}`),
        ...describeDifferences(told, entries.length > 0),
      ])
  for (const line of lines) write(line)
  return told.some(({ isExplained }) => !isExplained) ? 1 : 0
}

/** What happened beside payments that simply paid, a line each. */
export const noteBeside = ({ entries, disputes, currencies }: Statement): string[] => [
  ...currencies.flatMap(noteFreeLicense),
  ...summarize(entries, disputes),
  ...sumLost(disputes).map(
    ({ currency, amount }) =>
      `${formatDodo(amount, currency)} went back in lost disputes, and is among the payments above`,
  ),
]

function describeStatement(
  { from, until, calendar }: Period,
  currencies: readonly CurrencyLine[],
  rest: string[],
): string[] {
  const { dayOf, timeZone } = calendar
  const title = `Statement ${dayOf(from)} to ${dayOf(until)} (${timeZone})`
  const table =
    currencies.length > 0
      ? alignColumns([HEADER, ...currencies.map(describeCurrency)], { numeric: NUMERIC })
      : ['  No payments and no refunds.']
  return [title, '', ...table, ...rest]
}

const HEADER = [
  '',
  'Payments',
  'in Dodo',
  'Payments',
  'in Lago',
  'Refunds',
  'in Dodo',
  'Credits',
  'in Lago',
  'Difference',
]
const NUMERIC = [1, 2, 3, 4, 5, 6, 7, 8, 9]

const describeCurrency = ({ currency, dodo, lago, difference }: CurrencyLine) => [
  currency,
  String(dodo.payments.count),
  formatDodo(dodo.payments.amount, currency),
  String(lago.payments.count),
  formatBooks(lago.payments.amount, currency),
  String(dodo.refunds.count),
  formatDodo(dodo.refunds.amount, currency),
  String(lago.refunds.count),
  formatBooks(lago.refunds.amount, currency),
  formatDodo(difference, currency),
]

const noteFreeLicense = ({ currency, byStatus }: CurrencyLine) =>
  byStatus > 0
    ? [
        `${currency}: ${count(byStatus, 'payment')} recorded by payment status, as Lago has no premium licence`,
      ]
    : []

/** Which payment, refund or dispute, of which invoice, what each side holds, and why. */
export type Told = { isExplained: boolean; columns: string[] }

function describeDifferences(differences: readonly Told[], isAnything: boolean): string[] {
  if (differences.length === 0) return isAnything ? ['', 'No difference.'] : []
  const unexplained = differences.filter(({ isExplained }) => !isExplained).length
  return [
    '',
    `${count(differences.length, 'difference')}, ${unexplained} unexplained:`,
    ...alignColumns(
      differences.map(({ isExplained, columns }) => [
        isExplained ? 'explained' : 'UNEXPLAINED',
        ...columns,
      ]),
    ),
  ]
}

const describeDifference = ({ entry, why, isExplained }: Difference): Told => ({
  isExplained,
  columns: [
    entry.dodoRefundId ?? entry.dodoPaymentId ?? entry.lago?.id ?? 'nothing',
    entry.invoiceNumber ?? entry.lagoInvoiceId ?? 'no invoice',
    describeSides(entry),
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

function describeSides({ dodo, lago }: Entry): string {
  const inDodo = dodo ? formatDodo(dodo.amount, dodo.currency) : 'nothing'
  const inLago = lago ? formatBooks(lago.amount, lago.currency) : 'nothing'
  return `${inDodo} in Dodo, ${inLago} in Lago`
}
