import { eq } from 'drizzle-orm'

import { isFinal, isLive, type Ledger, type Payment } from '../../collect/ledger.ts'
import { loadLedger, type ReceivableRow } from '../../collect/load.ts'
import type { Executor } from '../../db/client.ts'
import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { wake } from '../../wakes.ts'
import { findAppliedTo } from './decide/money-of-order.ts'
import { findOrder, type OrderRow } from './order.ts'

type Looking = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>

/** Whoever asks gives up after ten seconds at the soonest. */
const WAIT_MS = 7_500
const POLL_MS = 40
const SLOWEST_POLL_MS = 300
/** A look that is not older is as good as a new one. */
const FRESH_MS = 2_000

/** Dodo, or our own work, did not come to an end in time. Nothing is lost: the same question again. */
export class NotInTime extends Error {
  override name = 'NotInTime' as const
}

/** Waits for what `find` finds; undefined when it was not there in time. */
export async function waitFor<Found>(
  find: () => Promise<Found | undefined>,
): Promise<Found | undefined> {
  const deadline = performance.now() + WAIT_MS
  let pollMs = POLL_MS
  for (;;) {
    const found = await find()
    if (found !== undefined || performance.now() > deadline) return found
    await Bun.sleep(pollMs)
    pollMs = Math.min(pollMs * 1.3, SLOWEST_POLL_MS)
  }
}

/** An order with all that is known of its money. */
export type Standing = { order: OrderRow; row: ReceivableRow; ledger: Ledger }

export async function readStanding(
  deps: Pick<Looking, 'config'> & { db: Executor },
  orderId: string,
): Promise<Standing> {
  const [order, { row, ledger }] = await Promise.all([
    findOrder(deps.db, orderId),
    loadLedger(deps, orderId),
  ])
  if (!order) throw new Error(`${orderId} vanished from the ledger`)
  return { order, row, ledger }
}

/**
 * The order after a look at Dodo, unless the last look is fresh or what is known is final. Throws `NotInTime` when
 * that look did not come to its end.
 */
export async function lookAtOrder(
  deps: Looking,
  orderId: string,
  { freshForMs = FRESH_MS } = {},
): Promise<Standing> {
  const known = await readStanding(deps, orderId)
  const { row, ledger } = known
  const askedAt = deps.now()
  const isFresh =
    row.settledAt &&
    askedAt.getTime() - row.settledAt.getTime() < freshForMs &&
    !ledger.payments.some((one) => isUnrecorded(one, ledger))
  if (findAppliedTo(ledger) || isFresh) return known
  await wake(deps, 'settle', [orderId], 'customer')
  const settled = await waitFor(async () => {
    const [at] = await deps.db
      .select({ settledAt: receivables.settledAt })
      .from(receivables)
      .where(eq(receivables.receivableId, orderId))
    return at?.settledAt && at.settledAt >= askedAt ? at.settledAt : undefined
  })
  if (!settled) throw new NotInTime('Dodo did not answer in time')
  return readStanding(deps, orderId)
}

/** Money that came a moment ago: what it counts as is decided next. */
const isUnrecorded = ({ status, dodoPaymentId }: Payment, { recordings }: Ledger) =>
  status === 'succeeded' && !recordings.some((one) => one.dodoPaymentId === dodoPaymentId)

export type Outcome = 'pending' | 'captured' | 'failed' | 'cancelled'

/** What a source is told, before anything is claimed: superseded and mismatched money is never captured. */
export function outcomeOf({ order, ledger }: Standing): {
  status: Outcome
  payment: Payment | undefined
  isMismatch: boolean
} {
  const applied = findAppliedTo(ledger)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === applied?.dodoPaymentId)
  const isSuperseded = order.supersededAt !== null && order.claimedAt === null
  if (payment && !isSuperseded) return { status: 'captured', payment, isMismatch: false }
  const last = ledger.payments.at(-1)
  const hasMoney = ledger.payments.some(({ status }) => status === 'succeeded')
  const isMismatch = hasMoney && !ledger.payments.some((one) => isUnrecorded(one, ledger))
  const attempt = ledger.attempts.at(-1)
  const isOver = attempt !== undefined && !isLive(attempt) && last !== undefined && isFinal(last)
  if (hasMoney || !isOver || last.attemptId !== attempt.id)
    return { status: 'pending', payment: last, isMismatch }
  const status = last.status === 'cancelled' ? 'cancelled' : 'failed'
  return { status, payment: last, isMismatch: false }
}
