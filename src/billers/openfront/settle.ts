import { and, asc, eq, isNotNull } from 'drizzle-orm'

import { orderRefund } from '../../collect/act/order-refund.ts'
import { takeMoneyStep } from '../../collect/act/take-money-step.ts'
import { loadLedger, readReceivable, type ReceivableRow } from '../../collect/load.ts'
import type { Ledger, Payment, Policy } from '../../collect/ledger.ts'
import { isReasonCode, type Owed, type Standing } from '../../collect/receivable.ts'
import { note } from '../../collect/timeline.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import { orders, receivables, recordings, refundRequests } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { PermanentError, reasonOf, WrongAddress } from '../../errors.ts'
import { createOpenfrontBiller } from './biller.ts'
import { decide, type Order, type Step } from './decide/decide.ts'
import { findOrder, isReplacedByClaimed, type OrderRow } from './order.ts'

/** More steps than any order needs. */
const MAX_STEPS = 40
const SESSION_FRESH_MS = 3_600_000
/** A shop that asks wants what is true now. */
const ASKED_FRESH_MS = 1_000

type Rest = { standing: Standing; isPayable?: boolean; wakeAt?: Date | undefined }

/** Brings one order into agreement with Dodo: decide, act, and decide again until nothing is left to do. */
export async function settleOrder(
  usual: Deps,
  orderId: string,
  data: Record<string, unknown>,
): Promise<void> {
  const deps = { ...usual, biller: createOpenfrontBiller(usual) }
  if (!(await findOrder(deps.db, orderId))) return
  const policy = policyOf(deps, data['cause'] === 'customer')
  const before = await readReceivable(deps.db, orderId)
  try {
    for (let taken = 0; taken < MAX_STEPS; taken += 1)
      if (await advance(deps, orderId, policy, before)) return
    throw new PermanentError('the order did not come to rest: please report this', {
      code: 'too_many_steps',
    })
  } catch (error) {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    const code =
      error instanceof PermanentError && isReasonCode(error.code) ? error.code : 'dodo_refused'
    await rest(deps, before, { standing: { state: 'attention', reason: reasonOf(error), code } })
  }
}

const policyOf = ({ config, now }: Deps, isAsked: boolean): Policy => ({
  collection: 'checkout',
  duplicatePayments: config.duplicatePayments,
  voidPayments: config.voidPayments,
  // Whoever shops is there to try again, and nobody is asked anew without having come.
  retryScheduleMs: [],
  paymentFreshForMs: isAsked ? ASKED_FRESH_MS : config.reconcileEveryMs,
  sessionFreshForMs: isAsked ? ASKED_FRESH_MS : SESSION_FRESH_MS,
  startedAt: now(),
})

/** One step; true once it rests. */
async function advance(
  deps: Deps,
  orderId: string,
  policy: Policy,
  before: ReceivableRow,
): Promise<boolean> {
  const { db, now } = deps
  const order = await findOrder(db, orderId)
  if (!order) return true
  const row = await readReceivable(db, orderId)
  const ledger = await loadLedger(deps, row)
  const requests = await db
    .select()
    .from(refundRequests)
    .where(eq(refundRequests.orderId, orderId))
    .orderBy(asc(refundRequests.createdAt))
  const subject: Order = {
    currency: order.currency,
    due: row.amountDue,
    isClaimed: order.claimedAt !== null,
    isSuperseded: order.supersededAt !== null && order.claimedAt === null,
    isReplaced: await isReplacedByClaimed(db, order),
  }
  const step = decide(subject, requests, ledger, policy, now())
  if (step.do === 'rest') {
    await rest(deps, { ...before, requestedAt: row.requestedAt }, step)
    return true
  }
  await take(deps, step, { order, row, ledger })
  return false
}

type Subject = { order: OrderRow; row: ReceivableRow; ledger: Ledger }

async function take(deps: Deps, step: Exclude<Step, { do: 'rest' }>, subject: Subject) {
  const owed = owedOf(deps, subject)
  if (step.do === 'record') return record(deps, step, subject)
  if (step.do === 'give_up')
    return giveUp(deps, step.recording.dodoPaymentId, subject.order.orderId)
  if (step.do === 'order_refund') {
    const requestId = step.creditNote?.creditNoteId
    const isStillWanted = async () => requestId === undefined || begin(deps, requestId)
    const reason = requestId === undefined ? undefined : await reasonFor(deps, requestId)
    return orderRefund(deps, { ...step, owed, ledger: subject.ledger, isStillWanted, reason })
  }
  await takeMoneyStep(deps, step, { owed, ledger: subject.ledger, isStillWanted: async () => true })
  // A wish is granted once, whatever becomes of the checkout at once.
  if (step.do === 'open_checkout')
    await deps.db
      .update(receivables)
      .set({ requestedBy: null })
      .where(eq(receivables.receivableId, subject.order.orderId))
}

/** From now on the shop cannot be told that nothing was created. False when it was withdrawn. */
async function begin({ db }: Deps, requestId: string): Promise<boolean> {
  const begun = await db
    .update(refundRequests)
    .set({ status: 'begun' })
    .where(eq(refundRequests.id, requestId))
    .returning({ id: refundRequests.id })
  return begun.length > 0
}

async function reasonFor({ db }: Deps, requestId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ reason: refundRequests.reason })
    .from(refundRequests)
    .where(eq(refundRequests.id, requestId))
  return row?.reason ?? 'the shop asked for it'
}

/** What the payment counts as. Whether the order was superseded is looked at once more, under its lock. */
async function record(
  { db, now }: Deps,
  { payment, disposition }: Extract<Step, { do: 'record' }>,
  { order, row }: Subject,
) {
  const at = now()
  await db.transaction(async (tx) => {
    const [locked] = await tx
      .select()
      .from(orders)
      .where(eq(orders.orderId, order.orderId))
      .for('update')
    if (locked?.supersededAt?.getTime() !== order.supersededAt?.getTime()) return
    await tx
      .insert(recordings)
      .values({
        dodoPaymentId: payment.dodoPaymentId,
        receivableId: order.orderId,
        disposition,
        status: disposition === 'applied' ? 'recorded' : 'held',
        amount: row.amountDue,
        repeatableAt: at,
        recordedAt: at,
      })
      .onConflictDoNothing()
    await note(tx, order.orderId, describe(payment, disposition), at)
  })
}

const describe = ({ dodoPaymentId }: Payment, disposition: string) =>
  disposition === 'applied'
    ? `payment ${dodoPaymentId} pays it`
    : `payment ${dodoPaymentId} is not taken: ${disposition}`

/** The cart was paid and told of by another order: this money is too much, unless the shop was told of it meanwhile. */
async function giveUp({ db, now }: Deps, dodoPaymentId: string, orderId: string) {
  await db.transaction(async (tx) => {
    const [order] = await tx.select().from(orders).where(eq(orders.orderId, orderId)).for('update')
    if (!order || order.claimedAt) return
    await tx
      .update(recordings)
      .set({ disposition: 'duplicate', status: 'held' })
      .where(and(eq(recordings.dodoPaymentId, dodoPaymentId), eq(recordings.receivableId, orderId)))
    await note(tx, orderId, `payment ${dodoPaymentId} is too much: the cart was paid anew`, now())
  })
}

function owedOf({ config }: Deps, { order, row }: Subject): Owed {
  const { orderId, tenant, key, currency, email, name } = order
  const store = config.openfront?.stores.find((one) => one.name === tenant)
  return {
    receivableId: orderId,
    payer: { key: '', name: name ?? '', email, country: null, postcode: null, currency: null },
    currency,
    due: row.amountDue,
    portions: [{ receivableId: orderId, amount: row.amountDue }],
    description: `Order of cart ${key}`,
    describeAttempt: (number) => `(attempt ${number})`,
    metadata: {
      bridge_source: 'openfront',
      bridge_order: orderId,
      bridge_tenant: tenant,
      openfront_cart_id: key,
    },
    keyOf: (number) => `openfront-${orderId}${number > 1 ? `-${number}` : ''}`,
    returnUrl: store?.returnUrl?.replaceAll('{cartId}', encodeURIComponent(key)),
  }
}

/** Nothing is left to do for now: writes down where the order stands, and that the wish that came before was looked at. */
async function rest(
  { db, now }: Deps,
  { receivableId, state: before, requestedAt }: ReceivableRow,
  { standing, isPayable = false, wakeAt }: Rest,
) {
  const { state, reason, code } = standing
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({
        state,
        reason,
        reasonCode: state === 'attention' ? (code ?? null) : null,
        isPayable,
        nextWakeAt: wakeAt ?? null,
        lastError: null,
        lastErrorAt: null,
        nextRunAt: null,
        settledAt: at,
      })
      .where(eq(receivables.receivableId, receivableId))
    if (requestedAt)
      await tx
        .update(receivables)
        .set({ requestedAt: null, requestedBy: null })
        .where(
          and(
            eq(receivables.receivableId, receivableId),
            isNotNull(receivables.requestedAt),
            eq(receivables.requestedAt, requestedAt),
          ),
        )
    if (before !== state) await note(tx, receivableId, `${state}: ${reason}`, at)
  })
}
