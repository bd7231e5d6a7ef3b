import { and, eq, gt, gte, notInArray } from 'drizzle-orm'
import { z } from 'zod'

import type { Config } from '../config.ts'
import type { Executor } from '../db/client.ts'
import { deadLetters, findings, notifications } from '../db/schema.ts'
import { formatDodo } from '../collect/money.ts'
import * as counts from '../metrics/counts.ts'
import { judgeSuspects } from '../metrics/note-sweep.ts'
import { invoiceUrl, summarizeDay } from './conditions.ts'
import type { Occurrence } from '../alert-types.ts'

type Looking = {
  db: Executor
  config: Config
  now: Date
  /** What is older is not news. */ since: Date
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How long after its time a summary is still wanted. */
const SUMMARY_LATE_MS = HOUR_MS
/** Webhooks that never came, by whose they are, since somebody was told of some. */
const UNTOLD = 'webhooks_lost_untold'
const Untold = z.record(z.string(), z.number())
/** These put something else before a person, which is told of that. */
const TOLD_OTHERWISE = ['settle', 'notify']

/** What happened, and may have been told of before: its occasion says so. */
export async function findOccurrences(looking: Looking): Promise<Occurrence[]> {
  return [
    ...(await findDuplicates(looking)),
    ...(await findBuried(looking)),
    ...(await findLost(looking)),
    ...(await findSummary(looking)),
  ]
}

async function findDuplicates({ db, config, now, since }: Looking): Promise<Occurrence[]> {
  // A payment may be seen a while after it was made, and no longer than a day is looked back each time.
  const from = new Date(Math.max(since.getTime(), now.getTime() - 2 * DAY_MS))
  const rows = await counts.listDuplicates(db, from)
  return rows.map(({ id, lago_invoice_id, number, customer, amount, currency }) => {
    const url = invoiceUrl(config, lago_invoice_id)
    return {
      type: 'money.duplicate',
      subject: id,
      occasion: id,
      text: `▲ ${number ?? lago_invoice_id} was paid twice: ${formatDodo(amount, currency)} with payment ${id}. ${url}`,
      data: {
        dodoPaymentId: id,
        lagoInvoiceId: lago_invoice_id,
        number,
        customer,
        amount,
        currency,
        handling: config.duplicatePayments,
        url,
        docs: 'docs/operations.md#bridgeduplicatepayment',
      },
    }
  })
}

async function findBuried({ db, now, since }: Looking): Promise<Occurrence[]> {
  const from = new Date(Math.max(since.getTime(), now.getTime() - DAY_MS))
  const rows = await db
    .select()
    .from(deadLetters)
    .where(and(gte(deadLetters.buriedAt, from), notInArray(deadLetters.kind, TOLD_OTHERWISE)))
  return rows.map(({ kind, key, error, buriedAt }) => ({
    type: 'job.buried',
    subject: `${kind} ${key}`,
    occasion: `${kind} ${key} ${buriedAt.toISOString()}`,
    text: `▲ a job gave up: ${kind} ${key}, ${error}. Run bridge dead-letters`,
    data: { kind, key, error, buriedAt, docs: 'docs/operations.md#dead-letters' },
  }))
}

/** At most once an hour, with how many of which service: what is found meanwhile is told with the next. */
async function findLost({ db, now }: Looking): Promise<Occurrence[]> {
  const found = await judgeSuspects(db, now)
  const sources = await addUntold(db, found, now)
  if (sources.size === 0) return []
  if (await wasToldOfLost(db, new Date(now.getTime() - HOUR_MS))) return []
  await db.delete(findings).where(eq(findings.name, UNTOLD))
  const parts = Array.from(sources, ([source, count]) => `${count} of ${source}`)
  return [
    {
      type: 'webhooks.lost',
      subject: 'webhooks',
      occasion: now.toISOString(),
      text: `▲ webhooks never came, and the sweep made up for them: ${parts.join(', ')}. Look at the endpoint's page there`,
      data: { ...Object.fromEntries(sources), docs: 'docs/operations.md#bridgewebhookslost' },
    },
  ]
}

async function wasToldOfLost(db: Executor, since: Date): Promise<boolean> {
  const told = and(eq(notifications.type, 'webhooks.lost'), gt(notifications.at, since))
  return (await db.$count(notifications, told)) > 0
}

/** Those that nobody was told of yet, with what was found just now. */
async function addUntold(db: Executor, found: ReadonlyMap<string, number>, now: Date) {
  const [row] = await db.select().from(findings).where(eq(findings.name, UNTOLD))
  const untold = new Map(Object.entries(Untold.parse(row?.value ?? {})))
  if (found.size === 0) return untold
  for (const [source, count] of found) untold.set(source, (untold.get(source) ?? 0) + count)
  const value = { value: Object.fromEntries(untold), foundAt: now }
  await db
    .insert(findings)
    .values({ name: UNTOLD, ...value })
    .onConflictDoUpdate({ target: findings.name, set: value })
  return untold
}

async function findSummary({ db, config, now }: Looking): Promise<Occurrence[]> {
  const { summaryAt } = config.alerts
  if (summaryAt === undefined) return []
  const day = now.toISOString().slice(0, 10)
  const at = new Date(`${day}T${summaryAt}:00Z`)
  const lateMs = now.getTime() - at.getTime()
  if (lateMs < 0 || lateMs > SUMMARY_LATE_MS) return []
  const summary = await summarizeDay(db, at)
  return [{ type: 'daily_summary', subject: day, occasion: day, ...summary }]
}
