import { sql } from 'drizzle-orm'

import type { Database } from '../../src/db/client.ts'
import type { createWatch } from '../oracle.ts'
import type { Place, Told } from './stories.ts'

const REST_MS = 240_000
const CALM_LOOKS = 4

/** A place whose ledger can be looked at, and is watched by the oracle. */
export type Proven = Place & {
  ledger: Database
  watch: Pick<ReturnType<typeof createWatch>, 'assertKept' | 'assertAll'>
}

/** Waits until nothing that was begun is open, and asks every rule; then whether each order's money is where it was told to be. */
export async function proveTold(place: Proven, told: readonly Told[]): Promise<void> {
  const { watch } = place
  const untilMs = performance.now() + REST_MS
  for (let calm = 0; calm < CALM_LOOKS && performance.now() < untilMs;) {
    await place.wait()
    calm = (await isAtRest(place)) ? calm + 1 : 0
  }
  await watch.assertKept()
  await watch.assertAll({ isAtRest: true })
  const wrong = told.flatMap((one) => compare(place, one))
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  if (!(await isAtRest(place))) throw new Error(`something is open after ${REST_MS / 1_000} s`)
}

/** The clock that counts is the database's, so that it is what is owed that becomes older. */
export async function passWeek(ledger: Database, subscriptionId: string): Promise<void> {
  await ledger.execute(sql`
    update dodo_bridge.highlevel_subscriptions
    set anchor_at = anchor_at - interval '7 days', next_wake_at = '2020-01-01'
    where subscription_id = ${subscriptionId}`)
}

async function isAtRest({ ledger }: Proven): Promise<boolean> {
  const [row] = await ledger
    .execute<{ open: number }>(
      sql`select ((select count(*) from dodo_bridge.attempts where status in ('intended', 'unknown'))
        + (select count(*) from dodo_bridge.refund_orders where status in ('intended', 'unknown'))
        + (select count(*) from dodo_bridge.tellings where status = 'waiting')
        + (select count(*) from dodo_bridge.unrouted))::int as open`,
    )
    .catch(() => [])
  return row?.open === 0
}

const sum = (amounts: (number | null | undefined)[]) =>
  amounts.reduce<number>((all, one) => all + (one ?? 0), 0)

/** What Dodo kept of an order is what its source was told, less what was given back; each once. */
function compare({ dodo, shop }: Place, { key, paid, givenBack }: Told): string[] {
  const isOfIt = ({ metadata }: { metadata: Record<string, unknown> }) =>
    metadata['openfront_cart_id'] === key ||
    metadata['highlevel_transaction_id'] === key ||
    metadata['highlevel_subscription_id'] === key
  const money = [...dodo.store.payments.values()].filter(
    (one) => isOfIt(one) && one.status === 'succeeded' && one.total_amount > 0,
  )
  const ids = new Set(money.map(({ payment_id }) => payment_id))
  const back = [...dodo.store.refunds.values()].filter(
    (one) => ids.has(one.payment_id) && one.status !== 'failed',
  )
  const took = sum(money.map((one) => one.total_amount))
  const gave = sum(back.map((one) => one.amount))
  const placed = [...shop.store.orders.values()].filter(({ cartId }) => cartId === key).length
  return [
    ...(took === paid ? [] : [`${key}: Dodo took ${took}, and its source was told of ${paid}`]),
    ...(gave === givenBack ? [] : [`${key}: ${gave} went back, and ${givenBack} was asked for`]),
    ...(placed > 1 ? [`${key}: the shop has ${placed} orders of it`] : []),
  ]
}
