import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import type { AlertType } from '../alert-types.ts'

type Service = 'Lago' | 'Dodo'
type Signal = { type: AlertType; subject: string; level: number }

const WINDOW_MS = 10 * 60_000
/** More than this is not counted: it is many. */
const MAX_COUNTED = 1_000
const UNREACHABLE_MS = 5 * 60_000
/** A process that has not said so for so long does not see it any more. */
const SEEN_MS = 60_000
/** So many refused webhooks of one source within the window are more than a stranger's single try. */
export const REFUSED_AT_LEAST = 10

/**
 * What only this process sees: who sends what it must refuse, and who does not answer it. `flush` says so to
 * whoever tells, which may be another process.
 */
export function createSignals(nowMs: () => number = Date.now) {
  const process = crypto.randomUUID()
  const refusedAt = new Map<string, number[]>()
  const failing = new Map<Service, { since: number; last: number }>()
  const written = new Set<string>()

  function hearRefused(source: string) {
    const moments = refusedAt.get(source) ?? []
    moments.push(nowMs())
    if (moments.length > MAX_COUNTED) moments.shift()
    refusedAt.set(source, moments)
  }

  /** `code` as in metrics: `none` and `5xx` are no answers of the service. */
  function hearAnswer(service: Service, code: string) {
    const at = nowMs()
    if (code !== 'none' && code !== '5xx') failing.delete(service)
    else failing.set(service, { since: failing.get(service)?.since ?? at, last: at })
  }

  function current(refusedKeys: readonly Service[]): Signal[] {
    const at = nowMs()
    const refused = Array.from(refusedAt, ([subject, moments]) => ({
      type: 'webhooks.refused' as const,
      subject,
      level: moments.filter((moment) => moment > at - WINDOW_MS).length,
    }))
    const unreachable = Array.from(failing)
      .filter(([, { since, last }]) => at - since >= UNREACHABLE_MS && at - last < WINDOW_MS)
      .map(([subject]) => ({ type: 'service.unreachable' as const, subject, level: 1 }))
    const keys = refusedKeys.map((subject) => ({ type: 'key.refused' as const, subject, level: 1 }))
    return [...refused.filter(({ level }) => level > 0), ...unreachable, ...keys]
  }

  /** Writes down what is seen now, and takes back what is not any more. */
  async function flush(db: Executor, now: Date, refusedKeys: readonly Service[]): Promise<void> {
    const signals = current(refusedKeys)
    const names = new Set(signals.map(({ type, subject }) => `${type} ${subject}`))
    const isOver = [...written].some((name) => !names.has(name))
    if (isOver) await withdraw(db)
    for (const { type, subject, level } of signals) {
      await db.execute(sql`
        insert into signals (type, subject, process, level, seen_at)
        values (${type}, ${subject}, ${process}, ${level}, ${now.toISOString()}::timestamptz)
        on conflict (type, subject, process) do update set level = excluded.level, seen_at = excluded.seen_at`)
      written.add(`${type} ${subject}`)
    }
  }

  /** Takes back all: whoever is gone sees nothing. */
  async function withdraw(db: Executor): Promise<void> {
    if (written.size === 0) return
    await db.execute(sql`delete from signals where process = ${process}`)
    written.clear()
  }

  return { hearRefused, hearAnswer, flush, withdraw }
}

/** What the living processes see, together. */
export async function readSignals(db: Executor, now: Date) {
  const since = new Date(now.getTime() - SEEN_MS).toISOString()
  const rows = await db.execute<{ type: AlertType; subject: string; level: string }>(sql`
    select type, subject, sum(level) as level from signals where seen_at > ${since}::timestamptz group by 1, 2`)
  return rows.map(({ type, subject, level }) => ({ type, subject, level: Number(level) }))
}
