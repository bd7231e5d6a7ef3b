import { and, eq } from 'drizzle-orm'

import { creditNotes, refundOrders } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CreditNote, Ledger, Payment, RefundOrder } from '../domain/ledger.ts'
import { formatDodo } from '../domain/money.ts'
import { Later, reasonOf } from '../errors.ts'
import type { DodoRefund } from '../dodo/objects.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { isUniqueViolation } from './attempts.ts'
import { wantsRefund } from './observe-credit-note.ts'
import { readPayment } from './read-dodo.ts'
import { note } from './timeline.ts'
import {
  isRefused,
  isUnknown,
  repeatableAfterFailure,
  repeatableAfterStart,
} from './unknown-outcome.ts'

type Ordering = Pick<Deps, 'db' | 'dodo' | 'lago' | 'queue' | 'log' | 'now'> & {
  organizationId: () => Promise<string>
}
type Plan = {
  invoice: LagoInvoice
  ledger: Ledger
  payment: Payment
  resume: RefundOrder | undefined
  /** Dodo's minor units. */
  amount: number
  cause: string
  creditNote: CreditNote | undefined
}

/** Dodo refuses while it is busy with an earlier refund of the same payment: the same again, later. */
const BUSY = 'EXISTING_REFUND_REQUEST_PROCESSING'
const BUSY_MS = 15_000
/** The merchant's balance at Dodo is short, as it is in a fresh account: that passes, in hours. */
const SHORT = 'INSUFFICIENT_WALLET_FUNDS'
const SHORT_MS = 2 * 3_600_000
const LOOK_AGAIN_MS = 300
/** The key under which a refund says which order of ours it carries out. */
const ORDER_KEY = 'bridge_refund'

/**
 * Asks Dodo to give money back, once: the order is committed before the call, and one whose outcome is not
 * known is looked for among the payment's refunds before it may be repeated.
 */
export async function orderRefund(deps: Ordering, plan: Plan): Promise<void> {
  const { resume } = plan
  if (!resume) {
    if (plan.creditNote && !(await isStillWanted(deps, plan.creditNote))) return
    return place(deps, plan, await intend(deps, plan))
  }
  const found = await findPlaced(deps, plan, resume)
  if (found) return accept(deps, plan, resume.id, found)
  if (resume.repeatableAt > deps.now()) {
    throw new Later(
      `whether Dodo refunds ${plan.payment.dodoPaymentId} is not known yet`,
      resume.repeatableAt,
    )
  }
  await place(deps, plan, resume.id)
}

/** The merchant may have taken care of the note meanwhile. */
async function isStillWanted({ db, lago, now }: Ordering, { lagoCreditNoteId }: CreditNote) {
  const fresh = await lago.findCreditNote(lagoCreditNoteId)
  if (fresh && wantsRefund(fresh)) return true
  await db
    .update(creditNotes)
    .set({ refundStatus: fresh?.refund_status ?? 'gone', observedAt: now() })
    .where(eq(creditNotes.lagoCreditNoteId, lagoCreditNoteId))
  return false
}

async function intend(deps: Ordering, plan: Plan): Promise<string> {
  const startedAt = deps.now()
  const [row] = await deps.db
    .insert(refundOrders)
    .values({
      dodoPaymentId: plan.payment.dodoPaymentId,
      lagoInvoiceId: plan.invoice.lago_id,
      lagoCreditNoteId: plan.creditNote?.lagoCreditNoteId ?? null,
      cause: plan.cause,
      status: 'intended',
      amount: plan.amount,
      repeatableAt: repeatableAfterStart(startedAt),
      orderedAt: startedAt,
    })
    .returning({ id: refundOrders.id })
    .catch((error: unknown) => {
      if (!isUniqueViolation(error)) throw error
      throw new Later('another refund of the payment is under way', soon(startedAt, BUSY_MS))
    })
  if (!row) throw new Error(`refund order of ${plan.payment.dodoPaymentId} was not written`)
  return row.id
}

async function place(deps: Ordering, plan: Plan, orderId: string) {
  const body = await describe(deps, plan, orderId)
  const startedAt = deps.now()
  await deps.db
    .update(refundOrders)
    .set({ status: 'intended', repeatableAt: repeatableAfterStart(startedAt) })
    .where(eq(refundOrders.id, orderId))
  // Once Dodo has answered, whatever fails on our side must not look as if the call had failed.
  const refund = await deps.dodo
    .createRefund(body, `bridge-refund-${orderId}`)
    .catch((error: unknown) => explain(deps, plan, { orderId, startedAt, error }))
  if (refund) await accept(deps, plan, orderId, refund)
}

/** The call failed: it is looked for later, made again later, or given up. */
async function explain(
  deps: Ordering,
  plan: Plan,
  { orderId, startedAt, error }: { orderId: string; startedAt: Date; error: unknown },
): Promise<undefined> {
  if (isUnknown(error)) {
    const repeatableAt = repeatableAfterFailure(error, startedAt, deps.now())
    await deps.db
      .update(refundOrders)
      .set({ status: 'unknown', repeatableAt })
      .where(eq(refundOrders.id, orderId))
    throw new Later(error.message, soon(deps.now(), LOOK_AGAIN_MS))
  }
  if (!isRefused(error) || error.status === 401 || error.status === 403) {
    await forget(deps, orderId)
    throw error
  }
  if (error.code === BUSY) {
    await forget(deps, orderId)
    throw new Later(error.message, soon(deps.now(), BUSY_MS))
  }
  if (error.code === SHORT) return postpone(deps, plan, orderId)
  return refuse(deps, plan, orderId, reasonOf(error))
}

/** Dodo did nothing for now, which a person sees; in some hours all of it is decided anew. */
async function postpone(
  deps: Ordering,
  { payment, invoice, amount }: Plan,
  orderId: string,
): Promise<undefined> {
  const at = deps.now()
  const money = formatDodo(amount, payment.currency)
  const reason = "Dodo's balance does not cover it"
  await deps.db.transaction(async (tx) => {
    await tx
      .update(refundOrders)
      .set({ status: 'waiting', reason, repeatableAt: soon(at, SHORT_MS) })
      .where(eq(refundOrders.id, orderId))
    const what = `refund of ${money} of payment ${payment.dodoPaymentId} waits: ${reason}`
    await note(tx, invoice.lago_id, what, at)
  })
}

/** Nothing was asked for, so nothing is remembered. */
const forget = ({ db }: Ordering, orderId: string) =>
  db
    .delete(refundOrders)
    .where(and(eq(refundOrders.id, orderId), eq(refundOrders.status, 'intended')))

async function describe(
  deps: Ordering,
  { invoice, ledger, payment, amount, cause, creditNote }: Plan,
  orderId: string,
) {
  const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
  const given = payment.refunds
    .filter(({ status }) => status !== 'failed')
    .reduce((sum, refund) => sum + (refund.amount ?? 0), 0)
  const isWhole = given === 0 && amount === payment.amount
  const itemId = isWhole ? undefined : await findItem(deps, payment, amount)
  return {
    payment_id: payment.dodoPaymentId,
    ...(itemId !== undefined && { items: [{ item_id: itemId, amount, tax_inclusive: true }] }),
    reason: creditNote ? `Credit note ${creditNote.number ?? creditNote.lagoCreditNoteId}` : cause,
    metadata: {
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      lago_customer_id: invoice.customer.external_id,
      lago_organization_id: await deps.organizationId(),
      ...(creditNote && { lago_credit_note_id: creditNote.lagoCreditNoteId }),
      ...(attempt && { bridge_attempt: String(attempt.number) }),
      [ORDER_KEY]: orderId,
    },
  }
}

/** A partial refund names an item: the product of a checkout, or the line of a mandate's charge. */
async function findItem({ dodo }: Ordering, { dodoPaymentId }: Payment, amount: number) {
  const payment = await dodo.findPayment(dodoPaymentId)
  const [product] = payment?.product_cart ?? []
  if (product) return product.product_id
  const items = await dodo.listLineItems(dodoPaymentId)
  const item = items.find(({ refundable_amount }) => refundable_amount >= amount) ?? items[0]
  if (!item) throw new Error(`payment ${dodoPaymentId} has no item to refund`)
  return item.items_id
}

/** The refund that an order of ours became, found by what we wrote on it. */
async function findPlaced({ dodo }: Ordering, { payment }: Plan, order: RefundOrder) {
  const fresh = await dodo.findPayment(payment.dodoPaymentId)
  const taken = new Set(payment.orders.map(({ dodoRefundId }) => dodoRefundId))
  for (const { refund_id } of fresh?.refunds ?? []) {
    if (taken.has(refund_id)) continue
    const refund = await dodo.findRefund(refund_id)
    if (refund?.metadata[ORDER_KEY] === order.id) return refund
  }
  return undefined
}

async function accept(deps: Ordering, plan: Plan, orderId: string, refund: DodoRefund) {
  const { payment, invoice, amount, cause } = plan
  await deps.db.transaction(async (tx) => {
    await tx
      .update(refundOrders)
      .set({ status: 'accepted', dodoRefundId: refund.refund_id })
      .where(eq(refundOrders.id, orderId))
    const money = formatDodo(amount, payment.currency)
    const what = `refund ${refund.refund_id} of ${money} of payment ${payment.dodoPaymentId} asked for: ${cause}`
    await note(tx, invoice.lago_id, what, deps.now())
  })
  deps.log.info(
    { lagoInvoiceId: invoice.lago_id, dodoRefundId: refund.refund_id, cause },
    'refund ordered',
  )
  await readPayment(deps, payment.dodoPaymentId, { settling: invoice.lago_id })
}

async function refuse(
  deps: Ordering,
  { payment, invoice, amount }: Plan,
  orderId: string,
  reason: string,
): Promise<undefined> {
  await deps.db.transaction(async (tx) => {
    await tx
      .update(refundOrders)
      .set({ status: 'refused', reason })
      .where(eq(refundOrders.id, orderId))
    const money = formatDodo(amount, payment.currency)
    const what = `Dodo does not refund ${money} of payment ${payment.dodoPaymentId}: ${reason}`
    await note(tx, invoice.lago_id, what, deps.now())
  })
  deps.log.error(
    { lagoInvoiceId: invoice.lago_id, dodoPaymentId: payment.dodoPaymentId },
    'refund refused',
  )
}

const soon = (now: Date, ms: number) => new Date(now.getTime() + ms)
