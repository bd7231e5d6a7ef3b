import { z } from 'zod'

import type { Deps } from '../../../deps.ts'
import { whyTooOld } from '../decide/collectable.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import { rememberPayLinks } from '../pay-token.ts'
import { decideInstallation, findCollectSince, findInstallation } from '../collect-since.ts'
import { findGone, judgeUnpaid, markListed } from './find-in-lago.ts'
import { allow, recall, remember } from '../../../collect/sweep/progress.ts'
import type { Collected } from '../../../collect/sweep/report-found.ts'
import { skipOld } from './skip-old.ts'

const DAY_MS = 24 * 3_600_000
/** Days are Lago's, in the customer's time zone. */
const YOUNG_MS = 3 * DAY_MS
const PAGES_OF_YOUNG = 50
/** Of all unpaid invoices, at one sweep. */
const PAGES = 200
/** More than so many old unpaid invoices are somebody else's business. */
const MANY_OLD = 100
const NAME = 'unpaid'
const Progress = z.object({ page: z.number(), startedAt: z.coerce.date() })

export type Unpaid = Pick<Deps, 'config' | 'db' | 'lago' | 'log' | 'now'> & {
  found: Collected
  isDryRun: boolean
  isThorough: boolean
  isOver: () => boolean
}

/**
 * Compares Lago's unpaid invoices with our ledger: those of the last days at each sweep, all of them in as many
 * sweeps as that takes. Returns whether
 * there was time for this sweep's part.
 */
export async function sweepUnpaid(deps: Unpaid): Promise<boolean> {
  await decideOnOld(deps)
  const before = deps.isThorough ? undefined : await recall(deps.db, NAME, Progress)
  const begun = before ?? { page: 1, startedAt: deps.now() }
  if (begun.page > 1) await readYoung(deps)
  return readAll(deps, begun)
}

async function readYoung(deps: Unpaid) {
  const since = dayOf(deps.now().getTime() - YOUNG_MS)
  const allowance = allow(PAGES_OF_YOUNG, deps.isOver)
  for (let page = 1; allowance.mayGoOn(); page += 1) {
    allowance.spend()
    const { rows, isLast } = await deps.lago.unpaidPage(page, { since })
    await take(deps, rows)
    if (isLast) return
  }
}

async function readAll(deps: Unpaid, begun: z.infer<typeof Progress>): Promise<boolean> {
  const { db, lago, now, isThorough, isDryRun } = deps
  const allowance = allow(isThorough ? Number.POSITIVE_INFINITY : PAGES, deps.isOver)
  const seen = new Set<string>()
  for (let { page } = begun; ; page += 1) {
    if (!allowance.mayGoOn()) return !deps.isOver()
    allowance.spend()
    const { rows, isLast } = await lago.unpaidPage(page)
    await take(deps, rows)
    // A dry run marks nothing, so it keeps in mind what it saw.
    if (isDryRun) for (const { lago_id } of rows) seen.add(lago_id)
    if (isLast) break
    if (!isDryRun) await remember(db, NAME, { ...begun, page: page + 1 }, now())
  }
  await takeGone(deps, { since: begun.startedAt, seen })
  if (!isDryRun) await remember(db, NAME, {}, now())
  return true
}

async function take(deps: Unpaid, rows: readonly LagoInvoice[]) {
  if (rows.length === 0) return
  // Their turn to be settled may come much later, and customers hold their links now.
  if (!deps.isDryRun) await rememberPayLinks(deps, rows)
  const { found, tooOld } = await judgeUnpaid(deps, rows, await findCollectSince(deps))
  await deps.found.take(found)
  if (deps.isDryRun) return
  const skipped = await skipOld(deps, tooOld)
  deps.found.skip(skipped)
  await markListed(
    deps,
    rows.map(({ lago_id }) => lago_id),
    deps.now(),
  )
}

async function takeGone(deps: Unpaid, listed: { since: Date; seen: ReadonlySet<string> }) {
  for (let after = ''; ;) {
    const gone = await findGone(deps, listed, after)
    await deps.found.take(gone)
    const last = gone.at(-1)
    if (!last) return
    after = last.key
  }
}

/** Decides once for a new installation whether what was unpaid long before it is left alone. */
async function decideOnOld(deps: Unpaid) {
  const { config, db, log, isDryRun } = deps
  const installation = await findInstallation(db)
  if (installation?.leavesOld !== 'undecided' || isDryRun) return
  const areMany = config.collectSince ? false : await areOldMany(deps, installation.cutoff)
  if (areMany === undefined) return
  await decideInstallation(db, areMany ? 'yes' : 'no')
  if (areMany)
    log.warn('unpaid invoices older than this installation are not collected: set COLLECT_SINCE')
}

/** Counts no further than is needed; undefined when there was no time to. A Lago may ignore the filter. */
async function areOldMany({ lago, isOver }: Unpaid, cutoff: Date): Promise<boolean | undefined> {
  const policy = { collectSince: { at: cutoff, isByInstallation: true } }
  let count = 0
  for (let page = 1; !isOver(); page += 1) {
    const { rows, isLast } = await lago.unpaidPage(page, { until: dayOf(cutoff.getTime()) })
    count += rows.filter(({ issuing_date }) => whyTooOld({ issuedOn: issuing_date }, policy)).length
    if (isLast || count > MANY_OLD) return count > MANY_OLD
  }
  return undefined
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
