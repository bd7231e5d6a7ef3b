import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { FINDING_KINDS } from '../collect/sweep/report-found.ts'
import { LOST_SOURCES } from './findings.ts'
import type { Samples } from './names.ts'
import { isSent } from '../inbox/refused.ts'
import { SOURCES, type Source } from '../webhook-sources.ts'

/** A process that has not beaten for so long is taken for dead. */
const ALIVE_SECONDS = 30

/** What was written down for it to be read here: when something last was done, and tallies. */
export async function readMarks(db: Executor): Promise<Samples> {
  const [row] = await db.execute<{ replicas: string; swept: string } & Record<Source, string>>(
    sql`select
      (select count(*) from replicas where beat_at > now() - ${ALIVE_SECONDS} * interval '1 second') as replicas,
      (${newest('lago')}) as lago, (${newest('dodo')}) as dodo,
      (${newest('highlevel')}) as highlevel,
      (select extract(epoch from found_at) from findings where name = 'last_sweep') as swept`,
  )
  const tallies = await db.execute<{ name: string; label: string; value: string }>(
    sql`select name, label, value from tallies`,
  )
  const tally = (name: string, label: string) =>
    Number(tallies.find((one) => one.name === name && one.label === label)?.value ?? 0)
  const last = { lago: row?.lago, dodo: row?.dodo, highlevel: row?.highlevel }
  return {
    bridge_replicas: [{ value: Number(row?.replicas ?? 0) }],
    bridge_last_delivery_timestamp_seconds: SOURCES.filter((source) => last[source]).map(
      (source) => ({ labels: { source }, value: Number(last[source]) }),
    ),
    ...(row?.swept && {
      bridge_sweep_last_success_timestamp_seconds: [{ value: Number(row.swept) }],
    }),
    bridge_webhooks_lost_total: LOST_SOURCES.map((source) => ({
      labels: { source },
      value: tally('webhooks_lost', source),
    })),
    bridge_sweep_findings_total: FINDING_KINDS.map((kind) => ({
      labels: { kind },
      value: tally('sweep_findings', kind),
    })),
    ...(await readStatement(db)),
  }
}

const newest = (source: string) => sql`
  select extract(epoch from received_at) from deliveries where source = ${source} and ${isSent}
  order by received_at desc limit 1`

/** As the last comparison of the last 30 days found, if there was one. */
async function readStatement(db: Executor): Promise<Samples> {
  const [found] = await db.execute<{ value: StatementFinding }>(
    sql`select value from findings where name = 'statement'`,
  )
  if (!found) return {}
  const { explained, unexplained, amounts } = found.value
  return {
    bridge_ledger_differences: [
      { labels: { explained: 'yes' }, value: explained },
      { labels: { explained: 'no' }, value: unexplained },
    ],
    bridge_ledger_difference_amount: Object.entries(amounts).map(([currency, value]) => ({
      labels: { currency },
      value,
    })),
  }
}

/** What a comparison of both ledgers came to; amounts are the unexplained ones, in major units. */
export type StatementFinding = {
  explained: number
  unexplained: number
  amounts: Record<string, number>
}
