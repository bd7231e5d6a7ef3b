import { eq } from 'drizzle-orm'

import { findings, recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import { messageOf } from '../errors.ts'
import type { StatementFinding } from '../metrics/marks.ts'
import { compareLedgers, type Entry } from '../report/compare-ledgers.ts'
import type { OrderDifference, OrderSection } from '../report/compare-orders.ts'
import { readDisputes } from '../report/disputes.ts'
import { readOrderSections } from '../report/order-statement.ts'
import { readPeriod, type Period } from '../report/period.ts'
import { readEntries } from '../report/read-entries.ts'

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
  const ofLago = deps.config.lago.isOn ? await compareLago(deps, period, at) : NOTHING
  const ofOrders = await compareOrders(deps, period)
  const amounts = { ...ofLago.amounts }
  for (const [currency, amount] of Object.entries(ofOrders.amounts))
    amounts[currency] = (amounts[currency] ?? 0) + amount
  return {
    explained: ofLago.explained + ofOrders.explained,
    unexplained: ofLago.unexplained + ofOrders.unexplained,
    amounts,
  }
}

const NOTHING: StatementFinding = { explained: 0, unexplained: 0, amounts: {} }

async function compareLago(deps: Comparing, period: Period, at: Date): Promise<StatementFinding> {
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

/** What of shops and of HighLevel does not agree with Dodo, or with their own books. */
async function compareOrders(deps: Comparing, period: Period): Promise<StatementFinding> {
  const { accounts } = deps
  // Nobody waits for it, as somebody does who asks for a statement.
  const list = async () =>
    (await accounts.list()).map((one) => ({ ...one, dodo: { ...one.dodo, live: one.dodo.sweep } }))
  const sections = await readOrderSections({ ...deps, accounts: { list } }, period, undefined)
  const amounts: Record<string, number> = {}
  let explained = 0
  let unexplained = 0
  for (const section of sections)
    for (const difference of section.differences) {
      explained += difference.isExplained ? 1 : 0
      unexplained += difference.isExplained ? 0 : 1
      const entry = difference.isExplained ? undefined : entryOf(section, difference)
      if (!entry) continue
      const { currency, dodo, ledger } = entry
      const amount = Math.abs((dodo ?? 0) - (ledger ?? 0))
      amounts[currency] = (amounts[currency] ?? 0) + Number.parseFloat(formatDodo(amount, currency))
    }
  return { explained, unexplained, amounts }
}

/** What a source's own books say otherwise has no entry, and its amount is only in words. */
const entryOf = ({ entries }: OrderSection, found: OrderDifference) =>
  found.kind === 'order'
    ? undefined
    : entries.find(
        (one) =>
          one.kind === found.kind &&
          one.dodoPaymentId === found.dodoPaymentId &&
          one.dodoRefundId === found.dodoRefundId,
      )

/** How far the two sides are apart, in major units. */
function apart({ dodo, lago }: Entry): number {
  const inDodo = dodo ? Number.parseFloat(formatDodo(dodo.amount, dodo.currency)) : 0
  const inLago = lago ? Number.parseFloat(formatBooks(lago.amount, lago.currency)) : 0
  return Math.abs(inDodo - inLago)
}
