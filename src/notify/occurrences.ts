import { and, gte, notInArray } from 'drizzle-orm'

import type { Config } from '../config.ts'
import type { Executor } from '../db/client.ts'
import { deadLetters } from '../db/schema.ts'
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

/** At most once an hour, with how many of which service. */
async function findLost({ db, now }: Looking): Promise<Occurrence[]> {
  const lost = await judgeSuspects(db, now)
  if (lost.size === 0) return []
  const sources = Object.fromEntries(lost)
  const parts = Array.from(lost, ([source, count]) => `${count} of ${source}`)
  const hour = now.toISOString().slice(0, 13)
  return [
    {
      type: 'webhooks.lost',
      subject: 'webhooks',
      occasion: hour,
      text: `▲ webhooks never came, and the sweep made up for them: ${parts.join(', ')}. Look at the endpoint's page there`,
      data: { ...sources, docs: 'docs/operations.md#bridgewebhookslost' },
    },
  ]
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
