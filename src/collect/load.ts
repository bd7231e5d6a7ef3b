import { randomBytes } from 'node:crypto'

import { asc, eq, sql, type AnyColumn, type SQL } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'

import { isAnyOf } from '../db/any-of.ts'
import type { Executor } from '../db/client.ts'
import { readRows, rowsOf } from '../db/rows.ts'
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
import type { Deps } from './deps.ts'
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
  const made = db
    .insert(receivables)
    .values({ payToken: newPayToken(), createdAt: now(), ...identity })
    .onConflictDoNothing()
    .returning()
  const selected = await db.execute<{ row: unknown }>(sql`
    with made as ${made}
    select row_to_json(made) as row from made
    union all
    select row_to_json(${receivables}) from ${receivables}
    where ${eq(receivables.receivableId, receivableId)}`)
  const [row] = readRows(
    receivables,
    selected.map((one) => one.row),
  )
  // Somebody else made it in the same moment, which this statement did not see.
  return row ?? readReceivable(db, receivableId)
}

/** Our row for a receivable as it is now. */
export async function readReceivable(db: Executor, receivableId: string): Promise<ReceivableRow> {
  const [row] = await db
    .select()
    .from(receivables)
    .where(eq(receivables.receivableId, receivableId))
  if (!row) throw vanished(receivableId)
  return row
}

const vanished = (receivableId: string) => new Error(`${receivableId} vanished from the ledger`)

/** A payment with its rows as they are stored, which hold more than a decision needs. */
export type LoadedPayment = Omit<Payment, 'refunds' | 'disputes'> & {
  /** Whom it was made for, or says that it was: one that asks for several, where it does. */
  receivableId: string | null
  refunds: (typeof refunds.$inferSelect)[]
  disputes: (typeof disputes.$inferSelect)[]
  recordings: RecordingRow[]
}

/** What of our rows a decision goes by: with `more`, what its biller wants to know besides, in the same moment. */
type Wanted = { withMandates?: boolean; more?: Record<string, SQL> }

/**
 * The attempts that may pay a receivable, its own and those of others that ask for it as well; every payment that was
 * made for it, or says that it was, with all that became of it; and the rest that we hold about its money. One
 * statement, so that a look costs one round trip.
 */
export async function loadMoney(
  db: Executor,
  receivableId: string,
  { withMandates = false, more = {} }: Wanted = {},
) {
  const attemptIds = sql`(select ids from own_attempts)::uuid[]`
  const paymentIds = sql`(select ids from own_payments)::text[]`
  const id = sql`${receivableId}::text`
  const ofPayments = (column: AnyColumn) => sql`${column} = any (${paymentIds})`
  const columns: Record<string, SQL> = {
    receivables: rowsOf(receivables, sql`${receivables.receivableId} = ${id}`),
    attempts: rowsOf(
      attempts,
      sql`${attempts.id} = any (${attemptIds})`,
      sql`${attempts.startedAt}, ${attempts.number}`,
    ),
    shares: rowsOf(
      shares,
      sql`${shares.attemptId} = any (${attemptIds} || array(
        select ${payments.attemptId} from ${payments} where ${ofPayments(payments.dodoPaymentId)}))`,
      sql`${shares.position}`,
    ),
    payments: rowsOf(payments, ofPayments(payments.dodoPaymentId), sql`${payments.madeAt}`),
    refunds: rowsOf(refunds, ofPayments(refunds.dodoPaymentId), sql`${refunds.madeAt}`),
    disputes: rowsOf(disputes, ofPayments(disputes.dodoPaymentId)),
    orders: rowsOf(
      refundOrders,
      ofPayments(refundOrders.dodoPaymentId),
      sql`${refundOrders.orderedAt}`,
    ),
    recordings: rowsOf(
      recordings,
      sql`${ofPayments(recordings.dodoPaymentId)} or ${recordings.receivableId} = ${id}`,
    ),
    credits: rowsOf(
      credits,
      sql`${credits.receivableId} = ${id} or ${credits.dodoRefundId} = any (array(
        select ${refunds.dodoRefundId} from ${refunds} where ${ofPayments(refunds.dodoPaymentId)}))`,
    ),
    dismissals: rowsOf(dismissals, sql`${dismissals.receivableId} = ${id}`),
    ...(withMandates && {
      mandates: rowsOf(
        mandates,
        sql`${mandates.payerKey} = (select payer_key from receivables where receivable_id = ${id})`,
        sql`${mandates.renewedAt} desc`,
      ),
    }),
    ...more,
  }
  const selected = Object.entries(columns).map(
    ([name, column]) => sql`${column} as ${sql.identifier(name)}`,
  )
  const [found = {}] = await db.execute(sql`
    with own_attempts as (
      select array(
        select ${attempts.id} from ${attempts} where ${attempts.receivableId} = ${id}
        union select ${shares.attemptId} from ${shares} where ${shares.receivableId} = ${id}
      ) as ids
    ), own_payments as (
      select array(
        select ${payments.dodoPaymentId} from ${payments}
        where ${payments.receivableId} = ${id} or ${payments.attemptId} = any (${attemptIds})
      ) as ids
    )
    select ${sql.join(selected, sql`, `)}`)
  const of = <Table extends PgTable>(table: Table, name: string) => readRows(table, found[name])

  const ownAttempts = attemptsOf(receivableId, of(attempts, 'attempts'), of(shares, 'shares'))
  const allRecordings = of(recordings, 'recordings')
  const rows = {
    refunds: of(refunds, 'refunds'),
    disputes: of(disputes, 'disputes'),
    orders: of(refundOrders, 'orders'),
    credits: of(credits, 'credits'),
    recordings: allRecordings,
    shares: of(shares, 'shares'),
  }
  return {
    row: of(receivables, 'receivables')[0],
    attempts: ownAttempts,
    payments: of(payments, 'payments').map((payment) => paymentOf(payment, rows)),
    recordings: allRecordings.filter((one) => one.receivableId === receivableId),
    credits: rows.credits.filter((one) => one.receivableId === receivableId),
    dismissed: of(dismissals, 'dismissals').map(({ reason }) => reason),
    mandates: withMandates ? of(mandates, 'mandates') : [],
    more: found,
  }
}

/** The attempts that may pay a receivable: its own, and those of others that ask for it as well. */
export const loadAttempts = async (db: Executor, receivableId: string): Promise<Attempt[]> =>
  (await loadMoney(db, receivableId)).attempts

/** All that we hold about one receivable's money, as deciding takes it, with its row. */
export async function loadLedger(
  { db, config }: Pick<Deps, 'config'> & { db: Executor },
  receivableId: string,
  { withMandates = config.collection === 'automatic', more = {} }: Wanted = {},
) {
  const { row, ...money } = await loadMoney(db, receivableId, { withMandates, more })
  if (!row) throw vanished(receivableId)
  const ledger: Ledger = {
    receivableId,
    payUrl: payUrlOf(config.publicUrl, row.payToken),
    requestedBy: row.requestedBy,
    paidElsewhere: row.paidElsewhereAt && { amount: row.paidElsewhere, at: row.paidElsewhereAt },
    dismissed: money.dismissed,
    attempts: money.attempts,
    payments: money.payments,
    recordings: money.recordings,
    mandates: money.mandates,
  }
  return { row, ledger, credits: money.credits, more: money.more }
}

function attemptsOf(
  receivableId: string,
  rows: (typeof attempts.$inferSelect)[],
  asked: ShareRow[],
): Attempt[] {
  return rows.map((row) => {
    const ofAll = asked.filter(({ attemptId }) => attemptId === row.id)
    const own = ofAll.find((one) => one.receivableId === receivableId)
    return { ...row, share: own?.amount ?? row.amount, shares: ofAll }
  })
}

/** The payments that meet a condition, with all that became of them. */
export async function loadPaymentsThat(
  db: Executor,
  meet: SQL | undefined,
): Promise<LoadedPayment[]> {
  const rows = await db.select().from(payments).where(meet).orderBy(asc(payments.madeAt))
  const ids = rows.map(({ dodoPaymentId }) => dodoPaymentId)
  if (ids.length === 0) return []
  const attemptIds = [...new Set(rows.flatMap(({ attemptId }) => attemptId ?? []))]
  const [allRefunds, allDisputes, allOrders, allRecordings, allCredits, allShares] =
    await Promise.all([
      db
        .select()
        .from(refunds)
        .where(isAnyOf(refunds.dodoPaymentId, ids))
        .orderBy(asc(refunds.madeAt)),
      db.select().from(disputes).where(isAnyOf(disputes.dodoPaymentId, ids)),
      db
        .select()
        .from(refundOrders)
        .where(isAnyOf(refundOrders.dodoPaymentId, ids))
        .orderBy(asc(refundOrders.orderedAt)),
      db.select().from(recordings).where(isAnyOf(recordings.dodoPaymentId, ids)),
      db
        .select({ credit: credits })
        .from(credits)
        .innerJoin(refunds, eq(refunds.dodoRefundId, credits.dodoRefundId))
        .where(isAnyOf(refunds.dodoPaymentId, ids)),
      attemptIds.length > 0
        ? db
            .select()
            .from(shares)
            .where(isAnyOf(shares.attemptId, attemptIds, 'uuid'))
            .orderBy(asc(shares.position))
        : [],
    ])
  const all = {
    refunds: allRefunds,
    disputes: allDisputes,
    orders: allOrders,
    credits: allCredits.map(({ credit }) => credit),
    recordings: allRecordings,
    shares: allShares,
  }
  return rows.map((row) => paymentOf(row, all))
}

type CreditRow = typeof credits.$inferSelect
type OfPayments = {
  refunds: LoadedPayment['refunds']
  disputes: LoadedPayment['disputes']
  orders: (typeof refundOrders.$inferSelect)[]
  credits: CreditRow[]
  recordings: RecordingRow[]
  shares: ShareRow[]
}

/** Whether a credit note is there for it, or may be. */
const isCredited = ({ status }: CreditRow) =>
  status === 'intended' || status === 'unknown' || status === 'credited'

function paymentOf(row: PaymentRow, rows: OfPayments): LoadedPayment {
  const own = rows.refunds.filter(isOf(row))
  const ids = new Set(own.map(({ dodoRefundId }) => dodoRefundId))
  return {
    ...row,
    refunds: own,
    disputes: rows.disputes.filter(isOf(row)),
    orders: rows.orders.filter(isOf(row)),
    credited: rows.credits
      .filter((credit) => ids.has(credit.dodoRefundId) && isCredited(credit))
      .map((credit) => creditedOf(row, credit)),
    recordings: rows.recordings.filter(isOf(row)),
    parts: partsOf(
      row,
      rows.shares.filter(({ attemptId }) => attemptId === row.attemptId),
      rows.recordings.filter(isOf(row)),
    ),
  }
}

const isOf =
  ({ dodoPaymentId }: PaymentRow) =>
  (one: { dodoPaymentId: string }) =>
    one.dodoPaymentId === dodoPaymentId

function creditedOf({ currency }: PaymentRow, credit: CreditRow): Credited {
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
