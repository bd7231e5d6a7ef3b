import { eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { findings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Dodo } from '../dodo/client.ts'
import { messageOf } from '../errors.ts'
import type { Lago } from '../lago/client.ts'
import { tracePayment } from '../settle/trace.ts'
import { isRefused } from '../settle/unknown-outcome.ts'
import { wake } from '../settle/wake.ts'
import { findInDodo, findMandates } from './find-in-dodo.ts'
import { findInLago } from './find-in-lago.ts'
import { findCreditNotes, findPaymentRequests, findTopUps } from './find-requests.ts'
import {
  findUnfinished,
  findUnfinishedBundles,
  findUnfinishedPayments,
  findUnread,
} from './find-unfinished.ts'

/** One thing that was not as it should be, in words. */
export type Finding = { lagoInvoiceId: string | null; what: string }

/** Clients whose requests give way to live work. */
export type Sweeping = Omit<Deps, 'lago' | 'dodo'> & { lago: Lago; dodo: Dodo }

/** Dodo's lists have no filter by change, so each sweep reads again what is younger than this. */
const LOOK_BACK_MS = 48 * 3_600_000
const MAX_LOOK_BACK_MS = 90 * 24 * 3_600_000
const LAST_SWEEP = 'last_sweep'

/**
 * Compares both ledgers with ours, and wakes every invoice about which they disagree. It mends nothing
 * itself: a lost webhook is made up for by the same look that the webhook would have caused. Each service is
 * swept for itself, so that one that is away, or whose limit is used up, does not hide what the other says.
 */
export async function sweep(deps: Sweeping, { isDryRun = false } = {}): Promise<Finding[]> {
  const startedAt = deps.now()
  const since = await lookBackTo(deps, startedAt)
  const halves = [
    await attempt(() => sweepLago(deps, since, isDryRun)),
    await attempt(() => sweepDodo(deps, since, isDryRun)),
  ]
  const failed = halves.find((half) => 'error' in half)
  if (failed && 'error' in failed) throw failed.error
  if (!isDryRun) await rememberSweep(deps, startedAt)
  return halves.flatMap((half) => ('found' in half ? half.found : []))
}

const attempt = (half: () => Promise<Finding[]>) =>
  half().then(
    (found) => ({ found }),
    (error: unknown) => ({ error }),
  )

async function sweepLago(deps: Sweeping, since: Date, isDryRun: boolean): Promise<Finding[]> {
  const ofInvoices = [
    ...(await findInLago(deps, isDryRun)),
    ...(await findUnfinished(deps)),
    ...(await ifAllowed(deps, findCreditNotes(deps, isDryRun))).map(({ key, what }) => ({
      lagoInvoiceId: key,
      what,
    })),
  ]
  const others: Other[] = [
    ...(await ifAllowed(deps, findPaymentRequests(deps, since))).map(as('bundle')),
    ...(await findUnfinishedBundles(deps)).map(as('bundle')),
    ...(await ifAllowed(deps, findTopUps(deps))).map(as('topup')),
  ]
  if (!isDryRun) {
    await wake(deps, [...new Set(ofInvoices.map((one) => one.lagoInvoiceId))], 'sweep')
    await wakeOthers(deps, [...others, ...(await findUnreadKeys(deps))])
  }
  return [...ofInvoices, ...others.map(({ what }) => ({ lagoInvoiceId: null, what }))]
}

async function sweepDodo(deps: Sweeping, since: Date, isDryRun: boolean): Promise<Finding[]> {
  const isAutomatic = deps.config.collection === 'automatic'
  const changed = await findInDodo(deps, since)
  const unfinished = await findUnfinishedPayments(deps)
  const mandates = (isAutomatic ? await findMandates(deps) : []).map(as('mandate'))
  if (!isDryRun) {
    await wakeOthers(deps, mandates)
    const ids = new Set([...changed, ...unfinished].map(({ dodoPaymentId }) => dodoPaymentId))
    for (const dodoPaymentId of ids) await tracePayment(deps, dodoPaymentId)
  }
  return [...changed, ...mandates.map(({ what }) => ({ lagoInvoiceId: null, what }))]
}

type Other = { kind: string; key: string; what: string }
const as =
  (kind: string) =>
  ({ key, what }: { key: string; what: string }): Other => ({ kind, key, what })

/** An older Lago, or a key without the permission, must not end the sweep of everything else. */
async function ifAllowed<Found>({ log }: Sweeping, listed: Promise<Found[]>): Promise<Found[]> {
  return listed.catch((error: unknown) => {
    if (!isRefused(error) || error.status === 401) throw error
    log.warn({ error: messageOf(error) }, 'not allowed to look')
    return []
  })
}

async function findUnreadKeys(deps: Sweeping): Promise<Other[]> {
  const unread = await findUnread(deps)
  return unread.flatMap(({ wakes, key }) =>
    wakes && key ? [{ kind: wakes, key, what: 'a delivery has not been read' }] : [],
  )
}

async function wakeOthers({ db, queue }: Sweeping, others: readonly Other[]) {
  const kinds = new Set(others.map(({ kind }) => kind))
  await db.transaction(async (tx) => {
    for (const kind of kinds) {
      const keys = new Set(others.filter((one) => one.kind === kind).map(({ key }) => key))
      await queue.send(
        tx,
        kind,
        [...keys].map((key) => ({ key, data: { cause: 'sweep' } })),
      )
    }
  })
}

/** Long enough to cover everything since the last sweep that was completed, outages included. */
async function lookBackTo({ db }: Sweeping, now: Date): Promise<Date> {
  const last = await lastSweptAt(db)
  const sinceLastMs = last ? now.getTime() - last.getTime() : 0
  const lookBackMs = Math.min(LOOK_BACK_MS + sinceLastMs, MAX_LOOK_BACK_MS)
  return new Date(now.getTime() - lookBackMs)
}

/** When the last sweep that was completed began. */
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
