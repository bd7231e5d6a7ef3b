import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type postgres from 'postgres'

import { UnfitDatabase } from './session.ts'

/** Any fixed number that no other program takes as its advisory lock on this database. */
const MIGRATION_LOCK = 724_051_994
const LOOK_MS = 250
const SAY_MS = 5_000
const GIVE_UP_MS = 60_000

type Waiting = { log?: Pick<Logger, 'warn'> | undefined; stop?: AbortSignal | undefined }
type Holder = { pid: number; program: string; address: string | null; state: string; since: string }

/** Replicas that start together take turns. Whoever waits says for whom, and not for ever. */
export async function takeMigrationLock(sql: postgres.Sql, { log, stop }: Waiting): Promise<void> {
  const startedAt = performance.now()
  let sayAt = startedAt + SAY_MS
  while (!(await tryLock(sql))) {
    stop?.throwIfAborted()
    const waitedMs = Math.round(performance.now() - startedAt)
    if (waitedMs > GIVE_UP_MS) throw new UnfitDatabase(await describeHolder(sql, waitedMs))
    if (performance.now() > sayAt) {
      sayAt += SAY_MS
      log?.warn({ waitedMs, holder: await findHolder(sql) }, 'waiting for the migration lock')
    }
    await sleep(LOOK_MS, undefined, stop ? { signal: stop } : {})
  }
}

async function tryLock(sql: postgres.Sql): Promise<boolean> {
  const [row] = await sql<{ isOurs: boolean }[]>`
    select pg_try_advisory_lock(${MIGRATION_LOCK}) as "isOurs"`
  return row?.isOurs === true
}

async function findHolder(sql: postgres.Sql): Promise<Holder | undefined> {
  const [holder] = await sql<Holder[]>`
    select l.pid, a.application_name as program, a.client_addr::text as address, a.state,
      to_char(a.state_change, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
    from pg_locks l left join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objsubid = 1
      and l.objid = ${MIGRATION_LOCK} and l.database =
        (select oid from pg_database where datname = current_database())`
  return holder
}

async function describeHolder(sql: postgres.Sql, waitedMs: number): Promise<string> {
  const holder = await findHolder(sql)
  const waited = `waited ${Math.round(waitedMs / 1_000)} s for the migration lock`
  if (!holder) return `${waited}, which others took again and again: start once more`
  const { pid, program, address, state, since } = holder
  const who = [program, address, state && `${state} since ${since}`].filter(Boolean).join(', ')
  return (
    `${waited}, which process ${pid} of the server holds (${who}): if that is no bridge that is just ` +
    `starting, end it with "select pg_terminate_backend(${pid})"`
  )
}
