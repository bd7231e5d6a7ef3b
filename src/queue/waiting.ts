import type { BossDatabase } from './boss-database.ts'

/** A job as it is sent: what is owed on a key, from when on, and how it ranks. */
export type Sending = {
  key: string
  priority: number
  /** From now, by the clock of the database: ours may be another. */
  afterMs: number | undefined
  data: Record<string, unknown>
  run: number
  /** Content with any job that waits for its key, also one that starts much later. */
  isPatient: boolean
}

/** Several jobs of a key are one: the most urgent, with the causes of all. */
export function onePerKey(jobs: readonly Sending[]): Sending[] {
  const byKey = new Map<string, Sending>()
  for (const job of jobs) {
    const other = byKey.get(job.key)
    if (!other) {
      byKey.set(job.key, job)
      continue
    }
    const [first, second] = job.priority > other.priority ? [job, other] : [other, job]
    const isPatient = job.isPatient && other.isPatient
    byKey.set(job.key, { ...first, isPatient, data: { ...second.data, ...first.data } })
  }
  return [...byKey.values()]
}

/**
 * Merges jobs into those that wait for the same keys, and returns those whose key has none. The waiting
 * job is made to start no later and to rank no lower, and keeps the causes of both. It stays locked until the
 * transaction ends, so that no worker takes it before it can see what the transaction wrote; one that a
 * worker or another sender has in hand at this moment is not counted as waiting.
 */
export async function mergeIntoWaiting(
  database: BossDatabase,
  kind: string,
  jobs: readonly Sending[],
  schema: string,
): Promise<Sending[]> {
  const wanted = jobs.map((job, index) => ({
    index,
    key: job.key,
    priority: job.priority,
    after_ms: job.afterMs ?? 0,
    data: job.data,
    run: job.run,
    is_patient: job.isPatient,
  }))
  const { rows } = await database.executeSql(merge(schema), [kind, JSON.stringify(wanted)])
  const merged = new Set(rows.map((row) => (row as { index: number }).index))
  return jobs.filter((_, index) => !merged.has(index))
}

/**
 * The predicates on state, blocked and policy are those of pg-boss's index on keys. A worker that looked
 * while the job was locked is told again, or it would wait for its next poll. pg-boss derives the name of its channel
 * from its schema.
 */
const merge = (schema: string) => `
  with wanted as (
    select w.index, w.key, w.priority, w.data, w.run, w.is_patient,
      now() + w.after_ms * interval '1ms' as start_after
    from json_to_recordset($2::text::json) as w (
      index int, key text, priority int, after_ms float8, data jsonb, run int, is_patient bool)
  ), locked as (
    select id, singleton_key, start_after
    from ${schema}.job
    where name = $1 and singleton_key = any (array(select key from wanted))
      and state = 'created' and state < 'active' and not blocked and policy = 'key_strict_fifo'
    for update skip locked
  ), waiting as (
    select distinct on (singleton_key) id, wanted.*
    from locked join wanted on wanted.key = locked.singleton_key
    order by singleton_key, locked.start_after, id
  ), merged as (
    update ${schema}.job j
    set priority = greatest(j.priority, w.priority),
      start_after = least(j.start_after, w.start_after),
      data = j.data || jsonb_build_object(
        'priority', greatest(j.priority, w.priority),
        'run', case when w.start_after < j.start_after
          then least((j.data ->> 'run')::int, w.run) else (j.data ->> 'run')::int end,
        'data', case when w.priority > j.priority
          then (j.data -> 'data') || w.data else w.data || (j.data -> 'data') end)
    from waiting w
    where j.name = $1 and j.id = w.id and not w.is_patient
      and (w.priority > j.priority or w.start_after < j.start_after or not (j.data -> 'data') @> w.data)
  ), told as (
    select pg_notify('pgboss_' || left(encode(sha224('${schema}'::bytea), 'hex'), 24), $1)
    from waiting where not is_patient and start_after <= now() limit 1
  )
  select index from waiting where (select count(*) from told) >= 0`
