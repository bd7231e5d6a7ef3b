import { eq } from 'drizzle-orm'

import { findings, recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import { messageOf } from '../errors.ts'
import type { StatementFinding } from '../metrics/marks.ts'
import { compareLedgers, type Entry } from '../report/compare-ledgers.ts'
import { readDisputes } from '../report/disputes.ts'
import { readPeriod } from '../report/period.ts'
import { readEntries } from '../report/read-entries.ts'

type Comparing = Pick<Deps, 'db' | 'dodo' | 'lago' | 'log' | 'now'>

const STATEMENT = 'statement'
const BEGUN = 'statement_begun'
const EVERY_MS = 24 * 3_600_000
/** A replica that began and did not end is given up after this. */
const TAKES_MS = 3_600_000

/**
 * Compares both services' own lists of the last 30 days once a day, on one replica, and remembers what it came to for metrics
 * and notifications. It reads at the sweep's urgency, and not before there is something to compare.
 */
export async function compareDaily(deps: Comparing): Promise<void> {
  if (!(await isDue(deps))) return
  const { db, log, now } = deps
  try {
    const at = now()
    const value = await compareLastDays(deps, at)
    const found = { value, foundAt: at }
    await db
      .insert(findings)
      .values({ name: STATEMENT, ...found })
      .onConflictDoUpdate({ target: findings.name, set: found })
    log.info({ explained: value.explained, unexplained: value.unexplained }, 'ledgers compared')
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'ledgers not compared, tried again in an hour')
  }
}

/** True for one replica at a time. */
async function isDue({ db, now }: Comparing): Promise<boolean> {
  const at = now()
  return db.transaction(async (tx) => {
    const [done] = await tx.select().from(findings).where(eq(findings.name, STATEMENT))
    if (done && at.getTime() - done.foundAt.getTime() < EVERY_MS) return false
    const [begun] = await tx.select().from(findings).where(eq(findings.name, BEGUN)).for('update')
    // The first hour of an installation is for what is new.
    if (begun && at.getTime() - begun.foundAt.getTime() < TAKES_MS) return false
    const mark = { value: true, foundAt: at }
    if (!begun) {
      await tx
        .insert(findings)
        .values({ name: BEGUN, ...mark })
        .onConflictDoNothing()
      return false
    }
    await tx.update(findings).set(mark).where(eq(findings.name, BEGUN))
    const [any] = await tx.select({ id: recordings.dodoPaymentId }).from(recordings).limit(1)
    return any !== undefined
  })
}

async function compareLastDays(deps: Comparing, at: Date): Promise<StatementFinding> {
  const period = readPeriod({}, at)
  const entries = await readEntries(deps, period)
  const disputes = await readDisputes(deps, period, entries)
  const { differences } = compareLedgers(entries, at)
  const toldDisputes = disputes.filter(({ why }) => why !== undefined)
  const all = [...differences, ...toldDisputes]
  const unexplained = differences.filter(({ isExplained }) => !isExplained)
  const amounts: Record<string, number> = {}
  for (const { entry } of unexplained) {
    const currency = entry.dodo?.currency ?? entry.lago?.currency ?? 'none'
    amounts[currency] = (amounts[currency] ?? 0) + apart(entry)
  }
  const explained = all.filter(({ isExplained }) => isExplained).length
  return { explained, unexplained: all.length - explained, amounts }
}

/** How far the two sides are apart, in major units. */
function apart({ dodo, lago }: Entry): number {
  const inDodo = dodo ? Number.parseFloat(formatDodo(dodo.amount, dodo.currency)) : 0
  const inLago = lago ? Number.parseFloat(formatBooks(lago.amount, lago.currency)) : 0
  return Math.abs(inDodo - inLago)
}
