import { eq } from 'drizzle-orm'

import { findings, recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { formatDodo } from '../collect/money.ts'
import { messageOf } from '../errors.ts'
import type { StatementFinding } from '../metrics/marks.ts'
import type { Books, Entry } from '../report/compare-ledgers.ts'
import { readLagoSection } from '../report/lago-statement.ts'
import { readOrderSections } from '../report/order-statement.ts'
import { readPeriod } from '../report/period.ts'
import { tell } from '../report/section.ts'

type Comparing = Pick<
  Deps,
  'accounts' | 'config' | 'db' | 'dodo' | 'lago' | 'log' | 'now' | 'sources'
>

const STATEMENT = 'statement'
const BEGUN = 'statement_begun'
const EVERY_MS = 24 * 3_600_000
/** A replica that began and did not end is given up after this. */
const TAKES_MS = 3_600_000

/**
 * Compares the lists of the last 30 days that Dodo, Lago and the sources of orders keep themselves, once a day, on one replica, and remembers what it came to for metrics
 * and notifications. It reads at the sweep's urgency, and not before there is something to compare.
 */
export async function compareDaily(deps: Comparing): Promise<void> {
  const isNobodys = !deps.config.lago.isOn && deps.sources.length === 0
  if (isNobodys || !(await isDue(deps))) return
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
  // Nobody waits for it, as somebody does who asks for a statement.
  const list = async () =>
    (await deps.accounts.list()).map((one) => ({
      ...one,
      dodo: { ...one.dodo, live: one.dodo.sweep },
    }))
  const sections = [
    ...(deps.config.lago.isOn ? [await readLagoSection(deps, period, '')] : []),
    ...(await readOrderSections({ ...deps, accounts: { list } }, period, undefined)),
  ]
  const told = sections.flatMap(tell)
  const explained = told.filter(({ isExplained }) => isExplained).length
  const amounts: Record<string, number> = {}
  for (const { differences, books } of sections)
    for (const { entry, isExplained } of differences) {
      // What a source's own books say otherwise has no entry, and its amount is only in words.
      if (isExplained || !entry) continue
      const currency = entry.currency || 'none'
      amounts[currency] = (amounts[currency] ?? 0) + apart(entry, books)
    }
  return { explained, unexplained: told.length - explained, amounts }
}

/** How far the two sides are apart, in major units. */
function apart({ dodo, books: held }: Entry, books: Books): number {
  const inDodo = dodo ? Number.parseFloat(formatDodo(dodo.amount, dodo.currency)) : 0
  const inBooks = held ? Number.parseFloat(books.format(held.amount, held.currency)) : 0
  return Math.abs(inDodo - inBooks)
}
