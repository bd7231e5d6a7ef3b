import { sql } from 'drizzle-orm'

import type { Budget, Window } from '../budget.ts'
import type { Database } from '../db/client.ts'

const BEAT_MS = 3_000
/** Whoever has not been heard of for so long is dead, and its part is the others'. */
const ALIVE_MS = 15_000
/** Within this everybody has seen who is new, and asks for no more than is left. */
const NOTICE_MS = BEAT_MS + 500
/** Shorter windows are over before they could be told of. */
const TELLABLE_MS = 3 * BEAT_MS

type Service = { name: string; limits: readonly Window[]; budget: Budget }

/**
 * Takes part in dividing the request limits among the processes on this database. A new one asks for nothing
 * until the others know of it. Resolves once it is known how many there are.
 */
export async function joinReplicas({
  db,
  services,
  now,
}: {
  db: Database
  /** Those that are added later take part from the next beat on. */
  services: readonly Service[]
  now: () => Date
}) {
  const id = crypto.randomUUID()

  async function beat(): Promise<number> {
    const spent = Object.fromEntries(
      services.map(({ name, budget }) => [name, budget.spentLately()]),
    )
    const others = await db.execute<{ spent: Record<string, number> }>(sql`
      with dead as (
        delete from replicas where beat_at < now() - ${ALIVE_MS} * interval '1 ms'
      ), own as (
        insert into replicas (id, spent, beat_at) values (${id}, ${JSON.stringify(spent)}::jsonb, now())
        on conflict (id) do update set spent = excluded.spent, beat_at = excluded.beat_at
      )
      select spent from replicas
      where id <> ${id} and beat_at >= now() - ${ALIVE_MS} * interval '1 ms'`)
    for (const { name, limits, budget } of services) {
      const spentByOthers = others.map((other) => other.spent[name] ?? 0)
      budget.resize(partOf(limits, spentByOthers))
    }
    return others.length
  }

  const others = await beat()
  if (others > 0) {
    const notBefore = new Date(now().getTime() + NOTICE_MS)
    for (const { budget } of services) budget.hold(notBefore)
  }
  // While the database is away the last division holds.
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS)

  async function leave() {
    clearInterval(timer)
    await db.execute(sql`delete from replicas where id = ${id}`).catch(() => undefined)
  }

  return { leave, beat }
}

/**
 * An equal part of each window. What another one asked beyond its own part, when there were fewer, is taken off
 * until it is past.
 */
export function partOf(limits: readonly Window[], spentByOthers: readonly number[]): Window[] {
  const living = spentByOthers.length + 1
  const longestMs = Math.max(...limits.map(({ lengthMs }) => lengthMs))
  return limits.map(({ lengthMs, most }) => {
    const share = most / living
    // A share of less than one request is one in a longer time.
    if (share < 1) return { lengthMs: Math.ceil(lengthMs / share), most: 1 }
    const isTold = lengthMs === longestMs && lengthMs >= TELLABLE_MS
    const excess = isTold
      ? spentByOthers.reduce((sum, spent) => sum + Math.max(0, spent - share), 0)
      : 0
    return { lengthMs, most: Math.max(1, Math.floor(share - excess)) }
  })
}
