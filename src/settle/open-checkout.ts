import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts, shares } from '../db/schema.ts'
import type { DodoCheckout } from '../dodo/objects.ts'
import type { Attempt, Ledger } from '../domain/ledger.ts'
import { formatLago } from '../domain/money.ts'
import type { Beginning } from '../domain/steps.ts'
import { Later } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { isUniqueViolation } from './attempts.ts'
import { prepareCheckout, type Checkouts } from './checkout.ts'
import { note } from './timeline.ts'
import { isRefused, isUnknown } from './unknown-outcome.ts'

/** A session lives 24 hours and cannot be ended before (Dodo, checkout-session guide). */
const SESSION_LIFETIME_MS = 24 * 3_600_000
const TAKEN_MS = 1_000

type Plan = Beginning & { invoice: LagoInvoice; ledger: Ledger; kind: 'checkout' | 'mandate' }

/** Opens a hosted checkout for exactly what is due. */
export async function openCheckout(deps: Checkouts, plan: Plan): Promise<void> {
  const { invoice, ledger, resume } = plan
  const number = resume?.number ?? nextNumber(ledger)
  const { kind, body } = await prepareCheckout(deps, {
    kind: resume ? asCheckout(resume.kind) : plan.kind,
    customer: invoice.customer,
    currency: invoice.currency,
    amount: invoice.total_due_amount_cents,
    description: `Invoice ${invoice.number}`,
    returnUrl: `${ledger.payUrl}/return`,
    metadata: {
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      bridge_attempt: String(number),
    },
  })

  const attemptId = resume?.id ?? (await intend(deps, plan, { kind, number }))
  try {
    const checkout = await deps.dodo.createCheckout(body, keyOf(invoice, number))
    const amount = formatLago(invoice.total_due_amount_cents, invoice.currency)
    const what = `checkout ${checkout.session_id} opened for ${amount} (attempt ${number})`
    await markLive(deps, { attemptId, checkout, lagoInvoiceIds: [invoice.lago_id], what })
  } catch (error) {
    if (isUnknown(error)) await markUnknown(deps.db, attemptId)
    // What Dodo would not save a mandate for, it may still collect: decided anew, as a plain checkout.
    if (kind !== 'mandate' || !isRefused(error) || error.status === 401) throw error
    await forgoMandate(deps.db, attemptId)
  }
}

export const asCheckout = (kind: Attempt['kind']) => (kind === 'mandate' ? 'mandate' : 'checkout')

/** What the contract promises about the header of the create request. */
export const keyOf = ({ lago_id }: LagoInvoice, number: number) =>
  number === 1 ? `lago-inv-${lago_id}` : `lago-inv-${lago_id}-${number}`

/** An invoice counts its own attempts; a payment request counts its own. */
export const nextNumber = ({ attempts: all }: Ledger) =>
  Math.max(0, ...all.filter((one) => !one.lagoPaymentRequestId).map(({ number }) => number)) + 1

/** Committed before the call. The unique index on live shares makes a second one impossible. */
async function intend(
  deps: Checkouts,
  { invoice, cause, retryIndex }: Plan,
  { kind, number }: Pick<Attempt, 'kind' | 'number'>,
): Promise<string> {
  const amount = invoice.total_due_amount_cents
  return begin(deps, {
    attempt: {
      lagoInvoiceId: invoice.lago_id,
      number,
      kind,
      cause,
      retryIndex,
      status: 'intended',
      currency: invoice.currency,
      amount,
      startedAt: deps.now(),
    },
    parts: [{ lagoInvoiceId: invoice.lago_id, amount }],
  })
}

/** Writes an attempt with its shares down. `Later` when another one came first. */
export async function begin(
  { db, now }: Pick<Checkouts, 'now'> & { db: Executor },
  {
    attempt,
    parts,
    takenUntil = new Date(now().getTime() + TAKEN_MS),
  }: {
    attempt: typeof attempts.$inferInsert
    parts: readonly { lagoInvoiceId: string; amount: number }[]
    takenUntil?: Date
  },
): Promise<string> {
  try {
    return await db.transaction(async (tx) => {
      const [row] = await tx.insert(attempts).values(attempt).returning({ id: attempts.id })
      if (!row) throw new Error('the attempt was not written')
      await tx
        .insert(shares)
        .values(
          parts.map((part, position) => ({ ...part, position, attemptId: row.id, isLive: true })),
        )
      return row.id
    })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new Later('another attempt came first', takenUntil)
  }
}

/** What was replaced while Dodo was asked is over, whatever Dodo answers. */
const isBegun = (attemptId: string) =>
  and(eq(attempts.id, attemptId), inArray(attempts.status, ['intended', 'unknown']))

export const forgoMandate = (db: Executor, attemptId: string) =>
  db.update(attempts).set({ kind: 'checkout' }).where(isBegun(attemptId))

export const markUnknown = (db: Executor, attemptId: string) =>
  db.update(attempts).set({ status: 'unknown' }).where(isBegun(attemptId))

/** From now on it may be paid, until it expires; unless another one came in between, and nobody is sent to it. */
export async function markLive(
  { db, log, now }: Pick<Checkouts, 'db' | 'log' | 'now'>,
  opened: {
    attemptId: string
    checkout: DodoCheckout
    lagoInvoiceIds: readonly string[]
    what: string
  },
) {
  const { attemptId, checkout, lagoInvoiceIds, what } = opened
  const at = now()
  await db.transaction(async (tx) => {
    const opening = await tx
      .update(attempts)
      .set({
        status: 'live',
        dodoSessionId: checkout.session_id,
        checkoutUrl: checkout.checkout_url,
        expiresAt: new Date(at.getTime() + SESSION_LIFETIME_MS),
        lookedAt: at,
      })
      .where(isBegun(attemptId))
      .returning({ id: attempts.id })
    if (opening.length === 0) return
    for (const lagoInvoiceId of lagoInvoiceIds) await note(tx, lagoInvoiceId, what, at)
  })
  log.info({ lagoInvoiceIds, dodoSessionId: checkout.session_id }, 'checkout opened')
}
