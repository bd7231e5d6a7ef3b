import { sql } from 'drizzle-orm'

import type { Database, Executor } from '../db/client.ts'
import { classifyDecline, DECLINE_CODES } from '../collect/declines.ts'
import { isLost, isUndecided } from '../collect/ledger.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import { SOURCES } from '../webhook-sources.ts'
import { JOB_KINDS } from '../jobs.ts'
import { REASON_CODES } from '../collect/receivable.ts'
import * as counts from './counts.ts'
import { listHeld } from './held.ts'
import { readMarks } from './marks.ts'
import type { Sample, Samples } from './names.ts'
import { countJobs } from './queue-counts.ts'

/** How long after its request a call is not repeated, and so since when its outcome is not known. */
const UNANSWERED_MS = 80_000
/** Dodo gives ten days to answer a dispute. */
export const DISPUTE_DAYS = 10
const DAY_MS = 24 * 3_600_000

const STATES = ['open', 'processing', 'paid', 'failed', 'void', 'skipped', 'attention']
const CALLS = ['checkout', 'charge', 'refund', 'record', 'credit']

type Reading = { db: Executor; now: Date; queueSchema: string }
type Labels = Record<string, string>

/** An amount as a chart wants it. The statement is for accounting. */
const major = (formatted: string) => Number.parseFloat(formatted)
const seconds = (ms: number) => Math.max(ms / 1_000, 0)

/** One sample for each value of a label, zero where nothing was counted. */
const each = (label: string, values: readonly string[], counted: ReadonlyMap<string, number>) =>
  values.map((value): Sample => ({
    labels: { [label]: value },
    value: counted.get(value) ?? 0,
  }))

/** Adds up what has the same labels. */
function addUp(rows: readonly { labels: Labels; value: number }[]): Sample[] {
  const sums = new Map<string, Sample>()
  for (const { labels, value } of rows) {
    const key = JSON.stringify(labels)
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value })
  }
  return [...sums.values()]
}

const countBy = <Row>(rows: readonly Row[], keyOf: (row: Row) => string) =>
  new Map(Array.from(Map.groupBy(rows, keyOf), ([key, of]) => [key, of.length]))

/** What changes with each payment, and is cheap to ask: a few rows of each index. */
export async function readLight({ db, now, queueSchema }: Reading): Promise<Samples> {
  return {
    ...(await readMoneyAtRisk(db, now)),
    ...(await readPeople(db, now)),
    ...(await readWork(db, now, queueSchema)),
    ...(await readMarks(db)),
  }
}

async function readMoneyAtRisk(db: Executor, now: Date): Promise<Samples> {
  const open = await counts.sumOpen(db, now)
  const held = await listHeld(db)
  const refunds = countBy(await counts.listOpenRefunds(db), ({ status }) => status)
  const disputes = await counts.listDisputes(db)
  const undecided = disputes.filter(isUndecided)
  const deadlines = undecided.flatMap(({ opened_at }) => opened_at?.getTime() ?? [])
  const mandates = await counts.countMandates(db)
  return {
    bridge_open_amount: open.map(({ currency, age, due }) => ({
      labels: { currency: currency ?? 'none', age },
      value: major(formatBooks(due, currency ?? '')),
    })),
    bridge_open_oldest_age_seconds: [{ value: Math.max(0, ...open.map(({ oldest }) => oldest)) }],
    bridge_held_amount: addUp(
      held.map(({ currency, disposition, held: amount }) => ({
        labels: { currency, disposition },
        value: major(formatDodo(amount, currency)),
      })),
    ),
    bridge_refunds: each('status', ['ordered', 'pending', 'failed', 'refused'], refunds),
    bridge_disputes: [
      { labels: { status: 'open' }, value: undecided.length },
      { labels: { status: 'lost' }, value: disputes.filter(isLost).length },
    ],
    ...(deadlines.length > 0 && {
      bridge_dispute_next_deadline_timestamp_seconds: [
        { value: (Math.min(...deadlines) + DISPUTE_DAYS * DAY_MS) / 1_000 },
      ],
    }),
    bridge_mandates: each(
      'status',
      ['active', 'on_hold', 'refused', 'ended'],
      new Map(mandates.map(({ status, count }) => [status, count])),
    ),
  }
}

async function readPeople(db: Executor, now: Date): Promise<Samples> {
  const attention = await counts.listAttention(db)
  const byCode = countBy(attention, ({ code, seen }) => `${code} ${seen ? 'yes' : 'no'}`)
  const [oldest] = await db.execute<{ since: Date | null }>(
    sql`select min(since) as since from conditions where type = 'invoice.attention' and gone_at is null
      and not exists (select from receivables r where r.receivable_id = subject and r.seen_reason = r.reason)`,
  )
  const unknown = await counts.listUnknown(db, UNANSWERED_MS)
  const since = oldest?.since ? new Date(oldest.since).getTime() : now.getTime()
  const unknownSince = Math.min(now.getTime(), ...unknown.map((one) => one.since.getTime()))
  return {
    bridge_attention_invoices: REASON_CODES.flatMap((reason) =>
      ['no', 'yes'].map((seen) => ({
        labels: { reason, seen },
        value: byCode.get(`${reason} ${seen}`) ?? 0,
      })),
    ),
    bridge_attention_oldest_age_seconds: [{ value: seconds(now.getTime() - since) }],
    bridge_unknown_outcomes: each(
      'call',
      CALLS,
      new Map(unknown.map(({ call, count }) => [call, count])),
    ),
    bridge_unknown_outcome_oldest_age_seconds: [{ value: seconds(now.getTime() - unknownSince) }],
  }
}

async function readWork(db: Executor, now: Date, queueSchema: string): Promise<Samples> {
  const jobs = await countJobs(db, queueSchema)
  const states = ['ready', 'deferred', 'active']
  const dead = await db.execute<{ kind: string; count: string }>(
    sql`select kind, count(*) from dead_letters group by 1`,
  )
  const unread = await db.execute<{ source: string; count: string; oldest: string }>(sql`
    select source, count(*), extract(epoch from ${now.toISOString()}::timestamptz - min(received_at)) as oldest
    from deliveries where processed_at is null group by 1`)
  return {
    bridge_jobs: JOB_KINDS.flatMap((kind) =>
      states.map((state) => ({
        labels: { kind, state },
        value: jobs.find((job) => job.kind === kind && job.state === state)?.count ?? 0,
      })),
    ),
    bridge_job_oldest_ready_age_seconds: JOB_KINDS.map((kind) => ({
      labels: { kind },
      value: jobs.find((job) => job.kind === kind && job.state === 'ready')?.waited ?? 0,
    })),
    bridge_dead_letters: each(
      'kind',
      JOB_KINDS,
      new Map(dead.map(({ kind, count }) => [kind, Number(count)])),
    ),
    bridge_deliveries_unread: each(
      'source',
      SOURCES,
      new Map(unread.map(({ source, count }) => [source, Number(count)])),
    ),
    bridge_delivery_unread_oldest_age_seconds: SOURCES.map((source) => {
      const oldest = unread.find((one) => one.source === source)?.oldest
      return { labels: { source }, value: Math.max(Number(oldest ?? 0), 0) }
    }),
  }
}

const KINDS = ['checkout', 'charge']

/** A zero for each combination: what only grows begins there, or its first increase would not be seen as one. */
const allOf = (labels: Record<string, readonly string[]>) =>
  Object.entries(labels).reduce<{ labels: Labels; value: number }[]>(
    (made, [label, values]) =>
      made.flatMap((one) =>
        values.map((value) => ({ labels: { ...one.labels, [label]: value }, value: 0 })),
      ),
    [{ labels: {}, value: 0 }],
  )

/** The same for each currency that is asked for. */
const zeros = (currencies: readonly string[], labels: Record<string, readonly string[]> = {}) =>
  allOf({ currency: currencies, ...labels })

function countInvoices(known: Awaited<ReturnType<typeof counts.countReceivables>>): Sample[] {
  const invoices = known.filter(({ kind }) => kind === 'invoice')
  const countOf = (state: string) =>
    invoices.filter((one) => one.state === state).reduce((sum, one) => sum + one.count, 0)
  return STATES.map((state) => ({ labels: { state }, value: countOf(state) }))
}

/** What is summed up over everything that ever happened. */
export async function readHeavy({ db }: Reading): Promise<Samples> {
  const known = await counts.countReceivables(db)
  const collected = await counts.sumCollected(db)
  const recovered = await counts.sumRecovered(db)
  const refunded = await counts.sumRefunded(db)
  const payments = await counts.countPayments(db)
  const duplicates = await counts.countDuplicates(db)
  const declined = payments.filter(({ status }) => status === 'failed')
  const currencies = [...new Set(known.flatMap(({ currency }) => currency ?? []))]
  return {
    bridge_invoices: countInvoices(known),
    bridge_collected_amount_total: addUp([
      ...zeros(currencies, { kind: KINDS }),
      ...collected.map(({ currency, kind, amount }) => ({
        labels: { currency, kind },
        value: major(formatBooks(amount, currency)),
      })),
    ]),
    bridge_recovered_amount_total: addUp([
      ...zeros(currencies),
      ...recovered.map(({ currency, amount }) => ({
        labels: { currency },
        value: major(formatBooks(amount, currency)),
      })),
    ]),
    bridge_refunded_amount_total: addUp([
      ...zeros(currencies, { cause: ['merchant', ...Object.values(CAUSES)] }),
      ...refunded.map(({ currency, cause, amount }) => ({
        labels: { currency: currency ?? 'none', cause: CAUSES[cause] ?? 'merchant' },
        value: major(formatDodo(amount, currency ?? '')),
      })),
    ]),
    bridge_payments_total: addUp([
      ...allOf({ status: ['succeeded', 'failed', 'cancelled'], kind: KINDS }),
      ...payments.map(({ status, kind, count }) => ({ labels: { status, kind }, value: count })),
    ]),
    bridge_declines_total: addUp([
      ...[...DECLINE_CODES, null].map((code) => ({ labels: labelsOf(code), value: 0 })),
      ...declined.map(({ code, count }) => ({ labels: labelsOf(code), value: count })),
    ]),
    bridge_duplicate_payments_total: each(
      'handling',
      ['refunded', 'held'],
      new Map(duplicates.map(({ handling, count }) => [handling, count])),
    ),
  }
}

/** As orders for refunds write it, and as metrics do. */
const CAUSES: Readonly<Record<string, string>> = {
  'credit note': 'credit_note',
  duplicate: 'duplicate',
  overpayment: 'overpaid',
  late: 'late',
}

const labelsOf = (code: string | null): Labels => ({
  class: classifyDecline(code),
  code: knownCode(code),
})

const knownCode = (code: string | null) =>
  DECLINE_CODES.find((known) => known === code?.toUpperCase()) ?? 'other'

/** Within one read-only transaction that the database itself ends after so long. */
export const withinMs = <Value>(
  db: Database,
  limitMs: number,
  read: (tx: Executor) => Promise<Value>,
): Promise<Value> =>
  db.transaction(
    async (tx) => {
      await tx.execute(sql.raw(`set local statement_timeout = ${limitMs}`))
      return read(tx)
    },
    { accessMode: 'read only' },
  )
