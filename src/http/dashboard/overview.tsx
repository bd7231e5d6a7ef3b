/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { formatDodo, formatBooks } from '../../collect/money.ts'
import { audited } from '../../operate/audit.ts'
import { sweepNow } from '../../operate/sweep-now.ts'
import {
  countAttention,
  readFirstSteps,
  readFunnel,
  readLatest,
  readWork,
} from '../../report/dashboard/activity.ts'
import { readByDay } from '../../report/dashboard/by-day.ts'
import { readTotals, type CurrencyTotals, type Sum } from '../../report/dashboard/totals.ts'
import { readPeriod, type Period } from '../../report/period.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { DayChart } from './chart.tsx'
import { deadLetters } from '../../db/schema.ts'
import { readTrouble } from '../../report/dashboard/trouble.ts'
import { pathOfReceivable } from './receivable-link.tsx'
import { Act, Facts, Link, When } from './kit.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { forPeople } from './words.ts'

const DAYS = [7, 30, 90] as const
const DEFAULT_DAYS = 30
const LATEST = 12
/** Whoever looks again within this time sees the same numbers. */
const KEPT_MS = 10_000
/** After so many sweeps that did not come, something is wrong. */
const LATE_SWEEPS = 3

type Overview = Awaited<ReturnType<typeof read>>

/** What came in, what is open and what is wrong, on one page. */
export function overview(show: Show, deps: DashboardDeps) {
  const kept = new Map<number, { at: number; read: Promise<Overview> }>()

  function readKept(days: number): Promise<Overview> {
    const known = kept.get(days)
    if (known && performance.now() - known.at < KEPT_MS) return known.read
    const fresh = { at: performance.now(), read: read(deps, days) }
    kept.set(days, fresh)
    fresh.read.catch(() => kept.delete(days))
    return fresh.read
  }

  return new Hono<Env>()
    .get('/', async (c) => {
      const days = DAYS.find((one) => String(one) === c.req.query('days')) ?? DEFAULT_DAYS
      const seen = await readKept(days)
      const attention = await countAttention(deps.db)
      const page = { title: 'Overview', section: 'Overview' } as const
      return show(c, page, <OverviewPage seen={seen} attention={attention} days={days} />)
    })
    .post('/sweep', async (c) => {
      const request = await requestOf(c, 'sweep', 'both services')
      await audited(deps, request, () => sweepNow(deps))
      return c.redirect(`${show.basePath}/dashboard?done=${request.formId}`, 303)
    })
}

async function read({ db, queue, config, now }: DashboardDeps, days: number) {
  const period = readPeriod({ from: daysAgo(now(), days - 1) }, now())
  const [totals, funnel, latest, work, steps, trouble, dead] = await Promise.all([
    readTotals(db, period),
    readFunnel(db, period),
    readLatest(db, LATEST),
    readWork(db, queue.schema),
    readFirstSteps(db),
    readTrouble(db, now()),
    db.$count(deadLetters),
  ])
  const [first] = totals
  const byDay = first ? await readByDay(db, period, first.currency) : []
  const isSweepLate =
    !work.sweptAt ||
    now().getTime() - work.sweptAt.getTime() > LATE_SWEEPS * config.reconcileEveryMs
  const hasLago = config.lago.isOn
  const seen = { period, totals, funnel, latest, work, steps, trouble, dead, byDay }
  return { ...seen, isSweepLate, hasLago }
}

const daysAgo = (now: Date, days: number) =>
  new Date(now.getTime() - days * 86_400_000).toISOString().slice(0, 10)

function OverviewPage(props: { seen: Overview; attention: number; days: number }) {
  const { seen, attention, days } = props
  const isNew = seen.totals.length === 0
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <nav aria-label="Period" class="buttons">
          {DAYS.map((many) => (
            <Link to={`?days=${many}`} class="button" current={many === days}>
              {many} days
            </Link>
          ))}
        </nav>
      </div>
      <Wrong seen={seen} attention={attention} />
      {isNew ? <FirstSteps seen={seen} /> : <Totals seen={seen} />}
      {!isNew && <Days seen={seen} />}
      {!isNew && <FunnelSection seen={seen} />}
      <Work seen={seen} />
      <Latest lines={seen.latest} />
    </>
  )
}

/** What is wrong, the worst first; or that nothing is. */
function Wrong({ seen, attention }: { seen: Overview; attention: number }) {
  const { work, trouble, dead, isSweepLate } = seen
  if (attention === 0 && trouble.length === 0 && dead === 0 && !isSweepLate) {
    return (
      <p class="notice ok">
        Nothing needs attention. Both services were read <When at={work.sweptAt} only="age" />.
      </p>
    )
  }
  return (
    <>
      {trouble.map(({ isBad, what, since }) => (
        <p class={`notice ${isBad ? 'bad' : 'warn'}`}>
          {capital(forPeople(what))}. Since <When at={since} />.{' '}
          <Link to="/health">What the checks say</Link>
        </p>
      ))}
      {attention > 0 && (
        <p class="notice bad">
          <Link to="/attention">{count(attention, 'thing')} to look at</Link>: each waits for a
          person.
        </p>
      )}
      {dead > 0 && (
        <p class="notice warn">
          <Link to="/dead-letters">{count(dead, 'job')} gave up</Link>: run them again, once what
          stopped them is mended.
        </p>
      )}
      {isSweepLate && (
        <p class="notice warn">
          {work.sweptAt ? (
            <>
              No sweep has come to its end since <When at={work.sweptAt} />.
            </>
          ) : (
            'No sweep has come to its end yet.'
          )}
        </p>
      )}
    </>
  )
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

const Totals = ({ seen }: { seen: Overview }) => (
  <section aria-labelledby="totals">
    <h2 id="totals" class="hidden">
      Money by currency
    </h2>
    <div class="cards">
      {seen.totals.map((total) => (
        <CurrencyCard total={total} period={seen.period} />
      ))}
    </div>
  </section>
)

const day = (at: Date) => at.toISOString().slice(0, 10)

function CurrencyCard({ total, period }: { total: CurrencyTotals; period: Period }) {
  const { currency, collected, givenBack, held, open, failed } = total
  const days = `/statement?from=${day(period.from)}&to=${day(period.until)}`
  const list = (state: string) => `/invoices?state=${state}&currency=${currency}`
  return (
    <div class="card">
      <h3>{currency}</h3>
      <dl class="sums">
        <SumRow
          label="Collected"
          to={days}
          sum={collected}
          text={formatDodo}
          currency={currency}
          first
        />
        <SumRow
          label="Given back"
          to={days}
          sum={givenBack}
          text={formatDodo}
          currency={currency}
        />
        <SumRow label="Open" to={list('open')} sum={open} text={formatBooks} currency={currency} />
        <SumRow
          label="Failed"
          to={list('failed')}
          sum={failed}
          text={formatBooks}
          currency={currency}
        />
        <SumRow label="Held" to="/attention" sum={held} text={formatDodo} currency={currency} />
      </dl>
    </div>
  )
}

function SumRow(props: {
  label: string
  to: string
  sum: Sum
  text: (amount: number, currency: string) => string
  currency: string
  first?: boolean
}) {
  const { label, to, sum, text, currency } = props
  return (
    <div class={props.first ? 'first' : undefined}>
      <dt>
        <Link to={to}>
          {label}
          <span class="hidden"> {currency}</span>
        </Link>
      </dt>
      <dd>{text(sum.amount, currency)}</dd>
      <dd class="many">
        {sum.count}
        <span class="hidden"> of them</span>
      </dd>
    </div>
  )
}

function Days({ seen }: { seen: Overview }) {
  const [first] = seen.totals
  if (!first) return <></>
  return (
    <section aria-labelledby="days" class="card">
      <h2 id="days">Collected and declined by day, {first.currency}</h2>
      <DayChart days={seen.byDay} currency={first.currency} />
    </section>
  )
}

function FunnelSection({ seen: { funnel } }: { seen: Overview }) {
  const share = (many: number) =>
    funnel.finalised === 0 ? '' : ` (${Math.round((many / funnel.finalised) * 100)} %)`
  const steps = [
    ['finalised', funnel.finalised],
    ['asked for', funnel.asked],
    ['paid at once', funnel.paidAtOnce],
    ['paid after a retry', funnel.paidAfterRetry],
    ['open or failed', funnel.unpaid],
  ] as const
  return (
    <section aria-labelledby="funnel" class="card">
      <h2 id="funnel">What became of the invoices of this period</h2>
      <ol class="funnel">
        {steps.map(([name, many], index) => (
          <li>
            <strong>{many}</strong>
            <span class="soft">
              {name}
              {index > 0 && share(many)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

const Work = ({ seen: { work } }: { seen: Overview }) => (
  <section aria-labelledby="work" class="card">
    <div class="head">
      <h2 id="work">Work</h2>
      <Act to="/sweep" label="Sweep now" />
    </div>
    <Facts
      rows={[
        ['Last sweep', <When at={work.sweptAt} />],
        ['Queue', `${work.waiting} waiting, ${work.running} running`],
        work.oldestDueAt !== undefined && ['Waiting since', <When at={work.oldestDueAt} />],
      ]}
    />
  </section>
)

const Latest = ({ lines }: { lines: Overview['latest'] }) => (
  <section aria-labelledby="latest" class="card">
    <h2 id="latest">Latest</h2>
    {lines.length === 0 ? (
      <p class="soft">Nothing has happened yet.</p>
    ) : (
      <ol class="lines">
        {lines.map(({ at, what, receivableId, kind, number }) => (
          <li>
            <span class="soft">
              <When at={at} only="age" /> ·{' '}
              <Link to={pathOfReceivable(kind ?? 'invoice', receivableId)}>
                {number ?? WORDS[kind ?? 'invoice']}
              </Link>
            </span>
            <span>{forPeople(what)}</span>
          </li>
        ))}
      </ol>
    )}
  </section>
)

const WORDS = {
  invoice: 'an invoice',
  payment_request: 'a payment request',
  selection: 'several invoices',
  order: 'an order',
} as const

const STEPS = [
  ['lago', 'Lago’s webhook arrived'],
  ['dodo', 'Dodo’s webhook arrived'],
  ['checkout', 'a checkout was opened'],
  ['payment', 'a payment was recorded in Lago'],
] as const
/** Where Lago is off, a shop or a page of HighLevel asks for money, and nobody else keeps books. */
const STEPS_WITHOUT_LAGO = [
  ['dodo', 'Dodo’s webhook arrived'],
  ['checkout', 'a checkout was opened'],
  ['payment', 'a payment was taken'],
] as const

/** Who comes for the first time sees what is still to come before the first payment is in both books. */
const FirstSteps = ({ seen: { steps, hasLago } }: { seen: Overview }) => (
  <section aria-labelledby="steps" class="card">
    <h2 id="steps">The first payment</h2>
    <p class="soft">
      {hasLago
        ? 'Finalise an invoice in Lago, and pay it behind its pay link.'
        : 'Buy something in the shop, or on a page of HighLevel.'}
    </p>
    <ol class="steps">
      {(hasLago ? STEPS : STEPS_WITHOUT_LAGO).map(([key, what]) => (
        <li>
          <span aria-hidden="true">{steps[key] ? '●' : '○'}</span>
          <span>
            {what}
            <span class="soft">{steps[key] ? ': done' : ': not yet'}</span>
          </span>
        </li>
      ))}
    </ol>
  </section>
)
