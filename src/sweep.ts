import { eq } from 'drizzle-orm'

import type { Database } from './db/client.ts'
import { findings } from './db/schema.ts'
import type { Deps } from './deps.ts'
import type { Dodo } from './dodo/client.ts'
import { messageOf } from './errors.ts'
import type { JobKind } from './jobs.ts'
import type { Lago } from './lago/client.ts'
import { findEndingTokens, findUnconnected } from './billers/highlevel/install/find-unconnected.ts'
import type { HighlevelDeps } from './billers/highlevel/deps.ts'
import { sweepHighlevel } from './billers/highlevel/sweep.ts'
import type { HighlevelAccess } from './billers/highlevel/install/open.ts'
import type { OnAccount } from './collect/deps.ts'
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
import { takeUpCarts } from './billers/openfront/take-up-carts.ts'
import { sweepUnpaid } from './billers/lago/sweep/sweep-unpaid.ts'
import { sweepVoided } from './billers/lago/sweep/sweep-voided.ts'

/** Clients whose requests give way to live work. */
export type Sweeping = Omit<Deps, 'lago' | 'dodo'> & {
  lago: Lago
  dodo: Dodo
  /** Undefined while HighLevel is off. */
  highlevel?: HighlevelAccess | undefined
  paying?: HighlevelDeps | undefined
}

type Options = {
  onAccount: OnAccount
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
  /** What Lago let nobody look at. */
  forbidden: Set<string>
}
export type Swept = {
  findings: Finding[]
  found: number
  skipped: number
  /** What a service did not let the bridge look at, in words: of that nobody knows. */
  forbidden: string[]
  /** Whether all that is read at each sweep was read. */
  isComplete: boolean
}

const LOOK_BACK_MS = 48 * 3_600_000
const MAX_LOOK_BACK_MS = 90 * 24 * 3_600_000
/** Well before the queue would take a job that runs so long for dead. */
const SWEEP_MS = 4 * 60_000
const LAST_SWEEP = 'last_sweep'

/**
 * Compares both ledgers with ours, and wakes every invoice and order about which they disagree. It mends nothing
 * itself: a lost webhook is made up for by the same look that the webhook would have caused. Each service is
 * swept for itself, so that one that is away, or whose limit is used up, does not hide what the other says, and
 * what is found is woken page by page, so that a failure undoes nothing.
 */
export async function sweep(
  deps: Sweeping,
  { onAccount, isDryRun = false, isThorough = false }: Options,
): Promise<Swept> {
  const startedAt = deps.now()
  const endMs = performance.now() + SWEEP_MS
  const found = collectFindings(deps, { isDryRun, isThorough })
  const isOver = () => !isThorough && performance.now() > endMs
  const forbidden = new Set<string>()
  const subject = { ...deps, found, isDryRun, isThorough, isOver, forbidden }
  const accounts = await deps.accounts.list()
  const parts = await Promise.allSettled([
    sweepOwn(subject).then(() => (deps.config.lago.isOn ? sweepLago(subject, startedAt) : true)),
    ...accounts.map(({ id }) => sweepAccount(subject, onAccount, id)),
    sweepInstallations(subject),
  ])
  const failed = parts.find((part) => part.status === 'rejected')
  if (failed) throw failed.reason
  if (!isDryRun) await rememberSweep(deps, startedAt)
  const isComplete = parts.every((part) => part.status === 'fulfilled' && part.value)
  return { findings: found.told, ...found.counts(), forbidden: [...forbidden], isComplete }
}

/** What we have begun ourselves, and what was told and never looked at. */
async function sweepOwn(deps: Case) {
  const { found, isDryRun } = deps
  await found.take((await findUnfinished(deps)).map(asSettled))
  if (!isDryRun) await takeUpCarts(deps)
  // Nobody is told of what only has to be read.
  await found.wake(await findUnread(deps))
}

/** Payments, refunds, disputes and cards of one Dodo account, with its clients. */
async function sweepAccount(subject: Case, onAccount: OnAccount, id: string): Promise<boolean> {
  const on = await onAccount(id, 'sweep')
  if (!on) return true
  const { account, biller, dodo } = on
  return sweepDodo({ ...subject, account, biller, dodo })
}

async function sweepLago(deps: Case, startedAt: Date): Promise<boolean> {
  const { found, isDryRun } = deps
  const since = await lookBackTo(deps, startedAt)
  await found.take((await findUnfinishedNotes(deps)).map(asSettled))
  await found.take((await findUnfinishedRequests(deps)).map(as('bundle')))
  const isComplete = await sweepUnpaid(deps)
  await sweepVoided(deps)
  const notes = await ifAllowed(deps, 'credit notes', findCreditNotes(deps, isDryRun))
  await found.take(notes.map(({ key, ...note }) => asSettled({ receivableId: key, ...note })))
  await found.take(
    (await ifAllowed(deps, 'payment requests', findPaymentRequests(deps, since))).map(as('bundle')),
  )
  await found.take((await ifAllowed(deps, 'wallets', findTopUps(deps))).map(as('topup')))
  return isComplete
}

async function sweepInstallations({ highlevel, paying, found, ...deps }: Case): Promise<boolean> {
  if (!highlevel) return true
  const untold = paying ? await sweepHighlevel(paying, deps) : []
  await found.take(
    untold.map(({ orderId: receivableId, what }) =>
      asSettled({ receivableId, what, about: { kind: 'unfinished' } }),
    ),
  )
  await found.take((await findUnconnected({ ...deps, highlevel })).map(as('installation')))
  await found.wake(await findEndingTokens({ ...deps, highlevel }))
  return true
}

const asSettled = (found: { receivableId: string; what: string; about: About }) => ({
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
async function ifAllowed<Found>(
  { log, forbidden }: Case,
  what: string,
  listed: Promise<Found[]>,
): Promise<Found[]> {
  return listed.catch((error: unknown) => {
    if (!isRefused(error) || error.status === 401) throw error
    forbidden.add(what)
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
