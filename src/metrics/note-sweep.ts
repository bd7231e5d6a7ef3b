import { sql } from 'drizzle-orm'

import type { About } from '../collect/sweep/report-found.ts'
import type { Executor } from '../db/client.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import { suspectOf, tally, type Suspect } from './findings.ts'

type Noting = Pick<Deps, 'db' | 'log' | 'now'>

const SUSPECTS = 'webhooks_suspect'
/** More than this nobody counts: something is wrong with the endpoint as such. */
const MAX_SUSPECTS = 500
/** A webhook that was under way while the sweep read is there by now. */
const GRACE_MS = 60_000
/** How long before the sweep a webhook may have told what the sweep found. */
const LOOK_BACK_MS = 30 * 60_000

/**
 * Writes down what a sweep found, by kind, and which webhooks may have been lost. The first sweep of an
 * installation finds what was before it: nobody told of that. A note that fails is no reason to have no sweep.
 */
export async function noteSweep(
  { db, log, now }: Noting,
  { findings }: { findings: readonly { about: About }[] },
  { isFirst }: { isFirst: boolean },
): Promise<void> {
  const kinds = Map.groupBy(findings, ({ about }) => about.kind)
  const suspects = isFirst ? [] : findings.flatMap(({ about }) => suspectOf(about) ?? [])
  try {
    await db.transaction(async (tx) => {
      const counted = new Map(Array.from(kinds, ([kind, of]) => [kind, of.length]))
      await tally(tx, 'sweep_findings', counted)
      if (suspects.length > 0) await addSuspects(tx, suspects.slice(0, MAX_SUSPECTS), now())
    })
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'findings of the sweep not counted')
  }
}

/** Adds to those that are not judged yet, whose time goes on. */
async function addSuspects(db: Executor, suspects: readonly Suspect[], at: Date) {
  const added = JSON.stringify(suspects)
  await db.execute(sql`
    insert into findings (name, value, found_at) values (${SUSPECTS}, ${added}::jsonb, ${at.toISOString()}::timestamptz)
    on conflict (name) do update set value = case
      when jsonb_array_length(findings.value) < ${MAX_SUSPECTS} then findings.value || excluded.value
      else findings.value end`)
}

/**
 * Counts those that no webhook has told of until now, once a minute has passed since the sweep that found them.
 * Returns how many of which service.
 */
export async function judgeSuspects(db: Executor, now: Date): Promise<Map<string, number>> {
  const [found] = await db.execute<{ value: Suspect[]; found_at: Date }>(
    sql`select value, found_at from findings where name = ${SUSPECTS} for update`,
  )
  const foundAt = found && new Date(found.found_at)
  if (!foundAt || now.getTime() - foundAt.getTime() < GRACE_MS) return new Map()
  const since = new Date(foundAt.getTime() - LOOK_BACK_MS)
  const lost: Suspect[] = []
  for (const one of found.value) if (!(await wasTold(db, one, since))) lost.push(one)
  await db.execute(sql`delete from findings where name = ${SUSPECTS}`)
  const counted = new Map(
    Array.from(
      Map.groupBy(lost, ({ source }) => source),
      ([source, of]) => [source, of.length],
    ),
  )
  await tally(db, 'webhooks_lost', counted)
  return counted
}

/** Refunds, disputes and credit notes are named in the body only. */
async function wasTold(db: Executor, { source, id }: Suspect, since: Date): Promise<boolean> {
  const [told] = await db.execute(sql`
    select from deliveries
    where source = ${source} and received_at > ${since.toISOString()}::timestamptz
      and (wakes_key = ${id} or dodo_payment_id = ${id}
        or position(convert_to(${id}, 'UTF8') in body) > 0)
    limit 1`)
  return told !== undefined
}
