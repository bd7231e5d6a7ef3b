import { keyIn } from '../../account-key.ts'
import type { Deps } from '../deps.ts'
import { listMandateProducts } from '../act/product.ts'
import { findDisputes, findPayments, findRefunds, type FoundPayment } from './find-in-dodo.ts'
import { findMandates } from './find-mandates.ts'
import { findUnfinishedPayments } from './find-unfinished-payments.ts'
import { allow, recall, remember } from './progress.ts'
import type { Collected } from './report-found.ts'
import { isRead, openStretch, readStretch, Stretch } from './slices.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** A list may show things late, and clocks differ. */
const OVERLAP_MS = 15 * MINUTE_MS
const TWO_DAYS_MS = 2 * DAY_MS
const OLDEST_MS = 90 * DAY_MS
/** So that one thing of which there is much leaves time for the others. */
const PAGES_OF_MANDATES = 20
const NO_LIMIT = Number.POSITIVE_INFINITY
/** No mandate was made before. */
const FIRST_MANDATE = Date.UTC(2020, 0, 1)

export type Dodoing = Pick<Deps, 'account' | 'biller' | 'config' | 'db' | 'dodo' | 'now'> & {
  found: Collected
  isDryRun: boolean
  /** Asked for by a person: reads everything of two days and all mandates, however long that takes. */
  isThorough: boolean
  isOver: () => boolean
}

type Lists = Record<string, ListOf>
type ListOf = (from: Date, until: Date, page: number) => Promise<ReadPage>
/** How many rows a page had, and what of them is news. */
type ReadPage = { rows: number; found: FoundPayment[] }

/**
 * Compares the lists of one Dodo account with our ledger: what was made since the last sweep each time, two days hourly, and ninety
 * days daily, with whatever time is left. Returns whether all but the last came to its end.
 */
export async function sweepDodo(deps: Dodoing): Promise<boolean> {
  const lists = listsOf(deps)
  if (!deps.isThorough) {
    for (const name of Object.keys(lists)) await readRecent(deps, lists, name)
  }
  for (const name of Object.keys(lists)) await readTwoDays(deps, lists, name)
  const isComplete = !deps.isOver()
  const unfinished = await findUnfinishedPayments(deps)
  // Nothing is known to be wrong with them, so nobody is told.
  await deps.found.wake(
    unfinished.flatMap(({ dodoPaymentId }) =>
      dodoPaymentId ? [{ kind: 'trace', key: keyIn(deps.account, dodoPaymentId) }] : [],
    ),
  )
  if (savesCards(deps.config)) await readMandates(deps)
  for (const name of Object.keys(lists)) await readNinetyDays(deps, lists, name)
  return isComplete
}

const savesCards = ({ collection, highlevel }: Dodoing['config']) =>
  collection === 'automatic' || highlevel?.payments === 'recurring'

type Finding = Pick<Deps, 'account' | 'biller' | 'db'>

const listsOf = ({ account, biller, db, dodo }: Dodoing): Lists => {
  const page =
    <Row>(
      list: (from: Date, until: Date, page: number) => Promise<{ rows: Row[]; count: number }>,
      find: (deps: Finding, rows: Row[]) => Promise<FoundPayment[]>,
    ): ListOf =>
    async (from, until, number) => {
      const { rows, count } = await list(from, until, number)
      return {
        rows: count,
        found: rows.length > 0 ? await find({ account, biller, db }, rows) : [],
      }
    }
  return {
    payments: page(dodo.paymentPage, findPayments),
    refunds: page(dodo.refundPage, findRefunds),
    disputes: page(dodo.disputePage, findDisputes),
  }
}

/** Begins where the last one ended, however long ago that was; one that did not come to its end is gone on with. */
async function readRecent(deps: Dodoing, lists: Lists, name: string) {
  const tier = 'recent'
  const before = await recall(deps.db, stretchOf(deps, name, tier), Stretch)
  const ended =
    before && !isRead(before) ? await read(deps, lists, { name, tier, begun: before }) : before
  if (ended && !isRead(ended)) return
  const nowMs = deps.now().getTime()
  // A clock that has been set back since had not seen more than there was.
  const until = Math.min(ended?.until ?? nowMs, nowMs)
  const from = Math.max(until - OVERLAP_MS, nowMs - OLDEST_MS)
  await read(deps, lists, { name, tier, begun: openStretch(from, nowMs) })
}

async function readTwoDays(deps: Dodoing, lists: Lists, name: string) {
  const before = await recall(deps.db, stretchOf(deps, name, 'days'), Stretch)
  const nowMs = deps.now().getTime()
  const sinceMs = before ? Math.abs(nowMs - before.until) : 0
  const isDue = !before || sinceMs >= HOUR_MS
  if (before && !deps.isThorough && (!isRead(before) || !isDue)) {
    if (!isRead(before)) await read(deps, lists, { name, tier: 'days', begun: before })
    return
  }
  // What was not swept for a while, an outage, is read as well.
  const from = nowMs - Math.min(TWO_DAYS_MS + sinceMs, OLDEST_MS)
  await read(deps, lists, { name, tier: 'days', begun: openStretch(from, nowMs, before) })
}

/** The first one begins a day after the ledger did. */
async function readNinetyDays(deps: Dodoing, lists: Lists, name: string) {
  const tier = 'months'
  const before = await recall(deps.db, stretchOf(deps, name, tier), Stretch)
  const nowMs = deps.now().getTime()
  if (!before) {
    const done = { from: nowMs, until: nowMs, at: nowMs, spanMs: OLDEST_MS }
    if (!deps.isDryRun) await remember(deps.db, stretchOf(deps, name, tier), done, deps.now())
    return
  }
  const isDue = nowMs - before.until >= DAY_MS
  if (isRead(before) && !isDue) return
  const begun = isRead(before) ? openStretch(nowMs - OLDEST_MS, nowMs, before) : before
  await read(deps, lists, { name, tier, begun })
}

async function read(
  deps: Dodoing,
  lists: Lists,
  { name, tier, begun }: { name: string; tier: string; begun: Stretch },
): Promise<Stretch> {
  const list = lists[name]
  if (!list) return begun
  const save = async (stretch: Stretch) => {
    if (!deps.isDryRun) await remember(deps.db, stretchOf(deps, name, tier), stretch, deps.now())
  }
  await save(begun)
  return readStretch(begun, {
    readPage: async (from, until, page) => {
      const { rows, found } = await list(from, until, page)
      await takePayments(deps, found)
      return rows
    },
    save,
    allowance: allow(NO_LIMIT, deps.isOver),
  })
}

/** How far each list of each account was read is remembered by itself. */
const stretchOf = ({ account }: Dodoing, name: string, tier: string) =>
  keyIn(account, `${name}:${tier}`)

const takePayments = ({ account, found }: Dodoing, payments: readonly FoundPayment[]) =>
  found.take(
    payments.map(({ dodoPaymentId, ...finding }) => ({
      ...finding,
      kind: 'trace',
      key: keyIn(account, dodoPaymentId),
    })),
  )

/** Dodo's list has no filter by change, so all are read, some at each sweep. */
async function readMandates(deps: Dodoing) {
  const { db, dodo, found, isThorough, isOver } = deps
  for (const { dodoProductId } of await listMandateProducts(deps)) {
    const name = `mandates:${dodoProductId}`
    const before = await recall(db, name, Stretch)
    const isBegun = before && !isRead(before) && !isThorough
    const begun = isBegun ? before : openStretch(FIRST_MANDATE, deps.now().getTime(), before)
    await readStretch(begun, {
      readPage: async (from, until, page) => {
        const { rows, count } = await dodo.subscriptionPage(dodoProductId, from, until, page)
        const changed = rows.length > 0 ? await findMandates(deps, rows) : []
        await found.take(
          changed.map(({ key, what }) => ({
            kind: 'mandate',
            key: keyIn(deps.account, key),
            receivableId: null,
            what,
            about: { kind: 'mandate' },
          })),
        )
        return count
      },
      save: async (stretch) => {
        if (!deps.isDryRun) await remember(db, name, stretch, deps.now())
      },
      allowance: allow(isThorough ? NO_LIMIT : PAGES_OF_MANDATES, isOver),
    })
  }
}
