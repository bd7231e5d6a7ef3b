import { and, eq, isNull, ne, notExists } from 'drizzle-orm'

import { assureAttempt } from '../../collect/act/observe.ts'
import { orderRefund } from '../../collect/act/order-refund.ts'
import { takeMoneyStep, type MoneyDeps } from '../../collect/act/take-money-step.ts'
import type { ReceivableRow } from '../../collect/load.ts'
import type { Ledger, Payment } from '../../collect/ledger.ts'
import type { Owed } from '../../collect/receivable.ts'
import { note } from '../../collect/timeline.ts'
import { Busy } from '../../errors.ts'
import { receivables, recordings, refundOrders, refundRequests } from '../../db/schema.ts'
import { closeOrder } from './claim.ts'
import type { Step } from './decide/decide.ts'
import { lockOrder, type OrderRow } from './order.ts'
import type { OrderSource } from './source.ts'

type Subject = { source: OrderSource; order: OrderRow; row: ReceivableRow; ledger: Ledger }

/** Takes one step: each is idempotent, and each is decided anew after the one before it is done. */
export async function take(
  deps: MoneyDeps,
  step: Exclude<Step, { do: 'rest' }>,
  subject: Subject,
): Promise<void> {
  const { source, order, ledger } = subject
  const { orderId } = order
  const owed = owedOf(subject)
  switch (step.do) {
    case 'record':
      return record(deps, step, subject)
    case 'give_up':
      return giveUp(deps, step, subject)
    case 'close': {
      const { reason } = step
      await deps.db.transaction((tx) => closeOrder(tx, orderId, { reason, at: deps.now() }))
      return
    }
    case 'drop_request':
      return dropRequest(deps, step.id)
    case 'order_refund': {
      const requestId = step.creditNote?.creditNoteId
      const isStillWanted = async () =>
        requestId === undefined ? letGo(deps, step.payment, orderId) : begin(deps, requestId)
      const reason = requestId === undefined ? undefined : await reasonFor(deps, requestId, source)
      const ordering = { ...step, owed, ledger, isStillWanted, reason }
      return requestId === undefined
        ? orderRefund(deps, ordering)
        : orderRequested(deps, requestId, { ...ordering, isNowOrNever: true })
    }
    case 'open_checkout':
    case 'charge_mandate':
      // A charge may have been made by now: it is looked for first, and confirmed right before it is made (`owedOf`).
      if (step.do === 'open_checkout' && source.confirm && !(await source.confirm(order))) return
      await takeMoneyStep(deps, step, { owed, ledger, isStillWanted: async () => true })
      return grantWish(deps, orderId)
    case 'read_payment':
    case 'read_session':
    case 'end_attempt':
    case 'drop_order':
      return takeMoneyStep(deps, step, { owed, ledger, isStillWanted: async () => true })
  }
}

/** A wish is granted once, whatever becomes of the checkout at once. */
const grantWish = async ({ db }: MoneyDeps, orderId: string): Promise<void> =>
  void (await db
    .update(receivables)
    .set({ requestedBy: null })
    .where(eq(receivables.receivableId, orderId)))

/** From now on nobody can be told that nothing was created. False when the request was withdrawn. */
async function begin({ db }: MoneyDeps, requestId: string): Promise<boolean> {
  const begun = await db
    .update(refundRequests)
    .set({ status: 'begun' })
    .where(eq(refundRequests.id, requestId))
    .returning({ id: refundRequests.id })
  return begun.length > 0
}

/** Where nothing came of it, be it that Dodo could not be asked or did not take it, it may be withdrawn again. */
async function orderRequested(
  deps: MoneyDeps,
  requestId: string,
  plan: Parameters<typeof orderRefund>[1],
) {
  let status: 'open' | 'busy' = 'open'
  try {
    await orderRefund(deps, plan)
  } catch (error) {
    if (error instanceof Busy) status = 'busy'
    throw error
  } finally {
    await deps.db
      .update(refundRequests)
      .set({ status })
      .where(
        and(
          eq(refundRequests.id, requestId),
          eq(refundRequests.status, 'begun'),
          isUnplaced(deps, requestId),
        ),
      )
  }
}

const isUnplaced = ({ db }: Pick<MoneyDeps, 'db'>, requestId: string) =>
  notExists(db.select().from(refundOrders).where(eq(refundOrders.creditNoteId, requestId)))

/** Nothing was asked of Dodo for it, and nothing will be: as if it had never been asked for. */
const dropRequest = async ({ db }: MoneyDeps, requestId: string): Promise<void> =>
  void (await db
    .delete(refundRequests)
    .where(and(eq(refundRequests.id, requestId), isUnplaced({ db }, requestId))))

/** Money that a policy or a person gives back: from now on no order is paid with it any more. False when one is by now. */
async function letGo({ db }: MoneyDeps, { dodoPaymentId }: Payment, orderId: string) {
  return db.transaction(async (tx) => {
    await lockOrder(tx, orderId)
    const isThis = and(
      eq(recordings.dodoPaymentId, dodoPaymentId),
      eq(recordings.receivableId, orderId),
      ne(recordings.disposition, 'applied'),
    )
    await tx
      .update(recordings)
      .set({ reason: 'goes back' })
      .where(and(isThis, isNull(recordings.reason)))
    const [row] = await tx.select().from(recordings).where(isThis)
    return row !== undefined
  })
}

async function reasonFor({ db }: MoneyDeps, requestId: string, { words }: OrderSource) {
  const [row] = await db
    .select({ reason: refundRequests.reason })
    .from(refundRequests)
    .where(eq(refundRequests.id, requestId))
  return row?.reason ?? words.asked
}

/** What the payment counts as. Whether the order was superseded or closed is looked at once more, under its lock. */
async function record(
  { db, now }: MoneyDeps,
  { payment, disposition }: Extract<Step, { do: 'record' }>,
  { source, order, row }: Subject,
) {
  const at = now()
  const { orderId } = order
  const { dodoPaymentId } = payment
  await db.transaction(async (tx) => {
    const locked = await lockOrder(tx, orderId)
    if (!locked || !isAsSeen(locked, order)) return
    await assureAttempt(tx, payment, at)
    const written = await tx
      .insert(recordings)
      .values({
        dodoPaymentId,
        receivableId: orderId,
        disposition,
        status: disposition === 'applied' ? 'recorded' : 'held',
        amount: row.amountDue,
        repeatableAt: at,
        recordedAt: at,
      })
      .onConflictDoNothing()
      .returning({ id: recordings.dodoPaymentId })
    if (written.length === 0) return
    const isApplied = disposition === 'applied'
    const what = isApplied ? 'pays it' : `is not taken: ${disposition}`
    await note(tx, orderId, `payment ${dodoPaymentId} ${what}`, at)
    if (isApplied) await source.onPaid?.(tx, locked, payment, at)
  })
}

const isAsSeen = (now: OrderRow, seen: OrderRow) =>
  now.supersededAt?.getTime() === seen.supersededAt?.getTime() &&
  now.closedAt?.getTime() === seen.closedAt?.getTime()

/** Another order took its place, and was paid and told of, or by nobody: this money is too much or late, unless it was told of meanwhile. */
async function giveUp(
  { db, now }: MoneyDeps,
  { recording, as }: Extract<Step, { do: 'give_up' }>,
  { order, source }: Subject,
) {
  const { orderId } = order
  const { dodoPaymentId } = recording
  const { words } = source
  await db.transaction(async (tx) => {
    const locked = await lockOrder(tx, orderId)
    if (!locked || locked.claimedAt || !locked.supersededAt) return
    await tx
      .update(recordings)
      .set({ disposition: as, status: 'held' })
      .where(and(eq(recordings.dodoPaymentId, dodoPaymentId), eq(recordings.receivableId, orderId)))
    const why =
      as === 'late'
        ? `late: ${words.superseded}, and nobody has paid that`
        : `too much: ${words.replaced}`
    await note(tx, orderId, `payment ${dodoPaymentId} is ${why}`, now())
  })
}

/** What is owed, as Dodo is asked for it. */
function owedOf({ source, order, row }: Subject): Owed {
  const { orderId, tenant, currency, email, name, country } = order
  const { description, metadata, returnUrl } = source.describe(order)
  return {
    receivableId: orderId,
    payer: {
      key: row.payerKey ?? '',
      isKept: row.payerKey !== null,
      name: name ?? '',
      email,
      country,
      postcode: null,
      currency: null,
    },
    currency,
    due: row.amountDue,
    shares: [{ receivableId: orderId, amount: row.amountDue }],
    description,
    describeAttempt: (number) => `(attempt ${number})`,
    metadata: {
      bridge_source: source.name,
      bridge_order: orderId,
      bridge_tenant: tenant,
      ...metadata,
    },
    keyOf: (number) => `${source.name}-${orderId}${number > 1 ? `-${number}` : ''}`,
    returnUrl,
    // Without books that say what is owed its amount was fixed when it was made, and it is paid by no other means.
    isStillDue: async () => source.confirm?.(order) ?? true,
    async mayBegin(tx) {
      const locked = await lockOrder(tx, orderId)
      if (!locked || !isAsSeen(locked, order)) return false
      return source.mayBegin?.(tx, locked) ?? true
    },
  }
}
