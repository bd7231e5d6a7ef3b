import { and, eq } from 'drizzle-orm'

import { formatDodo } from '../../collect/money.ts'
import { orders, payments } from '../../db/schema.ts'
import { toHundredths } from '../../highlevel/amounts.ts'
import type { Transaction } from '../../highlevel/objects.ts'
import type { ComparedOrder, Comparing, SourceDifference } from '../orders/source.ts'
import type { HighlevelClient, HighlevelDeps } from './deps.ts'
import { readCycleKey } from './recurring/rows.ts'

const PAGE = 100
const MOST_PAGES = 100
const RECENT_MS = 3_600_000
/** What was refunded since has succeeded before. */
const SHOWN = new Set(['succeeded', 'paid', 'refunded', 'partially_refunded'])
/** How the ids of Dodo's payments begin, which are HighLevel's charges. */
const CHARGE = /^pay_/

type Paid = ComparedOrder & { paid: NonNullable<ComparedOrder['paid']> }

/** What HighLevel's own transactions say of a location's orders, and of charges that pay none of them. */
export async function compareTransactions(
  deps: HighlevelDeps,
  comparing: Comparing,
): Promise<SourceDifference[]> {
  const { tenant, orders: compared } = comparing
  if (await deps.locations.isUninstalled(tenant)) return compared.some(isPaid) ? [UNREADABLE] : []
  const client = deps.locations.clientFor(tenant)
  const listed = await listTransactions(client, comparing)
  const byId = new Map(listed.map((one) => [one._id, one]))
  const found: SourceDifference[] = []
  for (const order of compared) {
    // A cycle is no transaction until HighLevel was told of it.
    const shown = readCycleKey(order.key)
      ? listed.find(({ chargeId }) => chargeId !== null && chargeId === order.paid?.dodoPaymentId)
      : (byId.get(order.key) ??
        (isPaid(order) ? await client.findTransaction(order.key) : undefined))
    found.push(...compareOrder(order, shown, deps.now()))
  }
  return [...found, ...(await findStrange(deps, comparing, listed))]
}

export const isShown = ({ status }: Transaction) => SHOWN.has((status ?? '').toLowerCase())

const isPaid = (order: ComparedOrder): order is Paid => order.paid !== null

const UNREADABLE: SourceDifference = {
  orderId: null,
  key: 'all',
  dodoPaymentId: null,
  sides: 'unknown in HighLevel',
  why: 'the location has uninstalled the app, and its transactions cannot be read',
  isExplained: true,
}

async function listTransactions(client: HighlevelClient, { mode, from, until }: Comparing) {
  const all: Transaction[] = []
  const days = { startAt: from.toISOString(), endAt: until.toISOString() }
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { data } = await client.listTransactions({ offset: page * PAGE, limit: PAGE, ...days })
    all.push(...data)
    if (data.length < PAGE) break
  }
  return all.filter(({ liveMode }) => liveMode === undefined || liveMode === (mode === 'live'))
}

function compareOrder(
  order: ComparedOrder,
  shown: Transaction | undefined,
  now: Date,
): SourceDifference[] {
  const { orderId, key, currency, supersededAt } = order
  const say = (sides: string, why: string, isExplained = false): SourceDifference[] => [
    { orderId, key, dodoPaymentId: order.paid?.dodoPaymentId ?? null, sides, why, isExplained },
  ]
  if (!isPaid(order)) {
    const isHeldAsPaid = shown && isShown(shown) && CHARGE.test(shown.chargeId ?? '')
    return isHeldAsPaid && !supersededAt
      ? say(`${shown.chargeId} in HighLevel`, 'HighLevel holds it as paid, and nothing pays it')
      : []
  }
  if (supersededAt && order.told.length === 0) return []
  if (!shown)
    return readCycleKey(key) ? [] : say('nothing in HighLevel', 'HighLevel does not know it')
  if (!isShown(shown))
    return say(`${shown.status || 'nothing'} in HighLevel`, ...whyNotShown(order, now))
  const amount = toHundredths(shown.amount)
  const write = (hundredths: number | undefined) =>
    hundredths === undefined ? 'no amount' : formatDodo(hundredths, currency)
  if (amount !== order.amount || (shown.currency ?? currency).toUpperCase() !== currency)
    return say(
      `${write(order.paid.amount)} in Dodo, ${write(amount)} in HighLevel`,
      'the amounts differ',
    )
  if (shown.chargeId !== null && shown.chargeId !== order.paid.dodoPaymentId)
    return say(`${shown.chargeId} in HighLevel`, 'HighLevel holds another charge as its payment')
  return compareRefunded(order, toHundredths(shown.amountRefunded ?? 0) ?? 0, { say, write })
}

function compareRefunded(
  { refunded }: ComparedOrder,
  inHighlevel: number,
  {
    say,
    write,
  }: {
    say: (sides: string, why: string, isExplained?: boolean) => SourceDifference[]
    write: (hundredths: number) => string
  },
): SourceDifference[] {
  if (refunded === inHighlevel) return []
  const sides = `${write(refunded)} given back in Dodo, ${write(inHighlevel)} in HighLevel`
  return refunded > inHighlevel
    ? say(sides, 'HighLevel cannot be told of a refund: only a person can note it there', true)
    : say(sides, 'HighLevel shows more as refunded than went back')
}

function whyNotShown(order: Paid, now: Date): [why: string, isExplained: boolean] {
  const isRecent = now.getTime() - order.paid.madeAt.getTime() < RECENT_MS
  const failed = order.told.find(({ status }) => status === 'failed')
  if (failed)
    return [`HighLevel was not told: ${failed.error ?? 'it was tried long enough'}`, false]
  const isWaiting = order.told.some(({ status }) => status === 'waiting')
  if (isWaiting) return ['HighLevel is being told', isRecent]
  return ['HighLevel was told, and does not show it as paid', isRecent]
}

/** What HighLevel holds as paid with a charge that pays nothing of this location. */
async function findStrange(
  { db }: HighlevelDeps,
  { tenant, mode, orders: compared }: Comparing,
  listed: readonly Transaction[],
): Promise<SourceDifference[]> {
  const known = new Set(compared.map(({ key }) => key))
  const found: SourceDifference[] = []
  for (const one of listed) {
    const { _id, chargeId } = one
    if (known.has(_id) || chargeId === null || !CHARGE.test(chargeId) || !isShown(one)) continue
    const [ours] = await db
      .select({ orderId: orders.orderId })
      .from(payments)
      .innerJoin(orders, eq(orders.orderId, payments.receivableId))
      .where(
        and(
          eq(payments.dodoPaymentId, chargeId),
          eq(orders.source, 'highlevel'),
          eq(orders.tenant, tenant),
          eq(orders.mode, mode),
        ),
      )
    if (ours) continue
    found.push({
      orderId: null,
      key: _id,
      dodoPaymentId: chargeId,
      sides: `nothing in Dodo, ${chargeId} in HighLevel`,
      why: 'HighLevel holds it as paid, and no order of this location is paid with it',
      isExplained: false,
    })
  }
  return found
}
