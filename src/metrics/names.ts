import type { MetricType } from '@prometheus-io/client'

/** What a metric that is read from the ledger is called, what it means and which labels it has. */
type Declared = {
  type: Extract<MetricType, 'gauge' | 'counter'>
  help: string
  labels?: readonly string[]
}

/** The help of what is the same on every replica ends with this: a sum over replicas would be wrong. */
const L = ' (ledger: aggregate with max)'

const gauge = (help: string, ...labels: string[]): Declared => ({
  type: 'gauge',
  help: help + L,
  labels,
})
const counter = (help: string, ...labels: string[]): Declared => ({
  type: 'counter',
  help: help + L,
  labels,
})

/** Every metric that is read from the database when somebody scrapes. Amounts are in major units. */
export const LEDGER_METRICS = {
  bridge_replicas: gauge('Processes that beat lately'),
  bridge_invoices: gauge('Invoices by state', 'state'),
  bridge_open_amount: gauge(
    'Due of invoices that are open, processing or failed, by time since the bridge first saw them',
    'currency',
    'age',
  ),
  bridge_open_oldest_age_seconds: gauge('Age of the oldest invoice that is still to be collected'),
  bridge_collected_amount_total: counter(
    'Taken by invoices since the bridge was installed',
    'currency',
    'kind',
  ),
  bridge_refunded_amount_total: counter('Given back', 'currency', 'cause'),
  bridge_payments_total: counter('Payments that reached an end', 'status', 'kind'),
  bridge_declines_total: counter('Declines, by what they mean for the card', 'class', 'code'),
  bridge_recovered_amount_total: counter('Collected after at least one decline', 'currency'),
  bridge_duplicate_payments_total: counter('Second payments of one invoice', 'handling'),
  bridge_held_amount: gauge('At Dodo, in no invoice', 'currency', 'disposition'),
  bridge_refunds: gauge('Refunds that have not ended well yet', 'status'),
  bridge_disputes: gauge('Disputes', 'status'),
  bridge_dispute_next_deadline_timestamp_seconds: gauge('Earliest deadline of an open dispute'),
  bridge_mandates: gauge('Saved cards', 'status'),
  bridge_attention_invoices: gauge('Invoices that need a person', 'reason', 'seen'),
  bridge_attention_oldest_age_seconds: gauge('Since when the oldest of them needs one'),
  bridge_unknown_outcomes: gauge('Calls whose outcome is not known yet', 'call'),
  bridge_unknown_outcome_oldest_age_seconds: gauge('Age of the oldest of them'),
  bridge_ledger_differences: gauge("Differences in the last 30 days' statement", 'explained'),
  bridge_ledger_difference_amount: gauge('Sum of unexplained differences, absolute', 'currency'),
  bridge_deliveries_unread: gauge('Webhooks stored, waiting to be read', 'source'),
  bridge_delivery_unread_oldest_age_seconds: gauge('Age of the oldest of them', 'source'),
  bridge_last_delivery_timestamp_seconds: gauge('When a verified webhook last came', 'source'),
  bridge_webhooks_lost_total: counter('Found by a sweep, never told by webhook', 'source'),
  bridge_sweep_last_success_timestamp_seconds: gauge(
    'Last sweep of both services that was completed',
  ),
  bridge_sweep_findings_total: counter('What sweeps found', 'kind'),
  bridge_jobs: gauge('Jobs in the queue', 'kind', 'state'),
  bridge_job_oldest_ready_age_seconds: gauge('How long the oldest runnable job has waited', 'kind'),
  bridge_dead_letters: gauge('Jobs that gave up', 'kind'),
} as const satisfies Record<string, Declared>

export type LedgerMetric = keyof typeof LEDGER_METRICS

/** One value of a metric, with its labels. */
export type Sample = { labels?: Record<string, string>; value: number }
/** What was read: a metric that is not here is not known just now, and left out. */
export type Samples = Partial<Record<LedgerMetric, readonly Sample[]>>
