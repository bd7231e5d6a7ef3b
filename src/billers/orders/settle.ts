import { and, asc, eq } from 'drizzle-orm'

import type { MoneyDeps } from '../../collect/act/take-money-step.ts'
import { loadLedger, readReceivable, type ReceivableRow } from '../../collect/load.ts'
import type { Ledger, Policy } from '../../collect/ledger.ts'
import { isReasonCode } from '../../collect/receivable.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import { mandates, refundRequests } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { PermanentError, reasonOf, WrongAddress } from '../../errors.ts'
import { asMended } from '../../collect/explain-settings.ts'
import type { OnAccount } from '../../collect/deps.ts'
import { createOrdersBiller } from './biller.ts'
import { isReplacedByClaimed } from './claim.ts'
import { decide } from './decide/decide.ts'
import type { Order } from './decide/order.ts'
import { findOrder, type OrderRow } from './order.ts'
import { rest } from './rest.ts'
import { findSource, type OrderSource, type Sources } from './source.ts'
import { take } from './take.ts'
import { findUntold } from './tellings.ts'

/** More steps than any order needs. */
const MAX_STEPS = 40
const SESSION_FRESH_MS = 3_600_000
/** A source that asks wants what is true now. */
const ASKED_FRESH_MS = 1_000

/**
 * Brings one order into agreement with Dodo: decide, act, and decide again until nothing is left to do. All of it on
 * the account on which the order was opened.
 */
export async function settleOrder(
  usual: Pick<Deps, 'accounts' | 'db' | 'now'>,
  { sources, onAccount }: { sources: Sources; onAccount: OnAccount },
  orderId: string,
  data: Record<string, unknown>,
): Promise<void> {
  const order = await findOrder(usual.db, orderId)
  if (!order) return
  const source = findSource(sources, order)
  // What is owed to a source that is switched off waits until it is on again.
  if (!source) return
  const before = await readReceivable(usual.db, orderId)
  const on = await onAccount(order.account, 'urgent')
  const biller = createOrdersBiller(usual, order.account, sources, source)
  try {
    if (!on)
      throw new PermanentError(`its Dodo account (${order.account}) is not configured any more`, {
        code: 'account_gone',
      })
    const served = await usual.accounts.of(order.account)
    if (served?.mode !== order.mode)
      throw new PermanentError(
        `it was opened in ${order.mode} mode, and its Dodo account (${order.account}) is not of that mode any more`,
        { code: 'account_gone' },
      )
    const deps = { ...on, biller }
    const asked = { isAsked: data['cause'] === 'customer', startedAt: usual.now() }
    for (let taken = 0; taken < MAX_STEPS; taken += 1)
      if (await advance(deps, { source, before, ...asked }, orderId)) return
    throw new PermanentError('the order did not come to rest: please report this', {
      code: 'too_many_steps',
    })
  } catch (error) {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    const trouble = asMended(error)
    const code =
      trouble instanceof PermanentError && isReasonCode(trouble.code)
        ? trouble.code
        : 'dodo_refused'
    const standing = { state: 'attention' as const, reason: reasonOf(trouble), code }
    await rest(usual, { source, order, row: before }, { standing })
  }
}

type Case = { source: OrderSource; before: ReceivableRow; isAsked: boolean; startedAt: Date }

/** One step; true once it rests. */
async function advance(deps: MoneyDeps, subject: Case, orderId: string) {
  const { source, before } = subject
  const { db, now } = deps
  const order = await findOrder(db, orderId)
  if (!order) return true
  const row = await readReceivable(db, orderId)
  const ledger = await loadOrderLedger(deps, order, row)
  const requests = await db
    .select()
    .from(refundRequests)
    .where(eq(refundRequests.orderId, orderId))
    .orderBy(asc(refundRequests.createdAt))
  const policy = policyOf(deps, subject, order)
  const step = decide(
    await describeOrder(deps, source, order, row),
    requests,
    ledger,
    policy,
    now(),
  )
  if (step.do === 'rest') {
    await rest(deps, { source, order, row: { ...before, requestedAt: row.requestedAt } }, step)
    return true
  }
  await take(deps, step, { source, order, row, ledger })
  return false
}

/** Its money, with the card that it may charge and no other one. */
async function loadOrderLedger(
  deps: Pick<Deps, 'db' | 'config'>,
  { account, dodoSubscriptionId }: OrderRow,
  row: ReceivableRow,
): Promise<Ledger> {
  const { ledger } = await loadLedger(deps, row.receivableId, { withMandates: false })
  if (dodoSubscriptionId === null || row.payerKey === null) return ledger
  const own = await deps.db
    .select()
    .from(mandates)
    .where(
      and(
        eq(mandates.dodoSubscriptionId, dodoSubscriptionId),
        eq(mandates.account, account),
        eq(mandates.payerKey, row.payerKey),
      ),
    )
  return { ...ledger, mandates: own }
}

/** The order as deciding takes it. */
async function describeOrder(
  { db }: Pick<Deps, 'db'>,
  source: OrderSource,
  order: OrderRow,
  row: ReceivableRow,
): Promise<Order> {
  const { currency, email, country, claimedAt, supersededAt, closedReason, collect } = order
  const late = order.claimedAt === null ? await source.whyLate?.(db, order) : undefined
  return {
    currency,
    due: row.amountDue,
    payer: { email, country, isKept: row.payerKey !== null },
    words: source.words,
    isClaimed: claimedAt !== null,
    isSuperseded: supersededAt !== null && claimedAt === null,
    supersededAt: claimedAt === null ? supersededAt : null,
    isReplaced: await isReplacedByClaimed(db, order),
    closed: closedReason ?? late ?? null,
    isCharged: collect === 'charge',
    untold: await findUntold(db, order.orderId),
    trouble: (await source.findTrouble?.(db, order)) ?? null,
  }
}

function policyOf(
  { config }: Pick<Deps, 'config'>,
  { source, isAsked, startedAt }: Case,
  order: OrderRow,
): Policy {
  return {
    collection: order.collect === 'checkout' ? 'checkout' : 'automatic',
    duplicatePayments: config.duplicatePayments,
    voidPayments: config.voidPayments,
    // Whoever shops is there to try again, and nobody is asked anew without having come.
    retryScheduleMs: (order.collect === 'charge' && source.retryScheduleMs?.(order)) || [],
    paymentFreshForMs: isAsked ? ASKED_FRESH_MS : config.reconcileEveryMs,
    sessionFreshForMs: isAsked ? ASKED_FRESH_MS : SESSION_FRESH_MS,
    startedAt,
  }
}
