import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { payments, recordings, refundOrders } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoPayment, DodoRefund } from '../../dodo/objects.ts'
import type { MoneyStep } from '../decide/steps.ts'
import type { Ledger, Payment } from '../ledger.ts'
import { formatDodo } from '../money.ts'
import { meaningOf } from '../../refusals.ts'
import { Busy, Later, reasonOf } from '../../errors.ts'
import { wake } from '../../wakes.ts'
import { isUniqueViolation } from './attempts.ts'
import { once } from '../once.ts'
import type { Owed } from '../receivable.ts'
import { readPayment } from './read-dodo.ts'
import { explainSettings } from '../explain-settings.ts'
import { note } from '../timeline.ts'
import type { Refusal } from '../unknown-outcome.ts'

type Ordering = Pick<Deps, 'account' | 'biller' | 'db' | 'dodo' | 'queue' | 'log' | 'now'>
type Plan = Omit<Extract<MoneyStep, { do: 'order_refund' }>, 'do'> & {
  owed: Owed
  ledger: Ledger
  /** Whether the books still want what they wanted when it was decided. */
  isStillWanted: () => Promise<boolean>
  /** What its receipt says, where that is not why we ask for it. */
  reason?: string | undefined
  /** Whoever asks is there and told what Dodo says now: it is not made some hours later instead. */
  isNowOrNever?: boolean
}
type RefundBody = Parameters<Deps['dodo']['createRefund']>[0]

/** Dodo refuses while it is busy with an earlier refund of the same payment: the same again, later. */
const BUSY_MS = 15_000
/** The same while somebody waits for it. */
const BUSY_NOW_MS = 2_000
/** The merchant's balance at Dodo fills with the next settled payments, which takes hours. */
const FUNDS_MS = 2 * 3_600_000
const NO_FUNDS = "Dodo's balance does not cover it"
/** The key under which a refund says which order of ours it carries out. */
const ORDER_KEY = 'bridge_refund'

/**
 * Asks Dodo to give money back, once. The payment is read afresh before every order: a refund that we had not heard
 * of may have given the same money back, and then it is decided anew.
 */
export async function orderRefund(deps: Ordering, plan: Plan): Promise<void> {
  const { payment, resume, owed } = plan
  const orderId = resume?.id ?? crypto.randomUUID()
  const refund = await once<RefundBody, DodoRefund>(deps, {
    what: `whether Dodo refunds ${payment.dodoPaymentId}`,
    repeatableAt: resume?.repeatableAt,
    find: () => findPlaced(deps, plan),
    prepare: () => prepare(deps, plan, orderId),
    reserve: deps.dodo.reserve,
    intend: (_body, repeatableAt) => intend(deps, plan, orderId, repeatableAt),
    make: (body, turn) => deps.dodo.createRefund(body, `bridge-refund-${orderId}`, turn),
    keep: (made) => accept(deps, plan, orderId, made),
    doubt: (at) => mark(deps, orderId, { status: 'unknown', repeatableAt: at }),
    forget: () => forget(deps, orderId),
    refused: (refusal) => explain(deps, plan, orderId, refusal),
  })
  // Whose a refund of the payment is, the others that it paid can only tell now.
  const others = payment.parts.map((part) => part.receivableId)
  const waiting = others.filter((receivableId) => receivableId !== owed.receivableId)
  if (waiting.length > 0) await wake(deps, 'settle', waiting, 'payment')
  if (refund) await readPayment(deps, payment.dodoPaymentId, { settling: owed.receivableId })
}

/**
 * The refund that this order became: by its id, else by the order that its metadata names. A ledger that is older
 * than the refund knows no order, but the credit note that it carries out is named as well.
 */
async function findPlaced(
  { biller, dodo }: Ordering,
  { payment, resume, creditNote }: Plan,
): Promise<DodoRefund | undefined> {
  if (resume?.dodoRefundId) return dodo.findRefund(resume.dodoRefundId)
  if (!resume && !creditNote) return undefined
  const named = creditNote ? Object.entries(biller.describeCreditNote(creditNote.creditNoteId)) : []
  const fresh = await dodo.findPayment(payment.dodoPaymentId)
  const others = new Set(payment.orders.map(({ dodoRefundId }) => dodoRefundId))
  for (const { refund_id, status } of fresh?.refunds ?? []) {
    if (others.has(refund_id)) continue
    const refund = await dodo.findRefund(refund_id)
    const isThis = resume
      ? refund?.metadata[ORDER_KEY] === resume.id
      : status !== 'failed' && named.every(([key, value]) => refund?.metadata[key] === value)
    if (refund && isThis) return refund
  }
  return undefined
}

async function prepare(
  deps: Ordering,
  plan: Plan,
  orderId: string,
): Promise<RefundBody | undefined> {
  const { payment, resume } = plan
  if (resume) {
    // It was not made, and much may have happened since it was wanted: that is decided anew.
    await forget(deps, orderId)
    return undefined
  }
  if (!(await plan.isStillWanted())) return undefined
  const fresh = await deps.dodo.findPayment(payment.dodoPaymentId)
  if (fresh && hasNews(fresh, payment)) {
    await readPayment(deps, payment.dodoPaymentId, { settling: plan.owed.receivableId })
    return undefined
  }
  return describe(deps, plan, { orderId, fresh })
}

/** Whether money of the payment moved, or is contested, in a way that the ledger did not know when it was decided. */
function hasNews({ refunds, disputes }: DodoPayment, known: Payment): boolean {
  const refundStatus = new Map(known.refunds.map((one) => [one.dodoRefundId, one.status]))
  const disputeStatus = new Map(known.disputes.map((one) => [one.dodoDisputeId, one.status]))
  return (
    refunds.some(({ refund_id, status }) => refundStatus.get(refund_id) !== status) ||
    disputes.some(
      ({ dispute_id, dispute_status }) => disputeStatus.get(dispute_id) !== dispute_status,
    )
  )
}

async function describe(
  deps: Ordering,
  { owed, ledger, payment, amount, cause, creditNote, reason }: Plan,
  { orderId, fresh }: { orderId: string; fresh: DodoPayment | undefined },
): Promise<RefundBody> {
  const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
  const given = payment.refunds
    .filter(({ status }) => status !== 'failed')
    .reduce((sum, refund) => sum + (refund.amount ?? 0), 0)
  const isWhole = given === 0 && amount === payment.amount
  const itemId = isWhole ? undefined : await findItem(deps, payment, fresh, amount)
  return {
    payment_id: payment.dodoPaymentId,
    ...(itemId !== undefined && { items: [{ item_id: itemId, amount, tax_inclusive: true }] }),
    reason:
      reason ??
      (creditNote ? `Credit note ${creditNote.number ?? creditNote.creditNoteId}` : cause),
    metadata: {
      ...owed.metadata,
      ...deps.biller.describePayer(owed.payer.key),
      ...(await deps.biller.mark()),
      ...(creditNote && deps.biller.describeCreditNote(creditNote.creditNoteId)),
      ...(attempt && { bridge_attempt: String(attempt.number) }),
      [ORDER_KEY]: orderId,
    },
  }
}

/** A partial refund names an item: the product of a checkout, or the line of a mandate's charge. */
async function findItem(
  { dodo }: Ordering,
  { dodoPaymentId }: Payment,
  fresh: DodoPayment | undefined,
  amount: number,
) {
  const [product] = fresh?.product_cart ?? []
  if (product) return product.product_id
  const items = await dodo.listLineItems(dodoPaymentId)
  const item = items.find(({ refundable_amount }) => refundable_amount >= amount) ?? items[0]
  if (!item) throw new Error(`payment ${dodoPaymentId} has no item to refund`)
  return item.items_id
}

const mark = async (
  { db }: { db: Executor },
  orderId: string,
  change: Partial<typeof refundOrders.$inferInsert>,
): Promise<void> =>
  void (await db
    .update(refundOrders)
    .set(change)
    .where(and(eq(refundOrders.id, orderId), inArray(refundOrders.status, OPEN))))

/** What may still become a refund by a call of ours. */
const OPEN = ['intended', 'unknown', 'waiting'] as const

/**
 * False when somebody has asked for a refund of the payment since it was decided: a worker that was held up, and whose
 * job another one took over, does not ask for the same a second time. The payment is locked, so that of two one counts.
 */
async function intend(
  { db, now }: Ordering,
  plan: Plan,
  orderId: string,
  repeatableAt: Date,
): Promise<boolean> {
  const { dodoPaymentId, orders } = plan.payment
  const known = new Set(orders.map(({ id }) => id))
  const intending = db.transaction(async (tx) => {
    if (!plan.creditNote && !(await isRuledAsSeen(tx, plan))) return false
    await tx
      .select({ id: payments.dodoPaymentId })
      .from(payments)
      .where(eq(payments.dodoPaymentId, dodoPaymentId))
      .for('update')
    const asked = await tx
      .select({ id: refundOrders.id })
      .from(refundOrders)
      .where(eq(refundOrders.dodoPaymentId, dodoPaymentId))
    if (asked.some(({ id }) => !known.has(id))) return false
    await tx
      .insert(refundOrders)
      .values({ ...identityOf(plan, orderId), status: 'intended', repeatableAt, orderedAt: now() })
    return true
  })
  return intending.catch((error: unknown) => {
    if (!isUniqueViolation(error)) throw error
    throw new Later('another refund of the payment is under way', soon(now(), BUSY_MS))
  })
}

/**
 * Whether nobody has decided about spare money since it was decided to give it back. Its row is locked, as it is for
 * whoever decides about it (`operate/held-money.ts`).
 */
async function isRuledAsSeen(tx: Executor, { ledger, owed, payment }: Plan): Promise<boolean> {
  const { dodoPaymentId } = payment
  const seen = ledger.recordings.find((one) => one.dodoPaymentId === dodoPaymentId)
  const [row] = await tx
    .select({ ruling: recordings.ruling, ruledAt: recordings.ruledAt, status: recordings.status })
    .from(recordings)
    .where(
      and(
        eq(recordings.dodoPaymentId, dodoPaymentId),
        eq(recordings.receivableId, owed.receivableId),
      ),
    )
    .for('update')
  return (
    row?.status === seen?.status &&
    (row?.ruling ?? null) === (seen?.ruling ?? null) &&
    row?.ruledAt?.getTime() === seen?.ruledAt?.getTime()
  )
}

const identityOf = ({ payment, owed, creditNote, cause, amount }: Plan, orderId: string) => ({
  id: orderId,
  dodoPaymentId: payment.dodoPaymentId,
  receivableId: owed.receivableId,
  creditNoteId: creditNote?.creditNoteId ?? null,
  cause,
  amount,
})

/** Nothing was asked for, so nothing is remembered. */
const forget = async ({ db }: Ordering, orderId: string): Promise<void> =>
  void (await db
    .delete(refundOrders)
    .where(and(eq(refundOrders.id, orderId), inArray(refundOrders.status, OPEN))))

/** Dodo's word: from now on the refund's own status counts, and its own amount. */
async function accept(deps: Ordering, plan: Plan, orderId: string, refund: DodoRefund) {
  const { payment, owed, cause } = plan
  const amount = refund.amount ?? plan.amount
  const accepted = { status: 'accepted' as const, dodoRefundId: refund.refund_id, amount }
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(refundOrders)
      .values({ ...identityOf(plan, orderId), ...accepted, repeatableAt: at, orderedAt: at })
      .onConflictDoUpdate({ target: refundOrders.id, set: accepted })
    const money = formatDodo(amount, payment.currency)
    const what = `refund ${refund.refund_id} of ${money} of payment ${payment.dodoPaymentId} asked for: ${cause}`
    await note(tx, owed.receivableId, what, at)
  })
  deps.log.info(
    { receivableId: owed.receivableId, dodoRefundId: refund.refund_id, cause },
    'refund ordered',
  )
}

async function explain(deps: Ordering, plan: Plan, orderId: string, refusal: Refusal) {
  const { payment, owed } = plan
  const meaning = meaningOf(refusal)
  const explained = explainSettings(refusal)
  if (explained || meaning === 'later') await forget(deps, orderId)
  if (explained) throw explained
  if (meaning === 'later') {
    const waitMs = plan.isNowOrNever ? BUSY_NOW_MS : BUSY_MS
    throw new Busy(refusal.message, soon(deps.now(), waitMs))
  }
  if (meaning === 'funds')
    return plan.isNowOrNever ? refuse(deps, plan, orderId, NO_FUNDS) : postpone(deps, plan, orderId)
  if (meaning === 'nothing_left') {
    // Somebody else gave it back: what is left to do is decided on what Dodo says of the payment now.
    const fresh = await deps.dodo.findPayment(payment.dodoPaymentId)
    if (fresh && hasNews(fresh, payment)) {
      await forget(deps, orderId)
      await readPayment(deps, payment.dodoPaymentId, { settling: owed.receivableId })
      return
    }
  }
  await refuse(deps, plan, orderId, reasonOf(refusal))
}

/** Dodo did nothing for now, which a person sees; in some hours all of it is decided anew. */
async function postpone(
  deps: Ordering,
  { payment, owed, amount }: Plan,
  orderId: string,
): Promise<void> {
  const at = deps.now()
  const reason = NO_FUNDS
  await deps.db.transaction(async (tx) => {
    await mark({ db: tx }, orderId, {
      status: 'waiting',
      reason,
      repeatableAt: soon(at, FUNDS_MS),
    })
    const money = formatDodo(amount, payment.currency)
    const what = `refund of ${money} of payment ${payment.dodoPaymentId} waits: ${reason}`
    await note(tx, owed.receivableId, what, at)
  })
}

async function refuse(
  deps: Ordering,
  { payment, owed, amount }: Plan,
  orderId: string,
  reason: string,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await mark({ db: tx }, orderId, { status: 'refused', reason })
    const money = formatDodo(amount, payment.currency)
    const what = `Dodo does not refund ${money} of payment ${payment.dodoPaymentId}: ${reason}`
    await note(tx, owed.receivableId, what, deps.now())
  })
  deps.log.error(
    { receivableId: owed.receivableId, dodoPaymentId: payment.dodoPaymentId },
    'refund refused',
  )
}

const soon = (now: Date, ms: number) => new Date(now.getTime() + ms)
