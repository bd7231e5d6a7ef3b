import type { Deps } from '../deps.ts'
import { formatBooks, formatDodo, withoutCurrency } from '../collect/money.ts'
import { countAttention, readWork } from './dashboard/activity.ts'
import { readHealth } from './dashboard/health.ts'
import { readTotals, type CurrencyTotals } from './dashboard/totals.ts'
import { readTrouble, type Trouble } from './dashboard/trouble.ts'
import { readPeriod } from './period.ts'
import { alignColumns, count, type Write } from '../print/text.ts'

type Reading = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>

const DAYS = 30
const DAY_MS = 86_400_000
/** After so many sweeps that did not come, something is wrong. */
const LATE_SWEEPS = 3
/** A job that could run and has waited longer is late (BridgeJobsLate). */
const LATE_JOB_SECONDS = 300
const SILENT_MS = 60_000
const WATCH_MS = 5_000

/** The overview for a terminal. The exit code is 1 if anything is wrong. */
export async function status(deps: Reading, write: Write): Promise<number> {
  const { db, queue, now } = deps
  const from = new Date(now().getTime() - (DAYS - 1) * DAY_MS).toISOString().slice(0, 10)
  const [totals, attention, work, health, trouble, pulse] = await Promise.all([
    readTotals(db, readPeriod({ from }, now())),
    countAttention(db),
    readWork(db, queue.schema),
    readHealth(db, queue.schema),
    readTrouble(db, now()),
    db.query.pulse.findFirst(),
  ])
  const seen = { work, health, beatAt: pulse?.beatAt }
  const wrong = findWrong(deps, { ...seen, attention, trouble })
  write(wrong.length === 0 ? 'All is well.' : `${count(wrong.length, 'thing')} to look at:`)
  for (const line of wrong) write(`  ${line}`)
  write('')
  for (const line of describeMoney(totals)) write(line)
  write('')
  for (const line of alignColumns(describeWork(deps, seen))) write(line)
  return wrong.length === 0 ? 0 : 1
}

/** The same every five seconds, for as long as somebody watches. */
export async function watchStatus(deps: Reading, write: Write): Promise<never> {
  for (;;) {
    write(deps.now().toISOString())
    await status(deps, write)
    write('')
    await Bun.sleep(WATCH_MS)
  }
}

type Seen = {
  work: Awaited<ReturnType<typeof readWork>>
  health: Awaited<ReturnType<typeof readHealth>>
  /** When a running bridge last gave a sign of life. */
  beatAt: Date | undefined
}

function findWrong(
  { config, now }: Reading,
  { attention, trouble, work, health, beatAt }: Seen & { attention: number; trouble: Trouble[] },
): string[] {
  const sweptMs = work.sweptAt ? now().getTime() - work.sweptAt.getTime() : Infinity
  const late = health.jobs.find(
    ({ state, waited }) => state === 'ready' && waited > LATE_JOB_SECONDS,
  )
  return [
    ...(attention > 0 ? [`${count(attention, 'thing')} needs a person: bridge attention`] : []),
    ...trouble.map(({ what, since }) => `${what} (since ${since.toISOString().slice(0, 16)}Z)`),
    ...(sweptMs > LATE_SWEEPS * config.reconcileEveryMs
      ? ['no sweep was completed for three intervals: look at the log']
      : []),
    ...(late
      ? [`a ${late.kind} job waits for ${Math.round(late.waited)} s: does a bridge run?`]
      : []),
    ...(health.dead > 0 ? [`${count(health.dead, 'job')} gave up: bridge dead-letters`] : []),
    ...(!beatAt || now().getTime() - beatAt.getTime() > SILENT_MS
      ? ['no bridge runs on this database']
      : []),
  ]
}

function describeMoney(totals: readonly CurrencyTotals[]): string[] {
  if (totals.length === 0) return ['  No invoice has been seen yet.']
  const head = ['', `collected, ${DAYS} d`, `given back, ${DAYS} d`, 'open', 'failed', 'held']
  const rows = totals.map(({ currency, collected, givenBack, open, failed, held }) => [
    currency,
    withoutCurrency(formatDodo(collected.amount, currency)),
    withoutCurrency(formatDodo(givenBack.amount, currency)),
    `${withoutCurrency(formatBooks(open.amount, currency))} (${open.count})`,
    `${withoutCurrency(formatBooks(failed.amount, currency))} (${failed.count})`,
    withoutCurrency(formatDodo(held.amount, currency)),
  ])
  return alignColumns([head, ...rows], { numeric: [1, 2, 3, 4, 5] })
}

function describeWork({ now }: Reading, { work, health, beatAt }: Seen): string[][] {
  const ago = (at: Date | undefined) =>
    at ? `${Math.max(0, Math.round((now().getTime() - at.getTime()) / 1_000))} s ago` : 'never'
  return [
    ['Sign of life', ago(beatAt)],
    ['Last sweep', ago(work.sweptAt)],
    ['Queue', `${work.waiting} waiting, ${work.running} running, ${health.dead} gave up`],
    ...health.arrived.map(({ source, lastAt, unread }) => {
      const refused = health.refused.find((one) => one.source === source)
      const told = refused ? `, ${refused.count} refused lately` : ''
      return [`Webhooks of ${source}`, `last ${ago(lastAt)}, ${unread} to be read${told}`]
    }),
  ]
}
