import { randomBytes } from 'node:crypto'

import { and, asc, desc, eq, inArray, or } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import {
  attempts,
  credits,
  dismissals,
  disputes,
  receivables,
  mandates,
  payments,
  recordings,
  refundOrders,
  refunds,
  shares,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Attempt, Credited, Ledger, Part, Payment } from './ledger.ts'
import { isSupportedCurrency, toDodoMinor } from './money.ts'

const TOKEN_BYTES = 16

export type ReceivableRow = typeof receivables.$inferSelect
type PaymentRow = typeof payments.$inferSelect
type ShareRow = typeof shares.$inferSelect
type RecordingRow = typeof recordings.$inferSelect

/** Names whoever has it, and nothing else: 128 random bits. */
export const newPayToken = () => randomBytes(TOKEN_BYTES).toString('base64url')

/** Where a customer pays this, for as long as it lives. */
export const payUrlOf = (publicUrl: string, payToken: string) => `${publicUrl}/pay/${payToken}`

/** Our row for a receivable, made when we first hear of it. */
export async function ensureReceivable(
  { db, now }: Pick<Deps, 'now'> & { db: Executor },
  identity: Pick<ReceivableRow, 'receivableId'> & Partial<ReceivableRow>,
): Promise<ReceivableRow> {
  const { receivableId } = identity
  await db
    .insert(receivables)
    .values({ payToken: newPayToken(), createdAt: now(), ...identity })
    .onConflictDoNothing()
  return readReceivable(db, receivableId)
}

/** Our row for a receivable as it is now. */
export async function readReceivable(db: Executor, receivableId: string): Promise<ReceivableRow> {
  const [row] = await db
    .select()
    .from(receivables)
    .where(eq(receivables.receivableId, receivableId))
  if (!row) throw new Error(`${receivableId} vanished from the ledger`)
  return row
}

/** The attempts that may pay a receivable: its own, and those of others that ask for it as well. */
export async function loadAttempts(db: Executor, receivableId: string): Promise<Attempt[]> {
  const asking = db
    .select({ id: shares.attemptId })
    .from(shares)
    .where(eq(shares.receivableId, receivableId))
  const rows = await db
    .select()
    .from(attempts)
    .where(or(eq(attempts.receivableId, receivableId), inArray(attempts.id, asking)))
    .orderBy(asc(attempts.startedAt), asc(attempts.number))
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const asked = await db
    .select()
    .from(shares)
    .where(inArray(shares.attemptId, ids))
    .orderBy(asc(shares.position))
  return rows.map((row) => {
    const portions = asked.filter(({ attemptId }) => attemptId === row.id)
    const own = portions.find((one) => one.receivableId === receivableId)
    return { ...row, share: own?.amount ?? row.amount, portions }
  })
}

/** All that we hold about one receivable's money, as deciding takes it. */
export async function loadLedger(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  row: ReceivableRow,
): Promise<Ledger> {
  const { receivableId } = row
  const ownAttempts = await loadAttempts(db, receivableId)
  const [ownPayments, ownRecordings, asides, ownMandates] = await Promise.all([
    loadPayments(db, receivableId, ownAttempts),
    db.select().from(recordings).where(eq(recordings.receivableId, receivableId)),
    db.select().from(dismissals).where(eq(dismissals.receivableId, receivableId)),
    row.payerKey && config.collection === 'automatic'
      ? db
          .select()
          .from(mandates)
          .where(eq(mandates.payerKey, row.payerKey))
          .orderBy(desc(mandates.renewedAt))
      : [],
  ])
  return {
    receivableId,
    payUrl: payUrlOf(config.publicUrl, row.payToken),
    requestedBy: row.requestedBy,
    paidElsewhere: row.paidElsewhereAt && { amount: row.paidElsewhere, at: row.paidElsewhereAt },
    dismissed: asides.map(({ reason }) => reason),
    attempts: ownAttempts,
    payments: ownPayments,
    recordings: ownRecordings,
    mandates: ownMandates,
  }
}

/** A payment with its rows as they are stored, which hold more than a decision needs. */
export type LoadedPayment = Omit<Payment, 'refunds' | 'disputes'> & {
  refunds: (typeof refunds.$inferSelect)[]
  disputes: (typeof disputes.$inferSelect)[]
}

/** Every payment that was made for a receivable, or says that it was, with all that became of it. */
export async function loadPayments(
  db: Executor,
  receivableId: string,
  ownAttempts: readonly Attempt[],
): Promise<LoadedPayment[]> {
  const attemptIds = ownAttempts.map(({ id }) => id)
  const rows = await db
    .select()
    .from(payments)
    .where(
      or(
        eq(payments.receivableId, receivableId),
        attemptIds.length > 0 ? inArray(payments.attemptId, attemptIds) : undefined,
      ),
    )
    .orderBy(asc(payments.madeAt))
  const ids = rows.map(({ dodoPaymentId }) => dodoPaymentId)
  if (ids.length === 0) return []
  const [allRefunds, allDisputes, allOrders, allRecordings, allCredits, allShares] =
    await Promise.all([
      db
        .select()
        .from(refunds)
        .where(inArray(refunds.dodoPaymentId, ids))
        .orderBy(asc(refunds.madeAt)),
      db.select().from(disputes).where(inArray(disputes.dodoPaymentId, ids)),
      db
        .select()
        .from(refundOrders)
        .where(inArray(refundOrders.dodoPaymentId, ids))
        .orderBy(asc(refundOrders.orderedAt)),
      db.select().from(recordings).where(inArray(recordings.dodoPaymentId, ids)),
      db
        .select({ dodoPaymentId: refunds.dodoPaymentId, credit: credits })
        .from(credits)
        .innerJoin(refunds, eq(refunds.dodoRefundId, credits.dodoRefundId))
        .where(
          and(
            inArray(refunds.dodoPaymentId, ids),
            inArray(credits.status, ['intended', 'unknown', 'credited']),
          ),
        ),
      attemptIds.length > 0
        ? db
            .select()
            .from(shares)
            .where(inArray(shares.attemptId, attemptIds))
            .orderBy(asc(shares.position))
        : [],
    ])
  return rows.map((row) => ({
    ...row,
    refunds: allRefunds.filter(isOf(row)),
    disputes: allDisputes.filter(isOf(row)),
    orders: allOrders.filter(isOf(row)),
    credited: allCredits.filter(isOf(row)).map(({ credit }) => creditedOf(row, credit)),
    parts: partsOf(
      row,
      allShares.filter(({ attemptId }) => attemptId === row.attemptId),
      allRecordings.filter(isOf(row)),
    ),
  }))
}

const isOf =
  ({ dodoPaymentId }: PaymentRow) =>
  (one: { dodoPaymentId: string }) =>
    one.dodoPaymentId === dodoPaymentId

function creditedOf({ currency }: PaymentRow, credit: typeof credits.$inferSelect): Credited {
  const { dodoRefundId, receivableId, amount, refunded } = credit
  return { dodoRefundId, receivableId, amount: asDodo(refunded ?? amount, currency) }
}

const asDodo = (minor: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(minor, currency) : minor

/**
 * What of a payment is for whom. One that came through no attempt that this ledger knows is for nobody, but for what
 * the books hold of it under its reference.
 */
function partsOf(payment: PaymentRow, ofAttempt: ShareRow[], recorded: RecordingRow[]): Part[] {
  const { receivableId, amount, currency } = payment
  const toDodo = (minor: number) => asDodo(minor, currency)
  if (ofAttempt.length === 0) {
    const held = recorded.filter(({ status }) => status === 'recorded')
    if (held.length === 0)
      return receivableId ? [{ receivableId, share: amount, taken: 0, isSettled: true }] : []
    return held.map((one) => {
      const taken = toDodo(one.amount)
      return { receivableId: one.receivableId, share: taken, taken, isSettled: true }
    })
  }
  return ofAttempt.map((one) => {
    const recording = recorded.find((other) => other.receivableId === one.receivableId)
    const share = toDodo(one.amount)
    const isHeld = recording?.status === 'held'
    const taken = isHeld ? 0 : recording ? toDodo(recording.amount) : share
    const isSettled = isHeld || recording?.status === 'recorded'
    return { receivableId: one.receivableId, share, taken, isSettled }
  })
}
