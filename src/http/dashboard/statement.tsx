/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { useContext, type Child } from 'hono/jsx'

import { BadOption } from '../../print/bad-option.ts'
import { asKeptCsv, readKept, type Kept, type NotShown } from '../../report/kept.ts'
import { readPeriodToShow, type Period } from '../../report/period.ts'
import { asCsv } from '../../report/statement-csv.ts'
import { isOfLago } from '../../report/section.ts'
import { servedBy, type Statement } from '../../report/statement.ts'
import { answerLines } from './csv.ts'
import { Choose, Input } from './filter.tsx'
import { KeptPage } from './kept.tsx'
import { addressOf, Around, Link, When } from './kit.tsx'
import { given, givenDay, withQuery } from './query.ts'
import type { DashboardContext, DashboardDeps, Env, Show } from './show.tsx'
import { readPayersOf } from '../../report/dashboard/payers-of.ts'
import { StatementBody } from './statement-body.tsx'
import { StatementParts } from './statement-parts.tsx'
import { createMakings, createStatements } from './statements.ts'

type Asked = { from: string; to: string; tz: string; source?: string }
type Days = { period: Period; asked: Asked }

/** Both books of a period side by side: the numbers of `bridge statement`, as a page, as CSV, and to be printed. */
export function statementPages(show: Show, deps: DashboardDeps) {
  const makeStatement = createStatements(deps)
  const { sources } = deps
  const served = sources.length > 0 ? servedBy(deps) : []
  const makeKept = createMakings<Kept | NotShown>(deps.now, (period) => readKept(deps, period))
  const makeOf = ({ period, asked }: Days) => makeStatement(period, asked.source)

  const showForm = (c: DashboardContext, asked: Partial<Asked>, problem: string) =>
    show(
      c,
      { title: 'Statement', section: 'Statement', status: 400 },
      <>
        <h1>Statement</h1>
        <p class="notice bad" role="alert">
          {problem}
        </p>
        <DaysForm asked={asked} basePath={show.basePath} served={served} />
      </>,
    )

  const showMaking = (c: DashboardContext, { asked }: Days, since: Date) =>
    show(
      c,
      { title: 'Statement', section: 'Statement' },
      <div class="intro">
        <h1>Statement</h1>
        <p>
          It is being made since <When at={since} />: every payment of these days is read from both
          services, within their limits.
        </p>
        <p>
          <Link to={withQuery(c.req.path.replace(/^\/dashboard/, ''), asked)} class="button">
            Check again
          </Link>
        </p>
      </div>,
    )

  /** What is made of the days that are asked for; until it is made, that it is being made. */
  const answer =
    <Made extends object>(
      make: (days: Days) => Promise<Made | Making>,
      tell: (c: DashboardContext, made: Made, days: Days) => Response | Promise<Response>,
    ) =>
    async (c: DashboardContext) => {
      const days = readDays(c, deps.now(), served)
      if ('problem' in days) return showForm(c, days.asked, days.problem)
      const made = await make(days)
      return isMaking(made) ? showMaking(c, days, made.since) : tell(c, made, days)
    }
  const makeKeptOf = ({ period }: Days) => makeKept(period)

  return new Hono<Env>()
    .get(
      '/',
      answer(makeOf, async (c, made, days) => {
        const ofLago = made.sections.find(isOfLago)
        const payerOf = await readPayersOf(deps.db, ofLago?.entries ?? [])
        return show(
          c,
          { title: `Statement ${days.asked.from} to ${days.asked.to}`, section: 'Statement' },
          <StatementPage
            statement={made}
            days={days}
            basePath={show.basePath}
            served={served}
            parts={
              ofLago && <StatementParts section={ofLago} period={made.period} payerOf={payerOf} />
            }
          />,
        )
      }),
    )
    .get(
      '/kept',
      answer(makeKeptOf, (c, read, { asked }) => {
        const title = `What Dodo keeps, ${asked.from} to ${asked.to}`
        const page = { title, section: 'Statement' } as const
        return show(c, page, <KeptPage read={read} title={title} asked={daysOf(asked)} />)
      }),
    )
    .get(
      '/kept/csv',
      answer(makeKeptOf, (c, read, { asked }) =>
        'why' in read
          ? showForm(c, asked, `What Dodo keeps is not known: ${read.why}.`)
          : answerLines(c, `kept-${asked.from}-to-${asked.to}`, asKeptCsv(read)),
      ),
    )
    .get(
      '/csv',
      answer(makeOf, (c, made, { asked, period }) =>
        answerLines(c, `statement-${asked.from}-to-${asked.to}`, asCsv(made, period.calendar)),
      ),
    )
}

type Making = { since: Date }
const isMaking = (made: object): made is Making => 'since' in made

/** What Dodo keeps is of the whole account, whoever is collected for. */
const daysOf = ({ source: _source, ...days }: Asked) => days

/** The days that are asked for; without any, this month's. */
function readDays(
  c: DashboardContext,
  now: Date,
  served: readonly string[],
): Days | { asked: Partial<Asked>; problem: string } {
  const [from, to, tz] = [given(c, 'from'), given(c, 'to'), given(c, 'tz')]
  const source = served.find((one) => one === given(c, 'source'))
  try {
    const period = readPeriodToShow({ from, to, tz }, now)
    const { dayOf, timeZone } = period.calendar
    const days = { from: dayOf(period.from), to: dayOf(period.until), tz: timeZone }
    return { period, asked: { ...days, ...(source !== undefined && { source }) } }
  } catch (error) {
    if (!(error instanceof BadOption)) throw error
    // A date field takes nothing but dates.
    const asked = {
      ...(from !== undefined && givenDay(c, 'from') && { from }),
      ...(to !== undefined && givenDay(c, 'to') && { to }),
      ...(tz !== undefined && { tz }),
    }
    return { asked, problem: error.message.replaceAll('--', '') }
  }
}

function StatementPage(props: {
  statement: Statement
  days: Days
  basePath: string
  served: readonly string[]
  parts: Child | undefined
}) {
  const { statement, days, basePath, served, parts } = props
  const { asked } = days
  return (
    <>
      <div class="head">
        <h1>
          Statement {asked.from} to {asked.to}
        </h1>
        <div class="buttons noprint">
          <Link to={withQuery('/statement/csv', asked)} class="button">
            CSV
          </Link>
          <Link to={withQuery('/statement/kept', daysOf(asked))} class="button">
            What Dodo keeps
          </Link>
          <button type="button" data-print hidden>
            Print
          </button>
        </div>
      </div>
      <nav class="buttons noprint" aria-label="Months">
        <MonthLink days={days} step={-1} word="Month before" />
        <MonthLink days={days} step={1} word="Month after" />
      </nav>
      <DaysForm asked={asked} basePath={basePath} served={served} />
      <StatementBody statement={statement} />
      {parts}
      <p class="soft small">
        Made <When at={statement.madeAt} /> from both services’ own lists, days of {asked.tz}. The
        same on a terminal:{' '}
        <code>
          bridge statement --from {asked.from} --to {asked.to}
          {asked.tz === 'UTC' ? '' : ` --tz ${asked.tz}`}
          {asked.source === undefined ? '' : ` --source ${asked.source}`}
        </code>
      </p>
    </>
  )
}

/** A whole month beside the one that the period begins in; none that has not come yet. */
function MonthLink({ days: { asked }, step, word }: { days: Days; step: 1 | -1; word: string }) {
  const { now } = useContext(Around)
  const first = new Date(`${asked.from.slice(0, 7)}-01T00:00:00Z`)
  first.setUTCMonth(first.getUTCMonth() + step)
  if (first > now) return <></>
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0))
  const [from, to] = [first, last].map((day) => day.toISOString().slice(0, 10))
  return (
    <Link to={withQuery('/statement', { ...asked, from, to })} class="button">
      {word}
    </Link>
  )
}

const DaysForm = ({
  asked,
  basePath,
  served,
}: {
  asked: Partial<Asked>
  basePath: string
  served: readonly string[]
}) => (
  <form method="get" action={addressOf(basePath, '/statement')} class="filter noprint">
    <Input label="From" name="from" type="date" value={asked.from} />
    <Input label="To" name="to" type="date" value={asked.to} />
    <Input label="Time zone" name="tz" value={asked.tz ?? 'UTC'} />
    {served.length > 1 && (
      <Choose
        label="Of"
        name="source"
        value={asked.source}
        choices={served.map((one) => [one, one] as const)}
        any="all"
      />
    )}
    <button type="submit">Show</button>
  </form>
)
