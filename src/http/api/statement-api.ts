import { Hono, type Context } from 'hono'

import { BadOption } from '../../print/bad-option.ts'
import { asKeptCsv, readKept, type Kept, type NotShown } from '../../report/kept.ts'
import { readPeriodToShow, type Period } from '../../report/period.ts'
import { asCsv } from '../../report/statement-csv.ts'
import type { Entry } from '../../report/compare-ledgers.ts'
import { isOfLago, type Section } from '../../report/section.ts'
import { allTold, type Stating, type Statement } from '../../report/statement.ts'
import type { Visit } from '../admin.ts'
import { createMakings, createStatements } from '../dashboard/statements.ts'
import { Refusal, RETRY_AFTER_SECONDS } from '../refusal.ts'
import { read } from './reading.ts'
import { KeptQuery, StatementQuery } from './shapes.ts'

/** The numbers of `bridge statement`; as CSV to who accepts `text/csv`. A long one is made while its asker comes again. */
export function statementApi(deps: Stating) {
  const make = createStatements(deps)
  return new Hono<Visit>().route('/kept', keptApi(deps)).get('/', async (c) => {
    const query = read(StatementQuery, c.req.query())
    const period = periodOf(query, deps.now())
    const made = await make(period, query.source).catch(refuseOption)
    if ('since' in made) return answerMaking(c, made)
    return isCsvAsked(c)
      ? answerCsv(c, asCsv(made, period.calendar))
      : c.json(describe(made, period))
  })
}

/** What Dodo keeps: its fees, the tax that it remits, its payouts. 404 where its key may not read the balance. */
function keptApi(deps: Stating) {
  const make = createMakings<Kept | NotShown>(deps.now, (period) => readKept(deps, period))
  return new Hono<Visit>().get('/', async (c) => {
    const period = periodOf(read(KeptQuery, c.req.query()), deps.now())
    const made = await make(period)
    if ('why' in made) return c.json({ error: `it is not known: ${made.why}` }, 404)
    if ('since' in made) return answerMaking(c, made)
    if (isCsvAsked(c)) return answerCsv(c, asKeptCsv(made))
    const { from, until, calendar } = period
    const { madeAt, currencies, payments } = made
    const days = { from: calendar.dayOf(from), to: calendar.dayOf(until) }
    return c.json({ ...days, timeZone: calendar.timeZone, madeAt, currencies, payments })
  })
}

const isCsvAsked = (c: Context) => /\btext\/csv\b/.test(c.req.header('accept') ?? '')

function answerMaking(c: Context, making: { since: Date }) {
  c.header('Retry-After', RETRY_AFTER_SECONDS)
  return c.json({ making }, 202)
}

const answerCsv = (c: Context, lines: readonly string[]) =>
  c.body(lines.map((line) => `${line}\n`).join(''), 200, {
    'Content-Type': 'text/csv; charset=utf-8',
  })

function periodOf(
  { from, to, tz }: { from?: string | undefined; to?: string | undefined; tz?: string | undefined },
  now: Date,
): Period {
  try {
    return readPeriodToShow({ from, to, tz }, now)
  } catch (error) {
    return refuseOption(error)
  }
}

function refuseOption(error: unknown): never {
  if (error instanceof BadOption) throw new Refusal(400, error.message.replaceAll('--', ''))
  throw error
}

/** What an entry, a line and a difference call what they are about. */
const NAMES = {
  Lago: { receivableId: 'lagoInvoiceId', name: 'invoiceNumber', books: 'lago' },
  'the ledger': { receivableId: 'orderId', name: 'key', books: 'ledger' },
} as const

function describe(made: Statement, { from, until, calendar }: Period) {
  const { madeAt, hasSources, sections } = made
  return {
    from: calendar.dayOf(from),
    to: calendar.dayOf(until),
    timeZone: calendar.timeZone,
    madeAt,
    unexplained: allTold(made).filter(({ isExplained }) => !isExplained).length,
    ...describeInvoices(sections.find(isOfLago)),
    ...(hasSources && {
      sections: sections.filter((one) => !isOfLago(one)).map(describeOrders),
    }),
  }
}

const describeEntry = ({ knowledge: _knowledge, currency: _currency, ...entry }: Entry) =>
  rename(entry, NAMES.Lago)

function describeInvoices(section: Section | undefined) {
  const { currencies = [], differences = [], disputes = [], entries = [] } = section ?? {}
  return {
    currencies: currencies.map((line) => rename(line, NAMES.Lago)),
    differences: differences.map(({ entry, why, isExplained }) => ({
      ...(entry && describeEntry(entry)),
      why,
      isExplained,
    })),
    disputes,
    entries: entries.map(describeEntry),
  }
}

function describeOrders({ source, tenant, mode, currencies, differences, entries }: Section) {
  const of = { source, tenant, mode }
  return {
    ...of,
    currencies: currencies.map(({ byStatus: _byStatus, ...line }) =>
      rename(line, NAMES['the ledger']),
    ),
    differences: differences.map(({ entry: _entry, ...said }) => rename(said, NAMES['the ledger'])),
    entries: entries.map(({ receivableId, name, kind, dodoPaymentId, dodoRefundId, ...entry }) => ({
      ...of,
      orderId: receivableId,
      key: name,
      kind,
      dodoPaymentId,
      dodoRefundId,
      madeAt: entry.madeAt,
      currency: entry.currency,
      dodo: entry.dodo?.amount ?? null,
      ledger: entry.books?.amount ?? null,
    })),
  }
}

/** The same with some keys called otherwise, in the same order. */
const rename = (one: object, names: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(one).map(([key, value]) => [names[key] ?? key, value]))
