import type { Deps } from '../deps.ts'
import { formatDodo } from '../collect/money.ts'
import { BadOption } from '../print/bad-option.ts'
import type { Books, CurrencyLine } from './compare-ledgers.ts'
import { readLagoSection } from './lago-statement.ts'
import { readOrderSections } from './order-statement.ts'
import type { Period } from './period.ts'
import { tell, type Section, type Told } from './section.ts'
import { asCsv } from './statement-csv.ts'
import { alignColumns, count, type Write } from '../print/text.ts'

export type Stating = Pick<
  Deps,
  'accounts' | 'config' | 'db' | 'dodo' | 'lago' | 'now' | 'organizationId' | 'sources'
>

/** Both ledgers of a period, compared: Lago's section first, then one of each store and location. */
export type Statement = {
  period: Period
  madeAt: Date
  /** Whether somebody else than Lago is collected for. */
  hasSources: boolean
  sections: readonly Section[]
}

/** Whose sections there can be. */
export const servedBy = ({ config, sources }: Pick<Stating, 'config' | 'sources'>) => [
  ...(config.lago.isOn ? ['lago'] : []),
  ...sources.map(({ name }) => name),
]

/**
 * Reads both services' own lists, and compares them with each other and with the ledger; of all sources that are
 * switched on, or of the one that is named.
 */
export async function readStatement(
  deps: Stating,
  period: Period,
  source?: string,
): Promise<Statement> {
  const on = servedBy(deps)
  if (source !== undefined && !on.includes(source))
    throw new BadOption(`--source ${source} is not served here: write ${on.join(' or ')}`)
  const hasLago = on.includes('lago') && (source ?? 'lago') === 'lago'
  const hasSources = deps.sources.length > 0
  const organizationId = hasLago && hasSources ? await deps.organizationId() : ''
  const ofLago = hasLago ? [await readLagoSection(deps, period, organizationId)] : []
  const sections = [...ofLago, ...(await readOrderSections(deps, period, source))]
  return { period, madeAt: deps.now(), hasSources, sections }
}

/** Every difference that is told of, whosever it is. */
export const allTold = ({ sections }: Statement) => sections.flatMap(tell)

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

function describeStatement({ period, sections, hasSources }: Statement): string[] {
  const { from, until, calendar } = period
  return [
    `Statement ${calendar.dayOf(from)} to ${calendar.dayOf(until)} (${calendar.timeZone})`,
    ...sections.flatMap((section) => [
      ...(hasSources ? ['', section.title] : []),
      '',
      ...describeSection(section),
    ]),
    ...(sections.length === 0 ? ['', '  No orders, no payments and no refunds.'] : []),
  ]
}

function describeSection(section: Section): string[] {
  const { currencies, entries, notes, books } = section
  const rows = [headerOf(books), ...currencies.map((line) => describeCurrency(line, books))]
  const numeric = headerOf(books).flatMap((_, index) => (index > 0 ? [index] : []))
  return [
    ...(currencies.length > 0
      ? alignColumns(rows, { numeric })
      : ['  No payments and no refunds.']),
    ...notes.map((line) => `  ${line}`),
    ...describeDifferences(tell(section), entries.length > 0),
  ]
}

const headerOf = ({ name, refunds }: Books) => [
  '',
  'Payments',
  'in Dodo',
  'Payments',
  `in ${name}`,
  'Refunds',
  'in Dodo',
  refunds,
  `in ${name}`,
  'Difference',
]

const describeCurrency = (
  { currency, dodo, books: held, difference }: CurrencyLine,
  books: Books,
) => [
  currency,
  ...(['payments', 'refunds'] as const).flatMap((kind) => [
    String(dodo[kind].count),
    formatDodo(dodo[kind].amount, currency),
    String(held[kind].count),
    books.format(held[kind].amount, currency),
  ]),
  formatDodo(difference, currency),
]

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
