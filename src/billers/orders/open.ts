import { isLive } from '../../collect/ledger.ts'
import { payUrlOf } from '../../collect/load.ts'
import type { Deps } from '../../collect/deps.ts'
import { wake } from '../../wakes.ts'
import { findAppliedTo } from './decide/money-of-order.ts'
import { ensureOrder, type Asked } from './ensure.ts'
import { NotInTime, readStanding, waitFor, type Standing } from './look.ts'
import type { Scope } from './order.ts'
import type { OrderSource } from './source.ts'

type Opening = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>

/**
 * The order for what is asked for, with a checkout that is open (the pay link leads there, and renews what ends), or
 * paid already; `refused` when Dodo takes no such payment. Throws `NotInTime`: the same question again then finds
 * what has come of it.
 */
export async function openOrder(
  deps: Opening,
  source: OrderSource,
  scope: Omit<Scope, 'source'>,
  asked: Asked,
): Promise<{ standing: Standing; payUrl: string } | 'refused'> {
  const own = { ...scope, source: source.name }
  const { orderId } = await ensureOrder(deps, own, asked, source.words)
  const askedAt = deps.now()
  const known = await readStanding(deps, orderId)
  if (!isReady(known)) await wake(deps, 'settle', [orderId], 'customer')
  const standing = await waitFor(async () => {
    const now = await readStanding(deps, orderId)
    return isReady(now) || isOver(now, askedAt) ? now : undefined
  })
  if (!standing) throw new NotInTime('no checkout was opened in time')
  if (!isReady(standing)) return 'refused'
  return { standing, payUrl: payUrlOf(deps.config.publicUrl, standing.row.payToken) }
}

/** Nobody can pay it, for whatever reason; what was so before it was asked for may have been mended. */
const isOver = ({ order, row }: Standing, askedAt: Date) =>
  order.closedAt !== null || order.supersededAt !== null || isTroubledSince(row, askedAt)

/** Whether a person must look, as it was seen after that moment. */
export const isTroubledSince = ({ state, settledAt }: Standing['row'], askedAt: Date) =>
  state === 'attention' && settledAt !== null && settledAt >= askedAt

/** Something to pay in, or that was paid in. */
const isReady = ({ ledger }: Standing) =>
  findAppliedTo(ledger) !== undefined ||
  ledger.attempts.some((one) => !isLive(one) || one.status === 'live')
