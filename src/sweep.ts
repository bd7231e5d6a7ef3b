import { eq } from 'drizzle-orm'

import type { Database } from './db/client.ts'
import { findings } from './db/schema.ts'
import type { Deps } from './deps.ts'
import type { Dodo } from './dodo/client.ts'
import { messageOf } from './errors.ts'
import type { JobKind } from './jobs.ts'
import type { Lago } from './lago/client.ts'
import { isRefused } from './collect/unknown-outcome.ts'
import {
  findCreditNotes,
  findPaymentRequests,
  findTopUps,
} from './billers/lago/sweep/find-requests.ts'
import { findUnfinishedNotes } from './billers/lago/sweep/find-unfinished-notes.ts'
import { findUnfinishedRequests } from './billers/lago/sweep/find-unfinished-requests.ts'
import { findUnfinished } from './collect/sweep/find-unfinished.ts'
import { findUnread } from './collect/sweep/find-unread.ts'
import {
  collectFindings,
  type About,
  type Collected,
  type Finding,
} from './collect/sweep/report-found.ts'
import { sweepDodo } from './collect/sweep/sweep-dodo.ts'
import { sweepUnpaid } from './billers/lago/sweep/sweep-unpaid.ts'

/** Clients whose requests give way to live work. */
export type Sweeping = Omit<Deps, 'lago' | 'dodo'> & { lago: Lago; dodo: Dodo }

type Options = {
  /** Only looks. */
  isDryRun?: boolean
  /** However long it takes, as a person who asks for it expects; otherwise the next one goes on where it ends. */
  isThorough?: boolean
}
type Case = Sweeping & {
  found: Collected
  isDryRun: boolean
  isThorough: boolean
  isOver: () => boolean
}
export type Swept = {
  findings: Finding[]
  found: number
  skipped: number
  /** Whether all that is read at each sweep was read. */
  isComplete: boolean
}

const LOOK_BACK_MS = 48 * 3_600_000
const MAX_LOOK_BACK_MS = 90 * 24 * 3_600_000
/** Well before the queue would take a job that runs so long for dead. */
const SWEEP_MS = 4 * 60_000
const LAST_SWEEP = 'last_sweep'

/**
 * Compares both ledgers with ours, and wakes every invoice about which they disagree. It mends nothing
 * itself: a lost webhook is made up for by the same look that the webhook would have caused. Each service is
 * swept for itself, so that one that is away, or whose limit is used up, does not hide what the other says, and
 * what is found is woken page by page, so that a failure undoes nothing.
 */
export async function sweep(
  deps: Sweeping,
  { isDryRun = false, isThorough = false }: Options = {},
): Promise<Swept> {
  const startedAt = deps.now()
  const endMs = performance.now() + SWEEP_MS
  const found = collectFindings(deps, { isDryRun, isThorough })
  const isOver = () => !isThorough && performance.now() > endMs
  const subject = { ...deps, found, isDryRun, isThorough, isOver }
  const halves = await Promise.allSettled([sweepLago(subject, startedAt), sweepDodo(subject)])
  const failed = halves.find((half) => half.status === 'rejected')
  if (failed) throw failed.reason
  if (!isDryRun) await rememberSweep(deps, startedAt)
  const isComplete = halves.every((half) => half.status === 'fulfilled' && half.value)
  return { findings: found.told, ...found.counts(), isComplete }
}

async function sweepLago(deps: Case, startedAt: Date): Promise<boolean> {
  const { found, isDryRun } = deps
  const since = await lookBackTo(deps, startedAt)
  await found.take((await findUnfinished(deps)).map(asInvoice))
  await found.take((await findUnfinishedNotes(deps)).map(asInvoice))
  await found.take((await findUnfinishedRequests(deps)).map(as('bundle')))
  // Nobody is told of what only has to be read.
  await found.wake(await findUnread(deps))
  const isComplete = await sweepUnpaid(deps)
  const notes = await ifAllowed(deps, findCreditNotes(deps, isDryRun))
  await found.take(notes.map(({ key, ...note }) => asInvoice({ receivableId: key, ...note })))
  await found.take((await ifAllowed(deps, findPaymentRequests(deps, since))).map(as('bundle')))
  await found.take((await ifAllowed(deps, findTopUps(deps))).map(as('topup')))
  return isComplete
}

const asInvoice = (found: { receivableId: string; what: string; about: About }) => ({
  ...found,
  kind: 'settle' as const,
  key: found.receivableId,
})
const as = (kind: JobKind) => (found: { key: string; what: string; about: About }) => ({
  ...found,
  kind,
  receivableId: null,
})

/** An older Lago, or a key without the permission, must not end the sweep of everything else. */
async function ifAllowed<Found>({ log }: Sweeping, listed: Promise<Found[]>): Promise<Found[]> {
  return listed.catch((error: unknown) => {
    if (!isRefused(error) || error.status === 401) throw error
    log.warn({ error: messageOf(error) }, 'not allowed to look')
    return []
  })
}

/** Long enough to cover everything since the last sweep that did not fail, outages included. */
async function lookBackTo({ db }: Sweeping, now: Date): Promise<Date> {
  const last = await lastSweptAt(db)
  const sinceLastMs = last ? now.getTime() - last.getTime() : 0
  const lookBackMs = Math.min(LOOK_BACK_MS + sinceLastMs, MAX_LOOK_BACK_MS)
  return new Date(now.getTime() - lookBackMs)
}

/** When the last sweep that did not fail began. */
export async function lastSweptAt(db: Database): Promise<Date | undefined> {
  const [last] = await db.select().from(findings).where(eq(findings.name, LAST_SWEEP))
  return last?.foundAt
}

async function rememberSweep({ db }: Sweeping, at: Date) {
  const found = { value: true, foundAt: at }
  await db
    .insert(findings)
    .values({ name: LAST_SWEEP, ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}
