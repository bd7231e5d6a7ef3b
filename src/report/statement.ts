import type { Deps } from '../deps.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import { BadOption } from '../print/bad-option.ts'
import {
  compareLedgers,
  type CurrencyLine,
  type Difference,
  type Entry,
} from './compare-ledgers.ts'
import { describeDifferences, type Told } from './differences.ts'
import { readDisputes, type DisputeEntry } from './disputes.ts'
import { readOrderSections } from './order-statement.ts'
import { describeSection } from './order-text.ts'
import type { Period } from './period.ts'
import { readEntries } from './read-entries.ts'
import { asCsv, type OfSources, type Stated } from './statement-csv.ts'
import { summarize, sumLost } from './summary.ts'
import { alignColumns, count, type Write } from '../print/text.ts'

export type Stating = Pick<
  Deps,
  'accounts' | 'config' | 'db' | 'dodo' | 'lago' | 'now' | 'organizationId' | 'sources'
>

/** Both ledgers of a period, compared; the invoices' part is empty where Lago is off, or not asked for. */
export type Statement = Stated &
  OfSources & {
    period: Period
    madeAt: Date
    hasLago: boolean
    /** Every difference, and every dispute that there is something to say of. */
    told: readonly Told[]
  }

/**
 * Reads both services' own lists, and compares them with each other and with the ledger; of all sources that are
 * switched on, or of the one that is named.
 */
export async function readStatement(
  deps: Stating,
  period: Period,
  source?: string,
): Promise<Statement> {
  const { config, sources } = deps
  const on = [...(config.lago.isOn ? ['lago'] : []), ...sources.map(({ name }) => name)]
  if (source !== undefined && !on.includes(source))
    throw new BadOption(`--source ${source} is not served here: write ${on.join(' or ')}`)
  const hasLago = config.lago.isOn && (source === undefined || source === 'lago')
  const entries = hasLago ? await readEntries(deps, period) : []
  const disputes = hasLago ? await readDisputes(deps, period, entries) : []
  const sections = await readOrderSections(deps, period, source)
  const madeAt = deps.now()
  const { currencies, differences } = compareLedgers(entries, madeAt)
  const told = [...differences.map(describeDifference), ...disputes.flatMap(describeDispute)]
  const hasSources = sources.length > 0
  const organizationId = hasLago && hasSources ? await deps.organizationId() : ''
  const of = { hasLago, hasSources, organizationId, sections }
  return { entries, disputes, currencies, differences, period, madeAt, told, ...of }
}

/** Every difference that is told of, whosever it is. */
export const allTold = ({ told, sections }: Pick<Statement, 'told' | 'sections'>) => [
  ...told,
  ...sections.flatMap(({ differences }) => differences),
]

/** Shows both ledgers side by side. The exit code is 1 if a difference has no explanation. */
export async function statement(
  deps: Stating,
  { period, isCsv, source }: { period: Period; isCsv: boolean; source?: string | undefined },
  write: Write,
): Promise<number> {
  const stated = await readStatement(deps, period, source)
  const lines = isCsv ? asCsv(stated, period.calendar) : describeStatement(stated)
  for (const line of lines) write(line)
  return allTold(stated).some(({ isExplained }) => !isExplained) ? 1 : 0
}

/** What happened beside payments that simply paid, a line each. */
export const noteBeside = ({ entries, disputes, currencies }: Statement): string[] => [
  ...currencies.flatMap(noteFreeLicense),
  ...summarize(entries, disputes),
  ...sumLost(disputes).map(
    ({ currency, amount }) =>
      `${formatDodo(amount, currency)} went back in lost disputes; Dodo goes on showing their payments as succeeded`,
  ),
]

function describeStatement(stated: Statement): string[] {
  const { from, until, calendar } = stated.period
  const title = `Statement ${calendar.dayOf(from)} to ${calendar.dayOf(until)} (${calendar.timeZone})`
  const { sections, hasLago, hasSources } = stated
  return [
    title,
    ...(hasLago ? [...(hasSources ? ['', 'Lago'] : []), '', ...describeInvoices(stated)] : []),
    ...sections.flatMap((one) => ['', ...describeSection(one)]),
    ...(!hasLago && sections.length === 0 ? ['', '  No orders, no payments and no refunds.'] : []),
  ]
}

function describeInvoices(stated: Statement): string[] {
  const { entries, currencies, told } = stated
  const table =
    currencies.length > 0
      ? alignColumns([HEADER, ...currencies.map(describeCurrency)], { numeric: NUMERIC })
      : ['  No payments and no refunds.']
  return [
    ...table,
    ...noteBeside(stated).map((line) => `  ${line}`),
    ...describeDifferences(told, entries.length > 0),
  ]
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
