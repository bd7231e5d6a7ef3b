import { sql } from 'drizzle-orm'

import { isSent } from '../../inbox/refused.ts'
import { SOURCES } from '../../webhook-sources.ts'
import type { Executor } from '../../db/client.ts'
import { countJobs } from '../../metrics/queue-counts.ts'

/** What the ledger and the queue say of how the bridge is. The same on every replica. */
export async function readHealth(db: Executor, queueSchema: string) {
  const [arrived, jobs, refused, lost, replicas, size, dead] = await Promise.all([
    readArrived(db),
    countJobs(db, queueSchema),
    readRefused(db),
    readLost(db),
    readReplicas(db),
    readSize(db),
    db.execute<{ many: number }>(sql`select count(*)::int as many from dead_letters`),
  ])
  return { arrived, jobs, refused, lost, replicas, size, dead: dead[0]?.many ?? 0 }
}

/** When a verified webhook last came, by source, and how many wait to be read. */
async function readArrived(db: Executor) {
  return Promise.all(
    SOURCES.map(async (source) => {
      const [row] = await db.execute<{ last: Date | null; unread: number }>(sql`
        select (select max(received_at) from deliveries where source = ${source} and ${isSent}) as last,
          (select count(*)::int from deliveries where source = ${source} and processed_at is null) as unread`)
      return {
        source,
        lastAt: row?.last ? new Date(row.last) : undefined,
        unread: row?.unread ?? 0,
      }
    }),
  )
}

/** Webhooks whose signature was refused lately; nothing of them is kept but their number and the last reason. */
async function readRefused(db: Executor) {
  const rows = await db.execute<{
    name: string
    value: { count: number; reason: string }
    at: Date
  }>(
    sql`select name, value, found_at as at from findings where name like 'refused:%'
      and found_at > now() - interval '1 day' order by name`,
  )
  return rows.map(({ name, value, at }) => ({
    source: name.replace('refused:', ''),
    count: value.count,
    reason: value.reason,
    lastAt: new Date(at),
  }))
}

/** What sweeps ever found whose webhook had not come. */
const readLost = (db: Executor) =>
  db.execute<{ label: string; value: number }>(
    sql`select label, value::float8 as value from tallies where name = 'webhooks_lost' order by label`,
  )

async function readReplicas(db: Executor): Promise<number> {
  const [row] = await db.execute<{ alive: number }>(
    sql`select count(*)::int as alive from replicas where beat_at > now() - interval '15 seconds'`,
  )
  return row?.alive ?? 0
}

async function readSize(db: Executor) {
  const [row] = await db.execute<{
    version: string
    bytes: number
    deliveries: number
    rows: number
  }>(sql`
    select current_setting('server_version') as version, pg_database_size(current_database())::float8 as bytes,
      pg_total_relation_size('deliveries')::float8 as deliveries,
      greatest((select reltuples from pg_class where oid = 'deliveries'::regclass), 0)::float8 as rows`)
  return row ?? { version: 'unknown', bytes: 0, deliveries: 0, rows: 0 }
}
