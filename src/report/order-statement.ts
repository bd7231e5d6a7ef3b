import { outcomeOf } from './disputes.ts'
import { and, between, desc, eq, inArray, isNull, or } from 'drizzle-orm'

import { findSource, type ComparedOrder, type Sources } from '../billers/orders/source.ts'
import { isLost, LOST } from '../collect/ledger.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'
import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { disputes, orders, payments, tellings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { ApiError, Later, reasonOf } from '../errors.ts'
import { LEDGER } from './books.ts'
import { compareLedgers, type Difference, type Entry } from './compare-ledgers.ts'
import { readOrderEntries, takenOf } from './order-entries.ts'
import type { Period } from './period.ts'
import type { Section } from './section.ts'

type OrderRow = typeof orders.$inferSelect
type Stating = Pick<Deps, 'db' | 'now'> & {
  accounts: Pick<Deps['accounts'], 'list'>
  sources: Sources
}

/** A section for each tenant and mode of the sources that are switched on, of what was asked for or moved in the period. */
export async function readOrderSections(
  deps: Stating,
  period: Period,
  only: string | undefined,
): Promise<Section[]> {
  const { db, sources, now } = deps
  const names = sources
    .map(({ name }) => name)
    .filter((name) => only === undefined || name === only)
  if (names.length === 0) return []
  const { entries, unread } = await readAccounts(deps, period, names)
  const compared = await readCompared(db, period, names, entries)
  const bySection = Map.groupBy(compared, ({ order }) => sectionKey(order))
  const sections: (Section & { key: string })[] = []
  for (const [key, those] of bySection) {
    const [first] = those
    if (!first) continue
    const { source, tenant, mode } = first.order
    const ids = new Set<string | null>(those.map(({ order }) => order.orderId))
    const own = entries.filter(({ receivableId }) => ids.has(receivableId))
    const { currencies, differences } = compareLedgers(own, LEDGER, now())
    const troubles = those.flatMap(({ order }) => unread.get(order.account) ?? []).slice(0, 1)
    sections.push({
      key,
      source,
      tenant,
      mode,
      title: `${TITLES[source]} ${tenant} (${mode})`,
      books: LEDGER,
      entries: own,
      disputes: [],
      currencies,
      notes: [],
      differences: [
        ...troubles,
        ...differences,
        ...those.flatMap((one) => describeLost(one, period)),
        ...(await compareBooks(deps, first.order, { period, those })),
      ],
    })
  }
  return sections.toSorted((one, other) => one.key.localeCompare(other.key))
}

const TITLES = { openfront: 'Openfront, store', highlevel: 'HighLevel, location' } as const

const sectionKey = ({ source, tenant, mode }: Pick<OrderRow, 'source' | 'tenant' | 'mode'>) =>
  `${source} ${tenant} ${mode}`

/** What all accounts made in the period, and those of them that could not be asked. */
async function readAccounts(
  { db, accounts }: Stating,
  period: Period,
  names: OrderRow['source'][],
) {
  const entries: Entry[] = []
  const unread = new Map<string, Difference>()
  for (const account of await accounts.list()) {
    try {
      const read = { db, dodo: account.dodo.live, account: account.id, sources: names }
      entries.push(...(await readOrderEntries(read, period)))
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof Later)) throw error
      unread.set(account.id, unreadable(reasonOf(error)))
    }
  }
  return {
    entries: entries.toSorted((one, other) => one.madeAt.getTime() - other.madeAt.getTime()),
    unread,
  }
}

const unreadable = (reason: string): Difference => ({
  kind: 'order',
  receivableId: null,
  name: 'all',
  dodoPaymentId: null,
  dodoRefundId: null,
  sides: 'unknown in Dodo',
  why: `its Dodo account could not be read: ${reason}`,
  isExplained: false,
})

type Compared = { order: OrderRow; payments: LoadedPayment[]; told: ComparedOrder['told'] }

/** The orders of the period with their money: asked for in it, moved in it, or disputed in it and lost. */
async function readCompared(
  db: Database,
  { from, until }: Period,
  names: OrderRow['source'][],
  entries: readonly Entry[],
): Promise<Compared[]> {
  const moved = new Set(entries.flatMap(({ receivableId }) => receivableId ?? []))
  const lost = db
    .select({ id: payments.receivableId })
    .from(payments)
    .innerJoin(disputes, eq(disputes.dodoPaymentId, payments.dodoPaymentId))
    .where(
      and(
        inArray(disputes.status, LOST),
        or(
          between(disputes.openedAt, from, until),
          and(isNull(disputes.openedAt), between(disputes.observedAt, from, until)),
        ),
      ),
    )
  const rows = await db
    .select()
    .from(orders)
    .where(
      and(
        inArray(orders.source, names),
        or(
          between(orders.createdAt, from, until),
          isAnyOf(orders.orderId, moved),
          inArray(orders.orderId, lost),
        ),
      ),
    )
    .orderBy(desc(orders.createdAt))
  const ids = rows.map(({ orderId }) => orderId)
  const money = await loadPaymentsThat(db, isAnyOf(payments.receivableId, ids))
  const told = await db.select().from(tellings).where(isAnyOf(tellings.orderId, ids))
  const moneyOf = Map.groupBy(money, ({ receivableId }) => receivableId)
  const toldOf = Map.groupBy(told, ({ orderId }) => orderId)
  return rows.map((order) => ({
    order,
    payments: moneyOf.get(order.orderId) ?? [],
    told: toldOf.get(order.orderId) ?? [],
  }))
}

/**
 * Dodo goes on showing a payment as succeeded that a dispute took back: told of in the days in which the dispute began,
 * and in no others.
 */
function describeLost({ order, payments: made }: Compared, { from, until }: Period): Difference[] {
  return made.flatMap(({ dodoPaymentId, disputes: ofPayment }) =>
    ofPayment
      .filter(isLost)
      .filter(({ openedAt, observedAt }) => {
        const beganAt = openedAt ?? observedAt
        return beganAt >= from && beganAt <= until
      })
      .map(({ dodoDisputeId }) => ({
        kind: 'payment',
        receivableId: order.orderId,
        name: order.key,
        dodoPaymentId,
        dodoRefundId: null,
        sides: `taken back by ${dodoDisputeId}`,
        why: `the dispute was lost: the money went back, and ${order.source} cannot be told`,
        isExplained: true,
      })),
  )
}

async function compareBooks(
  { sources }: Stating,
  first: OrderRow,
  { period, those }: { period: Period; those: readonly Compared[] },
): Promise<Difference[]> {
  const source = findSource(sources, first)
  if (!source?.compare) return []
  const { tenant, mode } = first
  const { from, until } = period
  try {
    const found = await source.compare({ tenant, mode, from, until, orders: those.map(asCompared) })
    return found.map(({ orderId, key, ...said }) => ({
      kind: 'order',
      dodoRefundId: null,
      receivableId: orderId,
      name: key,
      ...said,
    }))
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof Later)) throw error
    return [
      {
        ...unreadable(''),
        sides: `unknown at ${source.title}`,
        why: `${source.title} could not be asked: ${reasonOf(error)}`,
      },
    ]
  }
}

function asCompared({ order, payments: made, told }: Compared): ComparedOrder {
  const paid = made.find((one) => takenOf(one) !== null)
  const refunded = (paid?.refunds ?? [])
    .filter(({ status }) => status === 'succeeded')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  const isTakenBack = paid?.disputes.some((dispute) => outcomeOf(dispute) === 'lost') ?? false
  return { ...order, paid: paid ?? null, refunded, isTakenBack, told }
}
