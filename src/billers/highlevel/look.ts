import { findAppliedTo } from '../orders/decide/money-of-order.ts'
import { lookAtOrder, readStanding, type Standing } from '../orders/look.ts'
import type { HighlevelDeps } from './deps.ts'

/** What Dodo said is not asked for again before that (`settleOrder`). */
const DODO_FRESH_MS = 1_100

/**
 * The order after a look at Dodo that begins now, unless it is known to be paid: HighLevel asks in the very second in
 * which somebody paid. Throws `NotInTime`.
 */
export async function lookAnew(deps: HighlevelDeps, orderId: string): Promise<Standing> {
  const known = await readStanding(deps, orderId)
  if (findAppliedTo(known.ledger)) return known
  const sinceMs = deps.now().getTime() - (known.row.settledAt?.getTime() ?? 0)
  if (sinceMs < DODO_FRESH_MS) await Bun.sleep(DODO_FRESH_MS - Math.max(0, sinceMs))
  return lookAtOrder(deps, orderId, { freshForMs: 0 })
}
